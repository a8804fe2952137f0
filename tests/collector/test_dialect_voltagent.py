"""Runs of VoltAgent's agents: one span for all calls of a run, the sum on the agent around it."""

import json

from tests.collector.test_dialect_logfire import row
from tests.collector.test_normalise import buckets
from tests.collector.test_sums import billed

CORE = "@voltagent/core"
OURS = {"entity.id": "guide", "entity.type": "agent", "entity.name": "guide", "conversation.id": "s"}
MODEL = {"llm.model": "gpt-5-mini", "ai.model.name": "gpt-5-mini"}
LAST = {
    "llm.usage.prompt_tokens": 1354,
    "llm.usage.completion_tokens": 112,
    "llm.usage.cached_tokens": 333,
    "llm.usage.reasoning_tokens": 43,
}
ALL = {
    "usage.prompt_tokens": 2690,
    "usage.completion_tokens": 220,
    "usage.cached_tokens": 655,
    "usage.reasoning_tokens": 85,
}
SUM = {"input_fresh": 2035, "cache_read": 655, "output_visible": 135, "reasoning": 85}


def agent(**counts):
    """Return the span around a run."""
    span = row(OURS | MODEL | {"agent.state": "completed"} | counts, name="guide", scope=CORE)
    span.trace_id, span.span_id = "t", "agent"
    return span


def call(span_id="call", operation="generateText", **counts):
    """Return the span that stands for all calls of a run, as newer versions write it."""
    told = {
        "span.type": "llm",
        "llm.operation": operation,
        "llm.messages.count": 1,
        "llm.messages": json.dumps([{"role": "user", "content": "How warm is Oslo?"}]),
        "llm.tools.count": 1,
        "llm.tools": "weather",
        "llm.finish_reason": "stop",
    }
    span = row(OURS | MODEL | told | counts, name=f"llm:{operation}", scope=CORE)
    span.trace_id, span.span_id, span.parent_span_id = "t", span_id, "agent"
    return span


def test_a_call_is_a_call_although_it_counts_its_tools():
    """`llm.tools.count` begins like a name of OpenInference's, as which the call was no call."""
    span = call(**LAST)
    assert (span.dialect, span.operation, span.billed, span.provider) == ("voltagent", "chat", True, "openai")
    assert (span.input_text, span.finish_reasons, span.session_id) == ("How warm is Oslo?", ["stop"], "s")
    assert buckets(span) == {"input_fresh": 1021, "cache_read": 333, "output_visible": 69, "reasoning": 43}


def test_a_run_of_several_calls_is_billed_with_all_of_them():
    """Its one span tells the last call's tokens; the agent's sum is billed by it, and once."""
    whole, last = agent(**ALL), call(**LAST)
    assert billed([last, whole]) == ["call"]
    assert (buckets(last), last.usage_source) == (SUM, "estimated")
    single = {name: ALL[name.removeprefix("llm.")] for name in LAST}
    alone = call(**single)
    assert billed([alone, agent(**ALL)]) == ["call"]
    assert (buckets(alone), alone.usage_source) == (SUM, "reported")


def test_a_title_is_a_call_beside_the_run():
    """It is no part of the agent's sum."""
    few = {"llm.usage.prompt_tokens": 9, "llm.usage.completion_tokens": 3}
    title = call("title", "generateTitle", **few)
    last = call(**LAST)
    assert billed([title, last, agent(**ALL)]) == ["title", "call"]
    assert (buckets(last), buckets(title)) == (SUM, {"input_fresh": 9, "output_visible": 3})


def test_an_agent_that_answers_with_an_object_is_billed():
    """No span tells of its call."""
    whole = agent(**ALL)
    assert billed([whole]) == ["agent"]
    assert (buckets(whole), whole.request_model, whole.usage_source) == (SUM, "gpt-5-mini", "estimated")
