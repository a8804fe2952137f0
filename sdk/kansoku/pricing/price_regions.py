"""What a call costs more because it was bound to a region: most vendors ask a tenth more for its tokens.

Which calls are, Anthropic tells in its answer (`inference_geo`), of the others the host that was asked.
Which models cost more there is each vendor's own rule, as of November 2026: platform.claude.com, "Data
residency" and "Claude on Vertex AI"; developers.openai.com, "Data residency"; docs.mistral.ai, "Regional
inference". On Bedrock the regions have models, and prices, of their own.
"""

import copy
import re
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

_MORE = Decimal("1.1")
_ANYWHERE = frozenset({"", "global", "not_available"})
_HOST = re.compile(
    r"[a-z]{2}\.api\.openai\.com"
    r"|api\.[a-z]{2}\.mistral\.ai"
    r"|[a-z0-9-]+-aiplatform\.googleapis\.com"
    r"|aiplatform\.[a-z]+\.rep\.googleapis\.com"
)
# Vendor -> the models, by their names in the list, whose price is the same everywhere: those that were there
# before the rule, so that a new one needs no change here.
_SAME_EVERYWHERE = {
    "anthropic": re.compile(r"claude-(?:v?[123]\b|instant|(?:opus|sonnet|haiku)-4-[015]$)"),
    "google": re.compile(
        r"(?!claude|gemini-(?:3\.[1-9]|[4-9]|\d\d))|claude-(?:[1-4]-|instant|opus-4-[01]$|sonnet-4-0$)"
    ),
    "mistral": re.compile(r"(?!)"),
    "openai": re.compile(
        r"(?!gpt)|gpt-(?:3|4|5$|5-|5\.[0-3]|audio|image-1|oss|realtime$|realtime-mini|chat-latest)"
    ),
}


@lru_cache(maxsize=1024)
def is_regional(host: str, geo: str) -> bool:
    """Tell whether a call was bound to a region, by the host that is asked and the place the answer names."""
    return geo.lower() not in _ANYWHERE or _HOST.fullmatch(host.lower()) is not None


def costs_more(vendor: str, model: str) -> bool:
    """Tell whether a vendor asks more for a model in a region; both are the price list's names."""
    same = _SAME_EVERYWHERE.get(vendor)
    return same is not None and same.match(model) is None


def regional_price(price: Any) -> Any:
    """Return the list's prices with those of tokens a tenth higher; pieces cost what they cost anywhere."""
    found = copy.copy(price)
    for name, value in vars(price).items():
        if name.endswith("_mtok") and value is not None:
            setattr(found, name, times(value, _MORE))
    return found


def times(price: Any, factor: Decimal) -> Any:
    """Return a price of the list, flat or in steps by length, multiplied."""
    if isinstance(price, Decimal):
        return price * factor
    steps = [replace(step, price=step.price * factor) for step in price.tiers]
    return replace(price, base=price.base * factor, tiers=steps)
