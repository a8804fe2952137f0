"""Logfire's and Pydantic AI's spans, of every generation, to the canonical row."""

import json

import pytest
from tests.collector.test_normalise import NOW_MS, buckets, raw

from kansoku_collector.normalise import normalise

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "開館時間は？"},
    {"role": "assistant", "content": "9時です。"},
]
HALF = {
    "logfire.span_type": "span",
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.input.messages": json.dumps(MESSAGES[:2]),
}
TOOLS = {"function_tools": [{"name": "weather", "parameters_json_schema": {"type": "object"}}]}


def row(attributes, *, name="span", scope="test", status=0):
    """Return the row of a span with these attributes, of this name and status."""
    found = raw(attributes, scope=scope)
    found.name, found.status_code = name, status
    return normalise(found, "default", NOW_MS)[0]


def test_a_record_of_the_first_generation_is_read():
    """Request and response are objects of the client's SDK; the vendor's usage gives the parts."""
    request = {
        "model": "gpt-4o-mini",
        "temperature": 0.5,
        "messages": MESSAGES[:2],
        "tools": [{"name": "weather"}],
    }
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    span = row(
        {
            "gen_ai.system": "openai",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 50,
            "gen_ai.operation.name": "chat",
            "request_data": json.dumps(request),
            "response_data": json.dumps({"message": MESSAGES[2], "usage": usage}),
            "logfire.tags": ["LLM"],
        },
        scope="logfire.openai",
    )
    assert (span.dialect, span.billed, span.request_model, span.tags) == (
        "logfire",
        True,
        "gpt-4o-mini",
        ["LLM"],
    )
    assert (span.input_text, span.output_text, span.parameters) == (
        "開館時間は?",
        "9時です。",
        {"temperature": "0.5"},
    )
    assert json.loads(span.tool_definitions) == [{"name": "weather"}]
    assert buckets(span) == {"input_fresh": 70, "cache_read": 30, "output_visible": 30, "reasoning": 20}


def test_a_stream_is_two_records_and_one_billed_call():
    """The request announces the call; the record of the finished stream is the call, with its time."""
    half = row(HALF, scope="logfire.openai")
    whole = row(
        HALF
        | {
            "duration": 0.25,
            "gen_ai.output.messages": json.dumps([MESSAGES[2]]),
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 5,
        },
        scope="logfire.openai",
        name="streaming response from 'gpt-4o-mini' took 0.25s",
    )
    assert (half.operation, half.billed) == ("chat", False)
    assert (whole.billed, whole.streaming, whole.duration_ns) == (True, True, 250_000_000)
    assert whole.start == half.start - 250_000_000


def test_a_failed_or_answered_request_is_no_half():
    """Only a request without answer, usage and error waits for another record."""
    failed = row(HALF, scope="logfire.openai", status=2)
    answered = row(HALF | {"gen_ai.output.messages": json.dumps([MESSAGES[2]])}, scope="logfire.openai")
    assert (failed.billed, answered.billed) == (True, True)


@pytest.mark.parametrize("scope", ["pydantic-ai", "openinference.instrumentation.openai", "logfire.openai"])
def test_the_copy_of_a_running_span_is_not_billed(scope):
    """Logfire announces spans of any library before they end; only the ended one counts."""
    attributes = HALF | {"logfire.span_type": "pending_span", "openinference.span.kind": "LLM"}
    assert row(attributes, scope=scope).billed is False


def test_scrubbed_values_are_not_taken_for_people():
    """What Logfire removed is not a session; what it left is."""
    span = row({"session_id": "[Scrubbed due to 'session']", "user_id": "u1"}, scope="logfire")
    assert (span.session_id, span.user_id) == ("", "u1")


def test_a_logged_error_is_an_error():
    """Logfire's level tells where the status does not."""
    assert row({"logfire.level_num": 17, "logfire.msg": "no"}, scope="logfire").status == "error"
    assert row({"logfire.level_num": 9, "logfire.msg": "yes"}, scope="logfire").status == "unset"


def test_pydantic_ai_1_keeps_messages_as_events():
    """One attribute lists the events; the choice is the answer."""
    events = [
        {"event.name": "gen_ai.system.message", "role": "system", "content": "Be brief."},
        {"event.name": "gen_ai.user.message", "role": "user", "content": "Hours?"},
        {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "Nine."}},
    ]
    span = row(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "events": json.dumps(events),
            "model_request_parameters": json.dumps(TOOLS),
        },
        scope="pydantic-ai",
    )
    assert [m["role"] for m in json.loads(span.input_messages)] == ["system", "user"]
    assert (span.dialect, span.output_text, span.events) == ("pydantic_ai", "Nine.", "")
    assert json.loads(span.tool_definitions)[0]["name"] == "weather"


@pytest.mark.parametrize(
    "attributes",
    [
        {"all_messages_events": json.dumps(MESSAGES)},
        {"pydantic_ai.all_messages": json.dumps(MESSAGES)},
        {"pydantic_ai.all_messages": json.dumps(MESSAGES[:2]), "final_result": "9時です。"},
    ],
)
def test_an_agent_run_is_not_billed_and_ends_with_its_answer(attributes):
    """Everything that was exchanged is on the agent's span; the last turn of the model is its answer."""
    usage = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    span = row({"agent_name": "faq", "model_name": "gpt-4o", **usage, **attributes}, scope="pydantic-ai")
    assert (span.operation, span.billed) == ("invoke_agent", False)
    assert (span.input_text, span.output_text) == ("開館時間は?", "9時です。")


def test_a_tool_of_the_first_generations_is_a_tool():
    """The names tool_arguments and tool_response came before the conventions had names for them."""
    span = row(
        {
            "gen_ai.tool.name": "weather",
            "gen_ai.tool.call.id": "call_1",
            "tool_arguments": '{"city":"Oslo"}',
            "tool_response": "sunny",
        },
        scope="pydantic-ai",
    )
    assert (span.operation, span.tool_name, span.tool_call_id) == ("execute_tool", "weather", "call_1")
    assert (span.tool_arguments, span.tool_result) == ('{"city":"Oslo"}', "sunny")


def test_details_of_usage_are_parts_of_it():
    """Every vendor's detail that Pydantic AI passes on lands in its bucket."""
    details = {
        "cache_read_tokens": 30,
        "cache_write_tokens": 20,
        "reasoning_tokens": 5,
        "input_audio_tokens": 10,
    }
    span = row(
        {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 9}
        | {f"gen_ai.usage.details.{name}": value for name, value in details.items()},
        scope="pydantic-ai",
    )
    assert buckets(span) == {
        "input_fresh": 40,
        "cache_read": 30,
        "cache_write_5m": 20,
        "audio_in": 10,
        "output_visible": 4,
        "reasoning": 5,
    }


def test_embedded_texts_are_the_input():
    """Pydantic AI's embedder lists the texts in an attribute of its own."""
    span = row({"gen_ai.operation.name": "embeddings", "inputs": '["one","two"]'}, scope="pydantic-ai")
    assert (span.operation, span.input_text) == ("embeddings", "two")


def test_a_decision_beneath_a_call_is_no_call_of_its_own():
    """Pydantic AI reports its usage on the call around it."""
    told = {
        "gen_ai.operation.name": "decide",
        "gen_ai.request.model": "m",
        "pydantic_ai.decision.answers": "{}",
    }
    span = row(told, scope="pydantic-ai")
    assert (span.operation, span.billed) == ("chain", False)


AGENTS = "logfire.openai_agents"
FOUND = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}


def agents(template, **attributes):
    """Return the row of a span of the Agents SDK under Logfire."""
    return row({"logfire.msg_template": template, "logfire.span_type": "span"} | attributes, scope=AGENTS)


def test_spans_of_the_agents_sdk_are_what_their_template_says():
    """A trace has the group as its session; a function is a tool; nothing around the calls is billed."""
    trace = agents("OpenAI Agents trace: {name}", group_id="g1", metadata='{"team":"a"}')
    assert (trace.operation, trace.session_id, trace.metadata) == ("chain", "g1", {"team": "a"})
    assert agents("OpenAI Agents trace: {name}", group_id="null", metadata="null").session_id == ""
    assert agents("Agent run: {name!r}", name="helper").operation == "invoke_agent"
    assert agents("Turn {turn} for agent helper", agent_name="helper").operation == "chain"
    assert agents("Guardrail {name!r} {triggered=}", name="safe").operation == "guardrail"
    tool = agents("Function: {name}", name="weather", input='{"city":"Oslo"}', output="sunny")
    assert (tool.operation, tool.tool_name, tool.tool_arguments) == (
        "execute_tool",
        "weather",
        '{"city":"Oslo"}',
    )
    assert (tool.tool_result, tool.billed) == ("sunny", False)


def test_a_chat_completion_of_the_agents_sdk_has_its_answer_and_settings():
    """The answer stands beside what was asked; the request data have both in one list, and are not read."""
    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "天気は？"}]
    answer = [{"role": "assistant", "content": None, "tool_calls": [FOUND]}]
    call = {
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 30,
        "input": json.dumps(asked),
        "output": json.dumps(answer),
        "request_data": json.dumps({"model": "gpt-5-mini", "messages": asked + answer}),
        "model_config": '{"temperature": 0.4, "max_tokens": 50, "top_p": null}',
        "usage": json.dumps(
            {"input_tokens_details": {"cached_tokens": 40}, "output_tokens_details": {"reasoning_tokens": 9}}
        ),
    }
    span = agents("Chat completion with {gen_ai.request.model!r}", **call)
    assert (span.operation, span.billed, span.input_text) == ("chat", True, "天気は?")
    assert (len(json.loads(span.input_messages)), span.parameters) == (
        2,
        {"temperature": "0.4", "max_tokens": "50"},
    )
    assert json.loads(span.output_messages)[0]["parts"][0]["name"] == "weather"
    assert buckets(span) == {"input_fresh": 60, "cache_read": 40, "output_visible": 21, "reasoning": 9}
    none = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0, "usage": "{}"}
    stream = agents("Chat completion with {gen_ai.request.model!r}", **call | none | {"output": "null"})
    assert (stream.billed, stream.usage_source) == (True, "none")


def test_a_response_of_the_agents_sdk_is_read_from_its_object():
    """Id, reason, tools and reasoning are in the object; the events write an item of reasoning as words."""
    items = [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Sunny."}],
        },
    ]
    answer = {"id": "resp_1", "object": "response", "model": "gpt-5-mini", "status": "completed"}
    answer |= {
        "output": items,
        "instructions": "Be brief.",
        "tools": [{"type": "function", "name": "weather"}],
    }
    call = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-5-mini",
        "events": '[{"event.name": "gen_ai.unknown", "role": "assistant", "content": "See JSON"}]',
        "raw_input": '[{"role": "user", "content": "Weather?"}]',
        "response": json.dumps(answer),
        "model_settings": '{"temperature": 0.4}',
    }
    span = agents("Responses API with {gen_ai.request.model!r}", **call)
    assert (span.response_id, span.finish_reasons, span.output_text) == ("resp_1", ["stop"], "Sunny.")
    assert (span.input_text, "Be brief." in span.system_instructions) == ("Weather?", True)
    assert ("weather" in span.tool_definitions, span.parameters) == (True, {"temperature": "0.4"})
    failed = agents("Responses API with {gen_ai.request.model!r}", **call | {"response": "null"})
    assert failed.output_text == "See JSON"
