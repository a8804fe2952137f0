"""The figures of a period beside those of the one of the same length before it: one question for both."""

from dataclasses import replace
from typing import Any, Generic, NamedTuple, TypeVar

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read import overview, votes
from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.scope import Period, Scope

T = TypeVar("T")

PRESENT = "time >= {start:DateTime64(6, 'UTC')} AS present"
_NOTHING = (0, 0, 0, 0.0, 0, 0, 0, 0, (None, None, None), 0)  # of `overview.sums`
_AFTER = "feedback.time >= {split:DateTime64(6, 'UTC')}"


class Beside(NamedTuple, Generic[T]):
    """An answer about a period, and the same about the one before it."""

    now: T
    before: T


class Thumbs(NamedTuple):
    """The votes of a stretch: bucket by bucket, and as a whole, where only its own moments count."""

    series: list[votes.Votes]
    likes: int
    votes: int

    @property
    def total(self) -> tuple[int, int]:
        """Likes and votes."""
        return self.likes, self.votes


def exact(scope: Scope, period: Period) -> tuple[str, dict[str, Any]]:
    """Return the rows of both stretches as a sub-query, to be told apart by `PRESENT`, and what it binds.

    No minute is in both: the one in which the period begins is the period's.
    """
    bound = overview.edges(period)
    earlier = Period(period.previous().start, bound["start"])
    return (
        overview.exact(scope, ("", "earlier_")),
        scope.params() | bound | overview.edges(earlier, "earlier_"),
    )


def totals(client: Client, scope: Scope, period: Period) -> Beside[overview.Totals]:
    """Return the figures of both stretches, exact to the minute."""
    rows, bound = exact(scope, period)
    found = client.query(
        f"SELECT {PRESENT}, {overview.sums(scope)} FROM {rows} GROUP BY present",  # noqa: S608 - values bound
        parameters=bound,
    ).result_rows
    by_side = {bool(present): figures for present, *figures in found}
    return Beside(*(overview.total(by_side.get(side, _NOTHING)) for side in (True, False)))


def series(client: Client, scope: Scope, period: Period) -> Beside[list[overview.Bucket]]:
    """Return every bucket of both stretches; the bucket in which the period begins is in both, as a whole."""
    grids = Grid.of(period), Grid.of(period.previous())
    found = overview.series(client, scope, replace(grids[0], start=grids[1].start))
    return Beside(
        [row for row in found if row.time >= grids[0].start],
        [row for row in found if row.time < grids[1].end],
    )


def thumbs(client: Client, scope: Scope, period: Period) -> Beside[Thumbs]:
    """Return the votes of both stretches; in each, the latest of a person on a thing counts."""
    earlier = period.previous()
    grids = Grid.of(period, votes.POINTS), Grid.of(earlier, votes.POINTS)
    rows = client.query(
        f"""SELECT {grids[0].bucket}, after, countIf(liked > 0.5), count()
        FROM ({votes.latest(scope, after=_AFTER)}) GROUP BY bucket, after""",  # noqa: S608 - values bound
        parameters=scope.params()
        | grids[0].params()
        | votes.params(Period(earlier.start, period.end))
        | {"split": period.params()["start"]},
    ).result_rows
    counted = {(bool(after), time): counts for time, after, *counts in grids[0].aware(rows)}
    return Beside(_thumbs(grids[0], counted, side=True), _thumbs(grids[1], counted, side=False))


def _thumbs(grid: Grid, counted: dict[tuple[bool, Any], list[int]], *, side: bool) -> Thumbs:
    rows = [votes.Votes(time, *counted.get((side, time), (0, 0))) for time in grid.times()]
    return Thumbs(rows, sum(row.likes for row in rows), sum(row.votes for row in rows))
