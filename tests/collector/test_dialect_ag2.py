"""Spans of AG2's telemetry to the canonical row; as its version 1.2 wrote them."""

import pytest
from tests.collector.conftest import request_of
from tests.collector.test_normalise import NOW_MS, buckets, row

from kansoku_collector.decode.otlp import find_spans
from kansoku_collector.normalise import normalise
from kansoku_collector.relate.related import Related

SCOPE = "opentelemetry.instrumentation.ag2"
COUNTS = {
    "gen_ai.usage.input_tokens": 5000,
    "gen_ai.usage.output_tokens": 40,
    "gen_ai.usage.cache_read_input_tokens": 4096,
}
CALL = COUNTS | {
    "ag2.span.type": "llm",
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini",
}
USAGE = COUNTS | {
    "ag2.span.type": "usage",
    "ag2.usage.total_tokens": 5040,
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-4o-mini",
}
AGENT = {"ag2.span.type": "agent", "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}
TOOL = {"ag2.span.type": "tool", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ask"}


def trace(*spans):
    """Return the settled rows of a trace, each given by its id, its parent's and its attributes."""
    fields = [
        {
            "trace_id": b"t" * 16,
            "span_id": name.encode() * 8,
            "parent_span_id": parent.encode() * 8,
            "attributes": told,
        }
        for name, parent, told in spans
    ]
    found = find_spans(request_of(*fields, scope=SCOPE), NOW_MS)
    rows = [normalise(one.read(), "default", NOW_MS)[0] for one in found]
    for stage in Related().stages():
        stage(rows)
    return rows


def test_a_call_whose_usage_is_told_in_a_span_of_its_own_is_billed_once():
    """AG2 writes both for each call of an agent."""
    call, usage, _ = trace(
        ("c", "a", CALL), ("u", "a", USAGE | {"ag2.usage.kind": "model_call"}), ("a", "", AGENT)
    )
    assert (call.billed, usage.billed, usage.operation) == (True, False, "chain")


@pytest.mark.parametrize("kind", ["compaction", "aggregation"])
def test_what_ag2_asks_for_itself_is_a_call_of_its_own(kind):
    """No other span tells it."""
    span = row(USAGE | {"ag2.usage.kind": kind}, scope=SCOPE)
    assert (span.operation, span.billed, span.response_model) == ("chat", True, "gpt-4o-mini")
    assert (span.cache_read, span.usage_source) == (4096, "reported")


@pytest.mark.parametrize("traced", [True, False])
def test_a_delegated_task_is_billed_by_its_sum_unless_its_calls_are(traced):
    """The agent that did it may have no telemetry; then nobody else tells what it spent."""
    both = {**USAGE, "gen_ai.usage.input_tokens": 10_000, "gen_ai.usage.output_tokens": 80}
    both["gen_ai.usage.cache_read_input_tokens"] = 8192
    rollup = ("r", "a", both | {"ag2.usage.kind": "subtask", "ag2.usage.label": "worker"})
    beneath = [("x", "w", CALL), ("y", "w", CALL), ("w", "t", AGENT)] if traced else []
    rows = {row.span_id[:2]: row for row in trace(*beneath, ("t", "a", TOOL), rollup, ("a", "", AGENT))}
    task = rows[b"r".hex()]
    assert (task.billed, task.usage_source) == (not traced, "estimated")
    assert sum(row.billed for row in rows.values()) == (2 if traced else 1)


def test_caches_of_claude_and_thoughts_of_gemini_are_added():
    """AG2 passes on what they count, which is beside the rest."""
    claude = row(CALL | {"gen_ai.provider.name": "anthropic"}, scope=SCOPE)
    assert buckets(claude) == {"input_fresh": 5000, "cache_read": 4096, "output_visible": 40}
    gemini = row(CALL | {"gen_ai.provider.name": "google", "gen_ai.usage.thinking_tokens": 16}, scope=SCOPE)
    assert (gemini.output_visible, gemini.reasoning, gemini.input_fresh) == (40, 16, 904)
