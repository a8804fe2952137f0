"""Write corrections of cost: rows of their own, from which the rollups follow by difference."""
# ruff: noqa: S608 - only constants of this file are formatted into the SQL; every value is bound

from collections.abc import Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

COLUMNS = (
    "project", "trace_id", "span_id", "start", "duration_ns", "times", "environment", "service", "release",
    "operation", "provider", "model", "prompt_name", "prompt_version", "old_cost_usd", "old_cost_input_usd",
    "old_cost_source", "old_price_id", "cost_usd", "cost_input_usd", "cost_source", "price_id", "corrected",
    "batch", "prices",
)  # fmt: skip
BATCH = 8192  # rows of one insert: one block, so that its token means all of them


def save_corrections(client: Client, rows: Sequence[Sequence[Any]], batch: str) -> None:
    """Store a batch of at most `BATCH` rows, in the order of COLUMNS; sent again, it changes nothing."""
    client.insert(
        "corrections",
        rows,
        column_names=COLUMNS,
        settings={
            "insert_deduplicate": 1,
            "insert_deduplication_token": f"corrections-{batch}",
            "deduplicate_blocks_in_dependent_materialized_views": 1,
            "async_insert": 0,
        },
    )
    client.insert("correction_batches", [[batch]], column_names=["batch"])


def finish_interrupted(client: Client) -> int:
    """Send every batch again whose insert was cut short, so that all rollups have it; return how many."""
    found = client.query(
        """SELECT DISTINCT toString(batch) FROM corrections
        WHERE batch NOT IN (SELECT batch FROM correction_batches)"""
    ).result_rows
    times = {"start": "toUnixTimestamp64Nano(start)", "corrected": "toUnixTimestamp64Micro(corrected)"}
    columns = ", ".join(times.get(name, name) for name in COLUMNS)
    for (batch,) in found:
        rows = client.query(
            f"SELECT {columns} FROM corrections WHERE batch = {{batch:String}} ORDER BY start, span_id",
            parameters={"batch": batch},
        ).result_rows
        save_corrections(client, rows, batch)
    return len(found)
