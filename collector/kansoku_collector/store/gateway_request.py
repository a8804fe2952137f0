"""What a client asks over ClickHouse's HTTP protocol: query, parameters, settings, and the data after it."""

import base64
import binascii
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Protocol
from urllib.parse import parse_qsl

import lz4.frame
import zstandard
from starlette.datastructures import Headers

from kansoku_collector.store.gateway_errors import QueryError

# What belongs to the protocol and is not a setting of the engine.
PROTOCOL = frozenset(
    {"query", "database", "default_format", "user", "password", "query_id", "session_id", "session_timeout",
     "session_check", "quota_key", "compress", "decompress", "buffer_size", "wait_end_of_query",
     "client_protocol_version", "role", "send_progress_in_http_headers", "http_headers_progress_interval_ms",
     "enable_http_compression", "cancel_http_readonly_queries_on_client_close", "log_comment", "stacktrace",
     "http_write_exception_in_output_format", "add_http_cors_header"}
)  # fmt: skip
MAX_TEXT = 16 << 20  # bytes of a query with its form fields; insert data is not bounded


class ClientGoneError(Exception):
    """The client closed the connection."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request without its body."""

    user: str
    key: str
    query: str
    database: str
    output: str
    params: Mapping[str, str]
    settings: Mapping[str, str]
    accepts: tuple[str, ...]
    query_id: str
    form: str = ""  # content type of a form body
    encoding: str = ""  # of the body
    get: bool = False

    def with_form(self, fields: Mapping[str, str]) -> "Call":
        """Return the call with the fields of a form body taken as URL parameters."""
        params = dict(self.params) | {k[6:]: v for k, v in fields.items() if k.startswith("param_")}
        settings = {k: v for k, v in fields.items() if not k.startswith("param_") and k not in PROTOCOL}
        return replace(
            self,
            query=fields.get("query", self.query),
            database=fields.get("database", self.database),
            params=params,
            settings=dict(self.settings) | settings,
            form="",
        )


def read_call(scope: Mapping[str, Any]) -> Call:
    """Read a request's URL and headers."""
    headers = Headers(raw=scope["headers"])
    url = dict(parse_qsl(scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True))
    for name in ("compress", "decompress"):
        if url.get(name, "0") not in ("0", ""):
            raise QueryError(
                48, f"{name}=1 is not available: use Accept-Encoding and Content-Encoding", "NOT_IMPLEMENTED"
            )
    user, key = _credentials(headers, url)
    content = headers.get("content-type", "").split(";")[0].strip().lower()
    form = (
        content == "multipart/form-data"
    )  # curl calls any text a urlencoded form; so ClickHouse reads it as text
    accepts = [part.split(";")[0].strip() for part in headers.get("accept-encoding", "").split(",")]
    return Call(
        user=user,
        key=key,
        query=url.get("query", ""),
        database=url.get("database") or headers.get("x-clickhouse-database", ""),
        output=url.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
        params={name[6:]: value for name, value in url.items() if name.startswith("param_")},
        settings={k: v for k, v in url.items() if k not in PROTOCOL and not k.startswith("param_")},
        accepts=tuple(accepts) if url.get("enable_http_compression", "1") in ("1", "true") else (),
        query_id=url.get("query_id", ""),
        form=headers.get("content-type", "") if form else "",
        encoding=headers.get("content-encoding", "").strip().lower(),
        get=scope["method"] in ("GET", "HEAD"),
    )


def _credentials(headers: Headers, url: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, key = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise QueryError(
                516, "The Authorization header is not valid Base64", "AUTHENTICATION_FAILED"
            ) from None
        return user, key
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", ""), headers.get("x-clickhouse-key", "")
    return url.get("user", ""), url.get("password", "")


@dataclass
class Body:
    """A request's body: decompressed as it comes, with a head that may be looked at first."""

    receive: Callable[[], Any]
    encoding: str
    ended: bool = False
    _frames: "_Frames | None" = field(init=False)
    _head: bytes = b""

    def __post_init__(self) -> None:
        self._frames = _frames(self.encoding)

    async def head(self, size: int) -> bytes:
        """Return at least the first `size` bytes, or all that there are."""
        while len(self._head) < size and not self.ended:
            self._head += await self._next()
        return self._head

    async def text(self) -> bytes:
        """Return the whole body, which must be a query's text."""
        head = await self.head(MAX_TEXT + 1)
        if len(head) > MAX_TEXT:
            raise QueryError(229, f"A query may have {MAX_TEXT} bytes", "QUERY_IS_TOO_LARGE")
        return head

    async def rest(self, start: int) -> AsyncIterator[bytes]:
        """Yield the body from byte `start` of the head on."""
        head, self._head = self._head[start:], b""
        if head:
            yield head
        while not self.ended:
            if chunk := await self._next():
                yield chunk

    async def drain(self) -> None:
        """Read the body to its end and forget it: some clients look at an answer only after they sent all."""
        async for _ in self.rest(0):
            pass

    async def _next(self) -> bytes:
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        self.ended = not message.get("more_body", False)
        data: bytes = message.get("body", b"")
        if self._frames is None:
            return data
        try:
            plain = self._frames.inflate(data)
        except (zlib.error, RuntimeError, zstandard.ZstdError, EOFError) as error:
            raise self._invalid(str(error)) from None
        if self.ended and self._frames.cut_off:
            raise self._invalid("it ends in the middle")
        return plain

    def _invalid(self, why: str) -> QueryError:
        return QueryError(354, f"The body is not valid {self.encoding}: {why}", "ZLIB_INFLATE_FAILED")


class _Stream(Protocol):
    """What the decompressors of all formats have in common: one reads one frame."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, /) -> bytes:
        """Return what the next piece holds."""


class _Frames:
    """Decompress frames one after another: the stock client sends one for each block of an insert."""

    def __init__(self, begin: Callable[[], _Stream]) -> None:
        self._begin = begin
        self._frame: _Stream | None = None

    @property
    def cut_off(self) -> bool:
        """Tell whether the last frame has not ended."""
        return self._frame is not None and not self._frame.eof

    def inflate(self, data: bytes) -> bytes:
        """Return what the next piece of the body holds."""
        found = []
        while data:
            if not self.cut_off:
                self._frame = self._begin()
            frame = self._frame
            assert frame is not None  # noqa: S101 - just begun, or not at its end
            found.append(frame.decompress(data))
            data = frame.unused_data if frame.eof else b""
        return b"".join(found)


_BEGIN: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "deflate": zlib.decompressobj,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "lz4": lz4.frame.LZ4FrameDecompressor,
}


def _frames(encoding: str) -> _Frames | None:
    """Return what reads this encoding; None for a body that is sent as it is."""
    if encoding in ("", "identity"):
        return None
    if encoding not in _BEGIN:
        raise QueryError(
            89,
            f"Unknown Content-Encoding {encoding!r}: use lz4, zstd, gzip or deflate",
            "UNKNOWN_COMPRESSION_METHOD",
        )
    return _Frames(_BEGIN[encoding])


def read_form(content_type: str, body: bytes) -> dict[str, str]:
    """Read the fields of a form body; files (external tables) are refused."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    fields = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        name = part.get_param("name", header="content-disposition")
        if name is None or part.get_filename() is not None:
            raise QueryError(
                48, "External tables are not available in embedded ClickHouse", "NOT_IMPLEMENTED"
            )
        payload = part.get_payload(decode=True)
        fields[str(name)] = bytes(payload or b"").decode("utf-8", "replace")
    return fields
