"""Mastra, by its own exporter of version 1 and by those for Arize and Laminar."""

import json

import pytest
from tests.collector.test_normalise import NOW_MS, buckets, raw, row

from kansoku_collector.normalise import normalise
from kansoku_collector.normalise.relatives import complete

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


@pytest.mark.parametrize("kind", ["model_step", "model_chunk"])
def test_parts_of_a_generation_are_no_calls_for_arize(kind):
    """Its exporter gives them the kind of the generation around them, which has the counts."""
    part = row({KIND: kind, "openinference.span.kind": "LLM", "output.value": "{}"})
    assert (part.dialect, part.billed) == ("openinference", False)
    whole = row({KIND: "model_generation", "openinference.span.kind": "LLM", "llm.provider": "openai.chat"})
    assert (whole.provider, whole.billed) == ("openai", True)


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
