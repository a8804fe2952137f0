"""A sum of several calls costs what short calls cost, however long it is."""

from decimal import Decimal

import pytest
from tests.collector.conftest import request_of
from tests.collector.test_normalise import NOW_MS

from kansoku.pricing.prices import Prices
from kansoku_collector.decode.otlp import find_spans
from kansoku_collector.enrich.cost import put_cost
from kansoku_collector.normalise import normalise
from kansoku_collector.relate.related import Related

PRICES = Prices()
TURN = {
    "model": "gpt-5.4",
    "codex.turn.token_usage.input_tokens": 1_000_000,
    "codex.turn.token_usage.output_tokens": 0,
    "codex.turn.token_usage.total_tokens": 1_000_000,
}
AGENT = {
    **{"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "gpt-5.4"},
    **{"gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 1_000_000},
    "gen_ai.usage.output_tokens": 0,
}
CALL = AGENT | {"gen_ai.operation.name": "chat"}


def cost(scope, attributes):
    """Return what a span costs that comes alone, US dollars."""
    request = request_of({"name": "run", "attributes": attributes}, scope=scope)
    rows = [normalise(found.read(), "default", NOW_MS)[0] for found in find_spans(request, NOW_MS)]
    for stage in Related().stages():
        stage(rows)
    assert rows[0].billed
    put_cost(rows[0], PRICES)
    return rows[0].cost_usd


@pytest.mark.parametrize(
    ("scope", "attributes"),
    [
        ("codex_cli", TURN),
        ("opentelemetry.instrumentation.agno", AGENT),
        ("opentelemetry.instrumentation.claude_agent_sdk", AGENT),
    ],
    ids=["turn", "step", "run"],
)
def test_a_sum_costs_what_its_calls_cost(scope, attributes):
    """Codex keeps each call of a turn below the length at which the price doubles."""
    assert cost(scope, attributes) == Decimal("2.5")


def test_a_long_call_costs_what_long_calls_cost():
    """It is one call."""
    assert cost("", CALL) == Decimal("5")
