"""Spans of packages of other languages (Rust, Go, Kotlin, Ruby, JavaScript) to the canonical row."""

import json

import pytest
from tests.collector.test_normalise import buckets, row

COUNTED = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"} | COUNTED
EINO = {"gen_ai.system": "eino", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Hi?"}
TEXT = {"type": "text", "content": "Yo."}
WEATHER = {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}, "id": "c1"}


def test_a_stream_of_rigs_is_a_billed_call():
    """Rust's Rig names the operation after the way of asking."""
    told = {
        "gen_ai.operation.name": "chat_streaming",
        "gen_ai.provider.name": "xai",
        "gen_ai.request.model": "grok-4",
        "gen_ai.response.model_name": "grok-4-0709",
    }
    span = row(told | COUNTED)
    assert (span.operation, span.billed, span.streaming, span.provider) == ("chat", True, True, "x_ai")
    assert span.response_model == "grok-4-0709"


def test_words_and_calls_without_a_type_are_one_answer():
    """Rig's have no role and no type either."""
    call = {"id": "c1", "call_id": None, "function": {"name": "weather", "arguments": {"city": "Oslo"}}}
    span = row(CHAT | {"gen_ai.output.messages": json.dumps([{"text": "Yo."}, call])})
    assert json.loads(span.output_messages) == [{"role": "assistant", "parts": [TEXT, WEATHER]}]


def test_an_object_of_an_unknown_shape_keeps_its_words():
    """It becomes text, and is not thrown away."""
    span = row(CHAT | {"gen_ai.output.messages": json.dumps({"answer": "Yo."})})
    assert span.output_text == '{"answer":"Yo."}'


@pytest.mark.parametrize("kind", ["chatmodel", "workflow"])
def test_a_model_of_einos_is_a_call_outermost_too(kind):
    """Go's Eino calls the first of its components a workflow, and itself the provider."""
    told = {
        "gen_ai.span.kind": kind,
        "runinfo.component": "ChatModel",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.is_streaming": False,
    }
    span = row(EINO | told | COUNTED)
    assert (span.operation, span.billed, span.provider, span.input_text) == ("chat", True, "openai", "Hi?")


def test_other_components_of_einos_are_steps():
    """A retriever is one that searches, under OpenTelemetry's handler too."""
    assert row(EINO | {"gen_ai.span.kind": "lambda", "runinfo.component": "Lambda"}).operation == "chain"
    assert row({"gen_ai.operation.name": "retrieve", "gen_ai.system": "es8"}).operation == "retrieval"


def test_who_speaks_is_written_small():
    """Kotlin's Koog writes `User` and `Assistant`."""
    said = [{"role": "Assistant", "parts": [TEXT]}]
    asked = [{"role": "User", "parts": [{"type": "text", "content": "Hi?"}]}]
    told = {"gen_ai.input.messages": json.dumps(asked), "gen_ai.output.messages": json.dumps(said)}
    span = row(CHAT | told)
    assert json.loads(span.output_messages) == [{"role": "assistant", "parts": [TEXT]}]
    assert (json.loads(span.input_messages)[0]["role"], span.input_text) == ("user", "Hi?")


def test_tracy_counts_caches_of_claude_beside_the_input():
    """JetBrains' Tracy flattens the request as JSON, and passes on the vendor's counts."""
    told = {
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.output.type": "message",
        "gen_ai.prompt.system.content": "Be brief.",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": '"Hi?"',
        "gen_ai.completion.0.type": "text",
        "gen_ai.completion.0.content": "Yo.",
        "gen_ai.completion.1.type": "tool_use",
        "gen_ai.completion.1.tool.call.id": "c1",
        "gen_ai.completion.1.tool.name": "weather",
        "gen_ai.completion.1.tool.arguments": '{"city":"Oslo"}',
        "gen_ai.tool.0.name": "weather",
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.response.finish_reasons": ["tool_use"],
    }
    span = row(told | COUNTED)
    assert buckets(span) == {"input_fresh": 10, "cache_read": 4, "output_visible": 5}
    assert (span.input_text, span.output_text, span.finish_reasons) == ("Hi?", "Yo.", ["tool_calls"])
    assert json.loads(span.system_instructions) == [{"type": "text", "content": "Be brief."}]
    assert json.loads(span.output_messages)[1]["parts"] == [WEATHER]
    assert json.loads(span.tool_definitions)[0]["name"] == "weather"


def test_a_call_of_the_kits_java_is_billed_and_its_tool_has_an_identifier():
    """Java's Agent Development Kit says as the operation what the others say as the span's name."""
    asked = {"model": "gemini-2.5-pro", "contents": [{"role": "user", "parts": [{"text": "Hi?"}]}]}
    used = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 3}
    answer = {"content": {"role": "model", "parts": [{"text": "Yo."}]}, "usageMetadata": used}
    told = {
        "gen_ai.system": "gcp.vertex.agent",
        "gen_ai.operation.name": "call_llm",
        "gen_ai.request.model": "gemini-2.5-pro",
        "gcp.vertex.agent.llm_request": json.dumps(asked),
        "gcp.vertex.agent.llm_response": json.dumps(answer),
    }
    span = row(told | COUNTED, scope="gcp.vertex.agent")
    assert (span.operation, span.billed, span.provider) == ("chat", True, "gcp.gemini")
    assert (span.input_text, span.output_text) == ("Hi?", "Yo.")
    assert buckets(span) == {"input_fresh": 10, "output_visible": 5, "reasoning": 3}
    for identity, known in (("c1", "c1"), ("<not specified>", "")):
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool_call.id": identity}
        assert row(tool, scope="gcp.vertex.agent").tool_call_id == known


@pytest.mark.parametrize(
    ("told", "operation"),
    [
        ("chat.completion", "chat"),
        ("response", "chat"),
        ("message", "chat"),
        ("invoke_model", "chat"),
        ("streamGenerateContent", "generate_content"),
    ],
)
def test_the_type_of_an_answer_is_the_operation_of_a_call_seen_from_the_kernel(told, operation):
    """OpenTelemetry's eBPF instrumentation reads requests and answers off the wire, in any language."""
    span = row(CHAT | {"gen_ai.operation.name": told})
    assert (span.operation, span.billed) == (operation, True)
    assert not row({"gen_ai.operation.name": "message"}).billed


def test_a_turn_of_rubys_is_no_call():
    """The calls within it are."""
    span = row({"gen_ai.operation.name": "chat_turn", "gen_ai.request.model": "gpt-4o"})
    assert (span.operation, span.billed) == ("chain", False)


@pytest.mark.parametrize("scope", ["OpenTelemetry::Instrumentation::RubyLLM", "req_llm", "langchain"])
def test_caches_of_claude_are_missing_from_the_input_of_rubys_and_elixirs(scope):
    """They pass on the vendor's count; OpenAI's holds the caches."""
    cached = CHAT | {"gen_ai.usage.cache_read.input_tokens": 4}
    claude = row(cached | {"gen_ai.provider.name": "anthropic"}, scope=scope)
    assert buckets(claude) == {"input_fresh": 10, "cache_read": 4, "output_visible": 5}
    other = row(cached | {"gen_ai.provider.name": "openai"}, scope=scope)
    assert buckets(other) == {"input_fresh": 6, "cache_read": 4, "output_visible": 5}


@pytest.mark.parametrize("client", ["anthropic", "bedrock"])
def test_caches_are_missing_from_the_input_of_openlits_javascript(client):
    """Its packages pass on the vendor's count, of streams and of whole answers."""
    told = {"telemetry.sdk.name": "openlit", "gen_ai.usage.cache_read.input_tokens": 4}
    span = row(CHAT | told, scope=f"@openlit/instrumentation-{client}")
    assert buckets(span) == {"input_fresh": 10, "cache_read": 4, "output_visible": 5}


def test_tokens_of_openlits_embeddings_are_no_guess():
    """They have no answer, whose length a guess goes by."""
    told = {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "text-embedding-3-small"}
    told |= {"gen_ai.input.messages": '["a","b"]', "gen_ai.usage.input_tokens": 7}
    told["telemetry.sdk.name"] = "openlit"
    span = row(told, scope="@openlit/instrumentation-openai")
    assert (span.usage_source, buckets(span)) == ("reported", {"input_fresh": 7})


@pytest.mark.parametrize(
    "told",
    [
        {"openinference.span.kind": "LLM", "output.value": '{"type": []}'},
        {
            "gen_ai.input.messages": '[{"role": ["user"], "content": "Hi?"}]',
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.",
        },
        {
            "gen_ai.output.messages": '[{"role": "model", "parts": [{"type": []}]},'
            ' {"role": "model", "parts": [{"type": []}]}]'
        },
    ],
)
def test_a_list_in_place_of_a_type_or_a_role_costs_no_span_its_call(told):
    """Normalisation that fails leaves a span that nobody is billed for."""
    assert row(CHAT | told).billed


@pytest.mark.parametrize(
    ("who", "provider"),
    [
        ({"provider": "anthropic", "endpoint": "/v1/messages"}, "anthropic"),
        ({"provider": "ruby_llm"}, "anthropic"),
        ({"provider": "llm_rb", "llm_provider": "bedrock"}, "aws.bedrock"),
    ],
)
def test_a_call_of_braintrusts_without_a_kind_is_billed(who, provider):
    """Its SDKs for Ruby and Go say what a step is of tools alone."""
    notes = {"model": "claude-sonnet-4", "stop_reason": "max_tokens"} | who
    metrics = {
        "prompt_tokens": 100,
        "completion_tokens": 5,
        "prompt_cached_tokens": 60,
        "prompt_cache_creation_tokens": 30,
        "prompt_cache_creation_1h_tokens": 30,
    }
    span = row(
        {
            "braintrust.input_json": '[{"role": "user", "content": "Hi?"}]',
            "braintrust.output_json": '[{"role": "assistant", "content": [{"type": "text", "text": "Yo."}]}]',
            "braintrust.metadata": json.dumps(notes),
            "braintrust.metrics": json.dumps(metrics),
        }
    )
    assert (span.billed, span.provider, span.request_model) == (True, provider, "claude-sonnet-4")
    assert buckets(span) == {"input_fresh": 10, "cache_read": 60, "cache_write_1h": 30, "output_visible": 5}
    assert (span.input_text, span.output_text, span.finish_reasons) == ("Hi?", "Yo.", ["length"])
    assert span.metadata == {}


def test_spans_of_langchaingos_callbacks_are_what_they_are():
    """They name no model, so what the tokens cost is unknown, but not that there were any."""
    call = row({"gen_ai.operation.name": "llm.generate_content", "gen_ai.completion": "Yo."} | COUNTED)
    assert (call.operation, call.billed, call.output_text) == ("chat", True, "Yo.")
    assert buckets(call) == {"input_fresh": 10, "output_visible": 5}
    tool = row({"gen_ai.operation.name": "tool", "tool.input": "Oslo", "tool.output": "sunny"})
    assert (tool.operation, tool.tool_arguments, tool.tool_result) == ("execute_tool", "Oslo", "sunny")
    found = row({"gen_ai.operation.name": "retriever", "retriever.query": "Hours?"})
    assert (found.operation, found.retrieval_query) == ("retrieval", "Hours?")
    assert row({"gen_ai.operation.name": "chain"}).operation == "chain"


def test_genkit_tells_answers_of_gemini_as_candidates():
    """Its plugin of Google's models writes no message of its own, and what was streamed in pieces."""
    pieces = [{"text": "Tins are "}, {"text": "collected "}, {"text": "on Friday."}]
    call = {"toolRequest": {"name": "weather", "input": {"city": "Oslo"}}}
    told = {"genkit:name": "googleai/gemini-2.5-flash", "genkit:metadata:subtype": "model"}
    usage = {"inputTokens": 9, "outputTokens": 5}
    whole = "Tins are collected on Friday."
    for content, words, reason in ((pieces, whole, "stop"), ([call], "", "tool_calls")):
        message = {"role": "model", "content": content}
        output = {"candidates": [{"index": 0, "message": message, "finishReason": "stop"}], "usage": usage}
        span = row(told | {"genkit:output": json.dumps(output)})
        assert (span.output_text, span.finish_reasons) == (words, [reason])
    assert json.loads(span.output_messages)[0]["parts"] == [
        {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}}
    ]


def test_a_stream_of_adks_javascript_that_called_a_tool_answered_no_json():
    """What it ends with has counts and no content; it was shown as the words of the answer."""
    usage = {"promptTokenCount": 30, "cachedContentTokenCount": 10, "candidatesTokenCount": 5}
    answer = {"usageMetadata": usage, "finishReason": "STOP", "partial": False}
    asked = {"contents": [{"role": "user", "parts": [{"text": "Hi?"}]}]}
    told = {
        "gen_ai.operation.name": "call_llm",
        "gen_ai.request.model": "gemini-2.5-flash",
        "gcp.vertex.agent.llm_request": json.dumps(asked),
        "gcp.vertex.agent.llm_response": json.dumps(answer),
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 5,
    }
    span = row(told, scope="gcp.vertex.agent")
    assert (span.input_text, span.output_text, span.output_messages) == ("Hi?", "", "")
    assert buckets(span) == {"input_fresh": 20, "cache_read": 10, "output_visible": 5}


@pytest.mark.parametrize("scope", ["org.springframework.boot", "shop"])
def test_counts_of_langchain4js_observations_are_billed(scope):
    """Micrometer writes them as text, without a prefix, and `unknown` for what nobody told."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "OPEN_AI",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "unknown",
        "outcome": "SUCCESS",
        "input_tokens": "100",
        "output_tokens": "40",
    }
    span = row(told, scope=scope)
    assert (span.billed, span.provider, span.response_model) == (True, "openai", "")
    assert (span.usage_source, buckets(span)) == ("reported", {"input_fresh": 100, "output_visible": 40})


def test_tools_that_openlits_go_tells_beside_an_answer_are_its_calls():
    """Its messages have the words alone; names and ids are joined, arguments are a list."""
    told = CHAT | {
        "gen_ai.system": "openai",
        "gen_ai.response.finish_reasons": ["tool_calls"],
        "gen_ai.tool.name": "weather, hours",
        "gen_ai.tool.call.id": "c1, c2",
        "gen_ai.tool.call.arguments": ['{"city":"Oslo"}', "{}"],
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "content": ""}]),
    }
    span = row(told, scope="openlit.openai")
    hours = {"type": "tool_call", "id": "c2", "name": "hours", "arguments": {}}
    assert json.loads(span.output_messages) == [{"role": "assistant", "parts": [WEATHER, hours]}]
    assert "gen_ai.tool.name" not in span.attributes
    odd = row(told | {"gen_ai.tool.call.arguments": ["{}"]}, scope="openlit.openai")
    assert '"tool_call"' not in odd.output_messages


@pytest.mark.parametrize(
    ("asked", "operation", "streaming"),
    [
        ("chat/create", "chat", False),
        ("chat/createStreamed", "chat", True),
        ("completions/create", "text_completion", False),
        ("embeddings/create", "embeddings", False),
    ],
)
def test_a_call_of_phps_client_is_billed(asked, operation, streaming):
    """OpenTelemetry's instrumentation of it has names of its own for everything."""
    told = {
        "openai.resource": asked,
        "openai.model": "gpt-4o",
        "openai.temperature": 0.5,
        "openai.user": "u1",
        "openai.usage.prompt_tokens": 100,
        "openai.usage.completion_tokens": 40,
        "openai.usage.total_tokens": 140,
    }
    span = row(told, scope="io.opentelemetry.contrib.php.openaiphp")
    assert (span.operation, span.billed, span.streaming) == (operation, True, streaming)
    assert (span.provider, span.request_model, span.user_id) == ("openai", "gpt-4o", "u1")
    assert buckets(span) == {"input_fresh": 100, "output_visible": 40}
    assert span.parameters == {"temperature": "0.5"}


def test_what_else_phps_client_does_is_no_call_of_tokens():
    """A list of models is none."""
    span = row({"openai.resource": "models/list"}, scope="io.opentelemetry.contrib.php.openaiphp")
    assert (span.operation, span.billed) == ("other", False)
