"""Clients and frameworks that OpenInference's instrumentations tell in ways of their own."""

import json

import pytest
from tests.collector.conftest import START_NS
from tests.collector.test_dialect_logfire import row as named_row
from tests.collector.test_dialect_openinference import CALL
from tests.collector.test_normalise import buckets, row

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import pricing
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import Event


def test_bedrocks_parameters_and_tools_have_the_usual_names():
    """Bedrock's own names are no second set of parameters, and what is around a tool is not the tool."""
    given = {"maxTokens": 33, "topP": 0.9, "stopSequences": ["END"], "top_k": ""}
    tool = {"toolSpec": {"name": "weather", "inputSchema": {"json": {}}}}
    span = row(
        CALL
        | {"llm.invocation_parameters": json.dumps(given), "llm.tools.0.tool.json_schema": json.dumps(tool)}
    )
    assert span.parameters == {"max_tokens": "33", "top_p": "0.9", "stop": '["END"]'}
    assert json.loads(span.tool_definitions)[0]["name"] == "weather"


def test_bedrocks_model_that_embeds_embeds():
    """It is told as a model's call whose only content is a parameter."""
    span = row(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "amazon.titan-embed-text-v2:0",
            "llm.invocation_parameters": json.dumps({"inputText": "Hello?"}),
            "llm.token_count.prompt": 5,
        }
    )
    assert (span.operation, span.input_text, span.parameters) == ("embeddings", "Hello?", {})


def test_coheres_embeddings_say_their_tokens_in_the_answer():
    """They stand among the units that are billed, as a fraction."""
    answer = {"embeddings": {}, "meta": {"billed_units": {"input_tokens": 49.0}}}
    span = row({"openinference.span.kind": "EMBEDDING", "output.value": json.dumps(answer)})
    assert buckets(span) == {"input_fresh": 49}


def test_a_stream_of_mistrals_is_read_out_of_its_last_piece():
    """The response is wrapped, and holds the identity that no attribute has."""
    span = row(CALL | {"output.value": json.dumps({"data": {"id": "cmpl-1", "choices": []}})})
    assert span.response_id == "cmpl-1"


@pytest.mark.parametrize("framework", ["langchain4j", "spring-ai"])
def test_javas_frameworks_say_openai_whoever_answers(framework):
    """The model says it better; of a model that has no name they say that it is unknown."""
    told = CALL | {"llm.system": framework, "llm.provider": "openai"}
    assert row(told).provider == "anthropic"
    span = row(told | {"llm.model_name": "unknown"})
    assert (span.provider, span.request_model) == ("openai", "")


def test_how_a_call_of_javas_langchain_ended_is_a_list():
    """Its first versions wrote every reason, in Java's own words."""
    span = row(CALL | {"llm.response.finish_reasons": ["TOOL_EXECUTION"]})
    assert span.finish_reasons == ["tool_calls"]


def test_settings_that_langchain_notes_beside_its_parameters_are_parameters():
    """Bedrock's class tells its model alone; the standard notes have the rest."""
    notes = {"ls_temperature": 0.4, "ls_max_tokens": 33, "ls_provider": "amazon_bedrock"}
    told = {"metadata": json.dumps(notes), "llm.invocation_parameters": '{"model":"m","stop":null}'}
    assert row(CALL | told).parameters == {"temperature": "0.4", "max_tokens": "33"}


def test_a_function_call_beside_tool_calls_is_one_of_them():
    """LangChain's Gemini tells its last call in the old form too."""
    call = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
    told = {
        f"{call}.name": "weather",
        f"{call}.arguments": '{"city":"Oslo"}',
        "llm.output_messages.0.message.function_call_name": "weather",
        "llm.output_messages.0.message.function_call_arguments_json": '{"city":"Oslo"}',
    }
    parts = json.loads(row(CALL | told).output_messages)[0]["parts"]
    assert [part["type"] for part in parts] == ["text", "tool_call"]


def test_pieces_of_beeais_streams_are_no_calls():
    """Each is a span of the call's kind; its events tell when the first one came, its notes the caches."""
    scope = "openinference.instrumentation.beeai"
    counted = {
        "llm.token_count.prompt": 40,
        "llm.token_count.completion": 5,
        "metadata.usage.prompt_tokens": 40,
        "metadata.usage.cached_prompt_tokens": 30,
    }
    first = Event("new_token (backend.openai.chat.new_token)", START_NS + 10**9, {})
    span = row(CALL | counted, [first], scope=scope)
    assert (span.billed, span.streaming, span.time_to_first_token) == (True, True, 1.0)
    assert buckets(span) == {"input_fresh": 10, "cache_read": 30, "output_visible": 5}
    piece = {"openinference.span.kind": "LLM", "metadata.path": "backend.openai.chat.new_token"}
    assert not row(piece, scope=scope).billed


def test_a_call_of_beeais_javascript_is_one_with_its_answer():
    """Its start and its end are spans of the call's kind too; the answer is in pieces, its calls in JSON."""
    scope = "@arizeai/openinference-instrumentation-beeai"
    call = {"type": "tool-call", "toolCallId": "c1", "toolName": "weather", "args": {"city": "Oslo"}}
    pieces = [{"type": "text", "text": "Let me "}, {"type": "text", "text": "look."}, call]
    answer = [{"role": "assistant", "content": [piece], "meta": {"createdAt": "2026"}} for piece in pieces]
    told = CALL | {"llm.token_count.prompt": 40, "llm.token_count.completion": 5}
    told |= {"llm.output_messages.0.message.role": "assistant", "output.value": json.dumps(answer)}
    told["llm.output_messages.0.message.content"] = "Let me look."
    span = named_row(told, scope=scope, name="backend.openai.chat.success-1")
    assert (span.billed, span.output_text) == (True, "Let me look.")
    parts = json.loads(span.output_messages)[0]["parts"]
    assert parts[1] == {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}, "id": "c1"}
    for event in ("start-1", "finish-1"):
        kind = {"openinference.span.kind": "LLM"}
        assert not named_row(kind, scope=scope, name=f"backend.openai.chat.{event}").billed


def test_what_python_prints_of_nothing_is_no_parameter():
    """Portkey's client has an object where nothing was given."""
    given = {"temperature": 0.4, "seed": "<openai.Omit object at 0x7fb1c3802d10>"}
    assert row(CALL | {"llm.invocation_parameters": json.dumps(given)}).parameters == {"temperature": "0.4"}


def test_what_a_function_answered_is_told_beside_its_message():
    """AutoGen's messages of functions have no content of their own."""
    told = json.dumps({"name": "weather", "content": "12 C", "call_id": "call_1", "is_error": False})
    added = {"llm.input_messages.1.message.role": "function", "llm.input_messages.1.function.0": told}
    answered = json.loads(row(CALL | added).input_messages)[1]["parts"]
    assert answered == [{"type": "tool_call_response", "response": "12 C", "id": "call_1"}]


def test_javascripts_bedrock_keeps_its_model_stream_and_caches_in_its_objects():
    """It names the vendor as the model, counts caches beside the prompt, and says of streams in answers."""
    usage = {"inputTokens": 13, "outputTokens": 5, "cacheReadInputTokens": 8, "cacheWriteInputTokens": 9}
    told = {
        "llm.model_name": "anthropic",
        "llm.provider": "aws",
        "llm.token_count.prompt": 13,
        "llm.token_count.completion": 5,
        "input.value": json.dumps({"modelId": "us.anthropic.claude-sonnet-4-5", "messages": []}),
        "output.value": json.dumps({"usage": usage, "streaming": True, "text": "Hi."}),
    }
    span = row(CALL | told)
    assert (span.request_model, span.response_model) == ("us.anthropic.claude-sonnet-4-5", "")
    assert (span.provider, span.streaming) == ("aws.bedrock", True)
    assert buckets(span) == {"input_fresh": 13, "cache_read": 8, "cache_write_5m": 9, "output_visible": 5}


def test_a_text_that_titan_embedded_is_counted_in_its_answer():
    """JavaScript writes the words as a message, and an answer without any."""
    told = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "titan-embed-text-v2:0",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Hello?",
        "llm.output_messages.0.message.role": "assistant",
        "output.value": json.dumps({"embedding": [0.1], "inputTextTokenCount": 8}),
    }
    span = row(told)
    assert (span.operation, span.input_text, buckets(span)) == ("embeddings", "Hello?", {"input_fresh": 8})


def test_a_model_that_javascripts_bedrock_invokes_has_its_vendor():
    """The instrumentation cuts the vendor off, and the price list knows `amazon.nova-lite-v1:0` alone."""
    scope = "@arizeai/openinference-instrumentation-bedrock"
    told = {
        "openinference.span.kind": "LLM",
        "llm.provider": "aws",
        "llm.system": "amazon",
        "llm.token_count.prompt": 1000,
        "llm.token_count.completion": 10,
    }
    for model in ("titan-embed-text-v2:0", "nova-lite-v1:0"):
        span = row(told | {"llm.model_name": model}, scope=scope)
        pricing(Prices(), Metrics())(span)
        assert (span.request_model, span.cost_source) == (f"amazon.{model}", "computed")
    whole = told | {"llm.model_name": "us.meta.llama3-1-70b-instruct-v1:0"}
    assert row(whole, scope=scope).request_model == "us.meta.llama3-1-70b-instruct-v1:0"


def test_a_response_of_langchains_that_calls_a_tool_ended_with_it():
    """The Responses API says of it that it is completed; the message alone knows the call."""
    message = {
        "type": "AIMessage",
        "content": "",
        "tool_calls": [{"name": "weather", "args": {"city": "Oslo"}, "type": "tool_call", "id": "call_1"}],
        "response_metadata": {"id": "resp_1", "object": "response", "status": "completed"},
    }
    told_message = {"lc": 1, "type": "constructor", "id": ["AIMessage"], "kwargs": message}
    told = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-5-mini",
        "llm.output_messages.0.message.role": "assistant",
        "output.value": json.dumps({"generations": [[{"text": "", "message": told_message}]]}),
    }
    assert row(told).finish_reasons == ["tool_calls"]


def test_smolagents_answers_are_filled_from_the_response_that_they_print():
    """Its message has the words and two sums; only what is printed knows caches, the id and the end."""
    printed = (
        "ChatCompletion(id='chatcmpl-1', choices=[Choice(finish_reason='stop', index=0, "
        "message=ChatCompletionMessage(content='Nine.', role='assistant'))], "
        "model='gpt-4o-mini-2024-07-18', usage=CompletionUsage(completion_tokens=50, prompt_tokens=100, "
        "completion_tokens_details=CompletionTokensDetails(reasoning_tokens=20), "
        "prompt_tokens_details=PromptTokensDetails(audio_tokens=0, cached_tokens=40)))"
    )
    told = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-mini",
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 50,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Nine.",
        "output.value": json.dumps({"role": "assistant", "content": "Nine.", "raw": printed}),
    }
    span = row(told, scope="openinference.instrumentation.smolagents")
    assert buckets(span) == {"input_fresh": 60, "cache_read": 40, "output_visible": 30, "reasoning": 20}
    assert (span.response_id, span.response_model) == ("chatcmpl-1", "gpt-4o-mini-2024-07-18")
    assert (span.output_text, span.finish_reasons) == ("Nine.", ["stop"])


def test_what_an_agent_of_javascript_thought_before_is_no_question():
    """Its thoughts go back to the model without a role; the last words of the user stay the question."""
    told = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-5-mini",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "How warm is Oslo?",
        "llm.input_messages.1.message.contents.0.message_content.type": "text",
        "llm.input_messages.1.message.contents.0.message_content.text": "I have to look it up.",
    }
    span = row(told, scope="@arizeai/openinference-instrumentation-openai-agents")
    assert span.input_text == "How warm is Oslo?"
    assert [message["role"] for message in json.loads(span.input_messages)] == ["user", "assistant"]
    assert row(told, scope="openinference.instrumentation.openai").input_text == "I have to look it up."


def test_what_a_programs_settings_hide_is_neither_asked_nor_answered():
    """OpenInference writes a word in its place, which stood in every prompt and every answer."""
    hidden = {"input.value": "__REDACTED__", "output.value": "__REDACTED__"}
    told = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o-2024-08-06",
        "llm.finish_reason": "tool_calls",
        "llm.invocation_parameters": json.dumps({"model": "gpt-4o"}),
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 20,
    }
    span = row(told | hidden, scope="openinference.instrumentation.openai")
    assert (span.input_messages, span.input_text, span.output_messages, span.output_text) == ("", "", "", "")
    assert (span.request_model, span.finish_reasons) == ("gpt-4o", ["tool_calls"])
    assert buckets(span) == {"input_fresh": 100, "output_visible": 20}
    step = row({"openinference.span.kind": "CHAIN"} | hidden)
    assert (step.input_text, step.output_text) == ("", "")
    drawn = named_row(told | hidden, name="ImagesResponse", scope="openinference.instrumentation.openai")
    assert drawn.operation == "image"  # of which nothing else is left


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("google", {"input_fresh": 1351, "output_visible": 589, "reasoning": 84}),
        ("openai", {"input_fresh": 1351, "output_visible": 589}),
    ],
)
def test_thoughts_of_gemini_that_the_total_alone_has_are_billed(provider, expected):
    """LlamaIndex tells the words of the answer and the sum of all: the thoughts between them cost nothing."""
    told = {
        "openinference.span.kind": "LLM",
        "llm.provider": provider,
        "llm.model_name": "some-model",
        "llm.token_count.prompt": 1351,
        "llm.token_count.completion": 589,
        "llm.token_count.total": 2024,
    }
    scope = "openinference.instrumentation.llama_index"
    assert buckets(row(told, scope=scope)) == expected
    known = row(
        told | {"llm.token_count.completion": 673, "llm.token_count.completion_details.reasoning": 84}
    )
    assert buckets(known) == {"input_fresh": 1351, "output_visible": 589, "reasoning": 84}
