"""What the `usage` of an answer says besides tokens, and where some servers hide it."""

from collections.abc import Mapping, Sequence
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Beside
from kansoku.instruments.openai_shape import flat, get, listed, text_of
from kansoku.instruments.openai_tokens import count, details, read_usage

# What few servers say; the names alone are looked for in the usage of every call.
_SERVER_TOOLS = ("server_tool_use_details", "server_tool_use")  # OpenRouter's, now and before
_RARE = frozenset(
    {"cost", "cost_in_usd_ticks", "seconds", "num_search_queries", "citation_tokens", *_SERVER_TOOLS}
)
_PERPLEXITYS = {"search_web": "web_search", "fetch_url": "web_fetch"}
_TICKS = 10_000_000_000  # of a dollar, at xAI
_OUTPUT_DETAILS = (
    ("accepted_prediction_tokens", semconv.ACCEPTED_PREDICTION_TOKENS),
    ("rejected_prediction_tokens", semconv.REJECTED_PREDICTION_TOKENS),
    ("image_tokens", semconv.IMAGE_OUTPUT_TOKENS),
)


def usage_facts(usage: Any) -> dict[str, Any]:
    """Return the attributes for what a `usage` says besides tokens: predictions, images, seconds, a cost."""
    found: dict[str, Any] = {}
    if usage is None:
        return found
    usage = flat(usage)
    out = details(usage, "completion_tokens_details", "output_tokens_details", "output_token_details")
    if out is not None:
        for name, key in _OUTPUT_DETAILS:
            if number := count(out, name):
                found[key] = number
    if type(usage) is not dict or not _RARE.isdisjoint(usage):
        _add_rare(found, usage)
    return found


def _add_rare(found: dict[str, Any], usage: Any) -> None:
    """Add what the vendor charges, in its own words, and what was used besides tokens."""
    cost, ticks, seconds = (get(usage, name) for name in ("cost", "cost_in_usd_ticks", "seconds"))
    cost = get(cost, "total_cost") if isinstance(cost, Mapping) else cost  # Perplexity says all its parts
    if isinstance(ticks, int) and cost is None:
        cost = ticks / _TICKS
    if cost is not None and isinstance(cost, int | float) and not isinstance(cost, bool):
        found[semconv.VENDOR_COST] = float(cost)
    if seconds is not None and isinstance(seconds, int | float):
        found[semconv.AUDIO_SECONDS] = float(seconds)
    if cited := count(usage, "citation_tokens"):
        found[semconv.CITATION_TOKENS] = cited
    searches = count(details(usage, *_SERVER_TOOLS), "web_search_requests")
    if searches := searches or count(usage, "num_search_queries"):  # Perplexity
        found[semconv.WEB_SEARCHES] = searches


def counted_tools(usage: Any) -> dict[str, int]:
    """Return how often the vendor ran its tools, where the usage says it: xAI's and Perplexity's do."""
    found: dict[str, int] = {}
    if usage is None:
        return found
    told = details(usage, "server_side_tool_usage_details")
    for name in told if isinstance(told, Mapping) else ():
        found[str(name).removesuffix("_calls")] = count(told, name) or 0
    told = details(usage, "tool_calls_details")
    for name, each in told.items() if isinstance(told, Mapping) else ():
        found[_PERPLEXITYS.get(name, str(name))] = count(each, "invocation") or 0
    return {name: number for name, number in found.items() if number}


def told_apart(prefix: str, usages: Sequence[Any]) -> dict[str, int]:
    """Return the attributes for tokens of other models than the one that answers, which are in no count."""
    found = {}
    for name in ("input_tokens", "output_tokens"):
        if tokens := sum(count(usage, name) or 0 for usage in usages):
            found[prefix + name] = tokens
    return found


def written(usages: Sequence[Any]) -> list[Beside]:
    """Return what models used that wrote drawings as text: each is named, and billed at its own price."""
    told = [(text_of(usage, "model"), read_usage(usage)) for usage in usages]
    return [Beside(model, usage) for model, usage in told if model and usage is not None]


def last_usage(chunks: Sequence[Any]) -> Any:
    """Return the usage at the end of a stream that is in no field of its chunks, or in another corner."""
    for chunk in reversed(chunks[-3:]):
        found = get(chunk, "usage")  # the chunks of openai 1.14 have no such field
        found = found or get(get(chunk, "x_groq"), "usage")  # Groq
        for choice in listed(chunk, "choices"):
            found = found or get(choice, "usage")  # Moonshot
        if found:
            return found
    return None
