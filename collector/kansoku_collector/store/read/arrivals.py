"""What arrives, service by service: when the last span came, where it was silent, what has no price."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.read.overview import edges, exact, find_gaps
from kansoku_collector.store.scope import Period, Scope

MOST = 500


class Arrival(NamedTuple):
    """One service: the minute of its latest span, its spans in the stretch, and when it was silent.

    `first` begins the first bucket of the stretch in which it sent.
    """

    service: str
    last: datetime
    spans: int
    gaps: list[Period]
    first: datetime


class Unpriced(NamedTuple):
    """Billed calls of a model of which some have no known price, or no known usage."""

    provider: str
    model: str
    calls: int
    unpriced: int
    unmetered: int


def arrivals(client: Client, project: str, period: Period) -> list[Arrival]:
    """Return the services that sent anything in the stretch, the one that was silent longest first."""
    grid = Grid.of(period)
    values = {"project": project} | grid.params()
    rows = client.query(
        f"""SELECT {grid.bucket}, toString(service), sum(spans) FROM {grid.table}
        WHERE project = {{project:String}} AND {grid.within} GROUP BY bucket, service""",  # noqa: S608
        parameters=values,
    ).result_rows
    counts: dict[str, dict[datetime, int]] = defaultdict(dict)
    for time, service, spans in grid.aware(rows):
        counts[service][time] = int(spans)
    latest = client.query(
        """SELECT toString(service), max(time) FROM rollup_minute
        WHERE project = {project:String} AND time >= {start:DateTime64(6, 'UTC')} GROUP BY service""",
        parameters={"project": project, "start": period.params()["start"]},
    ).result_rows
    found = [
        Arrival(
            service,
            last.replace(tzinfo=UTC),
            sum(counts[service].values()),
            find_gaps([(time, counts[service].get(time, 0)) for time in grid.times()], grid.width),
            max(period.start, min(counts[service], default=period.start)),
        )
        for service, last in latest
    ]
    return sorted(found, key=lambda one: (one.last, one.service))[:MOST]


def unpriced(client: Client, scope: Scope, period: Period) -> list[Unpriced]:
    """Return the models of which calls cannot be priced, most calls first."""
    rows = client.query(
        f"""SELECT toString(provider), toString(model), sum(calls) AS n, sum(unpriced_calls) AS no_price,
            sum(unmetered_calls) AS no_usage
        FROM {exact(scope)} GROUP BY provider, model HAVING no_price + no_usage > 0
        ORDER BY no_price DESC, no_usage DESC, provider, model LIMIT {MOST}""",  # noqa: S608 - names of this file
        parameters=scope.params() | edges(period),
    ).result_rows
    return [Unpriced(*row) for row in rows]
