"""Bring the rows of a trace that crosses an hour together, once its hours are over.

`traces` has a row a trace and hour, and lists gather those of which one is not enough: that costs a second
reading of months. Here the sums of the later rows move to the row in which the trace has its root, or begins.
One insert adds them there and takes them away where they were, so that no sum changes at any moment, and a
row of which nothing is left has no spans. Lists gather what is still apart: they are right before it and
after it, and when spans or corrections come late. Two collectors that move the same rows at the same time
insert the same block, which the engine takes once.
"""
# ruff: noqa: S608 - names come from ClickHouse's own catalogue or this file; every value is bound

import re
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.whole import APART
from kansoku_collector.store.scope import Period

LONGEST = timedelta(days=1)  # so far from a row without a root others of its trace are looked for
MOST = 2_000_000  # rows without a root at a time: where all roots are elsewhere, their keys fill memory
LARGEST_MONTH = 1 << 30  # bytes on disk; a larger one is left to the engine's own merges
_AGGREGATE = re.compile(r"SimpleAggregateFunction\((\w+), ")
_HOURS = "hour >= {from:DateTime('UTC')} AND hour < {until:DateTime('UTC')}"
_AROUND = "hour >= {since:DateTime('UTC')} AND hour < {till:DateTime('UTC')}"
_SETTINGS = {
    "insert_deduplicate": 1,
    "max_threads": 1,  # nobody waits for it
    "max_memory_usage": 2 << 30,
    "max_insert_threads": 1,  # both sides of a move in one block
    "distributed_foreground_insert": 1,
}


def apart(client: Client, hours: Period) -> list[Period]:
    """Return the stretches of these hours in which there are rows without a root, each of at most a day."""
    rows = client.query(
        f"SELECT hour, count() FROM traces WHERE {_HOURS} AND {APART} GROUP BY hour ORDER BY hour",
        parameters={"from": hours.start, "until": hours.end},
    ).result_rows
    found: list[Period] = []
    held = MOST
    for start, count in ((hour.replace(tzinfo=UTC), int(count)) for hour, count in rows):
        end = start + timedelta(hours=1)
        if held + count <= MOST and start.date() == found[-1].start.date():
            found[-1], held = Period(found[-1].start, end), held + count
        else:
            found, held = [*found, Period(start, end)], count
    return found


def bring_together(client: Client, hours: Period) -> int:
    """Move what traces without a root in these hours have in later rows; return how many rows were emptied.

    Rows move within their month (UTC) alone: one partition takes both sides at once.
    """
    bound = {
        "from": hours.start,
        "until": hours.end,
        "since": hours.start - LONGEST,
        "till": hours.end + LONGEST,
    }
    aggregates = _aggregates(client)
    later = _later(aggregates)
    asked = f"SELECT count(), groupBitXor(cityHash64(*)) FROM ({later})"
    count, digest = client.query(asked, parameters=bound, settings=_SETTINGS).result_rows[0]
    if count:
        values = ", ".join(f"{name} * side" if how == "sum" else name for name, how in aggregates.items())
        client.command(
            f"""INSERT INTO traces (project, hour, trace_id, {", ".join(aggregates)})
            SELECT project, if(side = 1, home, own_hour), trace_id, {values}
            FROM ({later}) ARRAY JOIN [1, -1] AS side ORDER BY project, trace_id, own_hour, side""",
            parameters=bound,
            settings=_SETTINGS | {"insert_deduplication_token": f"crossing-{count}-{digest}"},
        )
    return int(count)


def emptied(client: Client) -> list[datetime]:
    """Return the months in which there are rows of which nothing is left."""
    rows = client.query(
        f"SELECT DISTINCT toStartOfMonth(hour) FROM traces WHERE {_nothing(_aggregates(client))}"
    ).result_rows
    return sorted(datetime(month.year, month.month, 1, tzinfo=UTC) for (month,) in rows)


def merge_month(client: Client, month: datetime) -> None:
    """Let the engine put the rows of a month together, and drop those of which nothing is left.

    Until then a list gathers those that were moved. The emptied ones go in the background, part by part: a
    list that leaves out a row in every block copies all the others.
    """
    partition = f"{month:%Y%m}"
    size = client.query(
        """SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase() AND table = 'traces'
        AND active AND partition_id = {partition:String}""",
        parameters={"partition": partition},
    ).result_rows[0][0]
    if size > LARGEST_MONTH:
        return
    # Of rows that are not together yet, one may have no sums and say what its trace belongs to.
    settings = {"optimize_throw_if_noop": 1}
    client.command(f"OPTIMIZE TABLE traces PARTITION ID '{partition}' FINAL", settings=settings)
    nothing = _nothing(_aggregates(client))
    client.command(
        f"ALTER TABLE traces DELETE IN PARTITION ID '{partition}' WHERE {nothing}",
        settings={"mutations_sync": 0},  # who waits for it while merges are stopped waits for ever
    )


def _aggregates(client: Client) -> dict[str, str]:
    """Return by column of `traces` how rows of one trace and hour are put together, as the engine does it."""
    rows = client.query(
        """SELECT name, type FROM system.columns
        WHERE database = currentDatabase() AND table = 'traces' ORDER BY position"""
    ).result_rows
    found = {str(name): _AGGREGATE.match(str(kind)) for name, kind in rows}
    return {name: match[1] for name, match in found.items() if match}


def _later(aggregates: dict[str, str]) -> str:
    """Return the SQL of the rows that do not stand where their trace has its root, or begins."""
    gathered = ", ".join(f"{how}(t.{name}) AS {name}" for name, how in aggregates.items())
    return f"""SELECT * FROM (
        SELECT *, argMin(own_hour, (root_status = '', own_hour)) OVER (PARTITION BY project, trace_id) AS home
        FROM (
            SELECT project, trace_id, t.hour AS own_hour, {gathered} FROM traces AS t
            WHERE {_AROUND} AND (project, trace_key) IN (
                SELECT project, trace_key FROM traces
                WHERE {_AROUND} AND (project, trace_key) IN (
                    SELECT project, trace_key FROM traces WHERE {_HOURS} AND {APART})
                GROUP BY project, trace_key HAVING min(hour) < max(hour))
            GROUP BY project, trace_id, own_hour
        )
    ) WHERE own_hour != home AND toYYYYMM(own_hour) = toYYYYMM(home)
        AND NOT ({_no_sums(aggregates)})"""


def _nothing(aggregates: dict[str, str]) -> str:
    """Return the SQL of rows that have no root and add nothing to any sum."""
    return f"root_status = '' AND {_no_sums(aggregates)}"


def _no_sums(aggregates: dict[str, str]) -> str:
    return " AND ".join(f"{name} = 0" for name, how in aggregates.items() if how == "sum")
