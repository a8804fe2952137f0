"""The traces of a filter as a file: CSV for a spreadsheet, JSON lines, Parquet."""

import csv
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

from kansoku_collector.store.read.traces import TraceRow

Write = Callable[[Sequence[TraceRow]], bytes]

COLUMNS = (
    "time", "trace_id", "name", "operation", "input", "output", "models", "seconds", "spans", "calls",
    "input_tokens", "output_tokens", "cost_usd", "unpriced_calls", "errors", "likes", "dislikes",
    "session_id", "user_id", "service", "environment", "release", "tags",
)  # fmt: skip
# What a spreadsheet takes for the start of a formula; Japanese Excel reads the full-width forms too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\u2212")


def to_csv(rows: Sequence[TraceRow]) -> bytes:
    """Return the rows for a spreadsheet: exact numbers, UTF-8 with its mark, no cell a formula."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        values = _values(row)
        values |= {"time": row.start.isoformat(), "models": " ".join(row.models), "tags": " ".join(row.tags)}
        values["cost_usd"] = "unpriced" if values["cost_usd"] is None else f"{row.cost_usd:f}"
        writer.writerow(inert(values[name]) for name in COLUMNS)
    return out.getvalue().encode("utf-8-sig")


def to_jsonl(rows: Sequence[TraceRow]) -> bytes:
    """Return one JSON object a line; money is text, so that nothing is rounded, null where unknown."""
    lines = []
    for row in rows:
        values = _values(row) | {"time": row.start.isoformat()}
        if values["cost_usd"] is not None:
            values["cost_usd"] = f"{row.cost_usd:f}"
        lines.append(json.dumps(values, ensure_ascii=False) + "\n")
    return "".join(lines).encode("utf-8", "replace")


def to_parquet(rows: Sequence[TraceRow]) -> bytes:
    """Return the rows with the types of the store: exact decimals, times in UTC, lists."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and seldom needed
    from pyarrow import parquet  # noqa: PLC0415

    types: dict[str, Any] = {
        "time": pa.timestamp("us", tz="UTC"),
        "seconds": pa.float64(),
        "cost_usd": pa.decimal128(38, 12),
        "models": pa.list_(pa.string()),
        "tags": pa.list_(pa.string()),
    }
    counts = {
        "spans",
        "calls",
        "input_tokens",
        "output_tokens",
        "unpriced_calls",
        "errors",
        "likes",
        "dislikes",
    }
    fields = [(name, types.get(name, pa.int64() if name in counts else pa.string())) for name in COLUMNS]
    out = BytesIO()
    parquet.write_table(
        pa.Table.from_pylist([_values(row) for row in rows], schema=pa.schema(fields)),
        out,
        compression="zstd",
    )
    return out.getvalue()


FORMATS: dict[str, tuple[Write, str]] = {
    "csv": (to_csv, "text/csv"),
    "jsonl": (to_jsonl, "application/jsonl"),
    "parquet": (to_parquet, "application/vnd.apache.parquet"),
}


def inert(value: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would compute."""
    if isinstance(value, str) and value.lstrip(" \u3000\ufeff").startswith(FORMULA):
        return f"'{value}"
    return value


def _values(row: TraceRow) -> dict[str, Any]:
    """Return the row by column; a cost of which nothing is known is None."""
    values = {name: getattr(row, name, None) for name in COLUMNS} | {"time": row.start}
    if row.unpriced_calls and row.cost_usd == Decimal(0):
        values["cost_usd"] = None
    return values
