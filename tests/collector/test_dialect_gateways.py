"""Names beside the conventions', as gateways, monitors and platforms write them, to the canonical row."""

import json

import pytest
from tests.collector.test_normalise import NOW_MS, buckets, raw, row

from kansoku_collector.normalise import normalise
from kansoku_collector.relate.repeats import Repeats

ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
CALL = {"type": "function", "id": "c1", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
COUNTED = {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 5}


def test_a_gateways_whole_request_and_response_are_read():
    """Cloudflare's gateway names the JSON of both after what they are."""
    answer = {"choices": [{"finish_reason": "length", "message": {"role": "assistant", "content": "Hi."}}]}
    told = {"gen_ai.prompt_json": json.dumps(ASKED), "gen_ai.completion_json": json.dumps(answer)}
    span = row({"gen_ai.request.model": "gpt-4o"} | COUNTED | told)
    assert (span.operation, span.billed, span.input_text, span.output_text) == ("chat", True, "Hello?", "Hi.")
    assert span.finish_reasons == ["length"]


def test_parts_of_usage_under_a_monitors_names_are_in_their_buckets():
    """Sentry's SDKs and OpenRouter's broadcast say the part after the whole."""
    parts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens.cached": 4,
        "gen_ai.usage.input_tokens.cache_write": 2,
        "gen_ai.usage.output_tokens.reasoning": 3,
        "gen_ai.usage.total_cost": 0.25,
    }
    span = row(COUNTED | parts)
    expected = {"input_fresh": 3, "cache_read": 4, "cache_write_5m": 2, "output_visible": 2, "reasoning": 3}
    assert buckets(span) == expected
    assert span.attributes["gen_ai.usage.cost"] == "0.25"


def test_a_monitors_messages_and_answer_are_content_and_no_parameters():
    """Sentry's SDKs put messages and tools among the request, and the answer's words beside its calls."""
    span = row(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.messages": json.dumps(ASKED),
            "gen_ai.request.available_tools": json.dumps([{"type": "function", "name": "weather"}]),
            "gen_ai.response.text": json.dumps(["Let me look."]),
            "gen_ai.response.tool_calls": json.dumps([CALL]),
            "gen_ai.response.streaming": True,
        }
    )
    assert (span.input_text, span.output_text, span.streaming) == ("Hello?", "Let me look.", True)
    assert [part["type"] for part in json.loads(span.output_messages)[0]["parts"]] == ["text", "tool_call"]
    assert json.loads(span.tool_definitions)[0]["name"] == "weather"
    assert span.parameters == {}


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        *(("LLM", "chat"), ("TOOL", "execute_tool"), ("STEP", "chain"), ("AGENT", "invoke_agent")),
        ("MEMORY", "chain"),
    ],
)
def test_alibabas_kind_names_the_operation(kind, operation):
    """Its instrumentations and Dify say what a span is in a name of their own, and who used it."""
    span = row({"gen_ai.span.kind": kind, "gen_ai.model_name": "qwen", "gen_ai.user.id": "u"} | COUNTED)
    assert (span.operation, span.user_id, span.request_model) == (operation, "u", "qwen")
    loud = row({"gen_ai.span.kind": kind, "gen_ai.operation.name": "CHAT"})
    assert loud.operation == "chat"


def test_a_message_of_difys_has_its_words():
    """Dify writes a message's words as its text."""
    asked = [{"role": "user", "text": "Hello?"}]
    span = row({"gen_ai.span.kind": "LLM", "gen_ai.prompt": json.dumps(asked), "gen_ai.completion": "Hi."})
    assert (span.input_text, span.output_text) == ("Hello?", "Hi.")


def test_a_run_of_azures_agents_is_billed():
    """No other span of its reports what the run used; .NET's loop around calls with tools is none."""
    assert row({"gen_ai.operation.name": "process_thread_run"} | COUNTED).billed
    assert row({"gen_ai.operation.name": "responses"} | COUNTED).operation == "chat"
    assert row({"gen_ai.operation.name": "orchestrate_tools"}).operation == "chain"


def test_stop_sequences_that_are_text_of_a_list_are_the_list():
    """Java and JavaScript write the list as its JSON."""
    span = row({"gen_ai.operation.name": "chat", "gen_ai.request.stop_sequences": '["END"]'})
    assert span.parameters == {"stop": '["END"]'}


def test_a_call_of_braintrusts_is_billed():
    """Everything of it is JSON in four attributes; what is neither model nor parameter is metadata."""
    choices = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}]
    notes = {"provider": "openai", "model": "gpt-4o", "temperature": 0.5, "plan": "pro"}
    metrics = {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "prompt_cached_tokens": 4,
        "time_to_first_token": 0.2,
    }
    span = row(
        {
            "braintrust.span_attributes": '{"type":"llm"}',
            "braintrust.input_json": json.dumps(ASKED),
            "braintrust.output_json": json.dumps(choices),
            "braintrust.metadata": json.dumps(notes),
            "braintrust.metrics": json.dumps(metrics),
        }
    )
    assert (span.dialect, span.billed, span.provider, span.request_model) == (
        "braintrust",
        True,
        "openai",
        "gpt-4o",
    )
    assert (span.input_text, span.output_text, span.finish_reasons) == ("Hello?", "Hi.", ["stop"])
    assert buckets(span) == {"input_fresh": 5, "cache_read": 4, "output_visible": 5}
    assert (span.parameters, span.metadata) == ({"temperature": "0.5"}, {"plan": "pro"})


def test_a_parent_of_braintrusts_leaves_a_span_to_its_dialect():
    """A processor puts it on whatever the process records."""
    span = row({"gen_ai.operation.name": "chat", "braintrust.parent": "project_name:x"})
    assert span.dialect == "gen_ai"


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-5-mini", "openai"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"),
        ("amazon.nova-pro-v1:0", "aws.bedrock"),
        ("my-own-model", "strands-agents"),
    ],
)
def test_a_framework_is_not_who_answered(model, provider):
    """Strands names itself where the provider belongs; the model tells it, or nothing does."""
    asked = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "strands-agents",
        "gen_ai.request.model": model,
    }
    assert row(asked).provider == provider


def test_a_call_behind_truefoundrys_gateway_is_billed_once():
    """The request is a span around the call, with the same words."""
    asked = {"messages": [{"role": "user", "content": "Hi?"}], "temperature": 0.5}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    answered = {
        "id": "r1",
        "object": "chat.completion",
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yo."}}
        ],
        "usage": usage,
    }
    told = {
        "tfy.input": json.dumps(asked),
        "tfy.output": json.dumps(answered),
        "tfy.request.conversation_id": "s",
        "tfy.request.metadata": '{"plan": "pro"}',
    }
    counts = {
        "tfy.model.name": "openai-main/gpt-4o",
        "tfy.model.metric.input_tokens": 10,
        "tfy.model.metric.output_tokens": 5,
        "tfy.model.metric.time_to_first_token_in_ms": 250,
        "tfy.model.metric.cost_in_usd": 0.5,
        "tfy.model.streaming": True,
    }
    call = row({"tfy.span_type": "Model"} | told | counts)
    assert (call.dialect, call.billed, call.provider, call.request_model) == (
        "truefoundry",
        True,
        "openai",
        "gpt-4o",
    )
    assert (call.response_id, call.response_model, call.finish_reasons) == (
        "r1",
        "gpt-4o-2024-08-06",
        ["stop"],
    )
    assert (call.input_text, call.output_text, call.parameters) == ("Hi?", "Yo.", {"temperature": "0.5"})
    assert buckets(call) == {"input_fresh": 6, "cache_read": 4, "output_visible": 5}
    assert (call.streaming, call.time_to_first_token, call.session_id) == (True, 0.25, "s")
    assert call.metadata == {"plan": "pro"}
    request = row({"tfy.span_type": "ChatCompletion"} | told)
    assert (request.operation, request.billed) == ("chain", False)
    unwritten = row({"tfy.span_type": "Model"} | counts)
    assert buckets(unwritten) == {"input_fresh": 10, "output_visible": 5}


RUN = {"az.namespace": "Microsoft.CognitiveServices", "gen_ai.thread.run.id": "run_abcdefghijklmnopqrst"}


def test_a_run_of_azures_agents_that_is_fetched_is_billed_once():
    """Who starts a run and waits learns what it used when it is over, from each time that it is fetched."""
    asked = RUN | {"gen_ai.system": "az.ai.agents", "gen_ai.response.model": "gpt-4o"}
    assert row(asked | {"gen_ai.operation.name": "start_thread_run"}).operation == "chain"
    assert row(asked | {"gen_ai.operation.name": "get_thread_run"}).operation == "chain"
    runs = [row(asked | COUNTED | {"gen_ai.operation.name": "get_thread_run"}) for _ in range(3)]
    for number, span in enumerate(runs):
        span.trace_id, span.span_id = "t", f"s{number}"
        assert (span.operation, span.provider, span.response_id) == (
            "chat",
            "azure.ai.inference",
            "run_abcdefghijklmnopqrst",
        )
    repeats = Repeats()
    repeats.mark(runs[:2])
    repeats.mark(runs[2:])
    assert [span.billed for span in runs] == [True, False, False]


def test_an_agent_of_foundrys_that_was_asked_is_billed():
    """Its model is asked on the server, and nothing else tells the tokens; others' agents are containers."""
    told = {"gen_ai.provider.name": "microsoft.foundry", "gen_ai.operation.name": "invoke_agent"}
    span = row(told | COUNTED | {"az.namespace": "Microsoft.CognitiveServices"})
    assert (span.operation, span.billed, span.provider) == ("chat", True, "azure.ai.inference")
    assert not row(told | COUNTED).billed


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (
            {"system": "Be brief.", "messages": [{"role": "user", "content": "Hello?"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Hi."}], "stop_reason": "end_turn"},
        ),
        (
            {
                "systemInstruction": {"parts": [{"text": "Be brief."}]},
                "contents": [{"role": "user", "parts": [{"text": "Hello?"}]}],
            },
            {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi."}]}}]},
        ),
        (
            {"instructions": "Be brief.", "input": "Hello?"},
            {
                "output": [
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [{"type": "output_text", "text": "Hi."}],
                    }
                ]
            },
        ),
    ],
    ids=["anthropic", "gemini", "responses"],
)
def test_a_gateway_passes_on_the_objects_of_every_vendor(asked, answered):
    """Cloudflare's does; what the system was told stands beside the messages in most of them."""
    told = {"gen_ai.prompt_json": json.dumps(asked), "gen_ai.completion_json": json.dumps(answered)}
    named = {"gen_ai.request.model": "m", "gen_ai.model.provider": "google-ai-studio"}
    span = row(named | COUNTED | told)
    assert (span.operation, span.provider, span.input_text, span.output_text) == (
        "chat",
        "gcp.gemini",
        "Hello?",
        "Hi.",
    )
    assert json.loads(span.system_instructions) == [{"type": "text", "content": "Be brief."}]


def test_what_a_model_thought_is_kept_behind_a_router():
    """OpenRouter says it beside the words; Workers AI calls the words its response."""
    told = {"gen_ai.request.model": "m", "gen_ai.operation.name": "chat"} | COUNTED
    span = row(told | {"gen_ai.completion": json.dumps({"completion": "Hi.", "reasoning": "Hm."})})
    assert [part["type"] for part in json.loads(span.output_messages)[0]["parts"]] == ["reasoning", "text"]
    assert span.output_text == "Hi."
    assert row(told | {"gen_ai.completion_json": json.dumps({"response": "Hi."})}).output_text == "Hi."


def test_content_under_coze_loops_names_is_content():
    """Of a call both sides are OpenAI's objects; a tool and a step have values."""
    asked = {"messages": [{"role": "user", "content": "Hello?"}]}
    answer = {"choices": [{"message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}]}
    sides = {"cozeloop.input": json.dumps(asked), "cozeloop.output": json.dumps(answer)}
    span = row({"cozeloop.span_type": "model", "gen_ai.request.model": "doubao"} | COUNTED | sides)
    assert (span.operation, span.billed, span.input_text, span.output_text) == ("chat", True, "Hello?", "Hi.")
    values = {"cozeloop.input": '{"city":"Oslo"}', "cozeloop.output": "sunny"}
    tool = row({"cozeloop.span_type": "tool", "gen_ai.tool.name": "weather"} | values)
    assert (tool.operation, tool.tool_arguments, tool.tool_result) == (
        "execute_tool",
        '{"city":"Oslo"}',
        "sunny",
    )
    step = row({"cozeloop.span_type": "graph", "gen_ai.system": "x"} | values)
    assert (step.operation, step.output_text) == ("chain", "sunny")


def test_a_request_of_vercels_gateway_is_a_call_and_its_attempts_are_not():
    """Each attempt names its model and no tokens; the request has tokens, cost, user and the answer's id."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "anthropic/claude-sonnet-4.5",
        "vercel.ai_gateway.request.id": "r1",
        "vercel.ai_gateway.generation.id": "gen_1",
        "vercel.ai_gateway.cost.total": "0.25",
        "vercel.ai_gateway.user.id": "u",
    }
    span = row(told | COUNTED)
    assert (span.billed, span.response_id, span.user_id) == (True, "gen_1", "u")
    assert span.attributes["gen_ai.usage.cost"] == "0.25"
    tried = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4.5"}
    attempt = row(tried | {"vercel.ai_gateway.attempt.id": "a1"})
    assert (attempt.operation, attempt.billed) == ("chain", False)
    ranked = row(told | COUNTED | {"gen_ai.operation.name": "retrieval"})
    assert (ranked.operation, ranked.billed) == ("rerank", True)


PORTKEY = {"gen_ai.request.model": "gpt-5-mini", "gen_ai.provider.name": "openai", "server.port": 443}


def test_a_request_behind_portkeys_gateway_has_its_tokens():
    """It counts in names of the response, and tells no operation; of embeddings it passes on the numbers."""
    told = {
        "gen_ai.response.input_tokens": 9,
        "gen_ai.response.output_tokens": 5,
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "Hello?",
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "content": "Hi."}]),
        "gen_ai.response.finish_reasons": ["stop"],
    }
    span = row(PORTKEY | told, scope="custom.genai.instrumentation")
    assert (span.operation, span.billed, span.input_text, span.output_text) == ("chat", True, "Hello?", "Hi.")
    assert buckets(span) == {"input_fresh": 9, "output_visible": 5}
    vectors = [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]
    numbers = {"gen_ai.request.model": "text-embedding-3-small", "gen_ai.response.input_tokens": 3}
    embedded = row(PORTKEY | numbers | {"gen_ai.output.messages": json.dumps(vectors)})
    assert (embedded.operation, embedded.output_messages) == ("embeddings", "")
    assert buckets(embedded) == {"input_fresh": 3}


def test_a_request_that_failed_behind_portkeys_gateway_is_an_error():
    """It calls each of them a success, and says the error's type; an answer that came is none."""
    sent = raw(PORTKEY | {"error.type": 429, "gen_ai.response.input_tokens": 0})
    sent.status_code = 1
    span = normalise(sent, "default", NOW_MS)[0]
    assert (span.status, span.error_type) == ("error", "429")
    assert row(PORTKEY | COUNTED | {"error.type": "x"}).status == "unset"
