"""Rows into ClickHouse, in columns and once: the token of a batch makes a second insert of it a no-op."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.insert import InsertContext

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
from kansoku_collector.store.read.stored import Identity, Sought, find_stored

Rows = Sequence[Span] | Sequence[Feedback] | Sequence[MetricPoint] | Sequence[Tally]
T = TypeVar("T")
_ONE_BLOCK = 1 << 30
# Merges make an index over whatever they merge, so the ones of texts need not be made at the insert too.
_LATER = {"exclude_materialize_skip_indexes_on_insert": "ix_input,ix_output"}


class Writer:
    """Writes batches through one client; it belongs to one thread."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._types: dict[str, list[Any]] = {}

    def spans(self, rows: Sequence[Span], token: str) -> None:
        """Insert spans; the rollups follow, and a batch with the same token changes neither."""
        self._insert("spans", SPAN_COLUMNS, _SPAN_READERS, rows, token)

    def stored(self, sought: Sequence[Sought]) -> dict[Identity, set[int]]:
        """Return which of these spans are stored already, and when they were received."""
        return _answered(lambda: find_stored(self._client, sought))

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
        columns: list[Any] = [list(map(read, rows)) for read in readers]
        try:
            self._send(table, names, columns, token)
        except UnicodeEncodeError:  # half a surrogate pair, from an escape in someone's JSON
            self._send(table, names, [[_encodable(value) for value in column] for column in columns], token)

    def _send(self, table: str, names: Sequence[str], columns: list[Any], token: str) -> None:
        context = self._context(table, names, token)
        context.data = columns
        summary = self._client.data_insert(context).summary
        if "written_rows" not in summary and not summary.get("query_id"):
            raise StoreError("what accepted the insert is not ClickHouse: nothing is known to be stored")

    def _context(self, table: str, names: Sequence[str], token: str) -> InsertContext:
        if table not in self._types:
            known = _answered(
                lambda: self._client.create_insert_context(table, list(names), column_oriented=True)
            )
            self._types[table] = list(known.column_types)
        offered = self._client.server_settings  # ClickHouse has the one of _LATER since 25.10
        later = {name: value for name, value in _LATER.items() if name in offered}
        return InsertContext(
            table,
            names,
            self._types[table],
            column_oriented=True,
            settings=later
            | {
                "insert_deduplicate": 1,
                "insert_deduplication_token": token,
                "deduplicate_blocks_in_dependent_materialized_views": 1,
                "max_partitions_per_insert_block": 0,
                "async_insert": 0,
            },
            block_size=_ONE_BLOCK,
        )


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


_SPAN_READERS = [attrgetter(name) for name in SPAN_COLUMNS]
_FEEDBACK_READERS = [attrgetter(name) for name in FEEDBACK_COLUMNS]
_METRIC_READERS = [attrgetter(name) for name in METRIC_COLUMNS]
_TALLY_READERS = [attrgetter(name) for name in TALLY_COLUMNS]
