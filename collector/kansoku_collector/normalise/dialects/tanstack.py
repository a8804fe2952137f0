"""TanStack AI: the conventions, with copies of content under Langfuse's names.

The span around a run names no operation, and counts the sum of the calls beneath it.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counters import include_caches
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import rename, text

_CALL, _TOOL = "tanstack.ai.iteration", "tanstack.ai.tool.outcome"
_MARKS = frozenset((_CALL, _TOOL, "tanstack.ai.iterations", "tanstack.ai.completion.reason"))
_COPIES = {
    "langfuse.observation.input": s.INPUT_MESSAGES,
    "langfuse.observation.output": s.OUTPUT_MESSAGES,
}
_DISJOINT = "anthropic"  # whose input it passes on, without the caches, and adds up a total without them


def is_tanstack(raw: RawSpan) -> bool:
    """Tell whether TanStack AI wrote a span of a conversation, by what it counts or says of how it ended."""
    return not _MARKS.isdisjoint(raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions."""
    rename(left, _COPIES)
    for name in ("langfuse.trace.input", "langfuse.trace.output"):
        left.pop(name, None)
    if _CALL not in left:
        left[s.OPERATION] = "execute_tool" if _TOOL in left else "invoke_agent"
    if text(left.get("gen_ai.system")) == _DISJOINT:
        include_caches(left)
    gen_ai.read(raw, left, span)
    span.dialect = "tanstack"
