"""DeepEval (Confident AI): `confident.span.*` for content and kind, `confident.llm.*` for calls of models."""

from decimal import Decimal

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.documents import put_retrieval
from kansoku_collector.normalise.frame import put_metadata, texts
from kansoku_collector.values import count, load, mapping, number, rename, text

_KIND, _CONTEXT = "confident.span.type", "confident.span.retrieval_context"
_INPUT, _OUTPUT = "confident.span.input", "confident.span.output"
_MODEL = "confident.llm.model"
_MARKS = frozenset((_KIND, _INPUT, _OUTPUT, _MODEL))
_OPERATIONS = {
    "llm": "chat",
    "agent": "invoke_agent",
    "tool": "execute_tool",
    "retriever": "retrieval",
    "custom": "invoke_workflow",
}
_NAMES = {
    _MODEL: s.REQUEST_MODEL,
    "confident.span.provider": s.PROVIDER,
    "confident.llm.input_token_count": s.INPUT_TOKENS,
    "confident.llm.output_token_count": s.OUTPUT_TOKENS,
    "confident.span.prompt_alias": s.PROMPT_NAME,
    "confident.span.prompt_version": s.PROMPT_VERSION,
    "confident.agent.name": s.AGENT_NAME,
    "confident.agent.tool_definitions": s.TOOL_DEFINITIONS,
    "confident.tool.name": s.TOOL_NAME,
    "confident.tool.description": "gen_ai.tool.description",
}
_SIDES = {"llm": (s.INPUT_MESSAGES, s.OUTPUT_MESSAGES), "tool": (s.TOOL_ARGUMENTS, s.TOOL_RESULT)}
# A price for each token, in dollars: what the program says that it pays, beside the counts.
_RATES = (
    ("confident.llm.cost_per_input_token", s.INPUT_TOKENS),
    ("confident.llm.cost_per_output_token", s.OUTPUT_TOKENS),
)


def is_deepeval(raw: RawSpan) -> bool:
    """Tell whether a span says what it is in DeepEval's names; what it says of a trace is on any span."""
    return not _MARKS.isdisjoint(raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions, with content out of DeepEval's names; theirs go first."""
    kind = text(left.pop(_KIND, None)) or ("llm" if _MODEL in left else "custom")
    if _OPERATIONS.get(kind) and s.OPERATION not in left:
        left[s.OPERATION] = _OPERATIONS[kind]
    rename(left, _NAMES)
    given, answered = left.pop(_INPUT, None), left.pop(_OUTPUT, None)
    for name, value in zip(_SIDES.get(kind, (s.INPUT_VALUE, s.OUTPUT_VALUE)), (given, answered), strict=True):
        if value is not None:
            left.setdefault(name, value)
    passages = texts(left.pop(_CONTEXT, None)) if kind == "retriever" else []
    put_metadata(span, mapping(left.pop("confident.span.metadata", None)))
    _read_cost(left)
    gen_ai.read(raw, left, span)
    span.dialect = "deepeval"
    if kind == "tool":
        span.tool_name = span.tool_name or raw.name
    if kind == "retriever":
        put_retrieval(span, given, passages or load(answered))


def _read_cost(left: Attributes) -> None:
    """Put together what the program says that the call cost, where it knows a price for both sides."""
    parts = []
    for rate, counter in _RATES:
        price, tokens = number(left.pop(rate, None)), count(left.get(counter))
        if price is None or tokens is None:
            return
        parts.append(Decimal(repr(price)) * tokens)
    left.setdefault(s.COST_REPORTED_USD, float(sum(parts)))
