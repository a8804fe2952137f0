"""What decides a price besides tokens, where only the vendor's request and response tell it.

A flex call costs half of an ordinary one, a priority call twice, and a search of the vendor's own often more
than all of the answer's tokens.
"""

import re
from typing import Any

from kansoku import semconv as s
from kansoku.pricing.price_terms import ORDINARY, TIERS
from kansoku_collector.model import Attributes
from kansoku_collector.normalise.modalities import put_kinds
from kansoku_collector.values import count

NAMES = ("service_tier", "serviceTier")
# Items of OpenAI's Responses: tools that the vendor ran, and is paid for by the piece.
SEARCHES = {"web_search_call": "web_search", "file_search_call": "file_search"}
_TIER = re.compile(r"(?!NOT_GIVEN)[A-Za-z_]{1,40}")  # and no printed object of a client: that nothing was set
_REPEATED = re.compile(r"([a-z_]{4,})\1+")
_BEFORE = ("flex", "priority")  # what LangChain writes in front of the names of a call's counts


def put_tier(left: Attributes, *told: Any) -> None:
    """Note the first tier that is told: name the answer's before the request's, which may not be granted."""
    tier = once(next((tier for tier in told if isinstance(tier, str) and _TIER.fullmatch(tier)), ""))
    if tier.lower() not in ORDINARY and TIERS.isdisjoint(left):
        left[s.RESPONSE_TIER] = tier


def once(word: str) -> str:
    """Return a word once that LangChain put together from each choice of a stream: `defaultdefault`."""
    found = _REPEATED.fullmatch(word)
    return found[1] if found else word


def put_searches(left: Attributes, response: Any) -> None:
    """Note how often the vendor searched, items of OpenAI's answer or a count in Anthropic's usage.

    And where that usage says that it computed: in a region of one's choice tokens cost more; and what Gemini
    drew, whose tokens cost more than words.
    """
    found = response if isinstance(response, dict) else {"output": response}
    put_kinds(left, found)
    items = found.get("output")
    kinds = [item.get("type") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    for kind, tool in SEARCHES.items():
        if number := kinds.count(kind):
            left.setdefault(s.SERVER_TOOL_CALLS.format(tool), number)
    usage = found.get("usage")
    if not isinstance(usage, dict):
        return
    if isinstance(place := usage.get("inference_geo"), str):
        left.setdefault(s.INFERENCE_GEO, place)
    used = usage.get("server_tool_use")
    if isinstance(used, dict) and (searches := count(used.get("web_search_requests"))):
        left.setdefault(s.WEB_SEARCHES, searches)


def tier_of(details: Any) -> str:
    """Return the tier that the names of counts begin with; "" where they are the usual ones."""
    names = details if isinstance(details, dict) else {}
    return next((tier for tier in _BEFORE if any(tier in name for name in names)), "")


def usual(details: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a count under their usual names: `flex_cache_read` is `cache_read`."""
    tier = tier_of(details)
    return {name.replace(f"{tier}_", "", 1): value for name, value in details.items()} if tier else details
