"""Spans of Datadog's tracer for Python (4.16), exported over OTLP, to the canonical row."""

import json

import msgspec
from tests.collector.test_normalise import buckets, row

CLIENT = {
    **{"gen_ai.operation.name": "llm", "gen_ai.provider.name": "unknown", "component": "openai"},
    **{"gen_ai.request.model": "gpt-4o-mini-2024-07-18", "openai.request.model": "gpt-4o-mini"},
    **{"openai.response.model": "gpt-4o-mini-2024-07-18", "openai.request.provider": "OpenAI"},
    **{"gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 9, "gen_ai.usage.total_tokens": 29},
    "gen_ai.usage.cache_read_input_tokens": 8,
    "gen_ai.usage.reasoning_output_tokens": 4,
    "_dd.llmobs.artificial_gen_ai_tags": "true",
}
CALLED = {"name": "get_weather", "arguments": {"city": "東京"}, "tool_id": "call_1", "type": "function"}


def packed(kind, given, answered, name="OpenAI.createChatCompletion", metrics=None, **more):
    """Return the attribute in which everything else is packed."""
    meta = {"input": given, "output": answered, "span": {"kind": kind}, **more}
    return {"_llmobs": msgspec.msgpack.encode({"meta": meta, "name": name, "metrics": metrics or {}})}


def said(*messages):
    """Return messages as one side of a span has them."""
    return {"messages": list(messages)}


def test_the_model_that_was_asked_and_who_answered_are_told_by_the_client():
    """Where nothing is packed a call has its tokens all the same."""
    span = row(CLIENT)
    assert (span.dialect, span.operation, span.billed, span.provider) == ("datadog", "chat", True, "openai")
    assert (span.request_model, span.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert buckets(span) == {"input_fresh": 12, "cache_read": 8, "output_visible": 5, "reasoning": 4}


def test_what_is_packed_is_content_and_parameters():
    """Tool calls have an identifier of another name; what a program noted stays its own."""
    asked, answer = {"role": "user", "content": "天気は?"}, {"role": "assistant", "content": ""}
    noted = {"finish_reason": "tool_calls", "temperature": 0.5, "stream": True, "tier": "gold"}
    told = packed("llm", said(asked), said({**answer, "tool_calls": [CALLED]}), metadata=noted)
    span = row(CLIENT | told)
    assert (span.input_text, span.finish_reasons, span.streaming) == ("天気は?", ["tool_calls"], True)
    part = {"type": "tool_call", "name": "get_weather", "arguments": {"city": "東京"}, "id": "call_1"}
    assert json.loads(span.output_messages)[0]["parts"] == [part]
    assert (span.parameters, span.metadata) == ({"temperature": "0.5"}, {"tier": "gold"})
    assert "_llmobs" not in span.attributes


def test_a_cache_that_is_written_for_an_hour_is_told_among_what_is_packed():
    """The input includes caches, of every vendor."""
    told = packed("llm", {}, {}, metrics={"ephemeral_1h_input_tokens": 5})
    span = row(CLIENT | told | {"gen_ai.usage.cache_write_input_tokens": 6})
    assert (span.input_fresh, span.cache_write_5m, span.cache_write_1h) == (6, 1, 5)


def test_steps_tools_and_retrievals_have_what_went_in_and_came_out():
    """A step is called what the program called it."""
    step = {"gen_ai.operation.name": "workflow"}
    flow = row(step | packed("workflow", {"value": "in"}, {"value": "out"}, name="wf"))
    assert (flow.operation, flow.name, flow.input_text, flow.output_text) == ("chain", "wf", "in", "out")
    tool = row({"gen_ai.operation.name": "tool"} | packed("tool", {"value": "1"}, {"value": "2"}, name="add"))
    assert (tool.tool_name, tool.tool_arguments, tool.tool_result) == ("add", "1", "2")
    hits = {"documents": [{"text": "doc", "id": "1", "score": 0.5}]}
    found = row({"gen_ai.operation.name": "retrieval"} | packed("retrieval", {"value": "q"}, hits))
    assert (found.retrieval_query, json.loads(found.documents)[0]["content"]) == ("q", "doc")


def test_a_failed_call_has_no_answer_and_a_broken_object_costs_nothing_else():
    """Datadog packs an empty message for it."""
    failed = row(
        CLIENT | packed("llm", said({"role": "user", "content": "a"}), said({"role": "", "content": ""}))
    )
    assert (failed.input_text, failed.output_messages) == ("a", "")
    broken = row(CLIENT | {"_llmobs": b"\xc1"})
    assert (broken.billed, broken.attributes["_llmobs"]) == (True, "c1")
