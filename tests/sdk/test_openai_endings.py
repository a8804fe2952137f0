"""How answers end on OpenAI's other endpoints: cut streams, last chunks that say little, odd counts."""

import json
from typing import Any

import openai
import pytest
from support.vendor import Vendor, sse

from kansoku import semconv


@pytest.fixture
def client(vendor: Vendor, spans: Any) -> Any:
    """Give a client of a server on loopback, traced."""
    with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1", max_retries=0) as made:
        yield made


def response(output: list[Any], status: str = "completed", **fields: Any) -> dict[str, Any]:
    """Return a response."""
    made = {"id": "r", "object": "response", "created_at": 1, "model": "m-1", "tools": []}
    return {**made, "status": status, "output": output, **fields}


def event(kind: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    """Return an event of a stream."""
    return kind, {"type": kind, "sequence_number": 0, **fields}


def cut(client: Any, vendor: Vendor, spans: Any, *events: Any) -> Any:
    """Return the parts that are told of a stream that ends after some events."""
    vendor.answer(sse(event("response.created", response=response([], "in_progress")), *events, done=False))
    list(client.responses.create(model="m", input="いつ", stream=True))
    return spans.messages()[0]["parts"]


def test_texts_of_one_item_of_a_cut_stream_stay_apart_and_in_order(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """As they would be in the whole answer: each summary on a line, each part of a message by itself."""
    thought = {"type": "reasoning", "id": "rs", "summary": []}
    message = {"type": "message", "id": "m", "role": "assistant", "content": []}
    place = {"output_index": 1, "item_id": "m"}
    parts = cut(
        client,
        vendor,
        spans,
        event("response.output_item.added", output_index=0, item=thought),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="一"),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=1, delta="二"),
        event("response.output_item.added", output_index=1, item=message),
        event("response.output_text.delta", **place, content_index=0, delta="火"),
        event("response.refusal.delta", **place, content_index=1, delta="いいえ"),
        event("response.output_text.delta", **place, content_index=2, delta="曜"),
    )
    assert parts == [
        {"type": "reasoning", "content": "一\n二"},
        {"type": "text", "content": "火"},
        {"type": "text", "content": "いいえ", "refusal": True},
        {"type": "text", "content": "曜"},
    ]


def test_what_a_cut_stream_says_whole_alone_is_told(client: Any, vendor: Vendor, spans: Any) -> None:
    """Some servers send no pieces; where they send both, the whole is said once."""
    call = {"type": "function_call", "id": "f", "call_id": "c", "name": "find", "arguments": ""}
    parts = cut(
        client,
        vendor,
        spans,
        event("response.output_text.delta", output_index=0, content_index=0, item_id="m", delta="火"),
        event("response.output_text.done", output_index=0, content_index=0, item_id="m", text="火曜"),
        event("response.output_item.added", output_index=1, item=call),
        event("response.function_call_arguments.done", output_index=1, item_id="f", arguments='{"x": 7}'),
    )
    assert parts == [
        {"type": "text", "content": "火曜"},
        {"type": "tool_call", "id": "c", "name": "find", "arguments": {"x": 7}},
    ]


def test_a_call_without_arguments_has_none(client: Any, vendor: Vendor, spans: Any) -> None:
    """As in a chat: no arguments are an empty object."""
    call = {"type": "function_call", "id": "f", "call_id": "c", "name": "find", "arguments": ""}
    vendor.answer(response([call]))
    client.responses.create(model="m", input="いつ")
    assert spans.messages()[0]["parts"][0]["arguments"] == {}


@pytest.mark.parametrize("stream", [False, True])
def test_azures_filter_tells_its_verdict_of_a_response(
    client: Any, vendor: Vendor, spans: Any, stream: bool
) -> None:
    """There it is one list, of the question and of the answer."""
    safe, high = (
        {"hate": {"filtered": flag, "severity": word}} for flag, word in ((False, "safe"), (True, "high"))
    )
    filters = [
        {"blocked": False, "source_type": "prompt", "content_filter_results": safe},
        {"blocked": True, "source_type": "completion", "content_filter_results": high},
    ]
    whole = response(
        [], "incomplete", content_filters=filters, incomplete_details={"reason": "content_filter"}
    )
    vendor.answer(sse(event("response.incomplete", response=whole)) if stream else whole)
    result = client.responses.create(model="m", input="いつ", stream=stream)
    if stream:
        list(result)
    found = spans.attributes()
    assert json.loads(found[semconv.CONTENT_FILTER]) == {"prompt": safe, "answer": high}
    assert found["gen_ai.response.finish_reasons"] == ("content_filter",)


def completion(choices: list[Any], **fields: Any) -> dict[str, Any]:
    """Return a chunk of a text completion."""
    return {"id": "c", "object": "text_completion", "model": "m-1", "choices": choices, **fields}


def test_a_completion_keeps_its_model_where_the_last_chunk_has_counts_alone(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """Its other fields may be empty."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    last = completion([], usage=usage) | {"id": "", "model": ""}
    vendor.answer(sse(completion([{"index": 0, "text": "火", "finish_reason": "stop"}]), last))
    list(client.completions.create(model="m", prompt="いつ", stream=True))
    found = spans.attributes()
    assert (found["gen_ai.response.model"], found["gen_ai.response.id"]) == ("m-1", "c")
    assert found["gen_ai.usage.output_tokens"] == 2


def test_what_stands_after_a_completion_is_a_part_of_the_question(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """The model writes what is between it and the prompt."""
    vendor.answer(completion([{"index": 0, "text": "火", "finish_reason": "stop"}]))
    client.completions.create(model="m", prompt="ごみは", suffix="曜日。")
    parts = spans.messages("gen_ai.input.messages")[0]["parts"]
    assert [part["content"] for part in parts] == ["ごみは", "曜日。"]


def test_a_completion_whose_choice_ends_in_an_error_is_a_failure(
    client: Any, vendor: Vendor, spans: Any
) -> None:
    """As in a chat behind a router."""
    choice = {"index": 0, "text": "", "finish_reason": "error", "error": {"code": 502, "message": "gone"}}
    vendor.answer(sse(completion([choice])))
    list(client.completions.create(model="m", prompt="いつ", stream=True))
    assert spans.attributes()["error.type"] == "502"


@pytest.mark.parametrize("usage", [{"total_tokens": 3}, {"prompt_tokens": 0, "total_tokens": 3}])
def test_embeddings_of_which_a_server_says_the_sum_alone_are_counted(
    client: Any, vendor: Vendor, spans: Any, usage: Any
) -> None:
    """Nothing is answered in tokens: the sum is what was sent."""
    data = [{"index": 0, "embedding": [0.5, 1.0]}]
    vendor.answer({"object": "list", "model": "e", "data": data, "usage": usage})
    client.embeddings.create(model="e", input="火", encoding_format="float")
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 3
