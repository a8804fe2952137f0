"""What LiteLLM's callbacks for Langfuse and Phoenix write, and its calls under OpenInference."""

import base64
import json

import pytest
from tests.collector.test_dialect_logfire import row as named_row
from tests.collector.test_normalise import row

CALL = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-5",
    "llm.provider": "openai",
    "llm.request.type": "completion",
    "llm.is_streaming": "True",
    "llm.response.id": "chatcmpl-1",
    "llm.response.model": "gpt-5-2025-08-07",
    "llm.token_count.prompt": 100,
    "llm.token_count.completion": 20,
}
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How warm?"}]
CALLED = [
    {"id": "fc_1", "name": "weather", "call_id": "c1", "type": "function_call", "arguments": {"city": "A"}}
]


def test_what_was_asked_is_under_langfuses_name_alone():
    """The prompt of every call was missing, as were the model that answered and that it was a stream."""
    told = {
        "langfuse.observation.input": json.dumps(ASKED),
        "langfuse.observation.output": json.dumps({"role": "assistant", "content": "Nine."}),
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Nine.",
    }
    span = row(CALL | told, scope="litellm")
    assert (span.input_text, span.output_text) == ("How warm?", "Nine.")
    assert [message["role"] for message in json.loads(span.input_messages)] == ["system", "user"]
    assert (span.response_model, span.response_id, span.streaming) == ("gpt-5-2025-08-07", "chatcmpl-1", True)


def test_calls_of_tools_of_a_response_are_under_langfuses_name_alone():
    """OpenInference's names tell them of chats, not of the Responses API."""
    told = {"llm.request.type": "responses", "langfuse.observation.output": json.dumps(CALLED)}
    span = row(CALL | told, scope="litellm")
    parts = json.loads(span.output_messages)[0]["parts"]
    assert parts == [{"type": "tool_call", "name": "weather", "arguments": {"city": "A"}, "id": "c1"}]


@pytest.mark.parametrize(
    ("called", "model", "operation", "provider"),
    [
        ("transcription", "whisper-1", "generate_content", "openai"),
        ("aspeech", "tts-1", "generate_content", "openai"),
        ("text_completion", "gpt-3.5-turbo-instruct", "text_completion", "openai"),
        ("acompletion", "gpt-4o", "chat", "openai"),
    ],
)
def test_the_function_that_was_called_is_what_a_call_is(called, model, operation, provider):
    """Each was a chat, and whoever hears or speaks had no vendor."""
    names = {"llm.model_name": model, "llm.request.type": called, "llm.provider": ""}
    if called == "text_completion":
        names["llm.provider"] = "text-completion-openai"
    span = row(CALL | names, scope="litellm")
    assert (span.operation, span.provider) == (operation, provider)
    own = {"gen_ai.request.model": model, "llm.request.type": called, "gen_ai.system": names["llm.provider"]}
    assert row(own, scope="litellm").operation == operation  # of its own callback


def test_a_picture_that_litellm_drew_is_no_text():
    """OpenInference tells the bytes as the answer: they were stored, and searched, as its words."""
    drawn = base64.b64encode(b"\x89PNG" + bytes(3000)).decode()
    told = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "openai/gpt-image-1",
        "input.value": "a cat",
        "image.url": drawn,
        "output.value": drawn,
    }
    span = named_row(told, name="aimage_generation", scope="openinference.instrumentation.litellm")
    part = json.loads(span.output_messages)[0]["parts"][0]
    assert (span.operation, span.input_text, span.output_text) == ("image", "a cat", "")
    assert (part["type"], part["size"], "uri" in part) == ("blob", 3004, False)
    assert drawn[:100] not in json.dumps([span.output_messages, span.attributes])
    linked = told | {
        "image.url": "https://example.com/cat.png",
        "output.value": "https://example.com/cat.png",
    }
    span = named_row(linked, name="image_generation", scope="openinference.instrumentation.litellm")
    assert json.loads(span.output_messages)[0]["parts"] == [{"type": "uri", "uri": linked["image.url"]}]
