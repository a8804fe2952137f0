"""LiteLLM's own callback: the conventions, with the whole usage printed and tool calls beside the messages.

Its second span of a call, `raw_gen_ai_request`, holds what the vendor answered under names of its own.
"""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counts import Counts, vendor_counts
from kansoku_collector.normalise.dialects import openllmetry
from kansoku_collector.normalise.dialects.litellm_names import read_names
from kansoku_collector.normalise.frame import MODEL_OPERATIONS
from kansoku_collector.normalise.printed import read_printed
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import count, load, mapping, number, text, truth

_SCOPE = "litellm"
_USAGE = "metadata.usage_object"
_BESIDE = ("cache_read_input_tokens", "cache_creation_input_tokens")  # they are inside of its prompt tokens
_GUARDRAIL = frozenset(("guardrail_name", "litellm.guardrail.name"))
_RAW, _FINGERPRINT = "raw_gen_ai_request", ".system_fingerprint"
_CALLS = "gen_ai.completion."
_COUNTERS = {
    "cache_read": s.CACHE_READ_TOKENS,
    "cache_write": s.CACHE_WRITE_TOKENS,
    "cache_write_1h": s.CACHE_WRITE_1H_TOKENS,
    "reasoning": s.REASONING_TOKENS,
    "audio_in": s.AUDIO_INPUT_TOKENS,
    "audio_out": s.AUDIO_OUTPUT_TOKENS,
}


def is_litellm(raw: RawSpan) -> bool:
    """Tell whether LiteLLM's callback wrote a span, by its scope or the usage that it prints."""
    if "openinference.span.kind" in raw.attributes:  # it exports to another platform
        return False
    return raw.scope_name == _SCOPE or _USAGE in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> bool:
    """Fill `span`, after giving what has another shape its own; tell whether the answer is from its cache."""
    if not _GUARDRAIL.isdisjoint(left) and s.OPERATION not in left:
        left[s.KIND] = "guardrail"
    read_names(left, span)
    for name, value in _parts(read_printed(left.get(_USAGE)), left).items():
        left.setdefault(name, value)
    if (cost := number(left.get("gen_ai.cost.total_cost"))) is not None and cost > 0:
        left[s.COST_REPORTED_USD] = cost
    _read_calls(left)
    openllmetry.read(raw, left, span)
    span.dialect = "litellm"
    span.provider = provider_of(f"{span.provider}/") or span.provider  # its own names of vendors
    return truth(left.get("litellm.cache_hit"))


def lacks_fingerprint(span: Span) -> bool:
    """Tell whether a call's second span may know the fingerprint."""
    return span.dialect == "litellm" and span.operation in MODEL_OPERATIONS and not span.system_fingerprint


def identify(span: Span, trace: list[Span]) -> None:
    """Take the fingerprint from the second span of a call."""
    for other in trace:
        if other.parent_span_id == span.span_id and other.name == _RAW:
            found = (value for name, value in other.attributes.items() if name.endswith(_FINGERPRINT))
            span.system_fingerprint = next(found, "")


def _parts(usage: Any, left: Attributes) -> Attributes:
    """Return the parts of usage that the attributes leave out, where the usage is of the same totals."""
    if not isinstance(usage, dict):
        return {}
    counts: Counts = vendor_counts({name: value for name, value in usage.items() if name not in _BESIDE})
    totals = (s.INPUT_TOKENS, "input_tokens"), (s.OUTPUT_TOKENS, "output_tokens")
    if not counts or any(count(left.get(name)) != counts[key] for name, key in totals):
        return {}
    counts["cache_read"] = counts["cache_read"] or count(usage.get(_BESIDE[0]))
    counts["cache_write"] = counts["cache_write"] or count(usage.get(_BESIDE[1]))
    return {name: value for key, name in _COUNTERS.items() if (value := counts.get(key))}


def _read_calls(left: Attributes) -> None:
    """Put tool calls, each an entry of its own, into an answer that has none."""
    found = load(left.get(s.OUTPUT_MESSAGES))
    calls: dict[str, dict[str, Any]] = {}
    for key in [key for key in left if key.startswith(_CALLS) and ".function_call." in key]:
        index, _, name = key.removeprefix(_CALLS).partition(".function_call.")
        calls.setdefault(index, {})[name] = left.pop(key)
    if not calls or not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        return
    parts = found[0].get("parts")
    if isinstance(parts, list) and not any(mapping(part).get("type") == "tool_call" for part in parts):
        made = [
            {"type": "tool_call", "name": text(call.get("name")), "arguments": load(call.get("arguments"))}
            for call in calls.values()
        ]
        left[s.OUTPUT_MESSAGES] = [{**found[0], "parts": [*parts, *made]}]
