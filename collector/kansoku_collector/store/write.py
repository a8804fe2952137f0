"""Rows into ClickHouse, in columns and once: the token of a batch makes a second insert of it a no-op."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.compression import get_compressor
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httpclient import HttpClient

from kansoku_collector.errors import StoreError
from kansoku_collector.model import (
    FEEDBACK_COLUMNS,
    METRIC_COLUMNS,
    SPAN_COLUMNS,
    TALLY_COLUMNS,
    Feedback,
    MetricPoint,
    Span,
    Tally,
)
from kansoku_collector.store.native import Column, pieces
from kansoku_collector.store.presence import Presence
from kansoku_collector.store.read.recalled import Wanted, recall
from kansoku_collector.store.read.stored import Identity, Place, Sought, find_held, find_stored

Rows = Sequence[Span] | Sequence[Feedback] | Sequence[MetricPoint] | Sequence[Tally]
T = TypeVar("T")
_CHUNK = 512  # rows
# What an insert need not do, where the server knows the setting. Merges make an index over whatever they
# merge, so the ones of texts can wait. What a view has grouped need not be merged once more. Machine code for
# the views is made anew after every start, and in the inserts after that it saves nothing measurable.
_LEAN = {
    "exclude_materialize_skip_indexes_on_insert": "ix_input,ix_output",
    "optimize_on_insert": 0,
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    "compile_sort_description": 0,
}


class Writer:
    """Writes batches through one client; it belongs to one thread."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._types: dict[str, list[Any]] = {}
        self._presence = Presence(client)

    def spans(self, rows: Sequence[Span], token: str) -> None:
        """Insert spans; the rollups follow, and a batch with the same token changes neither."""
        # In the order of the table: the engine would otherwise sort them, and copy every column once more.
        ordered = sorted(rows, key=_SPAN_ORDER)
        self._insert("spans", SPAN_COLUMNS, _SPAN_READERS, ordered, token)

    def stored(self, sought: Sequence[Sought]) -> dict[Identity, set[int]]:
        """Return which of these spans are stored already, and when they were received."""
        return _answered(lambda: find_stored(self._client, sought))

    def held(self, places: set[Place]) -> set[Place]:
        """Return of which hours of a project spans are stored."""
        return _answered(lambda: find_held(self._client, places))

    def others_until(self) -> int:
        """Return until when other collectors may have stored spans here, in ms since the epoch."""
        return _answered(self._presence.others_until)

    def recalled(self, before_ms: int, wanted: Wanted) -> list[Span]:
        """Return spans that were stored shortly before; see `recall`."""
        return _answered(lambda: recall(self._client, before_ms, wanted))

    def feedback(self, rows: Sequence[Feedback], token: str) -> None:
        """Insert feedback; a batch with the same token changes nothing."""
        self._insert("feedback", FEEDBACK_COLUMNS, _FEEDBACK_READERS, rows, token)

    def metric_points(self, rows: Sequence[MetricPoint], token: str) -> None:
        """Insert data points of metrics; a batch with the same token changes nothing."""
        self._insert("metric_points", METRIC_COLUMNS, _METRIC_READERS, rows, token)

    def receipts(self, rows: Sequence[Tally], token: str) -> None:
        """Add to the receipts; a batch with the same token changes nothing."""
        self._insert("receipts", TALLY_COLUMNS, _TALLY_READERS, rows, token)

    def _insert(
        self,
        table: str,
        names: Sequence[str],
        readers: Sequence[Callable[[Any], Any]],
        rows: Rows,
        token: str,
    ) -> None:
        if not rows:
            return
        columns = _columns(readers, rows)
        try:
            self._send(table, names, columns, token)
        except UnicodeEncodeError:  # half a surrogate pair, from an escape in someone's JSON
            self._send(table, names, [[_encodable(value) for value in column] for column in columns], token)

    def _send(self, table: str, names: Sequence[str], columns: list[list[Any]], token: str) -> None:
        told = self._told(table, names, columns)
        client = self._client
        block: Any = pieces(told)
        if isinstance(
            client, HttpClient
        ):  # whole, so that it can be sent again where a connection was closed
            block = _packed(b"".join(block), client.write_compression)
        summary = client.raw_insert(
            table,
            [name for name, _, _ in told],
            block,
            settings=self._settings(token),
            fmt="Native",
            compression=client.write_compression,
        ).summary
        if "written_rows" not in summary and not summary.get("query_id"):
            raise StoreError("what accepted the insert is not ClickHouse: nothing is known to be stored")

    def _told(self, table: str, names: Sequence[str], columns: list[list[Any]]) -> list[Column]:
        """Return the columns that have to be sent, with their types."""
        if table not in self._types:
            known = _answered(
                lambda: self._client.create_insert_context(table, list(names), column_oriented=True)
            )
            self._types[table] = list(known.column_types)
        return [
            (name, kind, column)
            for name, kind, column in zip(names, self._types[table], columns, strict=True)
            if _says_something(kind, column)
        ]

    def _settings(self, token: str) -> dict[str, Any]:
        offered = self._client.server_settings
        return {name: value for name, value in _LEAN.items() if name in offered} | {
            "insert_deduplicate": 1,
            "insert_deduplication_token": token,
            "deduplicate_blocks_in_dependent_materialized_views": 1,
            "max_partitions_per_insert_block": 0,
            "async_insert": 0,
        }


def _columns(readers: Sequence[Callable[[Any], Any]], rows: Rows) -> list[list[Any]]:
    """Return rows as columns, some hundred rows at a time: a processor's cache holds no more of them."""
    columns: list[list[Any]] = [[] for _ in readers]
    extends = [(column.extend, read) for column, read in zip(columns, readers, strict=True)]
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        for extend, read in extends:
            extend(map(read, chunk))
    return columns


def _says_something(kind: Any, column: list[Any]) -> bool:
    """Tell whether a column has to be sent: what is empty in every row is what the table fills in itself."""
    return column.count(None) < len(column) if kind.nullable else any(column)


def _packed(block: bytes, compression: str | None) -> bytes:
    compressor = get_compressor(compression)
    return bytes(compressor.compress_block(block) + (compressor.flush() or b""))  # type: ignore[no-untyped-call]


def _answered(question: Callable[[], T]) -> T:
    """Ask ClickHouse; an answer that cannot be read says nothing about the data that is to be stored."""
    try:
        return question()
    except (ClickHouseError, OSError):
        raise
    except Exception as error:  # a border: something else answers on its port
        raise StoreError(f"what answers is not ClickHouse: {error}") from error


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value


_SPAN_ORDER = attrgetter("project", "start")
_SPAN_READERS = [attrgetter(name) for name in SPAN_COLUMNS]
_FEEDBACK_READERS = [attrgetter(name) for name in FEEDBACK_COLUMNS]
_METRIC_READERS = [attrgetter(name) for name in METRIC_COLUMNS]
_TALLY_READERS = [attrgetter(name) for name in TALLY_COLUMNS]
