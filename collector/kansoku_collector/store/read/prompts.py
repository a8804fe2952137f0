"""How good each version of a prompt is: its calls, what went wrong, what it cost and what people said."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from kansoku_collector.store.read.overview import TOKENS, edges, exact, known
from kansoku_collector.store.read.votes import votes_by_slice
from kansoku_collector.store.scope import Period, Scope


class PromptVersion(NamedTuple):
    """One version of one prompt in a stretch of time; `cost` leaves out the `unpriced` calls."""

    name: str
    version: str
    first: datetime  # the start of the minute, hour or day in which it was first used here
    calls: int
    errors: int
    answers: int
    refusals: int
    fallbacks: int
    truncated: int
    tokens: int
    cost: Decimal
    unpriced: int
    p50: float | None
    p95: float | None
    likes: int
    votes: int


def prompt_versions(client: Client, scope: Scope, period: Period) -> list[PromptVersion]:
    """Return every version of every prompt, prompts by name and their latest versions first."""
    rows = client.query(
        f"""SELECT prompt_name, prompt_version, min(time) AS first, sum(calls), sum(call_errors),
            sum(answers), sum(refusals), sum(fallbacks), sum(truncated), sum({TOKENS}), sum(cost_usd),
            sum(unpriced_calls), quantilesTDigestMerge(0.5, 0.95, 0.99)(call_seconds)
        FROM {exact(scope)} WHERE prompt_version != ''
        GROUP BY prompt_name, prompt_version ORDER BY prompt_name, first DESC, prompt_version DESC""",  # noqa: S608 - names of these files, values bound
        parameters=scope.params() | edges(period),
    ).result_rows
    said: dict[str, tuple[int, int]] = {}
    for ballot in votes_by_slice(client, scope, period):
        likes, votes = said.get(ballot.prompt, (0, 0))
        said[ballot.prompt] = likes + ballot.likes, votes + ballot.votes
    found = []
    for name, version, first, *figures, quantiles in rows:
        p50, p95, _ = known(quantiles)
        likes, votes = said.get(f"{name}@{version}", (0, 0))
        row = (name, version, first.replace(tzinfo=UTC), *figures, p50, p95, likes, votes)
        found.append(PromptVersion._make(row))
    return found
