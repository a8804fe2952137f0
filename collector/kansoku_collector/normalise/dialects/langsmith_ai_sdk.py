"""Calls of the AI SDK as LangSmith notes them: the result of the SDK, and what the vendor told it."""

from typing import Any

from kansoku_collector.model import Span
from kansoku_collector.normalise.counts import Counts, vendor_counts
from kansoku_collector.values import items, mapping, text

_MARK = '"providerMetadata"'


def put_result(span: Span, answered: Any, notes: dict[str, Any]) -> Counts:
    """Store what the wrapper says of a call; return the vendor's own counts.

    The SDK's sums leave out caches of Claude and thoughts of Gemini, as LangSmith's do after them.
    """
    if _MARK not in text(answered):
        return {}
    span.streaming = span.streaming or notes.get("ai_sdk_method") == "ai.doStream"
    result = mapping(answered)
    own = vendor_counts(mapping(result.get("usage")).get("raw"))
    for vendor in map(mapping, mapping(result.get("providerMetadata")).values()):
        span.response_id = span.response_id or text(vendor.get("responseId"))
        own = own or vendor_counts(vendor.get("usage")) or vendor_counts(vendor.get("usageMetadata"))
    return own


def called_with(given: Any, span: Span) -> Any:
    """Return what a tool was given, without the options that name the call."""
    arguments = items(mapping(given).get("args"))
    identity = mapping(arguments[1]).get("toolCallId") if len(arguments) > 1 else None
    if not identity:
        return given
    span.tool_call_id = span.tool_call_id or text(identity)
    return arguments[0]
