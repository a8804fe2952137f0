"""The rules of the ledger: each price at its time, in its tier, by the piece and the hour, under any name."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kansoku.errors import PricesError
from kansoku.pricing.prices import Prices
from kansoku.usage import Usage
from kansoku_collector.enrich import cost as cost_module
from kansoku_collector.enrich.cost import PriceFile, pricing
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import Span

MILLION = Decimal(1_000_000)
ARN = "arn:aws:bedrock:us-east-1:1:inference-profile/"


def at(text):
    """Return nanoseconds of an ISO time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def priced(prices=None, *, when="2026-11-02T10:30:00", attributes=None, **fields):
    """Return a call after pricing; 1,000 tokens in and 100 out unless said otherwise."""
    base = {
        "start": at(when), "duration_ns": 2 * 10**9, "operation": "chat", "billed": True,
        "provider": "openai", "request_model": "gpt-5", "usage_source": "reported",
        "input_fresh": 1000, "output_visible": 100,
        "attributes": {key: str(value) for key, value in (attributes or {}).items()},
    }  # fmt: skip
    span = Span(**(base | fields))
    pricing(prices or Prices(), Metrics())(span)
    return span


def own(tmp_path, text):
    """Return prices with an overrides file."""
    path = tmp_path / "prices.toml"
    path.write_text(text, "utf-8")
    return Prices(path)


def test_a_price_that_changed_on_a_day_changes_at_midnight_utc(tmp_path):
    """The last second of the old price and the first of the new one, and nothing after its last day."""
    prices = own(tmp_path, """
        [[price]]
        model = "m"
        from = 2026-11-01
        input_per_million = 1
        [[price]]
        model = "m"
        from = 2026-11-02
        until = 2026-11-03
        input_per_million = 3
    """)  # fmt: skip
    times = ("2026-10-31T23:59:59", "2026-11-01T23:59:59", "2026-11-02T00:00:00", "2026-11-03T00:00:00")
    found = [priced(prices, when=when, request_model="m", provider="acme") for when in times]
    assert [(span.cost_source, span.cost_usd * 1000) for span in found] == [
        ("unpriced", 0),
        ("computed", 1),
        ("computed", 3),
        ("computed", 1),
    ]


@pytest.mark.parametrize(
    ("attributes", "dollars", "suffix"),
    [
        ({}, (1000 * Decimal("1.25") + 100 * 10) / MILLION, ""),
        ({"openai.response.service_tier": "default"}, (1000 * Decimal("1.25") + 100 * 10) / MILLION, ""),
        ({"openai.response.service_tier": "flex"}, (1000 * Decimal("0.625") + 100 * 5) / MILLION, "+flex"),
        ({"openai.response.service_tier": "priority"}, (2500 + 100 * Decimal(20)) / MILLION, "+priority"),
        ({"openai.request.service_tier": "flex"}, (1000 * Decimal("0.625") + 100 * 5) / MILLION, "+flex"),
        # asked for as flex, served as standard: the answer says what is billed
        ({"openai.request.service_tier": "flex", "openai.response.service_tier": "default"},
         (1000 * Decimal("1.25") + 100 * 10) / MILLION, ""),
        ({"openai.request.service_tier": "auto"}, (1000 * Decimal("1.25") + 100 * 10) / MILLION, ""),
    ],
)  # fmt: skip
def test_a_tier_has_its_own_price(attributes, dollars, suffix):
    """gpt-5 is 1.25 and 10 a million, half in flex and double in priority; the price's name says which."""
    span = priced(attributes=attributes)
    assert (span.cost_usd, span.cost_source) == (dollars, "computed")
    assert span.price_id.startswith("openai/gpt-5@genai-prices-")
    assert span.price_id.partition("+")[2] == suffix[1:]


def test_anthropic_batches_cost_half():
    """claude-sonnet-4-5 is 3 and 15, in a batch 1.5 and 7.5."""
    fields = {"provider": "anthropic", "request_model": "claude-sonnet-4-5"}
    span = priced(attributes={"kansoku.response.service_tier": "batch"}, **fields)
    assert span.cost_usd == (1000 * Decimal("1.5") + 100 * Decimal("7.5")) / MILLION
    assert priced(attributes={"kansoku.response.service_tier": "standard"}, **fields).cost_usd == Decimal(
        "0.0045"
    )


@pytest.mark.parametrize(
    ("provider", "model", "attributes", "buckets", "dollars"),
    [
        # 15 dollars a million letters that are spoken; of a model that is paid by tokens nobody counted them
        ("openai", "tts-1", {"characters": 2000}, None, Decimal("0.03")),
        ("openai", "gpt-4o-mini-tts", {"characters": 2000}, None, None),
        # 2 dollars a thousand pages, 3 where a model describes them
        ("mistral_ai", "mistral-ocr-2512", {"pages": 10}, None, Decimal("0.02")),
        ("mistral_ai", "mistral-ocr-2512", {"pages": 10, "annotated_pages": 10}, None, Decimal("0.03")),
        # the example of Perplexity's own page
        ("perplexity", "sonar-deep-research", {"citation_tokens": 19028, "web_search.requests": 21},
         {"input_fresh": 33, "output_visible": 11395, "reasoning": 193947}, Decimal("0.816")),
        # 12 dollars a thousand requests, and nothing for what it cites
        ("perplexity", "sonar", {"citation_tokens": 19028}, {"input_fresh": 1000}, Decimal("0.013")),
    ],
)  # fmt: skip
def test_what_is_paid_by_another_measure_has_its_price(provider, model, attributes, buckets, dollars):
    """Letters, pages and what was read are none of the tokens; without a price the call says so."""
    usage = {"input_fresh": 0, "output_visible": 0, "usage_source": "none"}
    if buckets:
        usage |= {"usage_source": "reported", **buckets}
    counted = {f"kansoku.usage.{name}": number for name, number in attributes.items()}
    span = priced(provider=provider, request_model=model, attributes=counted, **usage)
    assert span.cost_source == ("unpriced" if dollars is None else "computed")
    assert dollars is None or abs(span.cost_usd - dollars) < Decimal("0.001")


def test_videos_have_prices_of_their_own():
    """To embed one costs sixty times what a text costs; to make one twice."""
    attributes = {"gen_ai.usage.video.input_tokens": 900}
    fields = {"provider": "gcp.gemini", "output_visible": 0}
    span = priced(request_model="gemini-embedding-2", attributes=attributes, **fields)
    assert span.cost_usd == (100 * Decimal("0.2") + 900 * 12) / MILLION
    made = {"gen_ai.usage.video.output_tokens": 90}
    span = priced(provider="gcp.gemini", request_model="gemini-omni-1.1-flash", attributes=made)
    assert span.cost_usd == (1000 * Decimal("1.5") + 10 * 9 + 90 * Decimal("17.5")) / MILLION


def test_what_a_vendor_counts_and_does_not_bill_costs_nothing(tmp_path):
    """A refusal before a word, at the list's price and at one of one's own: a cost of zero is known."""
    fields = {"provider": "anthropic", "request_model": "claude-opus-5"}
    for prices in (None, own(tmp_path, '[[price]]\nmodel = "claude-opus-5"\ninput_per_million = 2\n')):
        span = priced(prices, attributes={"kansoku.usage.unbilled": "true"}, **fields)
        assert (span.cost_usd, span.cost_source, span.input_fresh) == (0, "computed", 1000)
        assert priced(prices, **fields).cost_usd


def test_tokens_of_an_answer_made_in_the_us_cost_a_tenth_more():
    """At Anthropic itself; a search is paid as ever, and elsewhere is no dearer."""
    place = {"kansoku.response.inference_geo": "us", "kansoku.usage.web_search.requests": 1}
    fields = {"provider": "anthropic", "request_model": "claude-opus-5"}
    plain = priced(**fields).cost_usd
    assert priced(attributes=place, **fields).cost_usd == plain * Decimal("1.1") + Decimal("0.01")
    place["kansoku.response.inference_geo"] = "global"
    assert priced(attributes=place, **fields).cost_usd == plain + Decimal("0.01")


def test_a_tier_without_a_price_is_unpriced_until_one_is_given(tmp_path):
    """The standard price is not what a reserved tier costs; an entry for the tier, or for all tiers, is."""
    tier = {"openai.response.service_tier": "scale"}
    assert priced(attributes=tier).cost_source == "unpriced"
    every = '[[price]]\nmodel = "gpt-5"\ninput_per_million = 2\n'
    exact = every + '[[price]]\nmodel = "gpt-5"\ntier = "scale"\ninput_per_million = 5\n'
    assert priced(own(tmp_path, every), attributes=tier).cost_usd == Decimal("0.002")
    span = priced(own(tmp_path, exact), attributes=tier)
    assert (span.cost_usd, span.price_id) == (Decimal("0.005"), "override/gpt-5@2000-01-01+scale")
    assert priced(own(tmp_path, exact)).cost_usd == Decimal("0.002")


def test_groqs_flex_is_its_ordinary_price():
    """Groq sells flex at the on-demand price."""
    fields = {"provider": "groq", "request_model": "llama-3.1-8b-instant"}
    flex = priced(attributes={"openai.response.service_tier": "flex"}, **fields)
    assert flex.cost_source == "computed"
    assert flex.cost_usd == priced(**fields).cost_usd


@pytest.mark.parametrize(
    ("fresh", "rate"), [(200_000, Decimal(3)), (200_001, Decimal(6))], ids=["up to", "above"]
)
def test_a_long_context_has_its_own_price(fresh, rate):
    """Above 200,000 input tokens every token of the call has the higher price."""
    span = priced(
        provider="anthropic", request_model="claude-sonnet-4-5", input_fresh=fresh, output_visible=0
    )
    assert span.cost_usd == fresh * rate / MILLION


def test_ones_own_long_context_price(tmp_path):
    """`above` works the same way, also where the list prices the rest."""
    prices = own(tmp_path, '[[price]]\nmodel = "gpt-5"\nabove = 1000\ninput_per_million = 9\n')
    assert priced(prices).cost_usd == Decimal("0.00225")
    span = priced(prices, input_fresh=1001)
    assert (span.cost_usd, span.price_id) == (Decimal("0.009009"), "override/gpt-5@2000-01-01+above-1000")


def test_an_hour_of_cache_costs_twice_the_input():
    """Anthropic: reading a tenth, writing for five minutes 1.25 times, for an hour twice the input price."""
    fields = {
        "provider": "anthropic",
        "request_model": "claude-opus-4-5",
        "input_fresh": 0,
        "output_visible": 0,
    }
    base = 1000 * Decimal(5) / MILLION
    for bucket, factor in (("cache_read", "0.1"), ("cache_write_5m", "1.25"), ("cache_write_1h", "2")):
        assert priced(**fields, **{bucket: 1000}).cost_usd == base * Decimal(factor), bucket


def test_searches_are_paid_beside_tokens():
    """Ten dollars a thousand searches at Anthropic, by the attribute that the SDK writes."""
    fields = {"provider": "anthropic", "request_model": "claude-opus-4-5"}
    span = priced(attributes={"kansoku.usage.web_search.requests": 3}, **fields)
    assert span.cost_usd == priced(**fields).cost_usd + 3 * Decimal("0.01")
    assert span.cost_input_usd == Decimal("0.005") + 3 * Decimal("0.01")


@pytest.mark.parametrize(
    ("model", "dollars"), [("gemini-2.5-flash", "0.035"), ("gemini-3-pro-preview", "0.042")]
)
def test_google_bills_grounding_by_the_prompt_and_later_by_the_search(model, dollars):
    """Three searches of one prompt are one grounded prompt up to Gemini 2.5, and three searches since."""
    fields = {"provider": "gcp.gemini", "request_model": model}
    plain, grounded = priced(**fields), priced(attributes={"kansoku.usage.web_search.requests": 3}, **fields)
    assert grounded.cost_usd - plain.cost_usd == Decimal(dollars)


def test_a_piece_without_a_price_makes_the_cost_a_lower_bound():
    """The tokens' part is kept, the call counts as unpriced, and the row names what is missing."""
    fields = {"provider": "groq", "request_model": "llama-3.1-8b-instant"}
    span = priced(attributes={"kansoku.usage.web_search.requests": 2}, **fields)
    assert (span.cost_usd, span.cost_source) == (priced(**fields).cost_usd, "unpriced")
    assert span.attributes["kansoku.cost.unpriced"] == "web_search"


def test_seconds_pages_and_images_need_no_tokens(tmp_path):
    """Speech by the second, pages by the thousand, images where one has a price for them."""
    nothing = {"usage_source": "none", "input_fresh": 0, "output_visible": 0}
    speech = priced(
        request_model="whisper-1", attributes={"kansoku.usage.audio.input_seconds": 90}, **nothing
    )
    assert (speech.cost_usd, speech.cost_source) == (Decimal("0.009"), "computed")
    pages = {"kansoku.usage.pages": 7}
    read = priced(provider="mistral_ai", request_model="mistral-ocr-2512", attributes=pages, **nothing)
    assert read.cost_usd == Decimal("0.014")
    images = {"request_model": "dall-e-3", "attributes": {"kansoku.usage.images": 2}, **nothing}
    assert priced(**images).cost_source == "unpriced"
    drawn = priced(own(tmp_path, '[[price]]\nmodel = "dall-e-3"\nper_image = 0.04\n'), **images)
    assert (drawn.cost_usd, drawn.cost_input_usd, drawn.cost_source) == (Decimal("0.08"), 0, "computed")


def test_a_machine_of_ones_own_costs_by_the_hour(tmp_path):
    """Two seconds at 3.60 an hour, with and without usage, and beside a price per request."""
    prices = own(
        tmp_path, '[[price]]\nmodel = "qwen3-*"\nprovider = "vllm"\nper_hour = 3.6\nper_request = 0.001\n'
    )
    fields = {"provider": "vllm", "request_model": "qwen3-32b"}
    assert priced(prices, **fields).cost_usd == Decimal("0.003")
    span = priced(prices, **fields, usage_source="none", input_fresh=0, output_visible=0, status="error")
    assert (span.cost_usd, span.cost_source) == (Decimal("0.003"), "computed")
    hour = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp()) // 3600
    assert prices.dollars("vllm", "qwen3-32b", Usage(10), hour) is None, "a running call has no duration yet"


@pytest.mark.parametrize(
    ("provider", "model", "price"),
    [
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc", "openai/ft:gpt-4o-mini"),
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws/regional.anthropic.claude"),
        ("aws.bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws/global.anthropic.claude"),
        ("aws.bedrock", ARN + "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
         "aws/regional.anthropic.claude"),
        ("", "bedrock/us.amazon.nova-lite-v1:0", "aws/amazon.nova-lite"),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", "google/claude-sonnet-4-5"),
        ("gcp.vertex_ai", "projects/p/locations/us/publishers/google/models/gemini-2.5-flash",
         "google/gemini-2.5-flash"),
        ("gcp.gen_ai", "projects/p/locations/us/publishers/google/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("gcp.gemini", "models/gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("", "vertex_ai/gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5"),
        ("", "openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("azure.ai.openai", "azure/gpt-4o-mini", "azure/gpt-4o-mini"),
    ],
)  # fmt: skip
def test_a_model_is_known_under_its_longer_names(provider, model, price):
    """Paths, ARNs, regions, dates and prefixes of routers lead to the seller's own price."""
    span = priced(provider=provider, request_model=model)
    assert span.cost_source == "computed"
    assert span.price_id.startswith(price)


def test_a_fine_tuned_model_is_not_priced_as_its_base():
    """A tuned model costs more than its base: where its own price is not known, none is guessed."""
    tuned, base = (priced(request_model=name) for name in ("ft:gpt-4o-mini-2024-07-18:a::b", "gpt-4o-mini"))
    assert tuned.cost_usd == 2 * base.cost_usd
    assert priced(request_model="ft:gpt-4.1-mini-2025-04-14:a::b").cost_source == "unpriced"


def test_an_alias_gives_a_deployment_its_models_price(tmp_path):
    """From its day on; by the request's name, or by the deployment that the SDK writes."""
    prices = own(
        tmp_path,
        '[[alias]]\nname = "chat-prod"\nmodel = "gpt-4o-mini"\nprovider = "azure"\nfrom = 2026-11-02\n',
    )
    fields = {"provider": "azure.ai.openai", "request_model": "chat-prod"}
    span = priced(prices, **fields)
    assert (span.cost_usd, span.price_id.partition("@")[0]) == (Decimal("0.00021"), "azure/gpt-4o-mini")
    assert priced(prices, when="2026-11-01T23:00:00", **fields).cost_source == "unpriced"
    named = priced(
        prices,
        provider="azure.ai.openai",
        request_model="",
        attributes={"kansoku.azure.deployment": "chat-prod"},
    )
    assert named.cost_usd == Decimal("0.00021")


def test_ones_own_price_of_either_name_goes_before_the_list(tmp_path):
    """A price for the name that was asked for wins over the list's price for the one that answered."""
    prices = own(tmp_path, '[[price]]\nmodel = "chat-prod"\ninput_per_million = 1\n')
    span = priced(prices, request_model="chat-prod", response_model="gpt-4o-mini-2024-07-18")
    assert (span.cost_usd, span.price_id) == (Decimal("0.001"), "override/chat-prod@2000-01-01")


def test_behind_a_router_the_seller_is_who_serves():
    """A router in the list has its own price; behind any other, the price is the provider's that served."""
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    behind = {"kansoku.response.upstream_provider": "Amazon Bedrock"}
    span = priced(provider="our-router", request_model=model, attributes=behind)
    assert span.price_id.startswith("aws/regional.anthropic")
    own_price = priced(provider="openrouter", request_model="anthropic/claude-sonnet-4.5", attributes=behind)
    assert own_price.price_id.startswith("openrouter/")


def test_hugging_face_has_a_price_for_each_provider_behind_it():
    """The list keeps them apart: what one takes for a model is not what the others take, nor is its name."""
    for behind in ("groq", "cerebras"):
        served = {"kansoku.response.upstream_provider": behind}
        span = priced(provider="huggingface", request_model="openai/gpt-oss-120b", attributes=served)
        assert span.price_id.startswith(f"huggingface_{behind}/")
        assert span.cost_source == "computed"


def test_images_of_openrouter_cost_what_it_says():
    """The list has the price of its models' texts alone, a twelfth: of images there is its own figure."""
    drawn = {"gen_ai.usage.image.output_tokens": 1290, "gen_ai.usage.cost": 0.0387036}
    known = {"provider": "openrouter", "request_model": "google/gemini-2.5-flash-image"}
    span = priced(**known, input_fresh=12, output_visible=1290, attributes=drawn)
    assert (span.cost_source, span.cost_usd) == ("reported", Decimal("0.0387036"))
    text = priced(**known, input_fresh=12, output_visible=20, attributes={})
    assert (text.cost_source, text.price_id[:11]) == ("computed", "openrouter/")


def test_what_a_program_states_that_it_paid_goes_first():
    """A contract's price is known to the program alone; it is said to be reported, also when priced anew."""
    span = priced(attributes={"kansoku.cost.stated_usd": "0.7"})
    assert (span.cost_usd, span.reported_usd, span.cost_source) == (
        Decimal("0.7"),
        Decimal("0.7"),
        "reported",
    )


def test_a_providers_names_are_one_in_the_overrides(tmp_path):
    """`azure` in the file is `azure.ai.openai` on a span."""
    prices = own(tmp_path, '[[price]]\nmodel = "m"\nprovider = "azure"\ninput_per_million = 1\n')
    assert priced(prices, provider="azure.ai.openai", request_model="m").cost_usd == Decimal("0.001")
    assert priced(prices, provider="acme", request_model="m").cost_source == "unpriced"


def test_the_documentations_file_is_one_that_is_read(tmp_path):
    """The page's example of an overrides file has no mistake."""
    page = Path(__file__).resolve().parents[2] / "docs/collector/ledger.md"
    found = own(tmp_path, page.read_text("utf-8").partition("```toml\n")[2].partition("```")[0]).overrides
    assert (len(found.prices), len(found.aliases)) == (2, 1)


def test_a_guessed_usage_is_an_estimate_and_both_figures_are_kept():
    """An estimate is no computation, and what a vendor reports stands beside our figure."""
    assert priced(usage_source="estimated").cost_source == "estimated"
    span = priced(attributes={"gen_ai.usage.cost": 0.5, "kansoku.cost.usd": 0.4})
    assert (span.cost_source, span.cost_usd, span.reported_usd) == (
        "computed",
        Decimal("0.00225"),
        Decimal("0.5"),
    )
    sdk = priced(attributes={"kansoku.cost.usd": 0.4}, request_model="own-7b", provider="acme")
    assert (sdk.cost_source, sdk.cost_usd, sdk.reported_usd) == ("reported", Decimal("0.4"), None)


def test_the_sdk_and_the_collector_have_one_price(tmp_path):
    """What a running program writes is what the collector computes, tiers and searches included."""
    from kansoku.pricing.price_terms import read_terms

    prices = Prices()
    for attributes in (
        {},
        {"openai.response.service_tier": "flex"},
        {"kansoku.usage.web_search.requests": 2},
        {"server.address": "eu.api.openai.com"},
    ):
        span = priced(prices, attributes=attributes)
        found = prices.dollars(
            "openai",
            "gpt-5",
            Usage(1000, output_visible=100),
            span.start // 3600 // 10**9,
            read_terms(attributes),
        )
        assert found == (float(span.cost_usd), span.price_id)


def test_a_changed_file_counts_within_seconds_and_a_broken_one_is_not_taken(tmp_path, monkeypatch, caplog):
    """The collector follows its overrides file; a mistake leaves the former prices in force and is said."""
    path = tmp_path / "prices.toml"
    path.write_text('[[price]]\nmodel = "m"\ninput_per_million = 1\n')
    prices = PriceFile(path)
    now = [0.0]
    monkeypatch.setattr(cost_module.time, "monotonic", lambda: now[0])

    def cost_after(text):
        path.write_text(text)
        os.utime(path, ns=(int(now[0] * 1e9) + 10**9,) * 2)
        now[0] += 10
        return priced(prices, request_model="m", provider="acme").cost_usd

    assert cost_after('[[price]]\nmodel = "m"\ninput_per_million = 2\n') == Decimal("0.002")
    assert cost_after("[[price]]\n") == Decimal("0.002")
    assert "'model' is missing" in caplog.text
    assert cost_after('[[price]]\nmodel = "m"\ninput_per_million = 3\n') == Decimal("0.003")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('\n[[price]]\nmodel = "m"\ninput_per_million = 1\nabove = "x"\n', ":5: [[price]] number 1: 'above'"),
        ('[[price]]\nmodel = "m"\nper_image = -1\n', ":3: [[price]] number 1: 'per_image' must be 0 or more"),
        ('[[price]]\nmodel = "m"\nper_hour = 1\nfrom = 2026-02-01\nuntil = 2026-01-01\n', ":5: "),
        ('[[alias]]\nname = "a"\n', ":1: [[alias]] number 1: 'model' is missing"),
        ('[[alias]]\nname = "a"\nmodel = "b"\ncost = 1\n', ":4: [[alias]] number 1: unknown field 'cost'"),
        ("[[prices]]\n", "unknown table 'prices'"),
        ("price = 1\n", "'price' must be written as [[price]]"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_line_and_field(tmp_path, text, reason):
    """Whoever edits the file by hand is told where to look."""
    with pytest.raises(PricesError) as caught:
        own(tmp_path, text)
    assert reason in str(caught.value)


COUNT = some.integers(0, 2**32 - 1)


@given(
    usage=some.builds(Usage, *[COUNT] * 9),
    name=some.sampled_from(
        [("openai", "gpt-5"), ("anthropic", "claude-sonnet-4-5"), ("google", "gemini-2.5-pro")]
    ),
    tier=some.sampled_from(["", "flex", "batch"]),
)
def test_the_parts_of_a_call_are_its_total(usage, name, tier):
    """Input and output add up to the stored cost to 1e-9, whatever the usage and the tier."""
    span = priced(
        provider=name[0], request_model=name[1], attributes={"openai.response.service_tier": tier},
        **usage._asdict(),
    )  # fmt: skip
    if span.cost_source == "unpriced":  # Anthropic and Google have no such tier
        assert (tier, name[0]) in {("flex", "anthropic"), ("flex", "google")}
        assert span.cost_usd == 0
    else:
        exact = Prices().cost(
            *name,
            usage,
            datetime.fromtimestamp(span.start / 1e9, UTC),
            cost_module.read_terms(span.attributes),
        )
        assert abs(span.cost_usd - exact.total) < Decimal("1e-9")
        assert abs(span.cost_input_usd + exact.output - span.cost_usd) < Decimal("1e-9")
        assert 0 <= span.cost_input_usd <= span.cost_usd


def examples():
    """Yield the worked examples of the documentation."""
    page = Path(__file__).resolve().parents[2] / "docs/collector/ledger.md"
    table = page.read_text("utf-8").partition("<!-- examples")[2].partition("\n### ")[0]
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and "=" in cells[2]:
            yield pytest.param(*cells, id=" ".join(cells[1:3]))


@pytest.mark.parametrize(("provider", "model", "terms", "dollars"), list(examples()))
def test_the_documentations_examples_are_computed(provider, model, terms, dollars):
    """Each line of the table costs what the page says."""
    given_terms = dict(part.split("=") for part in terms.split())
    usage = {name: int(given_terms.pop(name, 0)) for name in Usage._fields}
    names = {
        "tier": "openai.response.service_tier",
        "web_search": "kansoku.usage.web_search.requests",
        "audio_second": "kansoku.usage.audio.input_seconds",
        "host": "server.address",
        "geo": "kansoku.response.inference_geo",
    }
    attributes = {names[name]: value for name, value in given_terms.items()}
    source = "reported" if any(usage.values()) else "none"
    span = priced(provider=provider, request_model=model, attributes=attributes, usage_source=source, **usage)
    assert (span.cost_source if span.cost_source == "unpriced" else str(span.cost_usd.normalize())) == dollars
