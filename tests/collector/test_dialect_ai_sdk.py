"""The AI SDK's spans, old and new, to the canonical row."""

import json

import pytest
from tests.collector.test_normalise import buckets, row

CALL = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.model.provider": "openai.responses",
    "ai.model.id": "gpt-4o-mini",
    "ai.response.id": "resp_1",
    "ai.response.model": "gpt-4o-mini-2024-07-18",
    "ai.response.finishReason": "tool-calls",
    "ai.response.toolCalls": json.dumps(
        [{"toolCallId": "call_1", "toolName": "weather", "input": '{"city":"Oslo"}'}]
    ),
    "ai.prompt.messages": json.dumps(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "ごみの収集日は？"}]},
        ]
    ),
    "ai.prompt.tools": ['{"type":"function","name":"weather","inputSchema":{}}'],
    "ai.usage.promptTokens": 12,
    "ai.usage.completionTokens": 5,
    "ai.settings.temperature": 0.5,
    "ai.settings.maxOutputTokens": 99,
}


def test_an_inner_span_is_a_billed_call():
    """Everything of a doGenerate span lands in the columns, and the call is billed."""
    span = row(CALL, scope="ai")
    assert (span.dialect, span.operation, span.billed, span.provider) == ("ai_sdk", "chat", True, "openai")
    assert (span.request_model, span.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert (span.response_id, span.finish_reasons) == ("resp_1", ["tool_calls"])
    assert buckets(span) == {"input_fresh": 12, "output_visible": 5}
    assert span.parameters == {"temperature": "0.5", "max_tokens": "99"}
    assert span.input_text == "ごみの収集日は?"
    assert [m["role"] for m in json.loads(span.input_messages)] == ["system", "user"]
    assert json.loads(span.output_messages)[0]["parts"] == [
        {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}, "id": "call_1"}
    ]
    assert json.loads(span.tool_definitions)[0]["name"] == "weather"


@pytest.mark.parametrize(
    ("identity", "operation"),
    [
        ("ai.generateText", "invoke_agent"),
        ("ai.streamObject", "invoke_agent"),
        ("ai.embedMany", "chain"),
        ("ai.rerank", "chain"),
    ],
)
def test_an_outer_span_repeats_its_inner_ones(identity, operation):
    """An outer span reports usage too, and is never billed, whatever arrives beside it."""
    span = row({"ai.operationId": identity, "ai.usage.inputTokens": 12, "ai.usage.outputTokens": 5})
    assert (span.operation, span.billed) == (operation, False)


def test_a_stream_tells_its_first_chunk_in_milliseconds():
    """The milliseconds to the first chunk become seconds, under both of their names."""
    for name in ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"):
        span = row({"ai.operationId": "ai.streamText.doStream", name: 316.5})
        assert (span.streaming, span.time_to_first_token) == (True, 0.3165)


def test_names_before_version_4_are_read():
    """ai.result.* and ai.finishReason mean ai.response.*."""
    span = row(
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.result.text": "Hello.",
            "ai.finishReason": "length",
            "ai.settings.maxTokens": 5,
        }
    )
    assert (span.output_text, span.finish_reasons, span.parameters) == (
        "Hello.",
        ["length"],
        {"max_tokens": "5"},
    )


def test_cached_tokens_are_in_the_input_whatever_the_version():
    """Version 5 leaves Anthropic's caches out of the input; later versions include them."""
    counts = {"ai.usage.inputTokens": 100, "ai.usage.outputTokens": 9, "ai.usage.cachedInputTokens": 40}
    vendor = {"anthropic": {"cacheCreationInputTokens": 20}}
    base = {"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages"}
    span = row({**base, **counts, "ai.response.providerMetadata": json.dumps(vendor)})
    assert buckets(span) == {"input_fresh": 100, "cache_read": 40, "cache_write_5m": 20, "output_visible": 9}
    span = row({**base, **counts, "ai.usage.inputTokenDetails.noCacheTokens": 60})
    assert buckets(span) == {"input_fresh": 60, "cache_read": 40, "output_visible": 9}
    span = row({**base, **counts, "ai.model.provider": "openai.chat"})
    assert buckets(span) == {"input_fresh": 60, "cache_read": 40, "output_visible": 9}


def test_an_object_of_version_6_has_caches_in_its_input():
    """Objects' spans tell no details of the input; the version, or Anthropic's count, says what is in it."""
    usage = {
        "input_tokens": 1070,
        "cache_creation_input_tokens": 600,
        "cache_read_input_tokens": 410,
        "cache_creation": {"ephemeral_5m_input_tokens": 330, "ephemeral_1h_input_tokens": 270},
    }
    call = {
        "ai.operationId": "ai.generateObject.doGenerate",
        "ai.model.provider": "anthropic.messages",
        "ai.request.headers.user-agent": "ai/6.0.326",
        "ai.response.object": '{"city": "Oslo"}',
        "ai.response.providerMetadata": json.dumps({"anthropic": {"usage": usage}}),
        "ai.usage.promptTokens": 2080,
        "ai.usage.completionTokens": 140,
        "gen_ai.usage.input_tokens": 2080,
        "gen_ai.usage.output_tokens": 140,
    }
    caches = {"cache_read": 410, "cache_write_5m": 330, "cache_write_1h": 270, "output_visible": 140}
    assert buckets(row(call, scope="ai")) == {"input_fresh": 1070} | caches
    for agent in ("garbage-guide/2.1 ai/7.0.173", "ai-sdk-agent/tool-loop ai/10.2.0"):
        assert buckets(row(call | {"ai.request.headers.user-agent": agent}))["input_fresh"] == 1070
    stream = {"ai.operationId": "ai.streamObject.doStream", "ai.usage.cachedInputTokens": 410}
    stream |= {"ai.request.headers.user-agent": ""}
    assert buckets(row(call | stream)) == {"input_fresh": 1070} | caches
    older = {"ai.request.headers.user-agent": "ai/5.0.277", "gen_ai.usage.input_tokens": 1070}
    older |= {"ai.usage.promptTokens": 1070}
    assert buckets(row(call | older)) == {"input_fresh": 1070} | caches
    older |= stream
    assert buckets(row(call | older)) == {"input_fresh": 1070} | caches


def test_embeddings_keep_the_words_and_not_the_vectors():
    """The texts are the input; vectors are not stored."""
    span = row(
        {
            "ai.operationId": "ai.embedMany.doEmbed",
            "ai.model.provider": "openai.embedding",
            "ai.values": ['"one"', '"two"'],
            "ai.embeddings": ["[0.1]", "[0.2]"],
            "ai.usage.tokens": 7,
        }
    )
    assert (span.operation, span.provider, span.input_fresh, span.input_text) == (
        "embeddings",
        "openai",
        7,
        "two",
    )
    assert "ai.embeddings" not in span.attributes


def test_a_tool_call_is_a_tool():
    """ai.toolCall.* fill the tool's columns."""
    span = row(
        {
            "ai.operationId": "ai.toolCall",
            "ai.toolCall.name": "weather",
            "ai.toolCall.id": "call_1",
            "ai.toolCall.args": '{"city":"Oslo"}',
            "ai.toolCall.result": '"21 celsius"',
        }
    )
    assert (span.operation, span.tool_name, span.tool_call_id) == ("execute_tool", "weather", "call_1")
    assert (span.tool_arguments, span.output_text) == ('{"city":"Oslo"}', "21 celsius")


@pytest.mark.parametrize(
    ("given", "provider"),
    [
        ("azure.chat", "azure.ai.openai"),
        ("amazon-bedrock", "aws.bedrock"),
        ("google.generative-ai", "gcp.gemini"),
        ("google.vertex.chat", "gcp.vertex_ai"),
        ("mistral.chat", "mistral_ai"),
        ("groq.chat", "groq"),
    ],
)
def test_providers_have_the_names_of_the_conventions(given, provider):
    """The API family after the dot is cut, and hosts are called what everybody calls them."""
    assert (
        row({"ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": given}).provider == provider
    )


def test_metadata_of_the_call_is_who_and_which():
    """Session, user, tags and prompt come from telemetry metadata, or the context of version 7."""
    prompt = {"name": "faq", "version": 3}
    span = row(
        {
            **CALL,
            "ai.telemetry.metadata.sessionId": "s1",
            "ai.telemetry.metadata.userId": "u1",
            "ai.telemetry.metadata.tags": ["a", "b"],
            "ai.telemetry.metadata.tenant": "acme",
            "ai.telemetry.metadata.langfusePrompt": json.dumps(prompt),
        }
    )
    assert (span.session_id, span.user_id, span.tags, span.metadata) == (
        "s1",
        "u1",
        ["a", "b"],
        {"tenant": "acme"},
    )
    assert (span.prompt_name, span.prompt_version) == ("faq", "3")
    span = row({"gen_ai.operation.name": "chat", "ai.settings.context.userId": "u2"}, scope="gen_ai")
    assert (span.dialect, span.user_id) == ("ai_sdk", "u2")


def test_version_7_gives_reasoning_in_its_own_details():
    """The conventions carry the totals, ai.usage.* the parts."""
    span = row(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 30,
            "ai.usage.outputTokenDetails.reasoningTokens": 20,
        },
        scope="gen_ai",
    )
    assert buckets(span) == {"input_fresh": 10, "output_visible": 10, "reasoning": 20}


def test_version_7_keeps_googles_own_name_of_a_provider():
    """It becomes that of the conventions, as the older spans' does."""
    base = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gemini-2.5-flash"}
    assert (
        row(base | {"gen_ai.provider.name": "google.generative-ai"}, scope="gen_ai").provider == "gcp.gemini"
    )
    assert row(base | {"gen_ai.provider.name": "aws.bedrock"}, scope="gen_ai").provider == "aws.bedrock"


def test_geminis_thoughts_are_part_of_the_answer_in_version_five():
    """Version 5 reports the words as the output, and the thoughts beside them or in the vendor's object."""
    call = CALL | {"ai.model.provider": "google.generative-ai", "ai.usage.completionTokens": 5}
    usage = {"candidatesTokenCount": 5, "thoughtsTokenCount": 7, "cachedContentTokenCount": 2}
    told = {"ai.response.providerMetadata": json.dumps({"google": {"usageMetadata": usage}})}
    expected = {"input_fresh": 10, "cache_read": 2, "output_visible": 5, "reasoning": 7}
    assert buckets(row(call | told, scope="ai")) == expected
    summed = {"ai.usage.reasoningTokens": 7, "ai.usage.totalTokens": 24}
    assert buckets(row(call | summed, scope="ai")) == {"input_fresh": 12, "output_visible": 5, "reasoning": 7}
    inside = {"ai.usage.reasoningTokens": 3, "ai.usage.totalTokens": 17}
    assert buckets(row(call | inside, scope="ai")) == {"input_fresh": 12, "output_visible": 2, "reasoning": 3}


def test_a_translation_into_the_conventions_keeps_the_providers_name_whole():
    """OpenLLMetry's JavaScript renames the provider and the cache writes, and joins the tags with commas."""
    call = {
        "ai.operationId": "ai.generateText.doGenerate",
        "gen_ai.provider.name": "gcp.gemini",
        "traceloop.association.properties.tags": "a,b",
    }
    span = row(call, scope="ai")
    assert (span.provider, span.tags) == ("gcp.gemini", ["a", "b"])
    cached = {
        "ai.operationId": "ai.generateText.doGenerate",
        "gen_ai.system": "anthropic.messages",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_creation.input_tokens": 30,
    }
    assert buckets(row(cached, scope="ai")) == {"input_fresh": 10, "cache_write_5m": 30, "output_visible": 5}
