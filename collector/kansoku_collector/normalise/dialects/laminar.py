"""Laminar: `lmnr.*` around the conventions, whose messages are in the vendors' own shapes."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.documents import query_of, read_documents
from kansoku_collector.normalise.frame import texts
from kansoku_collector.values import count, items, load, mapping, rename, text

TYPE = "lmnr.span.type"
_SCOPE = "lmnr"
_MASTRA = "@mastra/laminar"
_PARTS = ("step: ", "chunk: ")
_OPERATIONS = {
    "LLM": "chat",
    "CACHED": "chat",
    "TOOL": "execute_tool",
    "DEFAULT": "invoke_workflow",
    "EXECUTOR": "invoke_workflow",
    "PIPELINE": "invoke_workflow",
}
_KINDS = {"EVALUATOR": "evaluation", "HUMAN_EVALUATOR": "evaluation", "EVALUATION": "evaluation"}
_TOTAL = "llm.usage.total_tokens"
_NAMES = {"lmnr.span.input": s.INPUT_VALUE, "lmnr.span.output": s.OUTPUT_VALUE}


def is_laminar(raw: RawSpan) -> bool:
    """Tell whether Laminar wrote a span; its path is on every span of the process, its type on its own."""
    return TYPE in raw.attributes or raw.scope_name.startswith(_SCOPE)


def read(raw: RawSpan, left: Attributes, span: Span) -> bool:
    """Fill `span`, and tell whether its answer came from Laminar's cache instead of a model."""
    kind = text(left.pop(TYPE, None)).upper()
    if not kind and raw.scope_name.startswith(_SCOPE):  # a function of JavaScript's
        kind = "DEFAULT"
    if kind == "LLM" and raw.scope_name == _MASTRA and raw.name.startswith(_PARTS):
        kind = "DEFAULT"  # a part of the generation around it, which has the counts
    if s.OPERATION not in left:
        if operation := _OPERATIONS.get(kind):
            left[s.OPERATION] = "embeddings" if raw.name.endswith("embeddings") else operation
        elif kind in _KINDS:
            left[s.KIND] = _KINDS[kind]
    if raw.name.endswith("content_stream"):
        _mend_total(left)
    if kind in ("LLM", "CACHED"):
        if raw.scope_name == _MASTRA:
            left["lmnr.span.output"] = _answer_of_mastra(left.get("lmnr.span.output"))
        rename(left, {"lmnr.span.input": s.INPUT_MESSAGES, "lmnr.span.output": s.OUTPUT_MESSAGES})
        if s.OUTPUT_MESSAGES in left:
            left[s.OUTPUT_MESSAGES] = _items_of(left[s.OUTPUT_MESSAGES])
    rename(left, _NAMES)
    if left.get(s.OPERATION) == "invoke_workflow" and _found_documents(left.get(s.OUTPUT_VALUE)):
        left[s.OPERATION], left[s.RETRIEVAL_DOCUMENTS] = "retrieval", left.pop(s.OUTPUT_VALUE)
        given = items(left.pop(s.INPUT_VALUE, None))
        left[s.RETRIEVAL_QUERY] = query_of(given[0] if given else None)
    gen_ai.read(raw, left, span)
    span.dialect = "laminar"
    if span.operation == "execute_tool":
        span.tool_name = span.tool_name or _of_mastra(raw)
    span.tags = list(dict.fromkeys([*span.tags, *texts(left.pop("lmnr.span.tags", None))]))
    return kind == "CACHED"


def _of_mastra(raw: RawSpan) -> str:
    """Return a tool's name, which Mastra quotes behind its kind."""
    found = raw.name.partition(": '")[2] if raw.scope_name == _MASTRA else ""
    return found.removesuffix("'") or raw.name


def _answer_of_mastra(answered: Any) -> Any:
    """Return a generation of Mastra's as a message: it has the words and the calls of all its steps."""
    found = mapping(answered)
    if "text" not in found:
        return answered
    calls = [
        {
            "type": "tool_call",
            "id": call.get("toolCallId"),
            "name": call.get("toolName"),
            "arguments": call.get("args"),
        }
        for call in map(mapping, items(found.get("toolCalls")))
    ]
    words = [{"type": "text", "content": found["text"]}] if found["text"] else []
    return [{"role": "assistant", "parts": [*words, *calls]}]


def _items_of(answered: Any) -> Any:
    """Return the items of an answer that is the vendor's whole object: a stream's of the Agents SDK."""
    if '"object":"response"' not in text(answered):
        return answered
    found = load(answered)
    only = found[0] if isinstance(found, list) and len(found) == 1 else None
    return only["output"] if isinstance(only, dict) and isinstance(only.get("output"), list) else answered


def _found_documents(answered: Any) -> bool:
    """Tell whether a step is a search, which has no type of its own: all it found has words and a score."""
    if not text(answered).startswith("[{") or '"score"' not in answered:
        return False
    found = read_documents(answered)
    return len(found) == len(items(answered)) and all(
        document["id"] is not None and document["score"] is not None and document["content"]
        for document in found
    )


def _mend_total(left: Attributes) -> None:
    """Take the answer out of the total once: for Gemini's streams Laminar adds it up twice."""
    total, answered = count(left.get(_TOTAL)), count(left.get(s.OUTPUT_TOKENS))
    if total is not None and answered is not None:
        left[_TOTAL] = max(0, total - answered)
