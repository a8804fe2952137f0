"""Calls of Bedrock that AWS's own client and Anthropic's make, as instrumentations of each tell them."""

from decimal import Decimal

import pytest
from tests.collector.test_dialect_logfire import row as named_row
from tests.collector.test_normalise import buckets, row

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import put_cost

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTOCORE = "opentelemetry.instrumentation.botocore.bedrock-runtime"
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": MODEL,
    "gen_ai.usage.input_tokens": 600,
    "gen_ai.usage.output_tokens": 100,
}
CACHED = {
    "gen_ai.usage.cache_read.input_tokens": 200,
    "gen_ai.usage.cache_creation.input_tokens": 100,
}


def cost(span):
    """Return what a row costs, and where the figure comes from."""
    put_cost(span, Prices())
    return span.cost_source, span.cost_usd


def test_caches_of_awss_client_are_beside_its_input():
    """OpenTelemetry's package passes on Bedrock's counts; fresh tokens were taken for cached ones."""
    told = CALL | CACHED | {"gen_ai.system": "aws.bedrock", "rpc.method": "ConverseStream"}
    span = row(told, scope=BOTOCORE)
    assert (span.provider, span.streaming) == ("aws.bedrock", True)
    assert buckets(span) == {
        "input_fresh": 600,
        "cache_read": 200,
        "cache_write_5m": 100,
        "output_visible": 100,
    }
    assert cost(span) == ("computed", Decimal("0.0041085"))  # 3.30, 0.33, 4.125 and 16.50 a million


@pytest.mark.parametrize(
    ("told", "scope"),
    [
        ({"gen_ai.provider.name": "anthropic"}, "opentelemetry.instrumentation.anthropic"),
        (
            {"gen_ai.system": "anthropic", "telemetry.sdk.name": "openlit"},
            "openlit.instrumentation.anthropic",
        ),
        ({"gen_ai.provider.name": "anthropic", "logfire.span_type": "span"}, "logfire.anthropic"),
    ],
)
def test_claude_that_anthropics_client_asked_on_bedrock_has_bedrocks_price(told, scope):
    """OpenLLMetry, OpenLIT and Logfire say Anthropic, which sells no such model: the call cost nothing."""
    span = named_row(CALL | told, name="chat", scope=scope)
    assert span.provider == "aws.bedrock"
    assert cost(span) == ("computed", Decimal("0.00363"))
    of_its_own = named_row(
        CALL | told | {"gen_ai.request.model": "claude-sonnet-4-5"}, name="chat", scope=scope
    )
    assert of_its_own.provider == "anthropic"
