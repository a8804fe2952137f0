"""In which tier a call was served, which several dialects keep inside of the request and the response alone.

A flex call costs half of an ordinary one, a priority call twice.
"""

from typing import Any

from kansoku import semconv as s
from kansoku.price_terms import ORDINARY, TIERS
from kansoku_collector.model import Attributes

NAMES = ("service_tier", "serviceTier")
_BEFORE = ("flex", "priority")  # what LangChain writes in front of the names of a call's counts


def put_tier(left: Attributes, *told: Any) -> None:
    """Note the first tier that is told: name the answer's before the request's, which may not be granted."""
    tier = next((tier for tier in told if isinstance(tier, str) and tier), "")
    if tier.lower() not in ORDINARY and TIERS.isdisjoint(left):
        left[s.RESPONSE_TIER] = tier


def tier_of(details: Any) -> str:
    """Return the tier that the names of counts begin with; "" where they are the usual ones."""
    names = details if isinstance(details, dict) else {}
    return next((tier for tier in _BEFORE if any(tier in name for name in names)), "")


def usual(details: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a count under their usual names: `flex_cache_read` is `cache_read`."""
    tier = tier_of(details)
    return {name.replace(f"{tier}_", "", 1): value for name, value in details.items()} if tier else details
