"""What LangChain's own message says of an answer, where the call's span leaves it out.

The step around a call, and the one after it, hold the message as LangChain keeps it: with the vendor's id,
fingerprint, finish reason and count of reasoning, which OpenLLMetry's and Langfuse's spans of the call do not
have.
"""

import json
from collections.abc import Iterator
from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Span
from kansoku_collector.normalise.counts import same_sums, vendor_counts
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, add_calls, put_reasons, put_usage
from kansoku_collector.values import load, searchable, text

_DIALECTS = frozenset({"openllmetry", "langfuse", "mlflow"})
_HOLDERS = ("traceloop.entity.output", "traceloop.entity.input", s.OUTPUT_VALUE, s.INPUT_VALUE)
_MARK = "response_metadata"
_OPENAIS, _ANTHROPICS = ("chatcmpl-", "resp_"), ("msg_",)  # how the ids of their answers begin
_DEEPEST = 12  # levels of lists and objects around a message
_LONGEST = 1 << 20  # characters of a step's value that are looked through


def lacks_identity(span: Span) -> bool:
    """Tell whether LangChain may know more of an answer than its span."""
    known = span.dialect in _DIALECTS or span.scope_name.endswith(".langchain")
    if not known or span.operation not in MODEL_OPERATIONS or not span.output_messages:
        return False
    return not span.response_id or not span.system_fingerprint or not span.finish_reasons


def identify(span: Span, trace: list[Span]) -> None:
    """Fill id, fingerprint and finish reason from the message in the steps around and beside a call."""
    if not span.parent_span_id:
        return
    near = [o for o in trace if span.parent_span_id in (o.span_id, o.parent_span_id) and o is not span]
    holders = [value for other in near for name in _HOLDERS if _MARK in (value := _value(other, name))]
    for value in holders:
        for message in _messages(load(value), _DEEPEST):
            if _is_answer(message, span):
                _take(message["response_metadata"], span)
                if message.get("tool_calls") and not _called(span):
                    _put_calls(message, span)
                span.response_id = span.response_id or _own_id(message, span)
                return


def _value(span: Span, name: str) -> str:
    value = span.attributes.get(name, "")
    return value if len(value) <= _LONGEST else ""


def _messages(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Yield every message with metadata, however deep."""
    if isinstance(value, dict) and isinstance(value.get(_MARK), dict):
        yield value
    elif depth and isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _messages(inner, depth - 1)


def _is_answer(message: dict[str, Any], span: Span) -> bool:
    """Tell whether a message is a call's answer: it calls the same tools, or says the same."""
    calls = message.get("tool_calls")
    known = (
        {text(call.get("id")) for call in calls if isinstance(call, dict)}
        if isinstance(calls, list)
        else set()
    )
    if known:
        return known == (called := _called(span)) or (not called and _has_lost_calls(message, span))
    return bool(span.output_text) and searchable(_words(message.get("content"))) == span.output_text


def _words(content: Any) -> str:
    """Return what a message says: a text, or those of its blocks."""
    if isinstance(content, list):
        return "".join(text(block.get("text")) for block in content if isinstance(block, dict))
    return text(content)


def _has_lost_calls(message: dict[str, Any], span: Span) -> bool:
    """Tell whether a span that ends in calls of tools and has none is of this message, by what both count."""
    if span.dialect != "openllmetry" or "tool_calls" not in span.finish_reasons:
        return False
    return same_sums(vendor_counts(message[_MARK].get("usage")), span)


def _put_calls(message: dict[str, Any], span: Span) -> None:
    """Give an answer the calls that a span leaves out: OpenLLMetry's for JavaScript has only words."""
    calls = [call for call in message["tool_calls"] if isinstance(call, dict)]
    add_calls(span, [(call.get("id"), call.get("name"), call.get("args")) for call in calls])


def _called(span: Span) -> set[str]:
    return {
        text(part.get("id"))
        for message in json.loads(span.output_messages)
        for part in message.get("parts", ())
        if part.get("type") == "tool_call"
    }


def _take(metadata: dict[str, Any], span: Span) -> None:
    span.response_id = span.response_id or text(metadata.get("id"))
    span.system_fingerprint = span.system_fingerprint or text(metadata.get("system_fingerprint"))
    named = text(metadata.get("model_name"))
    if named and span.response_model in ("", span.request_model):
        span.response_model = named  # of a stream the span repeats what was asked
    counts = vendor_counts(metadata.get("token_usage") or metadata.get("usage"))
    written = span.cache_write_5m + span.cache_write_1h
    more = (counts.get("reasoning") and not span.reasoning) or (counts.get("cache_write") and not written)
    if more and same_sums(counts, span):
        put_usage(span, counts)
    reason = metadata.get("finish_reason") or metadata.get("stop_reason")
    if not span.finish_reasons and reason:
        put_reasons(span, [reason], called=bool(_called(span)))


def _own_id(message: dict[str, Any], span: Span) -> str:
    """Return a message's id where it is the answer's, as in JavaScript; others are the framework's."""
    own = text(message.get("id"))
    answers = _ANTHROPICS if span.provider == "anthropic" else _OPENAIS
    return own if own.startswith(answers) else ""
