"""The heat map of durations over time, from the sketches."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Literal, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.read.overview import known, measured
from kansoku_collector.store.scope import Period, Scope

# Upper edges of the heat map's rows, in seconds: three a factor of ten; the last row has no end.
EDGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
LEVELS = tuple(level / 40 for level in range(41))  # quantiles that are read to draw a distribution

Kind = Literal["requests", "calls", "first_token"]
_COLUMNS: dict[Kind, tuple[str, str]] = {
    "requests": ("roots", "root_seconds"),
    "calls": ("calls", "call_seconds"),
    "first_token": ("calls", "first_token_seconds"),
}


class Column(NamedTuple):
    """One bucket of time of the heat map: how many took how long, by the rows that `EDGES` divide."""

    time: datetime
    samples: int
    counts: tuple[int, ...]


def heat_map(
    client: Client, scope: Scope, period: Period, *, kind: Kind | None = None, most: int = 60
) -> list[Column]:
    """Return every bucket of time, the empty ones included; counts are read off the sketch of the bucket.

    Without a `kind` it is of requests, or of calls where the slice has no requests. A bucket of first tokens
    has as many samples as calls: the sketch alone tells that none of them was streamed.
    """
    grid = Grid.of(period, most)
    count, seconds = _COLUMNS[kind] if kind else measured(scope)[::2]
    levels = ", ".join(f"{level:.3f}" for level in LEVELS)
    rows = client.query(
        f"""SELECT {grid.bucket}, sum({count}), quantilesTDigestMerge({levels})({seconds})
        FROM {grid.table} WHERE {scope.where()} AND {grid.within} GROUP BY bucket""",  # noqa: S608 - names of these files, values bound
        parameters=scope.params() | grid.params(),
    ).result_rows
    found = {time: (int(samples), quantiles) for time, samples, quantiles in grid.aware(rows)}
    nothing: tuple[int, Sequence[float]] = (0, ())
    return [Column(time, *_spread(*found.get(time, nothing))) for time in grid.times()]


def _spread(samples: int, quantiles: Sequence[float]) -> tuple[int, tuple[int, ...]]:
    """Return how many samples lie between the edges; the counts add up to the samples."""
    if not samples or not known(list(quantiles))[0]:
        return samples, (0,) * (len(EDGES) + 1)
    below = [round(samples * _share(edge, quantiles)) for edge in EDGES]
    bounds = [0, *below, samples]
    return samples, tuple(upper - lower for lower, upper in pairwise(bounds))


def _share(edge: float, quantiles: Sequence[float]) -> float:
    """Return the share of a distribution that is below `edge`, straight between the known quantiles."""
    at = bisect_right(quantiles, edge)
    if at == 0:
        return 0.0
    if at == len(quantiles):
        return 1.0
    low, high = quantiles[at - 1], quantiles[at]
    return LEVELS[at - 1] + (LEVELS[at] - LEVELS[at - 1]) * (edge - low) / (high - low)
