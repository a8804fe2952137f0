"""Spans of Mastra, by its exporters of every age, to the canonical row."""

import json

from tests.collector.conftest import START_NS
from tests.collector.test_normalise import NOW_MS, buckets, raw, row

from kansoku_collector.normalise import normalise
from kansoku_collector.relate.relatives import complete

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
COUNTED = {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 5}
INFERENCE = COUNTED | {
    "mastra.span.type": "model_inference",
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai.chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.finish_reasons": '["tool-calls"]',
    "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":""}]}]',
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning_tokens": 2,
    "mastra.completion_start_time": "2026-09-21T14:13:20.500Z",
}


def test_a_generation_of_mastras_is_a_call_and_its_steps_are_not():
    """The newer names are the conventions', with its own moment of the first token, tags and metadata."""
    span = row(
        {
            "mastra.span.type": "model_generation",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai.responses",
            "gen_ai.input.messages": json.dumps(ASKED),
            "mastra.completion_start_time": "2026-09-21T14:13:20.500Z",
            "mastra.metadata.userId": "u",
            "mastra.metadata.plan": "pro",
            "mastra.tags": '["a"]',
        }
        | COUNTED
    )
    assert (span.dialect, span.billed, span.provider, span.user_id) == ("mastra", True, "openai", "u")
    assert (span.streaming, span.tags, span.metadata) == (True, ["a"], {"plan": "pro"})
    assert START_NS == 1_790_000_000 * 10**9
    assert span.time_to_first_token == 0.5
    step = row({"mastra.span.type": "model_step", "gen_ai.operation.name": "model_step"})
    assert (step.operation, step.billed) == ("chain", False)


def test_older_spans_of_mastras_are_read_by_their_type():
    """They name operations in their own way, and say content twice."""
    answer = {
        "text": "Look.",
        "toolCalls": [{"toolCallId": "c1", "toolName": "weather", "args": {"city": "Oslo"}}],
    }
    span = row(
        {
            "mastra.span.type": "llm_generation",
            "gen_ai.operation.name": "tool_selection",
            "input": "again",
            "gen_ai.prompt": json.dumps({"messages": ASKED}),
            "gen_ai.completion": json.dumps(answer),
            "gen_ai.usage.cached_input_tokens": 4,
        }
        | COUNTED
    )
    assert (span.operation, span.input_text, span.output_text) == ("chat", "Hello?", "Look.")
    assert json.loads(span.output_messages)[0]["parts"][1]["arguments"] == {"city": "Oslo"}
    assert buckets(span) == {"input_fresh": 5, "cache_read": 4, "output_visible": 5}
    tool = {"mastra.span.type": "tool_call", "gen_ai.operation.name": "tool.execute", "gen_ai.tool.name": "w"}
    ran = row(tool | {"gen_ai.tool.input": '{"a":1}', "gen_ai.tool.output": '{"b":2}'})
    assert (ran.operation, ran.tool_arguments, ran.tool_result) == ("execute_tool", '{"a":1}', '{"b":2}')


def test_an_inference_is_the_call_where_the_generation_says_that_it_is_none():
    """Nothing of newer versions was billed: tokens and models left the generation."""
    span = row(INFERENCE)
    assert (span.operation, span.billed, span.provider) == ("chat", True, "openai")
    assert (span.request_model, span.response_model) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert buckets(span) == {"input_fresh": 5, "cache_read": 4, "output_visible": 3, "reasoning": 2}
    assert (span.finish_reasons, span.time_to_first_token) == (["tool_calls"], 0.5)
    told = {"mastra.span.type": "model_generation", "gen_ai.operation.name": "model_generation"}
    asked = json.dumps({"messages": ASKED})
    generation = row(told | {"mastra.model_generation.input": asked})
    assert (generation.operation, generation.billed, generation.input_text) == ("chain", False, asked)


def test_an_inference_is_a_step_where_the_generation_is_the_call():
    """An exporter from before knows inferences by their name alone."""
    span = row({"mastra.span.type": "model_inference", "gen_ai.operation.name": "model_inference"})
    assert (span.operation, span.billed) == ("chain", False)


def test_what_an_inference_was_asked_and_called_is_what_its_step_says():
    """It has no messages that it was given, and of an answer the words alone."""
    calls = [{"toolCallId": "c1", "toolName": "weather", "args": {"city": "東京"}}]
    told = {
        "mastra.span.type": "model_step",
        "gen_ai.operation.name": "agent_step",
        "mastra.model_step.input": json.dumps([*ASKED[:1], {"role": "user", "content": "東京?"}]),
        "mastra.model_step.output": json.dumps({"text": "", "toolCalls": calls}),
    }
    beneath, above = raw(INFERENCE), raw(told)
    beneath.parent_span_id, above.span_id, above.trace_id = "a" * 16, "a" * 16, beneath.trace_id
    call, step = (normalise(found, "default", NOW_MS)[0] for found in (beneath, above))
    complete([call, step])
    assert (step.operation, call.input_text) == ("chain", "東京?")
    assert [message["role"] for message in json.loads(call.input_messages)] == ["system", "user"]
    part = {"type": "tool_call", "name": "weather", "arguments": {"city": "東京"}, "id": "c1"}
    assert json.loads(call.output_messages)[0]["parts"] == [part]
    alone = normalise(raw(INFERENCE), "default", NOW_MS)[0]
    complete([alone])
    assert alone.input_messages == ""


def test_what_a_cache_keeps_for_an_hour_has_its_bucket():
    """It has a price of its own."""
    kept = {
        "gen_ai.usage.cache_creation.input_tokens": 3,
        "gen_ai.usage.cache_creation.1h_input_tokens": 2,
    }
    expected = {"input_fresh": 2, "cache_read": 4, "cache_write_5m": 1, "cache_write_1h": 2}
    assert expected.items() <= buckets(row(INFERENCE | kept)).items()


def test_parts_of_a_generation_are_no_calls_in_openinferences_names_either():
    """Its exporter for Arize gives a step and each chunk the kind of a call."""
    for part in ("model_step", "model_chunk", "model_inference"):
        span = row({"openinference.span.kind": "LLM", "mastra.span.type": part, "output.value": "晴れ"})
        assert (span.operation, span.billed, span.output_text) == ("chain", False, "晴れ")
    told = {
        "openinference.span.kind": "LLM",
        "mastra.span.type": "model_generation",
        "mastra.completion_start_time": "2026-09-21T14:13:20.500Z",
        "llm.provider": "openai.chat",
        "llm.model_name": "gpt-4o",
        "llm.token_count.prompt": 9,
        "llm.token_count.completion": 5,
    }
    span = row(told)
    assert (span.dialect, span.operation, span.billed) == ("openinference", "chat", True)
    assert (span.provider, span.time_to_first_token) == ("openai", 0.5)


KIND = "mastra.span.type"
CALLS = [{"toolCallId": "c1", "toolName": "weather", "args": {"city": "Oslo"}}]
BODY = {"id": "chatcmpl-1", "system_fingerprint": "fp_1", "choices": [{"message": {"content": "secret"}}]}


def spans():
    """Return the rows of an agent that asks a model once: agent, generation, step and inference."""
    asked = json.dumps([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}])
    told = (
        {
            KIND: "agent_run",
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.tool.definitions": '["weather"]',
        },
        {KIND: "model_generation", "gen_ai.operation.name": "model_generation"},
        {
            KIND: "model_step",
            "gen_ai.operation.name": "agent_step",
            "mastra.model_step.input": asked,
            "mastra.model_step.output": json.dumps({"text": "", "toolCalls": CALLS}),
            "mastra.metadata.body": json.dumps(BODY),
            "mastra.metadata.headers": '{"server":"x"}',
            "mastra.metadata.plan": "pro",
        },
        {
            KIND: "model_inference",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai.chat",
            "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":""}]}]',
            "gen_ai.response.finish_reasons": '["tool-calls"]',
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.output_tokens": 5,
        },
    )
    rows = [row(attributes, scope="@mastra/otel-exporter") for attributes in told]
    for number, span in enumerate(rows):
        span.trace_id, span.span_id = "t", str(number)
        span.parent_span_id = str(number - 1) if number else ""
    return rows


def test_the_call_is_the_inference_in_a_step_of_a_generation():
    """Its own span has the counts, the step around it the conversation, calls and the vendor's response."""
    rows = spans()
    complete(rows)
    step, call = rows[2:]
    assert [span.billed for span in rows] == [False, False, False, True]
    assert (call.operation, call.provider, call.finish_reasons) == ("chat", "openai", ["tool_calls"])
    assert buckets(call) == {"input_fresh": 9, "output_visible": 5}
    assert (call.input_text, call.response_id, call.system_fingerprint) == ("Hello?", "chatcmpl-1", "fp_1")
    parts = json.loads(call.output_messages)[0]["parts"]
    assert [(part["type"], part["name"], part["arguments"]) for part in parts] == [
        ("tool_call", "weather", {"city": "Oslo"})
    ]
    assert "weather" in call.tool_definitions
    assert step.metadata == {"plan": "pro"}


def test_an_inference_that_ends_in_an_error_failed():
    """Only the agent's span has the status of a failure."""
    told = {KIND: "model_inference", "gen_ai.operation.name": "chat"}
    span = row(told | {"gen_ai.response.finish_reasons": '["error"]'}, scope="@mastra/otel-exporter")
    assert span.status == "error"


def test_laminar_is_told_generations_steps_and_tools_in_names():
    """Steps and chunks have a call's type; a generation's answer is an object, a tool's name is quoted."""
    parts = [
        ("llm: 'gpt-5-mini'", "LLM", {"text": "Nine.", "toolCalls": CALLS}),
        ("step: 0", "LLM", {"text": "Nine."}),
        ("tool: 'weather'", "TOOL", {"t": 12}),
    ]
    rows = []
    for name, kind, answered in parts:
        told = {"lmnr.span.type": kind, "lmnr.span.output": json.dumps(answered)}
        found = raw(told, scope="@mastra/laminar")
        found.name = name
        rows.append(normalise(found, "default", NOW_MS)[0])
    assert [span.billed for span in rows] == [True, False, False]
    assert (rows[0].output_text, rows[2].tool_name) == ("Nine.", "weather")
    assert json.loads(rows[0].output_messages)[0]["parts"][1]["name"] == "weather"
