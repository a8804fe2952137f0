"""AG2: the conventions on calls of models, and what was spent told once more in spans of its own.

Each call has two spans: the call, and a record of its usage. Spans of usage alone tell what its compaction
and aggregation asked, and what a delegated task spent in all, whose agent may write spans as well or not.
"""

from collections import Counter

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.call_facts import Key
from kansoku_collector.normalise.counters import include_thoughts, pass_on
from kansoku_collector.values import text

SCOPE = "opentelemetry.instrumentation.ag2"
_KIND = "ag2.usage.kind"
_CALL, _TASK = "model_call", "subtask"
_DEPTH = 50  # spans between a call and the agent that made it


def adjust(left: Attributes, _: Span) -> None:
    """Say what a span of usage is, and count as the conventions do: AG2 passes on what the vendor counts."""
    if kind := text(left.get(_KIND)):
        left[s.OPERATION] = "chain" if kind == _CALL else "chat"
    if kind == _TASK:
        left[s.USAGE_ESTIMATED] = True
    pass_on(left)
    if text(left.get(s.PROVIDER)) == "google":
        include_thoughts(left)


def settle(spans: list[Span]) -> None:
    """Clear `billed` of what a delegated task spent where the calls of its agent came with it."""
    tasks = [
        span
        for span in spans
        if span.billed and span.scope_name == SCOPE and span.attributes.get(_KIND) == _TASK
    ]
    if not tasks:
        return
    by_id = {(span.project, span.trace_id, span.span_id): span for span in spans}
    given: Counter[Key] = Counter()
    answered: Counter[Key] = Counter()
    for span in spans:
        told = span.scope_name == SCOPE and span.billed and _KIND not in span.attributes
        if told and (agent := _agent_of(span, by_id)):
            given[agent] += _given(span)
            answered[agent] += _answered(span)
    for task in tasks:
        sums = {(given[key], answered[key]) for key in given if key[:2] == (task.project, task.trace_id)}
        if (_given(task), _answered(task)) in sums:
            task.billed = False


def _agent_of(span: Span, by_id: dict[Key, Span]) -> Key | None:
    """Return the agent that made a call, where it came with it."""
    for _ in range(_DEPTH):
        key = (span.project, span.trace_id, span.parent_span_id)
        parent = by_id.get(key)
        if parent is None or parent.operation == "invoke_agent":
            return key if parent else None
        span = parent
    return None


def _given(span: Span) -> int:
    return span.input_fresh + span.cache_read + span.cache_write_5m + span.cache_write_1h


def _answered(span: Span) -> int:
    return span.output_visible + span.reasoning
