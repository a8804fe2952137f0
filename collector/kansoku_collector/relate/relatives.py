"""What a span leaves out and a relative of it says, where both arrive together.

Some instrumentations lose on one span what they write on another: Pydantic AI's failed calls have no content,
which their agent's span has; OpenLLMetry's LangChain retrievers have no document ids, which the next step
has; a tool's span has no content where that goes into events. Of LangChain's answers see `answers_nearby`, of
counts `usage_above`, of Mastra's calls `mastra_steps`. What is there is never changed.
"""

import json
from collections.abc import Iterator
from typing import Any

from kansoku_collector.model import Span
from kansoku_collector.normalise.dialects import litellm, mastra_steps
from kansoku_collector.normalise.frame import MODEL_OPERATIONS
from kansoku_collector.relate import usage_above
from kansoku_collector.relate.answers_nearby import identify, lacks_identity
from kansoku_collector.values import dump, items, mapping, searchable, text

_GIVEN = ("traceloop.entity.input", "traceloop.entity.output")  # the second of what was streamed
_CONTENT = ("system_instructions", "input_messages", "input_text")


def complete(spans: list[Span]) -> None:
    """Fill in what relatives in the same batch say."""
    failed = [span for span in spans if _lost_content(span)]
    unnamed = [span for span in spans if span.documents and _lost_ids(span)]
    unknown = [span for span in spans if lacks_identity(span)]
    steps = [span for span in spans if usage_above.knows_usage(span)]
    routed = [span for span in spans if litellm.lacks_fingerprint(span)]
    unanswered = [span for span in spans if _lost_result(span)]
    inferred = [span for span in spans if mastra_steps.lacks_step(span)]
    if not (failed or unnamed or unknown or steps or routed or unanswered or inferred):
        return
    traces: dict[tuple[str, str], list[Span]] = {}
    for span in spans:
        traces.setdefault((span.project, span.trace_id), []).append(span)
    for span in failed:
        _take_content(span, traces[span.project, span.trace_id])
    for span in unnamed:
        _name_documents(span, traces[span.project, span.trace_id])
    for span in steps:
        usage_above.move_usage(span, traces[span.project, span.trace_id])
    for span in routed:
        litellm.identify(span, traces[span.project, span.trace_id])
    for span in inferred:
        mastra_steps.take_step(span, traces[span.project, span.trace_id])
    for span in unanswered:
        _take_result(span, traces[span.project, span.trace_id])
    for span in unknown:
        identify(span, traces[span.project, span.trace_id])


def _lost_content(span: Span) -> bool:
    failed = span.dialect == "pydantic_ai" and span.status == "error" and span.operation in MODEL_OPERATIONS
    return failed and not span.input_messages and not span.system_instructions


def _lost_result(span: Span) -> bool:
    return span.operation == "execute_tool" and bool(span.tool_call_id) and not span.tool_result


def _take_result(span: Span, trace: list[Span]) -> None:
    """Give a tool what the calls around it say: where content goes into events, a tool's span has none."""
    for other in trace:
        if other.operation not in MODEL_OPERATIONS:
            continue
        for name in ("output_messages", "input_messages"):
            if span.tool_call_id in (told := getattr(other, name)):
                _take_parts(span, json.loads(told))


def _take_parts(span: Span, messages: list[dict[str, Any]]) -> None:
    for message in messages:
        for part in message["parts"]:
            if part.get("id") != span.tool_call_id:
                continue
            if part.get("type") == "tool_call" and not span.tool_arguments:
                span.tool_arguments = text(part.get("arguments"))
                span.input_text = searchable(span.tool_arguments)
            elif part.get("type") == "tool_call_response" and not span.tool_result:
                span.tool_result = text(part.get("response", part.get("result")))
                span.output_text = searchable(span.tool_result)


def _lost_ids(span: Span) -> bool:
    if span.dialect != "openllmetry" or span.operation != "retrieval":
        return False
    return all(document.get("id") is None for document in json.loads(span.documents))


def _take_content(span: Span, trace: list[Span]) -> None:
    """Give a failed call what its agent, which failed with it, had to send."""
    for agent in trace:
        if agent.span_id == span.parent_span_id and agent.status == "error":
            for name in _CONTENT:
                setattr(span, name, getattr(agent, name))


def _name_documents(span: Span, trace: list[Span]) -> None:
    """Give documents the ids that a step after the retrieval was given with the same words."""
    known: dict[str, str] = {}
    for other in trace:
        for name in _GIVEN:
            known |= dict(_documents(other.attributes.get(name, "")))
    documents = json.loads(span.documents)
    for document in documents:
        document["id"] = known.get(text(document.get("content")))
    span.documents = dump(documents)


def _documents(given: str) -> Iterator[tuple[str, str]]:
    """Yield the words and the id of every LangChain document in a step's input."""
    if "page_content" not in given:
        return
    told = mapping(given)
    for item in items(told.get("inputs") or mapping(told.get("kwargs")).get("inputs")):
        source = mapping(item.get("kwargs")) or item if isinstance(item, dict) else {}
        if source.get("id") and source.get("page_content"):
            yield text(source["page_content"]), text(source["id"])
