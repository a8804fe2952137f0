"""Who moved: the figures of every model, service, prompt version and environment, now and before."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.beside import PRESENT, exact
from kansoku_collector.store.read.overview import counts_calls, known
from kansoku_collector.store.read.votes import SliceVotes, votes_by_slice
from kansoku_collector.store.scope import VALUES, Period, Scope

MODELS, SERVICES, PROMPTS, ENVIRONMENTS = "model", "service", "prompt", "environment"

_DIMENSIONS = (MODELS, SERVICES, PROMPTS, ENVIRONMENTS)
_OF_CALLS = (MODELS, PROMPTS)  # requests (root spans) do not carry these
_MERGED = "quantilesTDigestMergeState(0.5, 0.95, 0.99)"


class Slice(NamedTuple):
    """The figures of one value of one dimension; `cost` leaves out the `unpriced` calls."""

    dimension: str
    name: str
    samples: int
    errors: int
    cost: float
    unpriced: int
    p95: float | None
    likes: int
    votes: int


class Slices(NamedTuple):
    """The slices of a period, and of the one of the same length before it."""

    now: list[Slice]
    before: list[Slice]


def slices(client: Client, scope: Scope, period: Period) -> Slices:
    """Return the figures of every value of the four dimensions, asked for both periods at once."""
    ballots = votes_by_slice(client, scope, Period(period.previous().start, period.end), split=period.start)
    both, bound = exact(scope, period)
    seconds = [
        "call_seconds" if name in _OF_CALLS or counts_calls(scope) else "root_seconds" for name in _DIMENSIONS
    ]
    # Digests are merged by combination of values first: of those there are few to merge by each value.
    rows = client.query(
        f"""SELECT present, dimension, name, sum(calls), sum(call_errors), sum(roots), sum(root_errors),
            toFloat64(sum(cost_usd)), sum(unpriced_calls), quantilesTDigestMerge(0.5, 0.95, 0.99)(seconds)
        FROM (
            SELECT {PRESENT}, toString(model) AS model,
                toString(service) AS service, toString(environment) AS environment,
                {VALUES["prompt"]} AS prompt, sum(r.calls) AS calls, sum(r.call_errors) AS call_errors,
                sum(r.roots) AS roots, sum(r.root_errors) AS root_errors, sum(r.cost_usd) AS cost_usd,
                sum(r.unpriced_calls) AS unpriced_calls, {_MERGED}(r.call_seconds) AS call_seconds,
                {_MERGED}(r.root_seconds) AS root_seconds
            FROM {both} AS r
            GROUP BY present, r.model, r.service, r.environment, r.prompt_name, r.prompt_version
        )
        ARRAY JOIN {list(_DIMENSIONS)} AS dimension, [model, service, prompt, environment] AS name,
            [{", ".join(seconds)}] AS seconds
        WHERE name != '' GROUP BY present, dimension, name""",  # noqa: S608 - names of this file, values bound
        parameters=bound,
    ).result_rows
    found: tuple[list[Slice], list[Slice]] = ([], [])
    for present, *row in rows:
        counted = [ballot for ballot in ballots if ballot.after == present]
        found[not present].append(_slice(row, scope, counted))
    return Slices(*(_ordered(side) for side in found))


def _ordered(found: list[Slice]) -> list[Slice]:
    return sorted((row for row in found if row.samples), key=lambda row: _DIMENSIONS.index(row.dimension))


def _slice(row: Sequence[Any], scope: Scope, ballots: list[SliceVotes]) -> Slice:
    dimension, name, calls, call_errors, roots, root_errors, cost, unpriced, quantiles = row
    of_calls = dimension in _OF_CALLS or counts_calls(scope)
    samples, errors = (calls, call_errors) if of_calls else (roots, root_errors)
    mine = [ballot for ballot in ballots if name in _values(ballot, dimension)]
    likes, votes = sum(ballot.likes for ballot in mine), sum(ballot.votes for ballot in mine)
    return Slice(dimension, name, samples, errors, cost, unpriced, known(quantiles)[1], likes, votes)


def _values(ballot: SliceVotes, dimension: str) -> tuple[str, ...]:
    if dimension == MODELS:
        return ballot.models
    return (str(getattr(ballot, dimension)),)
