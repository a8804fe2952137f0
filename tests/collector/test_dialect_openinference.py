"""OpenInference's spans of other languages, and what its span processors add to other dialects' spans."""

import json

from tests.collector.test_normalise import NOW_MS, buckets, raw, row

from kansoku_collector.normalise import normalise

CALL = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "claude-sonnet-4-5",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "Hello?",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "Hi.",
}


def test_instructions_are_read_from_the_request_where_no_message_has_them():
    """JavaScript's Anthropic keeps them in the request alone; they are no parameter of the model."""
    request = {"model": "claude-sonnet-4-5", "system": "Be brief.", "max_tokens": 9, "messages": []}
    told = {"input.value": json.dumps(request), "llm.invocation_parameters": json.dumps(request)}
    span = row(CALL | told)
    assert json.loads(span.system_instructions) == [{"type": "text", "content": "Be brief."}]
    assert span.parameters == {"max_tokens": "9"}


def test_all_choices_of_an_answer_are_read():
    """JavaScript's messages hold the first choice; the response beside them holds every one."""
    choices = [
        {"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": words}}
        for i, words in enumerate(("one", "two"))
    ]
    span = row(CALL | {"llm.finish_reason": "stop", "output.value": json.dumps({"choices": choices})})
    assert span.output_text == "one\ntwo"
    assert span.finish_reasons == ["stop", "stop"]


def test_a_prompt_that_is_words_is_what_was_asked():
    """JavaScript's completions have no messages, only their input as it was."""
    asked = {"openinference.span.kind": "LLM", "llm.model_name": "m", "input.value": "Say it"}
    assert row(asked | {"output.value": "It"}).input_text == "Say it"


def test_messages_that_lost_their_words_are_read_from_the_request():
    """JavaScript's LangChain writes blocks nowhere but in its own objects."""
    message = {"lc": 1, "id": ["langchain_core", "messages", "SystemMessage"]}
    blocks = {**message, "kwargs": {"content": [{"type": "text", "text": "Be brief."}]}}
    asked = {**message, "id": ["langchain_core", "messages", "HumanMessage"], "kwargs": {"content": "Hello?"}}
    span = row(
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.1.message.content": "Hello?",
            "input.value": json.dumps({"messages": [[blocks, asked]]}),
        }
    )
    roles = [(m["role"], m["parts"][0]["content"]) for m in json.loads(span.input_messages)]
    assert roles == [("system", "Be brief."), ("user", "Hello?")]


def test_a_stream_of_javascripts_langchain_is_read_from_its_last_chunk():
    """The message says by its class that it was streamed; merged chunks repeat the model."""
    kwargs = {
        "content": "Hi.",
        "additional_kwargs": {"stop_reason": "end_turn"},
        "response_metadata": {"model_name": "gpt-5-mini-2025gpt-5-mini-2025"},
    }
    message = {"lc": 1, "id": ["langchain_core", "messages", "AIMessageChunk"], "kwargs": kwargs}
    span = row(CALL | {"output.value": json.dumps({"generations": [[{"text": "Hi.", "message": message}]]})})
    assert (span.streaming, span.response_model, span.finish_reasons) == (True, "gpt-5-mini-2025", ["stop"])


def test_the_response_tells_the_parts_of_a_count_that_it_agrees_with():
    """Cache writes are no attribute of JavaScript's; a response of other totals is not believed."""
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 30}
    counted = CALL | {"llm.token_count.completion": 5, "output.value": json.dumps({"usage": usage})}
    agreed = row(counted | {"llm.token_count.prompt": 40})
    assert buckets(agreed) == {"input_fresh": 10, "cache_write_5m": 30, "output_visible": 5}
    assert buckets(row(counted | {"llm.token_count.prompt": 41})) == {"input_fresh": 41, "output_visible": 5}


def test_a_span_that_a_processor_translated_is_read_by_its_own_names():
    """The AI SDK's span says more than the translation: who answered, the reason, the tools, the stream."""
    own = {
        "ai.operationId": "ai.streamText.doStream",
        "ai.model.provider": "openai.chat",
        "ai.model.id": "gpt-5-mini",
        "ai.response.finishReason": "stop",
        "ai.response.id": "chatcmpl-1",
        "ai.usage.inputTokens": 9,
        "ai.usage.outputTokens": 4,
        "ai.usage.cachedInputTokens": 3,
    }
    copied = CALL | {"llm.token_count.prompt": 9, "llm.token_count.completion": 4}
    span = row(own | copied, scope="ai")
    assert (span.dialect, span.provider, span.response_id) == ("ai_sdk", "openai", "chatcmpl-1")
    assert (span.request_model, span.streaming, span.finish_reasons) == ("gpt-5-mini", True, ["stop"])
    assert buckets(span) == {"input_fresh": 6, "cache_read": 3, "output_visible": 4}
    assert span.input_text == "Hello?"  # what the span's own names left out
    assert not [key for key in span.attributes if key.startswith("llm.")]


def test_a_step_around_a_translated_call_is_no_call():
    """Version 7 of the AI SDK has a span for a step, to which the processor gives the kind of a call."""
    step = {"gen_ai.operation.name": "agent_step", "openinference.span.kind": "LLM"}
    span = row(step, scope="gen_ai")
    assert (span.operation, span.billed) == ("chain", False)


def test_pydantic_ais_span_with_a_translation_keeps_what_it_said():
    """The translation of a call leaves out the answer's id and the cached tokens."""
    own = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.details.cache_read_tokens": 3,
    }
    span = row(own | CALL | {"llm.token_count.prompt": 9}, scope="pydantic-ai")
    assert (span.dialect, span.response_id) == ("pydantic_ai", "chatcmpl-1")
    assert buckets(span) == {"input_fresh": 6, "cache_read": 3, "output_visible": 4}
    assert span.output_text == "Hi."


def named(attributes, name):
    """Return the row of a span of LlamaIndex's with this name."""
    found = raw(attributes, scope="openinference.instrumentation.llama_index")
    found.name = name
    return normalise(found, "default", NOW_MS)[0]


def test_a_private_method_of_llama_index_is_no_call_of_its_own():
    """The step that prepares a call, and the one inside a retriever, have the kind of what is around them."""
    prepared = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "output.value": "{}"}
    span = named(prepared, "OpenAI._prepare_chat_with_tools")
    assert (span.operation, span.billed) == ("other", False)
    assert named(prepared, "OpenAI.chat").billed
    assert named(CALL, "Custom._chat").billed
    assert (
        named({"openinference.span.kind": "RETRIEVER"}, "VectorIndexRetriever._retrieve").operation == "other"
    )


def test_llama_indexs_notes_on_a_model_are_no_parameters_but_the_limit():
    """The limit of the answer is one where it was set; prompts are a list on the span itself."""
    notes = {"context_window": 128000, "num_output": 55, "is_chat_model": True, "system_role": "system"}
    told = {"llm.invocation_parameters": json.dumps(notes), "llm.prompts": ["Say it"]}
    span = named({"openinference.span.kind": "LLM", "llm.model_name": "m"} | told, "OpenAI.complete")
    assert (span.parameters, span.input_text) == ({"max_tokens": "55"}, "Say it")
    unset = {"llm.invocation_parameters": json.dumps(notes | {"num_output": -1})}
    assert named(CALL | unset, "OpenAI.chat").parameters == {}


def test_a_tool_of_llama_index_is_read_without_its_wrapping():
    """Arguments come as keywords, and the result with what it was made from."""
    output = {"blocks": [], "tool_name": "weather", "raw_input": {}, "raw_output": "12 C", "is_error": False}
    told = {
        "openinference.span.kind": "TOOL",
        "tool.name": "weather",
        "input.value": json.dumps({"kwargs": {"city": "Oslo"}}),
        "output.value": json.dumps(output),
    }
    span = named(told, "FunctionTool.call")
    assert (span.tool_arguments, span.tool_result) == ('{"city":"Oslo"}', "12 C")


def test_a_method_that_streams_says_so_by_its_name():
    """Agno's and LlamaIndex's spans say it nowhere else."""
    assert named(CALL, "OpenAI.astream_chat").streaming
    assert named(CALL, "OpenAIChat.invoke_stream").streaming
    assert not named(CALL, "StreamingModel.chat").streaming


def test_parallel_calls_of_a_stream_that_were_joined_are_taken_apart():
    """JavaScript appends a second call to the first; calls of two tools stay as they are."""
    path = "llm.output_messages.0.message.tool_calls.0.tool_call."
    joined = {f"{path}function.arguments": '{"a": 1}{"a": 2}', f"{path}id": "call_1call_2"}
    parts = json.loads(row(CALL | joined | {f"{path}function.name": "tooltool"}).output_messages)[0]["parts"]
    called = [(p["name"], p["arguments"], p["id"]) for p in parts if p["type"] == "tool_call"]
    assert called == [("tool", {"a": 1}, "call_1"), ("tool", {"a": 2}, "call_2")]
    other = json.loads(row(CALL | joined | {f"{path}function.name": "toolother"}).output_messages)[0]["parts"]
    assert [p["arguments"] for p in other if p["type"] == "tool_call"] == ['{"a": 1}{"a": 2}']


def test_a_decision_is_a_call_of_a_model():
    """Its names are its own; what was judged and the answers are inside of the vendor's objects."""
    asked = {"model": "gpt-d", "input": "It rains.", "questions": [{"id": "q"}]}
    answers = [{"id": "q", "value": True}]
    span = row(
        {
            "openinference.span.kind": "DECISION",
            "decision.provider": "openai",
            "decision.model_name": "gpt-d-1",
            "decision.request.model_name": "gpt-d",
            "decision.response.model_name": "gpt-d-1",
            "decision.token_count.input": 9,
            "decision.token_count.output": 2,
            "input.value": json.dumps(asked),
            "output.value": json.dumps({"id": "dec_1", "model": "gpt-d-1", "answers": answers}),
        }
    )
    assert (span.operation, span.billed, span.provider) == ("generate_content", True, "openai")
    assert (span.request_model, span.response_model, span.response_id) == ("gpt-d", "gpt-d-1", "dec_1")
    assert buckets(span) == {"input_fresh": 9, "output_visible": 2}
    assert (span.input_text, json.loads(span.output_text)) == ("It rains.", answers)


def test_speech_images_and_halves_of_a_cost_are_read():
    """A model that speaks has no messages but what was heard and said."""
    model = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-realtime"}
    spoken = row(model | {"input.audio.transcript": "Hi?", "output.audio.transcript": "Yo."})
    assert (spoken.input_text, spoken.output_text) == ("Hi?", "Yo.")
    drawn = row(model | {"output.images.0.image.url": "http://images/1"})
    assert (drawn.operation, drawn.billed) == ("image", True)
    cost = row(model | {"llm.cost.prompt": 0.1, "llm.cost.completion": 0.2})
    assert cost.attributes["kansoku.cost.reported_usd"] == "0.3"


def test_a_tool_call_without_arguments_has_an_empty_object():
    """Empty arguments are left out of the attributes."""
    name = "llm.output_messages.0.message.tool_calls.0.tool_call.function.name"
    span = row({key: value for key, value in CALL.items() if "output" not in key} | {name: "transfer"})
    assert json.loads(span.output_messages)[0]["parts"] == [
        {"type": "tool_call", "name": "transfer", "arguments": {}}
    ]
