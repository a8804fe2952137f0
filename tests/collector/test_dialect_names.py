"""Names that current and older packages write beside those of the conventions, to the canonical row."""

import json

import pytest
from tests.collector.test_normalise import NOW_MS, buckets, raw, row

from kansoku_collector.model import Event
from kansoku_collector.normalise import normalise

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 8,
}
LLM = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o"}


@pytest.mark.parametrize(
    ("name", "bucket"),
    [
        ("gen_ai.usage.input_cached_tokens", "cache_read"),
        ("gen_ai.usage.cache_read_tokens", "cache_read"),
        ("gen_ai.usage.prompt_tokens_details.cached_tokens", "cache_read"),
        ("gen_ai.usage.cache_write_input_tokens", "cache_write_5m"),
        ("gen_ai.usage.input_cache_creation_tokens", "cache_write_5m"),
        ("gen_ai.usage.reasoning_output_tokens", "reasoning"),
        ("gen_ai.usage.output_tokens.reasoning_tokens", "reasoning"),
        ("gen_ai.usage.input_tokens.cached_tokens", "cache_read"),
        ("gen_ai.usage.input_tokens.cache_write_tokens", "cache_write_5m"),
        ("gen_ai.usage.completion_tokens_details.reasoning_tokens", "reasoning"),
        ("gen_ai.usage.input_audio_tokens", "audio_in"),
        ("gen_ai.usage.output_tokens.audio", "audio_out"),
        ("gen_ai.usage.details.input_image_tokens", "image"),
    ],
)
def test_a_part_of_usage_is_in_its_bucket_under_every_name(name, bucket):
    """LiveKit, Browser Use, Laminar, traceAI, OpenLIT and Strands each named them in their own way."""
    found = buckets(row(CHAT | {name: 3}))
    assert found[bucket] == 3
    assert sum(found.values()) == 18


@pytest.mark.parametrize(
    ("operation", "known"),
    [
        ("rerank_documents", "rerank"),
        ("embed", "embeddings"),
        ("images_generate", "image"),
        ("interactions.create", "chat"),
        ("guardrail_check", "guardrail"),
        ("agent_handoff", "chain"),
        ("evaluate", "evaluation"),
    ],
)
def test_an_operation_is_known_under_other_names(operation, known):
    """Alibaba, Langtrace, Google's SDK, OpenAI's agents and Sentry have words of their own."""
    assert row({"gen_ai.operation.name": operation}).operation == known


def test_what_belongs_to_a_request_is_no_parameter_of_it():
    """Tools, instructions and a stream were written among the parameters."""
    tools = [{"type": "function", "name": "weather"}]
    told = {
        "gen_ai.request.tools": json.dumps(tools),
        "gen_ai.request.instructions": "Be brief.",
        "gen_ai.request.streaming": True,
        "gen_ai.request.temperature": "0.5",
        "gen_ai.openai.request.seed": 7,
    }
    span = row(CHAT | told)
    assert json.loads(span.tool_definitions) == tools
    assert json.loads(span.system_instructions) == [{"type": "text", "content": "Be brief."}]
    assert (span.streaming, span.parameters) == (True, {"temperature": "0.5", "seed": "7"})


def test_texts_that_were_embedded_and_documents_that_were_ranked_are_read():
    """Sentry names the texts, traceAI the question and the documents."""
    texts = row({"gen_ai.operation.name": "embeddings", "gen_ai.embeddings.input": '["a", "b"]'})
    assert [message["parts"][0]["content"] for message in json.loads(texts.input_messages)] == ["a", "b"]
    ranked = [{"id": "d1", "score": 0.9, "content": "Rain."}]
    told = {"gen_ai.reranker.query": "Rain?", "gen_ai.reranker.output_documents": json.dumps(ranked)}
    span = row({"gen_ai.operation.name": "rerank"} | told)
    assert (span.retrieval_query, json.loads(span.documents)) == ("Rain?", ranked)


def test_a_ranking_of_the_ai_sdk_is_documents_with_scores():
    """It tells their places in the list that was given."""
    span = row(
        {
            "ai.operationId": "ai.rerank.doRerank",
            "ai.model.provider": "cohere.reranking",
            "ai.model.id": "rerank-v3.5",
            "ai.documents": ['"sun"', '"rain"'],
            "ai.ranking": ['{"index":1,"relevanceScore":0.9}', '{"index":0,"relevanceScore":0.1}'],
        }
    )
    assert (span.operation, span.request_model) == ("rerank", "rerank-v3.5")
    assert json.loads(span.documents) == [
        {"id": "1", "score": 0.9, "content": "rain"},
        {"id": "0", "score": 0.1, "content": "sun"},
    ]


def test_decisions_of_the_ai_sdk_are_a_call_with_words():
    """What the model was asked about goes in, its answers come out."""
    told = {"ai.decision.state": '"It rains."', "ai.decision.answers": '{"umbrella":true}'}
    span = row(CHAT | {"gen_ai.operation.name": "decide"} | told, scope="gen_ai")
    assert (span.billed, span.input_text, span.output_text) == (True, "It rains.", '{"umbrella":true}')


def test_how_bedrock_ended_is_told_in_javascript_too():
    """OpenInference's JavaScript has a name of its own for it, and Amazon's for the provider."""
    span = row(LLM | {"llm.stop_reason": "guardrail_intervened", "llm.provider": "aws"})
    assert (span.finish_reasons, span.provider) == (["content_filter"], "aws.bedrock")


def test_a_function_call_from_before_there_were_tools_is_one():
    """OpenInference puts its two halves beside the content."""
    message = "llm.output_messages.0.message."
    span = row(
        LLM
        | {
            f"{message}role": "assistant",
            f"{message}function_call_name": "weather",
            f"{message}function_call_arguments_json": '{"city": "Oslo"}',
            f"{message}finish_reason": "stop",
        }
    )
    call = {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}}
    assert json.loads(span.output_messages)[0]["parts"] == [call]
    assert span.finish_reasons == ["tool_calls"]


def test_arguments_of_a_servers_tool_are_without_its_name():
    """OpenLLMetry's spans of MCP wrap both."""
    given = json.dumps({"tool_name": "add", "arguments": {"a": 1}})
    told = {"traceloop.span.kind": "tool", "traceloop.entity.name": "add", "traceloop.entity.input": given}
    span = row(told, scope="opentelemetry.instrumentation.mcp")
    assert (span.tool_name, span.tool_arguments) == ("add", '{"a":1}')


def test_parameters_of_watsonx_are_parameters():
    """OpenLLMetry has names of its own for them."""
    told = {"gen_ai.system": "Watsonx", "llm.watsonx.max_new_tokens": 100, "llm.watsonx.random_seed": 3}
    span = row(told | {"llm.request.type": "completion", "gen_ai.response.stop_reason": "eos_token"})
    assert span.parameters == {"max_tokens": "100", "seed": "3"}
    assert (span.provider, span.finish_reasons) == ("ibm.watsonx.ai", ["stop"])


def test_an_exception_of_the_conventions_own_event_is_the_error():
    """The newest conventions do not use the name that all other spans use."""
    found = raw(CHAT)
    found.status_code = 2
    told = {"exception.type": "RateLimitError", "exception.message": "Slow down."}
    found.events[:] = [Event("gen_ai.client.operation.exception", found.start_ns, told)]
    span = normalise(found, "default", NOW_MS)[0]
    assert (span.status, span.error_type, span.error_message) == ("error", "RateLimitError", "Slow down.")


def test_details_of_an_operation_other_than_inference_are_read():
    """Splunk's and Alibaba's packages have an event for each kind of operation."""
    found = raw({"gen_ai.operation.name": "embeddings"})
    told = {"gen_ai.embeddings.input.texts": '["a"]'}
    found.events[:] = [Event("gen_ai.client.embedding.operation.details", found.start_ns, told)]
    assert normalise(found, "default", NOW_MS)[0].input_text == "a"


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ("az.ai.openai", "azure.ai.openai"),
        ("bedrock", "aws.bedrock"),
        ("vertex_ai", "gcp.vertex_ai"),
        ("MistralAI", "mistral_ai"),
        ("openai", "openai"),
    ],
)
def test_who_answered_has_one_name(told, known):
    """Older conventions and packages have other names for the same provider."""
    assert row({"gen_ai.operation.name": "chat", "gen_ai.system": told}).provider == known


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"mlflow.spanType": '"CHAT_MODEL"', "mlflow.llm.provider": '"azure"'}, "azure.ai.openai"),
        ({"mlflow.spanType": '"CHAT_MODEL"', "mlflow.message.format": '"bedrock"'}, "aws.bedrock"),
        ({"openinference.span.kind": "RERANKER", "llm.provider": "AWS"}, "aws.bedrock"),
        ({"langsmith.span.kind": "llm", "langsmith.metadata.ls_provider": "mistralai"}, "mistral_ai"),
        ({"ai.operationId": "ai.embed.doEmbed", "ai.model.provider": "azure-openai.chat"}, "azure.ai.openai"),
    ],
)
def test_who_answered_has_the_same_name_in_every_dialect(told, known):
    """One table knows the names, and every row's provider is looked up in it."""
    assert row(told).provider == known


@pytest.mark.parametrize(
    ("told", "operation"),
    [
        ({"gen_ai.operation.name": "text_completion"}, "embeddings"),  # OpenTelemetry's AWS SDKs
        ({"mistral_ai.operation.id": "embeddings_v1_embeddings_post"}, "embeddings"),  # Mistral's own client
        ({"gen_ai.operation.name": "chat"}, "chat"),
    ],
)
def test_a_model_that_embeds_tells_what_a_call_is(told, operation):
    """Clients that do not look into a body call it a completion, or nothing."""
    span = row({"gen_ai.request.model": "mistral-embed"} | told)
    assert (span.operation, span.provider) == (operation, "mistral_ai")


@pytest.mark.parametrize("method", ["ConverseStream", "InvokeModelWithResponseStream"])
def test_the_method_of_an_aws_sdk_tells_a_stream(method):
    """Nothing else on the span does."""
    assert row(CHAT | {"rpc.method": method}).streaming
    assert not row(CHAT | {"rpc.method": "Converse"}).streaming


@pytest.mark.parametrize("odd", [{}, {"result": {"t": 12}}])
def test_tools_whose_results_are_there_too_are_not_why_an_answer_ended(odd):
    """An agent's answer holds the calls on the way to it, and a vendor's own tool answers at once."""
    parts = [
        {"type": "tool_call", "name": "weather", "arguments": {}},
        {"type": "tool_call_response", "response": odd or "12 C"},
        {"type": "text", "content": "12 C."},
    ]
    answered = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
    assert row(CHAT | {"gen_ai.output.messages": json.dumps(answered)}).finish_reasons == ["stop"]
    answered[0]["parts"] = parts[:1]
    assert row(CHAT | {"gen_ai.output.messages": json.dumps(answered)}).finish_reasons == ["tool_calls"]


@pytest.mark.parametrize(
    "operation",
    ["generate", "generate_text", "llm.call", "messages.create", "chat-completion-stream", "text generation"],
)
def test_a_programs_own_word_for_asking_a_model_is_a_call(operation):
    """The conventions leave custom operations to whoever writes them; a model is named beside."""
    told = {"gen_ai.operation.name": operation, "gen_ai.request.model": "gpt-4o"}
    span = row(told)
    assert (span.operation, span.billed) == ("chat", True)
    assert "gen_ai.operation.name" not in span.attributes


@pytest.mark.parametrize(
    "operation", ["generate_report", "llm.turn", "agent.generate", "chat_session", "run"]
)
def test_a_word_that_may_stand_for_several_calls_is_none(operation):
    """What it counts is the sum of the calls beneath it."""
    told = {"gen_ai.operation.name": operation, "gen_ai.request.model": "gpt-4o"}
    assert not row(told).billed


def test_a_search_of_a_memory_is_a_retrieval():
    """The conventions have operations for what is remembered, and for an answer that is fetched later."""
    records = [{"id": "m1", "content": "Likes tea.", "score": 0.9}]
    told = {"gen_ai.memory.query.text": "tea", "gen_ai.memory.records": json.dumps(records)}
    span = row({"gen_ai.operation.name": "search_memory"} | told)
    assert (span.operation, span.retrieval_query, json.loads(span.documents)) == ("retrieval", "tea", records)
    for operation in ("upsert_memory", "delete_memory_store", "fetch_response", "task"):
        assert row({"gen_ai.operation.name": operation}).operation == "chain"


def test_a_provider_that_nobody_knows_is_told_by_the_model():
    """Dapr's agents write the word, also of a model that is of one provider alone."""
    unknown = CHAT | {"gen_ai.provider.name": "unknown"}
    assert row(unknown).provider == "openai"
    assert row(unknown | {"gen_ai.request.model": "our-own"}).provider == "unknown"


def test_why_an_answer_ended_is_told_under_other_names():
    """Cloudflare's agents have a name of their own for it."""
    assert row(CHAT | {"cloudflare.agents.response.finish_reason": "length"}).finish_reasons == ["length"]


def test_what_a_tool_returned_is_told_under_other_names():
    """Axiom's SDK calls it the message of the tool."""
    told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t", "gen_ai.tool.message": "晴れ"}
    assert row(told).tool_result == "晴れ"


def test_a_model_under_the_names_of_before_the_conventions_makes_a_call():
    """As the advice of a backend has it for programs that write their spans themselves."""
    told = {
        "gen_ai.system": "OpenAI",
        "llm.request.model": "gpt-4o",
        "llm.response.model": "gpt-4o-2024-08-06",
    }
    span = row(told | {"gen_ai.usage.prompt_tokens": 10, "gen_ai.usage.completion_tokens": 5})
    assert (span.operation, span.billed, span.provider) == ("chat", True, "openai")
    assert (span.request_model, span.response_model) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert buckets(span) == {"input_fresh": 10, "output_visible": 5}
