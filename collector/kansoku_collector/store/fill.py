"""Bring older rows into a new rollup: a materialised view sees only what is inserted after it was made."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.cluster import Statement
from kansoku_collector.store.gateway_text import tokens

_TIMES = ("start", "time", "hour", "day")  # what a table's rows are cut into days by


@dataclass(frozen=True, slots=True)
class View:
    """A materialised view: which table it feeds from which, and by what query."""

    target: str
    source: str
    query: str


def fill(client: Client, statements: list[str], run: Callable[[str], None]) -> None:
    """Fill the rollups that a migration creates together with their views, from the beginning.

    A migration that fills a table with an INSERT of its own is left alone. A table that such a view feeds
    from another filled one follows by itself. `run` executes one statement.
    """
    for view in _to_fill(statements):
        if not client.query(f"SELECT 1 FROM {view.source} LIMIT 1").result_rows:  # noqa: S608 - our own names
            continue
        # What an interrupted run or the live view brought meanwhile comes again from the source.
        run(f"TRUNCATE TABLE {view.target}")
        names = ", ".join(row[0] for row in client.query(f"DESCRIBE ({view.query})").result_rows)
        for condition in _days(client, view.source):
            run(
                f"INSERT INTO {view.target} ({names})\n{view.query}\n"
                f"SETTINGS insert_deduplicate = 0, max_partitions_per_insert_block = 0{condition}"
            )


def _to_fill(statements: list[str]) -> list[View]:
    created, inserted, views = set(), set(), []
    for text in statements:
        statement = Statement.read(text)
        if statement.head == "CREATE TABLE":
            created.add(statement.name)
        elif statement.head == "INSERT INTO":
            inserted.add(statement.name)
        elif statement.head == "CREATE MATERIALIZED VIEW":
            views.append(_view(statement))
    wanted = [view for view in views if view.target in created - inserted]
    filled = {view.target for view in wanted}
    return [view for view in wanted if view.source not in filled | created]


def _view(statement: Statement) -> View:
    words = [token.text.upper() for token in statement.rest]
    target = statement.rest[words.index("TO") + 1].text
    select = next(token for token in statement.rest if token.text.upper() in ("SELECT", "WITH"))
    query = statement.text[select.start :]
    pairs = pairwise(tokens(query))
    source = next(b.text for a, b in pairs if a.text.upper() == "FROM" and b.text != "(")
    return View(target, source, query)


def _days(client: Client, table: str) -> Iterator[str]:
    """Yield a setting for each day of a table's rows, so that no insert has to hold all of them."""
    columns = {row[0] for row in client.query(f"DESCRIBE TABLE {table}").result_rows}
    name = next((name for name in _TIMES if name in columns), None)
    if name is None:
        yield ""
        return
    days = client.query(f"SELECT DISTINCT toString(toDate({name})) AS day FROM {table} ORDER BY day")  # noqa: S608
    for (day,) in days.result_rows:
        yield f", additional_table_filters = {{'{table}': 'toDate({name}) = toDate(''{day}'')'}}"
