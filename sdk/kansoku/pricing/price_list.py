"""List prices: what the `genai-prices` package knows of a model at an hour, and the cost of a usage by it."""

import copy
import importlib.metadata
import math
import re
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, NamedTuple

from kansoku.pricing.price_names import ROUTER, listed_provider, served_by, spellings
from kansoku.pricing.price_regions import costs_more, regional_price, times
from kansoku.pricing.price_terms import Terms
from kansoku.usage import Usage

# A model served on one's own machines has no list price, even when its name is also sold elsewhere.
_SELF_HOSTED = frozenset({"local", "ollama", "vllm", "llama.cpp", "lmstudio", "transformers"})
_MILLION = Decimal(1_000_000)
# Unit of a call's terms -> the list's name for it, and for its price.
_PIECES = {
    "web_search": ("web_searches", "web_searches_kcount"),
    "file_search": ("storage_searches", "storage_searches_kcount"),
    "code_execution": ("code_executions", "code_executions_kcount"),
    "search_unit": ("rerank_searches", "rerank_searches_kcount"),
    "page": ("input_document_pages", "input_document_kpages"),
    "annotated_page": ("input_annotated_document_pages", "input_annotated_document_kpages"),
    "character": ("input_characters", "input_mchars"),
    "image_output_token": ("output_image_tokens", "output_image_mtok"),
    "video_token": ("input_video_tokens", "input_video_mtok"),
    "video_output_token": ("output_video_tokens", "output_video_mtok"),
    "citation_token": ("output_citation_tokens", "output_citation_mtok"),
}
# Pieces that vendors bill beside tokens: used without a price, a cost is only a part of what was paid.
_BESIDE_TOKENS = frozenset({"web_search", "file_search", "maps_search", "search_unit", "page"})
# A router whose images cost ten times what its texts do; the list has the price of the texts.
_TEXT_ALONE = "openrouter/"
# Models that hear and speak at many times the price of text, for which the list has that of text alone.
_SPEAKING = re.compile(r"(?:openrouter/)?openai/gpt-(?:\w+-)*audio")
# Parts of the tokens, not pieces beside them.
_PARTS = frozenset({"cached_audio_token", "cached_image_token"})
# Google bills grounding by the prompt up to Gemini 2.5, by the search since (ai.google.dev, "Pricing").
_BY_PROMPT = re.compile(r"gemini-[12]\b")


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars of one call; `total == input + output` exactly."""

    input: Decimal
    output: Decimal
    price_id: str
    missing: tuple[str, ...] = ()  # pieces that the call used and no price is known for

    @property
    def total(self) -> Decimal:
        """Dollars of the whole call."""
        return self.input + self.output

    def times(self, factor: Decimal) -> "Cost":
        """Return the same at a price that is multiplied, as the name of the price tells."""
        name = multiplied(self.price_id, factor)
        return replace(self, input=self.input * factor, output=self.output * factor, price_id=name)


def multiplied(price_id: str, factor: Decimal) -> str:
    """Return the name of a price that is multiplied."""
    return f"{price_id}*{factor.normalize():f}"


class Sheet(NamedTuple):
    """What a model costs at an hour: dollars per token, which hold up to `limit` input tokens."""

    price: Any
    price_id: str
    flat: tuple[Decimal, ...] | None  # fresh, cache read, cache write, one-hour cache write, output
    limit: float


def list_cost(provider: str, model: str, usage: Usage, hour: datetime, terms: Terms) -> Cost | None:
    """Return what `usage` costs by the list at an hour; None where the list has no price for it."""
    sheet = list_sheet(provider, model, hour, terms.tier, terms.regional)
    if sheet is None:
        return None
    price, price_id, flat, limit = sheet
    if (
        flat is None
        or usage.audio_in
        or usage.audio_out
        or usage.image
        or usage.input_tokens > limit * terms.requests
        or terms.units
    ):
        return _listed_cost(price, price_id, usage, terms)
    fresh, read, write, write_1h, answer = flat
    prompt = (
        usage.input_fresh * fresh
        + usage.cache_read * read
        + usage.cache_write_5m * write
        + usage.cache_write_1h * write_1h
    )
    return Cost(prompt, usage.output_tokens * answer, price_id)


def _listed_cost(price: Any, price_id: str, usage: Usage, terms: Terms) -> Cost | None:
    from genai_prices import Usage as ListUsage  # noqa: PLC0415 - 40 ms that a program without calls never pays

    counts: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        "cache_read_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_write_1h_tokens": usage.cache_write_1h,
        "output_tokens": usage.output_tokens,
        "input_audio_tokens": usage.audio_in,
        "output_audio_tokens": usage.audio_out,
    }
    if price.input_image_mtok is not None:
        counts["input_image_tokens"] = usage.image
    _add_cached(counts, price, usage, terms)
    if price.output_reasoning_mtok is not None:
        counts["output_reasoning_tokens"] = usage.reasoning
    pieces, missing = _pieces(price, price_id, usage, terms)
    if (usage.audio_in or usage.audio_out) and price.input_audio_mtok is None and _SPEAKING.match(price_id):
        missing = (*missing, "audio_token")
    counts["output_tokens"] += pieces.get("output_citation_tokens", 0)  # which the list has among them
    try:
        result = price.calc_price(ListUsage(**counts, **pieces))
    except (ValueError, LookupError):
        return None
    tokens = usage.input_tokens + usage.output_tokens
    if not result["total_price"] and (missing or (tokens and price.input_mtok is None)):
        return None
    # What has no direction (a price per request) is paid for asking.
    answer = result["output_price"]
    return Cost(result["total_price"] - answer, answer, price_id, missing)


def _add_cached(counts: dict[str, Any], price: Any, usage: Usage, terms: Terms) -> None:
    """Add the sounds and images among the cached tokens, where the list sells them at prices of their own.

    Without them such a price cannot be computed at all: where a vendor does not tell them, all is text.
    """
    left = usage.cache_read
    for kind in ("audio", "image"):
        if getattr(price, f"cache_{kind}_read_mtok") is not None:
            cached = min(int(terms.number_of(f"cached_{kind}_token")), left)
            left -= cached
            counts[f"cache_{kind}_read_tokens"] = cached
            # The list counts them among both.
            counts[f"input_{kind}_tokens"] = counts.get(f"input_{kind}_tokens", 0) + cached


def _pieces(
    price: Any, price_id: str, usage: Usage, terms: Terms
) -> tuple[dict[str, Decimal], tuple[str, ...]]:
    """Return what the call used by the piece in the list's names, and what of it has no price."""
    counts: dict[str, Decimal] = {}
    missing = []
    for unit, number in terms.units:
        if unit == "audio_second":
            priced = price.audio_hours is not None or price.input_audio_hours is not None
            billed = max(number, Decimal(10)) if price_id.startswith("groq/") else number  # ten at the least
            counts |= {"audio_seconds": billed, "input_audio_seconds": billed} if priced else {}
        elif unit in _PARTS:
            continue
        elif unit == "image":
            priced = False  # the list knows images by their tokens alone
        elif unit == "maps_search":
            # Sold like searches since Gemini 3; the price by the prompt before is not in the list.
            priced = price.web_searches_kcount is not None and not _BY_PROMPT.search(price_id)
            if priced:
                counts["web_searches"] = counts.get("web_searches", Decimal(0)) + number
        else:
            name, key = _PIECES[unit]
            priced = getattr(price, key) is not None
            if priced:
                by_prompt = unit == "web_search" and _BY_PROMPT.search(price_id)
                counts[name] = counts.get(name, Decimal(0)) + (
                    min(number, Decimal(1)) if by_prompt else number
                )
        tokens_pay = unit not in _BESIDE_TOKENS and (usage.input_tokens or usage.output_tokens)
        apart = unit in (*_BESIDE_TOKENS, "image", "audio_second", "character") and not tokens_pay
        if unit == "image_output_token":
            apart = price_id.startswith(_TEXT_ALONE)
        if apart and not priced:
            missing.append(unit)
    return counts, tuple(missing)


@lru_cache(maxsize=4096)
def list_sheet(
    provider: str, model: str, hour: datetime, tier: str = "", regional: bool = False
) -> Sheet | None:
    """Return the prices of a model at an hour in a tier, anywhere or in a region."""
    found = _listed(provider, model)
    if found is None:
        return None
    info, price_id = found
    price = _priced_in(info, hour, tier)
    if price is None:
        return None
    if tier:
        price_id += f"+{tier}"
    if regional and costs_more(price_id.partition("/")[0], info.id):
        price, price_id = regional_price(price), f"{price_id}+regional"
    return Sheet(price, price_id, *_flat(price))


def _priced_in(info: Any, hour: datetime, tier: str) -> Any:
    """Return a model's prices at an hour in a tier; None where the list has none for it."""
    if not tier:
        return _for_an_hour(info.get_prices(hour), info.id)
    for key in ("processing",) if tier == "batch" else ("service_tier", "speed"):
        context = {key: tier}
        if any(v.when == context and _holds(v.constraint, hour) for v in info.price_variants or ()):
            return _for_an_hour(info.get_prices(hour, context), info.id)
    return None  # the ordinary price is not what was paid


def _for_an_hour(price: Any, model: str) -> Any:
    """Return the prices of a model of Anthropic's with that of a cache for an hour: twice the input's.

    It is so wherever these models are sold (docs.claude.com and openrouter.ai, "Prompt caching"). Of some
    sellers the list has it not, and the price of five minutes would be too little.
    """
    if "claude" not in model or price.cache_write_mtok is None or price.cache_write_1h_mtok is not None:
        return price
    found = copy.copy(price)
    if price.input_mtok is not None:
        found.cache_write_1h_mtok = times(price.input_mtok, Decimal(2))
    return found


def _holds(constraint: Any, hour: datetime) -> bool:
    return constraint is None or bool(constraint.active(hour))


@lru_cache(maxsize=1024)
def _listed(provider: str, model: str) -> tuple[Any, str] | None:
    """Return the list's entry for a model, and its price id; None when it has no price."""
    if provider in _SELF_HOSTED or not model:
        return None
    from genai_prices import data_snapshot  # noqa: PLC0415

    snapshot = data_snapshot.get_snapshot()
    provider, model = served_by(provider, model)
    known = is_listed(provider) or provider.partition("_")[0] == ROUTER
    for vendor_name, name in spellings(listed_provider(provider) if known else "", model):
        try:
            # A known vendor that does not sell a model: another vendor's price would be a guess. So would be
            # any where a router has the prices of several, and did not say whose model it is.
            vendor, info = snapshot.find_provider_model(name, None, vendor_name or None, None)
        except LookupError:
            continue
        return info, f"{vendor.id}/{info.id}@genai-prices-{list_version()}"
    return None


@cache
def is_listed(provider: str) -> bool:
    """Tell whether the price list knows a provider."""
    from genai_prices import data_snapshot  # noqa: PLC0415

    return any(vendor.id == listed_provider(provider) for vendor in data_snapshot.get_snapshot().providers)


@cache
def list_version() -> str:
    """Return the version of the price list."""
    return importlib.metadata.version("genai-prices")


def _flat(price: Any) -> tuple[tuple[Decimal, ...] | None, float]:
    """Return dollars per token (fresh, cache read, cache write, for an hour, output), and how far they hold.

    None instead of dollars: such a price is not a sum over these five.
    """
    write_1h = price.cache_write_mtok if price.cache_write_1h_mtok is None else price.cache_write_1h_mtok
    mtok = [price.input_mtok, price.cache_read_mtok, price.cache_write_mtok, write_1h, price.output_mtok]
    # Above the first tier's start, the tier's rate holds for every token of the call.
    starts = [tier.start for value in mtok for tier in getattr(value, "tiers", ())]
    fresh, read, write, write_1h, answer = (getattr(value, "base", value) for value in mtok)
    by_token = price.requests_kcount is None and price.output_reasoning_mtok is None
    if not by_token or not isinstance(fresh, Decimal):
        return None, 0
    per_token = tuple(
        (fresh if value is None else value) / _MILLION
        for value in (fresh, read, write, write_1h, Decimal(0) if answer is None else answer)
    )
    return per_token, min(starts, default=math.inf)


def list_name(provider: str, model: str) -> str:
    """Return the price list's own name of a model, "" when it is not in the list."""
    found = _listed(provider, model)
    return str(found[0].id) if found else ""
