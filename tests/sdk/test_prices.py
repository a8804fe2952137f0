"""Prices: hand-computed costs of known models, one's own overrides, and None where there is no price."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage as ListUsage
from genai_prices import data_snapshot
from hypothesis import given
from hypothesis import strategies as some

from kansoku.errors import KansokuError, PricesError
from kansoku.pricing.price_terms import Terms, read_terms
from kansoku.pricing.prices import Prices
from kansoku.usage import Usage

AT = datetime(2026, 6, 1, tzinfo=UTC)
MILLION = Decimal(1_000_000)


@pytest.mark.parametrize(
    ("provider", "model", "usage", "dollars"),
    [
        # gpt-4o-mini: 0.15 in, 0.075 cached, 0.60 out
        ("openai", "gpt-4o-mini", Usage(input_fresh=1000, cache_read=400, output_visible=200),
         (1000 * Decimal("0.15") + 400 * Decimal("0.075") + 200 * Decimal("0.6")) / MILLION),
        # a dated name is the same model; Azure sells at the same price
        ("openai", "gpt-4o-mini-2024-07-18", Usage(input_fresh=1_000_000), Decimal("0.15")),
        # gpt-4o: 2.50 in, 1.25 cached, 10 out; reasoning is paid as output
        ("openai", "gpt-4o", Usage(input_fresh=100, output_visible=50, reasoning=50),
         (100 * Decimal("2.5") + 100 * Decimal("10")) / MILLION),
        ("openai", "text-embedding-3-small", Usage(input_fresh=500_000), Decimal("0.01")),
    ],
)  # fmt: skip
def test_known_models_cost_what_a_hand_computes(
    provider: str, model: str, usage: Usage, dollars: Decimal
) -> None:
    """List prices are applied exactly, bucket by bucket."""
    cost = Prices().cost(provider, model, usage, AT)
    assert cost is not None
    assert cost.total == dollars
    assert cost.total == cost.input + cost.output
    assert cost.price_id.startswith("openai/")


@pytest.mark.parametrize(
    ("provider", "model", "usage", "dollars"),
    [
        # gemini-2.5-flash: 0.30 in, 0.03 cached, 1.00 for sound, 2.50 out
        ("google", "gemini-2.5-flash", Usage(1000, cache_read=400, audio_in=200, output_visible=50),
         (1000 * Decimal("0.3") + 400 * Decimal("0.03") + 200 + 50 * Decimal("2.5")) / MILLION),
        # gpt-realtime: 4 in, 0.40 cached, 5 for images, 32 for sound, 16 out
        ("openai", "gpt-realtime", Usage(1000, cache_read=400, image=30, audio_in=200, output_visible=50),
         (1000 * 4 + 400 * Decimal("0.4") + 30 * 5 + 200 * 32 + 50 * 16) / MILLION),
    ],
)  # fmt: skip
def test_sounds_and_images_beside_a_cached_prompt_have_a_price(
    provider: str, model: str, usage: Usage, dollars: Decimal
) -> None:
    """A cached text before a sound is usual; the list would know no price for the two together."""
    cost = Prices().cost(provider, model, usage, AT)
    assert cost is not None
    assert cost.total == dollars


@pytest.mark.parametrize(
    ("model", "counts", "cached", "dollars"),
    [
        # 4 text in, 0.40 text or sound cached, 32 sound in, 16 text out, 64 sound out
        ("gpt-realtime", {}, (), 100 * 4 + 600 * Decimal("0.4") + 300 * 32 + 20 * 16 + 80 * 64),
        # 0.60, 0.06 text and 0.30 sound and 0.08 image cached, 10, 2.40, 20
        ("gpt-realtime-mini", {}, (("cached_audio_token", Decimal(500)), ("cached_image_token", Decimal(60))),
         100 * Decimal("0.6") + 500 * Decimal("0.3") + 60 * Decimal("0.08") + 40 * Decimal("0.06")
         + 300 * 10 + 20 * Decimal("2.4") + 80 * 20),
        # images at 5, and 0.50 where they are cached
        ("gpt-realtime", {"image": 50}, (("cached_image_token", Decimal(60)),),
         100 * 4 + 540 * Decimal("0.4") + 60 * Decimal("0.5") + 50 * 5 + 300 * 32 + 20 * 16 + 80 * 64),
        # a vendor's detail that is more than the whole counts as far as the whole goes
        ("gpt-realtime-mini", {}, (("cached_audio_token", Decimal(9000)),),
         100 * Decimal("0.6") + 600 * Decimal("0.3") + 300 * 10 + 20 * Decimal("2.4") + 80 * 20),
    ],
)  # fmt: skip
def test_cached_sounds_have_the_price_of_their_kind(
    model: str, counts: dict[str, int], cached: tuple[tuple[str, Decimal], ...], dollars: Decimal
) -> None:
    """A call with sounds and a cache has a price, also where nobody says what was in the cache."""
    usage = Usage(input_fresh=100, cache_read=600, audio_in=300, output_visible=20, audio_out=80, **counts)
    cost = Prices().cost("openai", model, usage, AT, Terms(units=cached))
    assert cost is not None
    assert cost.total == Decimal(dollars) / MILLION


COUNT = some.integers(0, 300_000)
USAGES = some.tuples(*[COUNT] * 6).map(lambda counts: Usage(*counts))


@given(
    usage=USAGES,
    name=some.sampled_from(
        [
            ("openai", "gpt-4o-mini"),
            ("anthropic", "claude-haiku-4-5"),
            ("anthropic", "claude-sonnet-4-5"),  # dearer above 200,000 input tokens
            ("google", "gemini-2.5-pro"),  # the same, output included
            ("google", "gemini-2.5-flash"),
        ]
    ),
)
def test_the_short_way_costs_what_the_list_itself_computes(usage: Usage, name: tuple[str, str]) -> None:
    """Rates kept per model give the list's own result to the last digit, below and above a tier."""
    provider, model = name
    _, info = data_snapshot.get_snapshot().find_provider_model(model, None, provider, None)
    expected = info.get_prices(AT).calc_price(
        ListUsage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write_5m + usage.cache_write_1h,
            cache_write_1h_tokens=usage.cache_write_1h,
            output_tokens=usage.output_tokens,
        )
    )
    cost = Prices().cost(provider, model, usage, AT)
    assert cost is not None
    assert (cost.input, cost.output) == (expected["input_price"], expected["output_price"])
    assert cost.total == expected["total_price"]


@pytest.mark.parametrize("tokens", [1000, 300_000])
@pytest.mark.parametrize("read", [0, 10])
def test_a_cache_for_an_hour_costs_twice_the_input_wherever_claude_is_sold(tokens: int, read: int) -> None:
    """The list has that price of some sellers alone; above a length, both are dearer."""
    usage = Usage(cache_write_1h=tokens, cache_read=read)
    listed = Prices().cost("anthropic", "claude-sonnet-4-5", usage, AT)
    routed = Prices().cost("openrouter", "anthropic/claude-sonnet-4.5", usage, AT)
    assert listed is not None
    assert routed is not None
    assert routed.total == listed.total
    other = Prices().cost("openrouter", "openai/gpt-5", usage, AT)
    fresh = Prices().cost("openrouter", "openai/gpt-5", Usage(input_fresh=tokens, cache_read=read), AT)
    assert other is not None
    assert fresh is not None
    assert other.total == fresh.total  # nothing is known of another vendor's


def test_the_length_of_a_batch_is_that_of_its_requests(tmp_path: Path) -> None:
    """Its tokens are their sum, by the list and by prices of one's own."""
    usage = Usage(input_fresh=600_000, cache_read=50_000, output_visible=1000)
    many, few = (Terms(requests=count) for count in (100, 2))
    short = Prices().cost("openai", "gpt-5.4", usage, AT, many)
    long = Prices().cost("openai", "gpt-5.4", usage, AT, few)
    assert short is not None
    assert long is not None
    assert short.total < long.total < 2 * short.total  # what is answered costs half as much again
    entry = '[[price]]\nmodel = "m"\ninput_per_million = {}\noutput_per_million = 1\n{}'
    path = tmp_path / "prices.toml"
    path.write_text(entry.format(2, "") + entry.format(4, "above = 200000\n"))
    own = [Prices(path).cost("openai", "m", Usage(input_fresh=1_000_000), AT, terms) for terms in (many, few)]
    assert [cost and cost.total for cost in own] == [2, 4]


def test_requests_that_nobody_counted_are_short_ones() -> None:
    """An agent keeps each of them below the length at which it pays more."""
    usage = Usage(input_fresh=1_000_000)
    short, long = (
        Prices().cost("openai", "gpt-5.4", usage, AT, read_terms({"kansoku.batch.requests": told}))
        for told in ("several", "some")
    )
    assert short is not None
    assert long is not None
    assert 2 * short.total == long.total


@pytest.mark.parametrize(
    ("asked", "answered", "first"),
    [
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001", "asked"),
        (
            "arn:aws:bedrock:x:1:inference-profile/global.anthropic.claude-opus-4-8",
            "claude-opus-4-8",
            "asked",
        ),
        ("global.openai.gpt-5.6-sol", "openai.gpt-5.6-sol", "asked"),
        ("global.anthropic.claude-opus-4-8", "claude-sonnet-5", "answered"),  # another one answered
        ("global.anthropic.claude-opus-4-8", "", "answered"),
        ("a-deployment", "claude-haiku-4-5-20251001", "answered"),
    ],
)
def test_where_bedrock_serves_a_model_is_priced_as_asked_for(asked: str, answered: str, first: str) -> None:
    """Its models answer with a name that says nothing of it, and has the dearer price of a region."""
    names = Prices().order("aws.bedrock", (answered, asked), 0)
    assert names[0] == {"asked": asked, "answered": answered}[first]
    assert set(names) == {asked, answered}
    assert Prices().order("anthropic", (answered, asked), 0)[0] == answered


@pytest.mark.parametrize(
    ("asked", "answered", "seller"),
    [
        ("openai/gpt-oss-120b:groq", "openai/gpt-oss-120b", "huggingface_groq/"),
        ("openai/gpt-oss-120b:cerebras", "gpt-oss-120b", "huggingface_cerebras/"),
        ("openai/gpt-oss-120b:fireworks-ai", "", "huggingface_fireworks-ai/"),
        ("groq/openai/gpt-oss-120b", "openai/gpt-oss-120b", "huggingface_groq/"),  # LiteLLM
    ],
)
def test_a_model_that_the_router_is_to_ask_somebody_for_has_their_price(
    asked: str, answered: str, seller: str
) -> None:
    """Its name tells Hugging Face who is to serve it; each of them has prices of their own."""
    first = Prices().order("huggingface", (answered, asked), 0)[0] or asked
    cost = Prices().cost("huggingface", first, Usage(input_fresh=10), AT)
    assert cost is not None
    assert cost.price_id.startswith(seller)
    behind = Prices().cost(seller.rstrip("/"), asked, Usage(input_fresh=10), AT)  # as who knows both says it
    assert behind == cost


@pytest.mark.parametrize("end", ["", ":cheapest", ":nobody-known"])
def test_what_a_router_with_several_prices_asked_for_is_not_guessed(end: str) -> None:
    """Who serves the model is left open: a price of somebody else's would be wrong by a factor."""
    assert Prices().cost("huggingface", f"openai/gpt-oss-120b{end}", Usage(input_fresh=10), AT) is None


def test_sounds_at_the_price_of_text_are_no_cost() -> None:
    """For some models that speak the list has the price of text alone, a part of what is paid."""
    spoken = Usage(input_fresh=12, output_visible=5, audio_out=25)
    old, new = (Prices().cost("openai", model, spoken, AT) for model in ("gpt-4o-audio-preview", "gpt-audio"))
    assert old is not None
    assert new is not None
    assert (old.missing, new.missing) == (("audio_token",), ())
    assert Prices().dollars("openai", "gpt-4o-audio-preview", spoken, 494_000) is None
    written = Prices().cost("openai", "gpt-4o-audio-preview", Usage(input_fresh=12, output_visible=5), AT)
    assert written is not None
    assert written.missing == ()


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "no-such-model-9"),
        ("local", "gpt-4o-mini"),
        ("ollama", "gpt-4o"),
        ("openai", ""),
        ("groq", "gpt-4o"),
    ],
)
def test_what_has_no_price_is_none_not_zero(provider: str, model: str) -> None:
    """Unknown models, models of one's own and models that the vendor does not sell are unpriced."""
    assert Prices().cost(provider, model, Usage(input_fresh=10), AT) is None


def write(tmp_path: Path, text: str) -> Path:
    """Write an overrides file."""
    path = tmp_path / "prices.toml"
    path.write_text(text, "utf-8")
    return path


def test_overrides_win_and_follow_their_dates(tmp_path: Path) -> None:
    """The newest entry that is valid on the day, UTC, prices the call; before the first one the list does."""
    path = write(tmp_path, """
        [[price]]
        model = "gpt-4o-mini"
        from = 2026-01-01
        input_per_million = 1
        output_per_million = 2.5
        [[price]]
        model = "gpt-4o-mini"
        from = 2026-07-01
        input_per_million = "3"
        output_per_million = 4
        cache_read_per_million = 0.5
    """)  # fmt: skip
    prices = Prices(path)
    usage = Usage(input_fresh=1000, cache_read=1000, output_visible=1000)

    def total(at: datetime) -> Decimal:
        cost = prices.cost("openai", "gpt-4o-mini", usage, at)
        assert cost is not None
        return cost.total * 1000

    assert total(datetime(2025, 12, 31, 23, tzinfo=UTC)) == Decimal("0.825")
    assert total(datetime(2026, 1, 1, tzinfo=UTC)) == Decimal("4.5")
    assert total(datetime(2026, 7, 1, tzinfo=UTC)) == Decimal("7.5")
    tokyo = timezone(timedelta(hours=9))
    assert total(datetime(2026, 7, 1, 8, tzinfo=tokyo)) == Decimal("4.5"), "it is still June in UTC"


def test_prefixes_and_providers_of_overrides(tmp_path: Path) -> None:
    """A name ending in * is a prefix; a provider restricts; cache writes cost what is said."""
    path = write(tmp_path, """
        [[price]]
        model = "qwen3-*"
        provider = "local"
        input_per_million = 0.2
        cache_write_per_million = 0.3
        cache_write_1h_per_million = 0.4
    """)  # fmt: skip
    prices = Prices(path)
    usage = Usage(input_fresh=1, cache_write_5m=1, cache_write_1h=1, output_visible=5)
    cost = prices.cost("local", "qwen3-32b", usage, AT)
    assert cost is not None
    assert (cost.input, cost.output) == (Decimal("0.0000009"), Decimal(0))
    assert cost.price_id == "override/qwen3-*@2000-01-01"
    assert prices.cost("groq", "qwen3-32b-none", usage, AT) is None
    assert prices.cost("local", "qwen2", usage, AT) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[price]\n", "cannot be read as TOML"),
        ("[[price]]\ninput_per_million = 1\n", "number 1: 'model' is missing"),
        ('[[price]]\nmodel = "m"\n', "'input_per_million' is missing"),
        ('[[price]]\nmodel = "m"\ninput_per_million = "cheap"\n', "'input_per_million' must be a number"),
        ('[[price]]\nmodel = "m"\ninput_per_million = true\n', "'input_per_million' must be a number"),
        ('[[price]]\nmodel = "m"\ninput_per_million = -1\n', "must be 0 or more"),
        ('[[price]]\nmodel = "m"\ninput_per_million = 1\nfrom = "soon"\n', "'from' must be a date"),
        ('[[price]]\nmodel = "m"\ninput_per_million = "1e999999999"\n', "must be 0 or more and below"),
        (f'[[price]]\nmodel = "m"\ninput_per_million = {"9" * 5000}\n', "cannot be read as TOML"),
        (f"price = {'[' * 50_000}", "cannot be read as TOML"),
        ('[[price]]\nmodel = "m"\ninput_per_milion = 1\n', "unknown field 'input_per_milion'"),
    ],
)
def test_a_bad_file_is_named_with_entry_and_field(tmp_path: Path, text: str, reason: str) -> None:
    """The message says which file, which entry and what is wrong."""
    path = write(tmp_path, text)
    with pytest.raises(PricesError) as caught:
        Prices(path)
    assert isinstance(caught.value, KansokuError)
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)


def test_the_encodings_of_windows_are_read_or_named(tmp_path: Path) -> None:
    """Its editors mark UTF-8, which is no mistake in line 1; its UTF-16 is told what to be saved as."""
    path, text = tmp_path / "prices.toml", '[[price]]\nmodel = "own"\ninput_per_million = 2\n'
    path.write_text(text, encoding="utf-8-sig")
    cost = Prices(path).cost("x", "own", Usage(input_fresh=1_000_000), AT)
    assert cost is not None
    assert cost.total == 2
    path.write_text(text, encoding="utf-16")
    with pytest.raises(PricesError, match="is not UTF-8, save it as that"):
        Prices(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file is an error of its own, not an empty list of prices."""
    with pytest.raises(PricesError, match="cannot be read"):
        Prices(tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-pro", "own", "unknown"])
@pytest.mark.parametrize("extra", [{}, {"audio_in": 40}, {"cache_read": 900, "cache_write_1h": 70}])
def test_the_quick_total_is_the_exact_cost_as_a_double(
    tmp_path: Path, name: str, extra: dict[str, int]
) -> None:
    """What a call's own thread computes in whole numbers is the decimal sum to the last bit, tiers too."""
    file = tmp_path / "prices.toml"
    file.write_text('[[price]]\nmodel = "own"\ninput_per_million = 0.07\noutput_per_million = 0.31\n')
    prices = Prices(file)
    hour = 497_000
    for fresh in (1, 333, 1873, 250_001):
        usage = Usage(input_fresh=fresh, output_visible=417, reasoning=3, **extra)
        cost = prices.cost("", name, usage, datetime.fromtimestamp(hour * 3600, UTC))
        expected = None if cost is None else (float(cost.total), cost.price_id)
        assert prices.dollars("", name, usage, hour) == expected
