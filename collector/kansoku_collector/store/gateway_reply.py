"""Answer over ClickHouse's HTTP protocol: headers, compression, errors before and inside a result."""

import contextlib
import json
import secrets
import time
import zlib
from collections.abc import Callable, Generator
from typing import Any

import lz4.frame
import zstandard

from kansoku_collector.store.gateway_engine import Totals
from kansoku_collector.store.gateway_errors import QueryError

ENCODINGS = ("lz4", "zstd", "gzip", "deflate")


class Reply:
    """One response. Nothing is sent before `start`, so that an early error still has its own status."""

    def __init__(self, send: Callable[[Any], Any], query_id: str) -> None:
        self._send = send
        self._query_id = query_id
        self._began = time.monotonic_ns()
        self.tag = secrets.token_hex(
            8
        )  # marks an error in the middle of the body; clients learn it from a header
        self.timezone = "UTC"
        self.started = False

    async def start(self, output: str, encoding: str, totals: Totals, length: int | None) -> None:
        """Send the status line and headers of a successful answer."""
        headers = self._headers(totals) | {"x-clickhouse-exception-tag": self.tag}
        headers["content-type"] = _CONTENT.get(output, "application/octet-stream")
        if output:
            headers["x-clickhouse-format"] = output
        if encoding:
            headers["content-encoding"] = encoding
        if length is not None:
            headers["content-length"] = str(length)
        await self._begin(200, headers)

    async def write(self, data: bytes) -> None:
        """Send a part of the body; waits while the client is slow to take it."""
        if data:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """Finish the body."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def fail(self, error: QueryError, totals: Totals | None = None) -> None:
        """Answer with an error; only before `start`."""
        headers = self._headers(totals or Totals())
        headers |= {
            "x-clickhouse-exception-code": str(error.code),
            "content-type": "text/plain; charset=UTF-8",
        }
        headers["content-length"] = str(len(error.body))
        if error.status == 401:
            headers["www-authenticate"] = 'Basic realm="Kansoku"'
        if error.status == 503:
            headers["retry-after"] = "1"
        await self._begin(error.status, headers)
        await self.write(error.body)
        await self.end()

    def exception_block(self, error: QueryError) -> bytes:
        """Word an error that comes after the headers as ClickHouse does; the client raises it."""
        body = error.body
        return b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (
            self.tag.encode(), body, len(body), self.tag.encode(),
        )  # fmt: skip

    async def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.started = True
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    def _headers(self, totals: Totals) -> dict[str, str]:
        counts = {name: str(getattr(totals, name)) for name in Totals.__dataclass_fields__}
        counts["elapsed_ns"] = str(time.monotonic_ns() - self._began)
        return {
            "x-clickhouse-summary": json.dumps(counts, separators=(",", ":")),
            "x-clickhouse-query-id": self._query_id,
            "x-clickhouse-timezone": self.timezone,
            "x-clickhouse-server-display-name": "kansoku",
        }


_CONTENT = {
    "": "text/plain; charset=UTF-8",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8; header=present",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Pretty": "text/plain; charset=UTF-8",
    "PrettyCompact": "text/plain; charset=UTF-8",
    "Vertical": "text/plain; charset=UTF-8",
    "Markdown": "text/markdown; charset=UTF-8",
}


def choose_encoding(accepts: tuple[str, ...]) -> str:
    """Return the first encoding that both sides know, '' for none."""
    return next((name for name in ENCODINGS if name in accepts), "")


def compress(
    chunks: Generator[bytes, None, None], encoding: str, reply: Reply
) -> Generator[bytes, None, None]:
    """Compress `chunks` as one stream; an error after the headers becomes the stream's last words."""
    pack, finish = _compressor(encoding)
    with contextlib.closing(chunks):
        try:
            for chunk in chunks:
                yield pack(chunk)
        except QueryError as error:
            if not reply.started:
                raise
            yield pack(reply.exception_block(error))
        yield finish()


def _compressor(encoding: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    if encoding == "lz4":
        frame = lz4.frame.LZ4FrameCompressor(auto_flush=True)
        begin = [frame.begin()]
        return (lambda data: (begin.pop() if begin else b"") + frame.compress(data)), (
            lambda: (begin.pop() if begin else b"") + frame.flush()
        )
    if encoding == "zstd":
        stream = zstandard.ZstdCompressor(level=1).compressobj()
        return stream.compress, stream.flush
    if encoding in ("gzip", "deflate"):
        deflate = zlib.compressobj(1, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
        return deflate.compress, deflate.flush
    return bytes, bytes
