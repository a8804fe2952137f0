"""Who moved: the figures of every model, service, prompt version and environment in one stretch of time."""

from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.overview import edges, exact, known, measured
from kansoku_collector.store.read.votes import SliceVotes, votes_by_slice
from kansoku_collector.store.scope import Period, Scope

MODELS, SERVICES, PROMPTS, ENVIRONMENTS = "model", "service", "prompt", "environment"

# The name of a slice and the rows that have one.
_NAMES = {
    MODELS: ("model", "model != ''"),
    SERVICES: ("service", "service != ''"),
    PROMPTS: ("concat(prompt_name, '@', prompt_version)", "prompt_version != ''"),
    ENVIRONMENTS: ("environment", "environment != ''"),
}


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
    return [row for dimension in _NAMES for row in _dimension(client, scope, period, dimension, ballots)]


def _dimension(
    client: Client, scope: Scope, period: Period, dimension: str, ballots: list[SliceVotes]
) -> list[Slice]:
    name, condition = _NAMES[dimension]
    # Model calls where requests (root spans) do not carry the dimension.
    of_calls = dimension in (MODELS, PROMPTS)
    count, errors, seconds = measured(Scope(model="any") if of_calls else scope)
    rows = client.query(
        f"""SELECT {name} AS slice, sum({count}) AS counted, sum({errors}), toFloat64(sum(cost_usd)),
            sum(unpriced_calls), quantilesTDigestMerge(0.5, 0.95, 0.99)({seconds})
        FROM {exact(scope)} WHERE {condition} GROUP BY slice HAVING counted > 0""",  # noqa: S608 - values bound
        parameters=scope.params() | edges(period),
    ).result_rows
    result = []
    for value, samples, failed, cost, unpriced, quantiles in rows:
        mine = [ballot for ballot in ballots if value in _values(ballot, dimension)]
        likes, votes = sum(ballot.likes for ballot in mine), sum(ballot.votes for ballot in mine)
        p95 = known(quantiles)[1]
        result.append(Slice(dimension, value, samples, failed, cost, unpriced, p95, likes, votes))
    return result


def _values(ballot: SliceVotes, dimension: str) -> tuple[str, ...]:
    if dimension == MODELS:
        return ballot.models
    return (str(getattr(ballot, dimension)),)
