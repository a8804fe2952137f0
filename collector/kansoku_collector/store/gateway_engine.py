"""Run queries on the embedded engine: a fresh chDB connection for each, streamed, killed and closed."""

import os
import tempfile
import threading
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chdb.state.sqlitelike import Connection

from kansoku_collector.store.gateway_errors import QueryError
from kansoku_collector.store.gateway_guard import Statement

# Formats whose blocks may be written one after another; the others have a header or footer: spooled.
STREAM_SAFE = frozenset(
    {"Native", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "Raw", "CSV", "RowBinary",
     "JSONEachRow", "JSONLines", "NDJSON", "JSONCompactEachRow", "JSONStringsEachRow", "LineAsString", "TSKV",
     "RawBLOB", "MsgPack", "Null"}
)  # fmt: skip
_SPOOL_CHUNK = 1 << 20


@dataclass(slots=True)
class Totals:
    """What a query has read, written and answered so far."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0

    def add(self, result: Any) -> None:
        """Count one result, or one block of a stream."""
        self.read_rows += result.storage_rows_read()
        self.read_bytes += result.storage_bytes_read()
        self.written_rows += result.rows_written()
        self.written_bytes += result.bytes_written()
        self.result_rows += result.rows_read()
        self.result_bytes += result.bytes_read()


class Engine:
    """The embedded engine on `path`; any number of sessions beside each other, in this process only."""

    def __init__(self, path: str) -> None:
        # chDB compares paths letter by letter: spelt as `connect` spells it, one slash in front.
        self._path = "/" + os.path.realpath(path).lstrip("/")
        self._lock = threading.Lock()
        self._own = self.connect({})
        self.read = lru_cache(maxsize=512)(self._read)
        self.table_functions = frozenset(
            name.lower() for name in self._ask("SELECT name FROM system.table_functions").split("\n")
        )

    def connect(self, options: Mapping[str, str]) -> Connection:
        """Open one connection with `options` set on it; the host's time zone never applies."""
        values = {"session_timezone": "UTC"} | dict(options)
        return Connection(self._path + "?" + "&".join(f"{k}={quote(v, safe='')}" for k, v in values.items()))

    def _read(self, text: str) -> Statement:
        """Parse `text` with the engine's own parser; raise QueryError when it is not one valid statement."""
        return Statement(text, self._ask("SELECT formatQuerySingleLine({q:String})", {"q": escape(text)}))

    def kill(self, tag: str) -> None:
        """Cancel the queries of the session tagged `tag`."""
        self._ask("KILL QUERY WHERE Settings['log_comment'] = {tag:String} ASYNC", {"tag": escape(tag)})

    def _ask(self, query: str, params: Mapping[str, str] | None = None) -> str:
        with self._lock:
            try:
                answer: bytes = self._own.query(query, "TSVRaw", params=dict(params or {})).bytes()
            except RuntimeError as error:
                raise QueryError.of(error) from error
        return answer.decode("utf-8", "replace").removesuffix("\n")

    def close(self) -> None:
        """Close the engine's own connection; sessions close theirs."""
        with self._lock:
            self._own.close()


@dataclass
class Session:
    """One request on the engine. Calls may come from any thread, one after another; `kill` at any time."""

    engine: Engine
    tag: str
    options: Mapping[str, str]  # the gateway's own settings and the database
    settings: Mapping[str, str]  # the client's
    readonly: str = ""  # '' writes, '1' and '2' as in ClickHouse
    totals: Totals = field(default_factory=Totals)
    _connection: Connection | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> None:
        """Open the connection; settings are applied before the session becomes read-only."""
        options = dict(self.options) | {"log_comment": self.tag}
        if self.readonly and not self.settings:
            options["readonly"] = self.readonly
        with self._lock, _translated():
            self._connection = self.engine.connect(options)
            if self.settings:
                changes = dict(self.settings) | ({"readonly": self.readonly} if self.readonly else {})
                self._connection.query(
                    "SET " + ", ".join(f"{_name(k)} = {_literal(v)}" for k, v in changes.items())
                )

    def run(self, text: str, output: str, params: Mapping[str, str]) -> bytes:
        """Run one statement and return its whole answer."""
        with self._lock, _translated():
            result = self._alive().query(text, output, params=dict(params))
            self.totals.add(result)
            answer: bytes = result.bytes() or b""
        return answer

    def stream(self, text: str, output: str, params: Mapping[str, str]) -> Generator[bytes, None, None]:
        """Run a SELECT and yield its blocks as the engine makes them."""
        with self._lock, _translated():
            blocks = self._alive().send_query(text, output, params=dict(params))
        try:
            while True:
                with self._lock, _translated():
                    block = next(blocks, None)
                if block is None:
                    return
                self.totals.add(block)
                yield block.bytes()
        finally:
            with self._lock:
                blocks.close()  # type: ignore[no-untyped-call]

    def spool(
        self, statement: Statement, output: str, params: Mapping[str, str]
    ) -> Generator[bytes, None, None]:
        """Run a SELECT into a temporary file, then yield the file: for formats with a header or a footer."""
        before, _, after = statement.parts
        with tempfile.TemporaryDirectory(prefix="kansoku-") as folder:
            path = Path(folder) / "result"
            clause = f"INTO OUTFILE {_literal(str(path))} FORMAT {_name(output)}"
            self.run(f"{before} {clause} {after}", output, params)
            with path.open("rb") as file:
                while chunk := file.read(_SPOOL_CHUNK):
                    yield chunk

    def insert(self, query: str, data_format: str, chunks: Iterable[bytes]) -> None:
        """Feed `chunks` into an INSERT as they come; nothing is stored when they fail."""
        with self._lock, _translated():
            inserter = self._alive().send_insert(query, data_format)
            try:
                for chunk in chunks:
                    inserter.append(chunk)  # type: ignore[no-untyped-call]
                done = inserter.finish()
            except BaseException:
                inserter.cancel()  # type: ignore[no-untyped-call]
                raise
        self.totals.written_rows, self.totals.written_bytes = done.rows_written, done.bytes_written

    def kill(self) -> None:
        """Cancel what runs on this session."""
        self.engine.kill(self.tag)

    def close(self) -> None:
        """Close the connection; waits for a running call."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _alive(self) -> Connection:
        if self._connection is None:
            raise QueryError(394, "Query was cancelled", "QUERY_WAS_CANCELLED")
        return self._connection


class _translated:  # noqa: N801  # reads as a phrase: `with _translated():`
    """Turn chDB's RuntimeError into QueryError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RuntimeError):
            raise QueryError.of(error) from error


def escape(text: str) -> str:
    """Escape a parameter's value as the HTTP interface expects it."""
    for raw, escaped in (("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r"), ("\0", "\\0")):
        text = text.replace(raw, escaped)
    return text


def _name(text: str) -> str:
    if not text.isidentifier() or not text.isascii():
        raise QueryError(115, f"Unknown setting or format {text!r}", "UNKNOWN_SETTING")
    return text


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
