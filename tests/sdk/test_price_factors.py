"""What a contract makes of the list's prices: `[[factor]]` of the overrides file."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kansoku.errors import PricesError
from kansoku.pricing.price_overrides import parse_overrides
from kansoku.pricing.price_terms import NO_TERMS, Terms
from kansoku.pricing.prices import Prices
from kansoku.usage import Usage

AT = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = int(AT.timestamp()) // 3600
USAGE = Usage(1000, cache_read=400, output_visible=200)
FILE = """
[[factor]]
times = 0.9

[[factor]]
provider = "azure"
times = 1.1

[[factor]]
provider = "azure.ai.openai"
model = "gpt-4o*"
times = 0.85
until = 2026-12-01

[[factor]]
model = "gpt-4o"
tier = "batch"
times = 0.5

[[price]]
model = "gpt-4.1"
input_per_million = 1
"""


@pytest.fixture
def prices(tmp_path: Path) -> Prices:
    """Give prices under contracts."""
    path = tmp_path / "prices.toml"
    path.write_text(FILE)
    return Prices(path)


@pytest.mark.parametrize(
    ("provider", "model", "at", "times"),
    [
        ("anthropic", "claude-opus-5", AT, "0.9"),  # what holds for all
        ("azure.ai.openai", "gpt-5", AT, "1.1"),  # of a provider, by the list's name for it
        ("azure.ai.openai", "gpt-4o-mini", AT, "0.85"),  # of its models
        ("azure.ai.openai", "gpt-4o-mini", datetime(2026, 12, 1, tzinfo=UTC), "1.1"),  # no longer
    ],
)
def test_the_most_exact_factor_multiplies_the_price_of_the_list(
    prices: Prices, provider: str, model: str, at: datetime, times: str
) -> None:
    """One holds, not the product of several; the name of the price tells it."""
    listed = Prices().cost(provider, model, USAGE, at)
    found = prices.cost(provider, model, USAGE, at)
    assert listed is not None
    assert found is not None
    assert found.total == listed.total * Decimal(times) == found.input + found.output
    assert found.price_id == f"{listed.price_id}*{times}"


def test_a_tier_may_have_a_factor_of_its_own(prices: Prices) -> None:
    """Which goes before that of its model."""
    batch = Terms("batch")
    listed = Prices().cost("openai", "gpt-4o", USAGE, AT, batch)
    found = prices.cost("openai", "gpt-4o", USAGE, AT, batch)
    assert listed is not None
    assert found is not None
    assert found.total == listed.total / 2


def test_a_price_of_ones_own_is_not_multiplied(prices: Prices) -> None:
    """Who writes a price has said what is paid."""
    cost = prices.cost("openai", "gpt-4.1", Usage(1_000_000), AT)
    assert cost is not None
    assert cost.total == 1


def test_what_has_no_price_has_none_multiplied(prices: Prices) -> None:
    """A contract is no price."""
    assert prices.cost("openai", "own-7b", USAGE, AT) is None


@given(times=some.decimals(0, 10, places=3), usage=some.builds(Usage, *[some.integers(0, 10**6)] * 9))
def test_the_short_way_comes_to_the_same_to_the_last_bit(times: Decimal, usage: Usage) -> None:
    """What a running program computes on its own thread is what the collector computes."""
    prices = Prices()
    prices.overrides = parse_overrides(f'[[factor]]\ntimes = "{times}"\n', Path("prices.toml"))
    cost = prices.cost("anthropic", "claude-opus-4-5", usage, AT)
    assert cost is not None
    short = prices.dollars("anthropic", "claude-opus-4-5", usage, HOUR, NO_TERMS)
    assert short == (float(cost.total), cost.price_id)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[[factor]]\nmodel = "m"\n', ":1: [[factor]] number 1: 'times' is missing"),
        ("[[factor]]\ntimes = -1\n", ":2: [[factor]] number 1: 'times' must be 0 or more"),
        ('[[factor]]\ntimes = "15 %"\n', ":2: [[factor]] number 1: 'times' must be a number, not"),
        ("[[factor]]\ntimes = 1\nabove = 3\n", ":3: [[factor]] number 1: unknown field 'above'"),
        (
            "[[factor]]\ntimes = 1\nfrom = 2026-02-01\nuntil = 2026-01-01\n",
            ":4: [[factor]] number 1: 'until' must be after 'from'",
        ),
    ],
)
def test_a_mistake_is_named_with_line_and_field(text: str, reason: str) -> None:
    """Whoever edits the file by hand is told where to look."""
    with pytest.raises(PricesError) as caught:
        parse_overrides(text, Path("prices.toml"))
    assert reason in str(caught.value)
