"""AG2's delegated tasks, whose sums are billed where the calls that they were made of did not come.

Each call of AG2 has two spans: the call, and a record of its usage. Spans of usage alone tell what its
compaction and aggregation asked, and what a delegated task spent in all, whose agent may write spans as well.
"""

from collections import Counter

from kansoku_collector.model import Span
from kansoku_collector.normalise.dialects.ag2 import KIND, SCOPE, TASK
from kansoku_collector.relate.call_facts import Key

_DEPTH = 50  # spans between a call and the agent that made it


def settle_tasks(spans: list[Span]) -> None:
    """Clear `billed` of what a delegated task spent where the calls of its agent came with it."""
    tasks = [
        span
        for span in spans
        if span.billed and span.scope_name == SCOPE and span.attributes.get(KIND) == TASK
    ]
    if not tasks:
        return
    by_id = {(span.project, span.trace_id, span.span_id): span for span in spans}
    given: Counter[Key] = Counter()
    answered: Counter[Key] = Counter()
    for span in spans:
        told = span.scope_name == SCOPE and span.billed and KIND not in span.attributes
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
