"""Remove what is stored of a user, a session or a trace, from every table that knows it."""
# ruff: noqa: S608 - table and column names come from ClickHouse's own catalogue; every value is bound

from collections.abc import Iterator
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.cluster import local

_GROUP = 1000  # ids in one condition


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose data: one of the three is set."""

    project: str
    user: str = ""
    session: str = ""
    trace: str = ""

    @property
    def column(self) -> str:
        """The column that names it."""
        return "user_id" if self.user else "session_id" if self.session else "trace_id"

    @property
    def value(self) -> str:
        """What the column holds."""
        return self.user or self.session or self.trace


def forget(client: Client, subject: Subject, cluster: str = "", *, dry_run: bool = False) -> dict[str, int]:
    """Delete the rows of a subject, whole traces of theirs included; return how many went from each table.

    The files are rewritten before this returns. Sums (rollups by minute, hour and day) name nobody and stay.
    """
    traces = _traces(client, subject)
    gone: dict[str, int] = {}
    for table, columns in _tables(client):
        for condition, values in _conditions(subject, columns, traces):
            values |= {"project": subject.project}
            where = f"project = {{project:String}} AND {condition}"
            count = client.query(f"SELECT count() FROM {table} WHERE {where}", values).result_rows[0][0]
            gone[table] = gone.get(table, 0) + count
            if count and not dry_run:
                name = f"{local(table)} ON CLUSTER '{cluster}'" if cluster else table
                client.command(
                    f"ALTER TABLE {name} DELETE WHERE {where}",
                    parameters=values,
                    settings={"mutations_sync": 2},
                )
    return gone


def _traces(client: Client, subject: Subject) -> list[str]:
    """Return the traces of which any span, or the row that outlives them, names the subject."""
    if subject.trace:
        return [subject.trace]
    found: set[str] = set()
    # Not by feedback: what a user says of another's trace goes, and the trace stays.
    for table in ("spans", "traces"):
        rows = client.query(
            f"SELECT DISTINCT trace_id FROM {table} WHERE project = {{project:String}}"
            f" AND {subject.column} = {{value:String}}",
            parameters={"project": subject.project, "value": subject.value},
        ).result_rows
        found |= {str(row[0]) for row in rows}
    return sorted(found)


def _tables(client: Client) -> Iterator[tuple[str, set[str]]]:
    """Yield the tables that name a user, a session or a trace, with those columns."""
    rows = client.query(
        """SELECT table, groupArray(name) FROM system.columns
        WHERE database = currentDatabase() AND name IN ('trace_id', 'session_id', 'user_id', 'project')
        AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase()
            AND (engine = 'Distributed' OR engine LIKE '%MergeTree') AND NOT endsWith(name, '_local')
            AND name != 'priced_calls')
        GROUP BY table HAVING has(groupArray(name), 'project') AND count() > 1 ORDER BY table"""
    ).result_rows
    yield from ((str(table), set(columns)) for table, columns in rows)


def _conditions(
    subject: Subject, columns: set[str], traces: list[str]
) -> Iterator[tuple[str, dict[str, str | list[str]]]]:
    if subject.column in columns:
        yield f"{subject.column} = {{value:String}}", {"value": subject.value}
    if "trace_id" in columns and not subject.trace:
        for at in range(0, len(traces), _GROUP):
            yield "trace_id IN {ids:Array(String)}", {"ids": traces[at : at + _GROUP]}
