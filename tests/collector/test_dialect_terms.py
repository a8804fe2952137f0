"""What decides a price besides tokens, and answers, where only the vendor's request and response say it."""

import json

import pytest
from tests.collector.test_normalise import buckets, row

from kansoku.pricing.price_terms import read_terms

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-5-mini-2025-08-07",
    "service_tier": "flex",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "21"}}],
}
ASKED = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hi"}], "service_tier": "flex"}
NOTED = {  # LangChain's of a flex call
    "input_tokens": 100,
    "output_tokens": 30,
    "total_tokens": 130,
    "input_token_details": {"audio": 0, "flex_cache_read": 40, "flex": 60},
    "output_token_details": {"audio": 0, "flex_reasoning": 20, "flex": 10},
}
MESSAGE = {
    "content": "21",
    "response_metadata": {"model_name": "gpt-5-mini-2025-08-07", "service_tier": "flex"},
    "usage_metadata": NOTED,
}
GENERATED = {"generations": [[{"text": "21", "message": {"lc": 1, "id": ["AIMessage"], "kwargs": MESSAGE}}]]}


def openinference(asked, answer):
    """Return a call as OpenInference's clients tell it."""
    return {
        "openinference.span.kind": "LLM",
        "llm.invocation_parameters": json.dumps({k: v for k, v in asked.items() if k != "messages"}),
        "input.value": json.dumps(asked),
        "output.value": json.dumps(answer),
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 30,
    }


def langfuse(asked, answer):
    """Return a call as Langfuse's wrapper of OpenAI tells it."""
    return {
        "langfuse.observation.type": "generation",
        "langfuse.observation.input": json.dumps(asked["messages"]),
        "langfuse.observation.output": json.dumps(answer["choices"][0]["message"]),
        "langfuse.observation.model.parameters": json.dumps({"service_tier": asked["service_tier"]}),
    }


def langsmith(asked, answer):
    """Return a call as LangSmith's `traceable` tells it."""
    return {
        "langsmith.span.kind": "llm",
        "gen_ai.prompt": json.dumps(asked),
        "gen_ai.completion": json.dumps(answer),
    }


def mlflow(asked, answer):
    """Return a call as MLflow's automatic logging tells it."""
    return {
        "mlflow.spanType": '"CHAT_MODEL"',
        "mlflow.spanInputs": json.dumps(asked),
        "mlflow.spanOutputs": json.dumps(answer),
    }


@pytest.mark.parametrize("told", [openinference, langfuse, langsmith, mlflow])
def test_a_tier_inside_of_the_request_or_the_response_decides_the_price(told):
    """A flex call costs half; at the ordinary price the ledger would have twice of what was paid."""
    span = row(told(ASKED, ANSWER))
    assert read_terms(span.attributes, span.provider).tier == "flex"


@pytest.mark.parametrize("told", [openinference, langsmith, mlflow])
def test_what_was_served_goes_before_what_was_asked(told):
    """What was asked for as flex may be served, and is then billed, as any other."""
    span = row(told(ASKED, ANSWER | {"service_tier": "default"}))
    assert read_terms(span.attributes, span.provider).tier == ""
    assert not any("service_tier" in name for name in span.attributes)


def test_counts_that_langchain_names_after_the_tier_are_the_usual_ones():
    """Of a flex call the cached tokens have another name in its message: they were billed as fresh."""
    told = openinference({"model": "gpt-5-mini", "messages": []}, GENERATED)
    span = row(told, scope="openinference.instrumentation.langchain")
    expected = {"input_fresh": 60, "cache_read": 40, "output_visible": 10, "reasoning": 20}
    assert (buckets(span), read_terms(span.attributes).tier) == (expected, "flex")
    told = langsmith(ASKED, GENERATED) | {"langsmith.metadata.usage_metadata": json.dumps(NOTED)}
    span = row(told, scope="langsmith")
    assert (buckets(span), read_terms(span.attributes).tier) == (expected, "flex")


def test_parts_of_a_priority_call_stay_inside_of_langfuses_totals():
    """Its handler takes other parts out of the input, and leaves those of a priority call in it."""
    usage = {"input": 100, "output": 30, "total": 130, "input_priority": 60, "input_priority_cache_read": 40}
    usage |= {"output_priority": 10, "output_priority_reasoning": 20}
    told = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "gpt-5-mini",
        "langfuse.observation.usage_details": json.dumps(usage),
    }
    span = row(told, scope="langfuse-sdk")
    assert buckets(span) == {"input_fresh": 60, "cache_read": 40, "output_visible": 10, "reasoning": 20}
    assert read_terms(span.attributes).tier == "priority"


def test_parts_of_a_priority_call_are_taken_out_of_the_totals_of_langfuse_3():
    """Its handler leaves nothing in the input: the call was billed as its cached tokens and thoughts."""
    usage = {"input": 0, "output": 0, "total": 1820, "input_audio": 0, "output_audio": 0}
    usage |= {"input_priority": 941, "input_priority_cache_read": 332}
    usage |= {"output_priority": 469, "output_priority_reasoning": 78}
    told = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "gpt-5-mini",
        "langfuse.observation.usage_details": json.dumps(usage),
    }
    span = row(told, scope="langfuse-sdk")
    assert buckets(span) == {"input_fresh": 941, "cache_read": 332, "output_visible": 469, "reasoning": 78}
    assert read_terms(span.attributes).tier == "priority"


def test_the_ai_sdk_tells_the_tier_among_the_vendors_own_facts():
    """Nothing else on its span says that a call cost half."""
    metadata = {"openai": {"responseId": "resp_1", "serviceTier": "flex"}}
    told = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.provider": "openai.responses",
        "ai.model.id": "gpt-5-mini",
        "ai.response.providerMetadata": json.dumps(metadata),
    }
    assert read_terms(row(told, scope="ai").attributes).tier == "flex"


SEARCHED = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-5-mini-2025-08-07",
    "output": [
        {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search"}},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Sunny.", "annotations": []}],
        },
    ],
}


@pytest.mark.parametrize("told", [openinference, langsmith, mlflow])
def test_searches_that_the_vendor_ran_are_counted(told):
    """One costs a cent, often more than all tokens of its call."""
    span = row(told({"model": "gpt-5-mini", "input": "Hi"}, SEARCHED))
    assert read_terms(span.attributes).units == (("web_search", 1),)
    used = {"input_tokens": 9, "output_tokens": 4, "server_tool_use": {"web_search_requests": 2}}
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Sunny."}]}
    span = row(told({"model": "claude-sonnet-4-5", "messages": []}, message | {"usage": used}))
    assert read_terms(span.attributes).units == (("web_search", 2),)


@pytest.mark.parametrize("told", [openinference, langsmith, mlflow])
def test_the_place_that_claudes_answer_names_decides_its_price(told):
    """Bound to the United States, its tokens cost a tenth more."""
    used = {"input_tokens": 9, "output_tokens": 4, "inference_geo": "us"}
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Sunny."}]}
    span = row(told({"model": "claude-opus-5", "messages": []}, message | {"usage": used}))
    assert read_terms(span.attributes).regional


def test_a_search_of_the_vendors_is_no_call_that_the_program_has_to_answer():
    """The answer came after it, and ended as any other."""
    told = openinference({"model": "gpt-5-mini", "input": "Hi"}, SEARCHED) | {
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "ws_1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "web_search_call",
        "llm.output_messages.1.message.role": "assistant",
        "llm.output_messages.1.message.contents.0.message_content.type": "text",
        "llm.output_messages.1.message.contents.0.message_content.text": "Sunny.",
    }
    assert row(told, scope="openinference.instrumentation.openai").finish_reasons == ["stop"]


@pytest.mark.parametrize("told", [openinference, langsmith, mlflow])
def test_a_spoken_answer_is_its_transcript(told):
    """OpenAI's models that speak leave the content empty: the answer was lost."""
    spoken = {"role": "assistant", "content": None, "audio": {"id": "audio_1", "transcript": "晴れです。"}}
    choices = [{"index": 0, "finish_reason": "stop", "message": spoken}]
    span = row(told({"model": "gpt-4o-audio-preview", "messages": []}, ANSWER | {"choices": choices}))
    assert span.output_text == "晴れです。"


def test_a_tier_that_was_not_set_is_none():
    """MLflow prints the objects that stand for what a helper of the client did not set: no price fits one."""
    printed = {"service_tier": "<openai.Omit object at 0x7f75ab57c190>"}
    span = row(mlflow(ASKED | printed, ANSWER | {"service_tier": None}))
    assert read_terms(span.attributes).tier == ""


def test_genkits_answers_in_a_schema_are_words_and_its_raw_response_tells_the_tier():
    """It reads the JSON that was asked for, and gives back data: the answer was no text, and not searched."""
    told = {
        "genkit:name": "openai/gpt-5-mini",
        "genkit:metadata:subtype": "model",
        "genkit:output": json.dumps(
            {"message": {"role": "model", "content": [{"data": {"city": "東京"}}]}, "raw": ANSWER}
        ),
    }
    span = row(told, scope="genkit-tracer")
    assert (span.output_text, read_terms(span.attributes).tier) == ('{"city":"東京"}', "flex")


def test_a_part_whose_name_is_no_text_costs_no_span():
    """What is not understood is kept as it came, and the call is read all the same."""
    odd = [{"role": "assistant", "content": [{"type": "chart", "name": ["a"]}], "finish_reason": "stop"}]
    told = {"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(odd)}
    assert row(told).finish_reasons == ["stop"]
