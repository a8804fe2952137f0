"""What decides a price besides tokens: the tier a call was served in, what it used by the piece, its time."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from kansoku import semconv
from kansoku.pricing.price_regions import is_regional

# What vendors call the ordinary price; anything else is a price of its own.
ORDINARY = frozenset(
    {
        "",
        "auto",
        "default",
        "standard",
        "standard_only",
        "on_demand",
        "unspecified",
        "service_tier_unspecified",
    }
)
# The answer's tier before the request's: what was asked for as flex may be served, and billed, as standard.
_TIERS = (
    semconv.SERVICE_TIER,
    semconv.RESPONSE_TIER,
    "gen_ai.openai.response.service_tier",
    "gen_ai.response.service_tier",
    semconv.REQUEST_SERVICE_TIER,
    "gen_ai.openai.request.service_tier",
)
# Attribute -> what is counted; the names are those of the overrides file, `per_<name>`.
_UNITS = {
    semconv.WEB_SEARCHES: "web_search",
    semconv.SERVER_TOOL_CALLS.format("file_search"): "file_search",
    semconv.SERVER_TOOL_CALLS.format("code_interpreter"): "code_execution",
    semconv.SERVER_TOOL_CALLS.format("code_execution"): "code_execution",
    semconv.SERVER_TOOL_CALLS.format("google_maps"): "maps_search",
    semconv.SEARCH_UNITS: "search_unit",
    semconv.PAGES: "page",
    semconv.ANNOTATED_PAGES: "annotated_page",
    semconv.CHARACTERS: "character",
    semconv.CITATION_TOKENS: "citation_token",
    semconv.IMAGES: "image",
    semconv.AUDIO_SECONDS: "audio_second",
    semconv.IMAGE_OUTPUT_TOKENS: "image_output_token",
    semconv.VIDEO_INPUT_TOKENS: "video_token",
    semconv.VIDEO_OUTPUT_TOKENS: "video_output_token",
    semconv.CACHE_READ_AUDIO_TOKENS: "cached_audio_token",
    semconv.CACHE_READ_IMAGE_TOKENS: "cached_image_token",
}
TIERS = frozenset(_TIERS)
PIECES = frozenset(_UNITS)  # attributes
# Requests of a sum that nobody counted: as many as make none of them a long one, which an agent avoids.
_SEVERAL = 10**9
_SPECIAL = frozenset((*_TIERS, *_UNITS, semconv.BATCH_REQUESTS, semconv.USAGE_UNBILLED))
ATTRIBUTES = _SPECIAL | {semconv.SERVER_ADDRESS, semconv.INFERENCE_GEO}


class Terms(NamedTuple):
    """Everything but tokens that decides a price; nothing of it for an ordinary call."""

    tier: str = ""  # flex, priority, fast, batch or another of the vendor's; "" is the standard one
    units: tuple[tuple[str, Decimal], ...] = ()  # (what, how many), such as ("web_search", 3)
    seconds: Decimal = Decimal(0)  # how long the call took
    requests: int = 1  # whose sum the tokens are: of a batch or a run more than one
    free: bool = False  # the vendor counts the tokens and does not bill them
    regional: bool = False  # bound to a region, where some vendors ask more

    def number_of(self, unit: str) -> Decimal:
        """Return how many of a unit the call used."""
        return next((number for name, number in self.units if name == unit), Decimal(0))


NO_TERMS = Terms()


def read_terms(
    attributes: Mapping[str, Any], provider: str = "", seconds: Decimal = Decimal(0), host: str = ""
) -> Terms:
    """Return the terms that a span's attributes tell, and the `host` that was asked if they leave it out."""
    told = host or attributes.get(semconv.SERVER_ADDRESS) or ""
    regional = is_regional(told, attributes.get(semconv.INFERENCE_GEO) or "")
    if attributes.keys().isdisjoint(_SPECIAL):
        return Terms(seconds=seconds, regional=regional) if seconds or regional else NO_TERMS
    units: dict[str, Decimal] = {}
    for attribute in attributes.keys() & _UNITS.keys():
        unit, number = _UNITS[attribute], _number(attributes[attribute])
        if number:
            units[unit] = units.get(unit, Decimal(0)) + number
    tier = _tier(attributes, provider)
    batch = attributes.get(semconv.BATCH_REQUESTS)
    requests = _SEVERAL if batch == semconv.SEVERAL else max(1, int(_number(batch)))
    free = str(attributes.get(semconv.USAGE_UNBILLED)).lower() == "true"  # as a text in the store
    # An ordinary call names its tier, too; its cost is computed in whole numbers if nothing is special.
    if not (tier or units or seconds or requests > 1 or free or regional):
        return NO_TERMS
    return Terms(tier, tuple(sorted(units.items())), seconds, requests, free, regional)


def _tier(attributes: Mapping[str, Any], provider: str) -> str:
    for name in _TIERS:
        value = attributes.get(name)
        if value:
            tier = str(value).strip().lower().removeprefix("on_demand_")
            # Groq sells flex at its ordinary price: more tokens a minute, and failures when it is full.
            return "" if tier in ORDINARY or (provider, tier) == ("groq", "flex") else tier
    return ""


def _number(value: Any) -> Decimal:
    try:
        number = Decimal(str(value)) if value is not None and not isinstance(value, bool) else Decimal(0)
    except ArithmeticError:
        return Decimal(0)
    return number if number.is_finite() and 0 < number < 10**12 else Decimal(0)
