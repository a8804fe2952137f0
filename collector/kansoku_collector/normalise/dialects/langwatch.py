"""LangWatch: its own kinds and typed content around the names of the conventions."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.documents import put_retrieval
from kansoku_collector.normalise.exchange import read_parameters
from kansoku_collector.normalise.frame import texts
from kansoku_collector.values import first, items, load, mapping, number, text

_KIND = "langwatch.span.type"
_INPUT, _OUTPUT, _METRICS = "langwatch.input", "langwatch.output", "langwatch.metrics"
_KEYS = frozenset((_KIND, _INPUT, _OUTPUT))
_CONTEXTS = ("langwatch.contexts", "langwatch.rag_contexts")
_OPERATIONS = {
    "llm": "chat",
    "rag": "retrieval",
    "tool": "execute_tool",
    "agent": "invoke_agent",
    "guardrail": "guardrail",
    "evaluation": "evaluation",
    **dict.fromkeys(("chain", "workflow", "component", "module", "task", "span"), "invoke_workflow"),
}
_COUNTS = {
    "prompt_tokens": s.INPUT_TOKENS,
    "promptTokens": s.INPUT_TOKENS,
    "completion_tokens": s.OUTPUT_TOKENS,
    "completionTokens": s.OUTPUT_TOKENS,
    "reasoning_tokens": s.REASONING_TOKENS,
    "cost": s.COST_REPORTED_USD,
}


def is_langwatch(raw: RawSpan) -> bool:
    """Tell whether LangWatch wrote a span; what it says of a whole trace is on spans of any dialect."""
    return not _KEYS.isdisjoint(raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions, with content out of LangWatch's own names."""
    kind = text(left.pop(_KIND, None)).lower()
    left.setdefault(s.OPERATION, _OPERATIONS.get(kind, "invoke_workflow"))
    given, answered = (_untyped(left.pop(name, None)) for name in (_INPUT, _OUTPUT))
    contexts = _untyped(first(left, *_CONTEXTS))
    _read_metrics(left)
    sides = {"llm": (s.INPUT_MESSAGES, s.OUTPUT_MESSAGES), "tool": (s.TOOL_ARGUMENTS, s.TOOL_RESULT)}
    for name, value in zip(sides.get(kind, (s.INPUT_VALUE, s.OUTPUT_VALUE)), (given, answered), strict=True):
        if value is not None:
            left.setdefault(name, value)
    span.session_id = span.session_id or text(first(left, "langwatch.thread.id", "langwatch.session.id"))
    span.user_id = span.user_id or text(left.pop("langwatch.user.id", None))
    parameters = read_parameters(mapping(left.pop("langwatch.params", None)))
    prompt = first(left, "langwatch.prompt.handle", "langwatch.prompt.name", "langwatch.prompt.id")
    version = first(left, "langwatch.prompt.version.number", "langwatch.prompt.version.id")
    labels = texts(left.pop("langwatch.labels", None))
    gen_ai.read(raw, left, span)
    span.dialect = "langwatch"
    span.parameters = parameters | span.parameters
    span.prompt_name, span.prompt_version = (
        span.prompt_name or text(prompt),
        span.prompt_version or text(version),
    )
    span.tags = list(dict.fromkeys([*span.tags, *labels]))
    if kind == "tool":
        span.tool_name = span.tool_name or raw.name
    if contexts:
        put_retrieval(span, given, contexts)


def _untyped(value: Any) -> Any:
    """Return a value without the type that it is wrapped with."""
    found = load(value)
    if isinstance(found, dict) and found.keys() == {"type", "value"}:
        inner = found["value"]
        return [_untyped(item) for item in items(inner)] if found["type"] == "list" else inner
    return found


def _read_metrics(left: Attributes) -> None:
    metrics = mapping(_untyped(left.pop(_METRICS, None)))
    for name, target in _COUNTS.items():
        if metrics.get(name) is not None:
            left.setdefault(target, metrics[name])
    if (milliseconds := number(metrics.get("first_token_ms"))) is not None:
        left.setdefault(s.TIME_TO_FIRST_CHUNK, milliseconds / 1000)
