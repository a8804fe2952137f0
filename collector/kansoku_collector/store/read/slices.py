"""Who moved: the figures of every model, service, prompt version and environment in one stretch of time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.overview import counts_calls, edges, exact, known
from kansoku_collector.store.read.votes import SliceVotes, votes_by_slice
from kansoku_collector.store.scope import VALUES, Period, Scope

MODELS, SERVICES, PROMPTS, ENVIRONMENTS = "model", "service", "prompt", "environment"

_DIMENSIONS = (MODELS, SERVICES, PROMPTS, ENVIRONMENTS)
_OF_CALLS = (MODELS, PROMPTS)  # requests (root spans) do not carry these


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


def slices(client: Client, scope: Scope, period: Period) -> list[Slice]:
    """Return the figures of every value of the four dimensions."""
    ballots = votes_by_slice(client, scope, period)
    rows = client.query(
        f"""SELECT toUInt8(log2(15 - grouping(model, service, prompt, environment))) AS dimension,
            [environment, prompt, service, model][dimension + 1] AS name,
            sum(calls), sum(call_errors), quantilesTDigestMerge(0.5, 0.95, 0.99)(call_seconds),
            sum(roots), sum(root_errors), quantilesTDigestMerge(0.5, 0.95, 0.99)(root_seconds),
            toFloat64(sum(cost_usd)), sum(unpriced_calls)
        FROM (
            SELECT * REPLACE (
                toString(model) AS model, toString(service) AS service, toString(environment) AS environment
            ), {VALUES["prompt"]} AS prompt FROM {exact(scope)}
        )
        GROUP BY GROUPING SETS ((model), (service), (prompt), (environment))
        HAVING name != ''""",  # noqa: S608 - values bound
        parameters=scope.params() | edges(period),
    ).result_rows
    found = [_slice(row, scope, ballots) for row in rows]
    return sorted((row for row in found if row.samples), key=lambda row: _DIMENSIONS.index(row.dimension))


def _slice(row: Sequence[Any], scope: Scope, ballots: list[SliceVotes]) -> Slice:
    number, name, calls, call_errors, call_seconds, roots, root_errors, root_seconds, cost, unpriced = row
    dimension = _DIMENSIONS[3 - number]
    figures = (
        (calls, call_errors, call_seconds)
        if dimension in _OF_CALLS or counts_calls(scope)
        else (roots, root_errors, root_seconds)
    )
    mine = [ballot for ballot in ballots if name in _values(ballot, dimension)]
    likes, votes = sum(ballot.likes for ballot in mine), sum(ballot.votes for ballot in mine)
    samples, errors, quantiles = figures
    return Slice(dimension, name, samples, errors, cost, unpriced, known(quantiles)[1], likes, votes)


def _values(ballot: SliceVotes, dimension: str) -> tuple[str, ...]:
    if dimension == MODELS:
        return ballot.models
    return (str(getattr(ballot, dimension)),)
