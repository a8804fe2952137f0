"""Servers that speak the OpenAI API in their own way: what they leave out, add, and get wrong."""

import json
from typing import Any

import openai
import pytest
from opentelemetry.trace import StatusCode
from support.vendor import Reply, Vendor, sse

ASK: Any = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def ask(vendor: Vendor) -> Any:
    """Give a function that asks a server on loopback, reading a stream to its end."""
    with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1", max_retries=0) as client:

        def call(*replies: Any, stream: bool = False) -> Any:
            vendor.answer(*replies)
            result = client.chat.completions.create(model="m", messages=ASK, stream=stream)
            return list(result) if stream else result

        yield call


def chunk(delta: Any, **fields: Any) -> dict[str, Any]:
    """Return a chunk with one choice."""
    choice = {"index": 0, "delta": delta, **fields.pop("choice", {})}
    return {"id": "c", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice], **fields}


def message(spans: Any, **fields: Any) -> dict[str, Any]:
    """Return the body of a completion with one message."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **fields}}
    return {"id": "c", "object": "chat.completion", "model": "m-1", "choices": [choice]}


def test_an_error_inside_a_good_status_is_a_failure(ask: Any, spans: Any) -> None:
    """A router that lost its provider answers 200 with an error; the span is one."""
    ask({"error": {"code": 502, "message": "Provider returned error"}, "user_id": "u"})
    span = spans.one()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "Provider returned error")
    assert span.attributes["error.type"] == "502"


def test_an_error_inside_a_choice_is_a_failure_with_what_came(ask: Any, spans: Any) -> None:
    """What the model had said is kept beside the error."""
    body = message(spans, content="On Tu")
    body["choices"][0] |= {"finish_reason": "error", "error": {"code": 524, "message": "timed out"}}
    ask(body)
    found = spans.attributes()
    assert (found["error.type"], found["gen_ai.response.finish_reasons"]) == ("524", ("error",))
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "On Tu"}]


def test_an_error_inside_a_stream_reaches_the_caller_and_the_span(ask: Any, spans: Any) -> None:
    """The client raises it; the span has it and what came before."""
    with pytest.raises(openai.APIError):
        ask(sse(chunk({"content": "On"}), {"error": {"code": "overloaded", "message": "no"}}), stream=True)
    found = spans.attributes()
    assert (found["error.type"], found["kansoku.error.code"]) == ("APIError", "overloaded")
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "On"}]


@pytest.mark.parametrize(
    "body",
    [
        "<html>Bad gateway</html>",
        {},
        {"choices": None},
        {"choices": {"a": 1}, "usage": "none", "model": 7, "id": ["x"]},
        {"choices": [None, "x", {"message": None}, {"message": {"content": 5, "tool_calls": "y"}}]},
        {"choices": [{"message": {"content": [{"type": "text"}, None, 3]}, "logprobs": {"content": [None]}}]},
        {"usage": {"prompt_tokens": "9", "completion_tokens": None, "prompt_tokens_details": []}},
    ],
)
def test_a_body_of_any_shape_reaches_the_caller_and_ends_its_span(ask: Any, spans: Any, body: Any) -> None:
    """Nothing that a server sends makes us fail: the fixture checks that nothing was swallowed."""
    html = Reply(str(body).encode(), content_type="text/html")
    ask(html if isinstance(body, str) else body)
    assert spans.attributes()["gen_ai.request.model"] == "m"


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": None},
        {"choices": [None]},
        {"choices": [{"index": "0", "delta": None}]},
        {"choices": [{"delta": "text"}]},
        {"choices": [{"delta": {"content": {"a": 1}, "tool_calls": [None, {"index": None}], "audio": "x"}}]},
        {
            "choices": [{"logprobs": "x", "delta": {"reasoning": ["r"], "reasoning_details": "r"}}],
            "usage": [],
        },
        [],
        '"text"',
    ],
)
def test_a_chunk_of_any_shape_does_not_spoil_the_others(ask: Any, spans: Any, odd: Any) -> None:
    """The rest of the stream is told as if the malformed chunk had not come."""
    good = [chunk({"content": "On "}), odd, chunk({"content": "Tuesday"}, choice={"finish_reason": "stop"})]
    ask(sse(*good), stream=True)
    assert spans.messages() == [
        {"role": "assistant", "parts": [{"type": "text", "content": "On Tuesday"}], "finish_reason": "stop"}
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning": "hm"},
        {"reasoning_content": "hm"},
        {"thinking": "hm"},
        {
            "reasoning_details": [
                {"type": "reasoning.text", "text": "h"},
                {"type": "reasoning.summary", "summary": "m"},
            ]
        },
        {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_is_told_apart_wherever_a_server_puts_it(
    ask: Any, spans: Any, fields: dict[str, Any], stream: bool
) -> None:
    """Once, before the answer, streamed or not."""
    if stream:
        ask(sse(chunk(fields), chunk({"content": "4"})), stream=True)
    else:
        ask(message(spans, content="4", **fields))
    assert spans.messages()[0]["parts"] == [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "4"},
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_content_in_parts_is_read(ask: Any, spans: Any, stream: bool) -> None:
    """Mistral's reasoning models answer with parts, and think in parts of parts."""
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    parts = [thought, {"type": "text", "text": "4"}]
    if stream:
        ask(sse(*(chunk({"content": [part]}) for part in parts)), stream=True)
    else:
        ask(message(spans, content=parts))
    assert spans.messages()[0]["parts"] == [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "4"},
    ]


def test_tool_calls_that_are_numbered_alike_stay_apart(ask: Any, spans: Any) -> None:
    """Some servers number every call 0 or none at all, repeat names, and send arguments as objects."""
    ask(
        sse(
            chunk(
                {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "find", "arguments": '{"x":'}}]}
            ),
            chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "find", "arguments": "1}"}}]}),
            chunk(
                {"tool_calls": [{"index": 0, "id": "b", "function": {"name": "show", "arguments": {"y": 2}}}]}
            ),
            chunk({"tool_calls": [{"id": "c", "function": {"name": "end", "arguments": ""}}]}),
        ),
        stream=True,
    )
    calls = [(part["id"], part["name"], part["arguments"]) for part in spans.messages()[0]["parts"]]
    assert calls == [("a", "find", {"x": 1}), ("b", "show", {"y": 2}), ("c", "end", {})]


@pytest.mark.parametrize(
    "corner",
    [
        {"x_groq": {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}},
        {"choice": {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}},
        {"usage": {"prompt_tokens": 5, "completion_tokens": 2}},
    ],
)
def test_usage_is_found_in_the_corners_of_a_stream(ask: Any, spans: Any, corner: dict[str, Any]) -> None:
    """Groq and Moonshot put it elsewhere than OpenAI."""
    ask(sse(chunk({"content": "4"}), chunk({}, **corner)), stream=True)
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (5, 2)
    assert "kansoku.usage.estimated" not in found


@pytest.mark.parametrize(("model", "answered"), [("models/gemini-2.5-flash", 412), ("m-1", 12)])
@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_that_gemini_counts_in_the_sum_alone_are_paid(
    ask: Any, spans: Any, model: str, answered: int, stream: bool
) -> None:
    """Its endpoint for OpenAI's clients leaves them out of the completion; others' sums are not trusted."""
    usage = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 421}
    if stream:
        ask(sse(chunk({"content": "On"}) | {"model": model, "usage": usage}), stream=True)
    else:
        ask(message(spans, content="On") | {"model": model, "usage": usage})
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (9, answered)
    assert found.get("gen_ai.usage.reasoning.output_tokens", 0) == answered - 12


def test_a_refusal_is_text_that_says_so(ask: Any, spans: Any) -> None:
    """Streamed in pieces, it is put together."""
    ask(sse(chunk({"refusal": "I can"}), chunk({"refusal": "not."})), stream=True)
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "I cannot.", "refusal": True}]


def test_spoken_answers_are_a_transcript_and_a_size(ask: Any, spans: Any) -> None:
    """The sound itself is never on the span."""
    ask(
        sse(
            chunk({"audio": {"id": "a", "transcript": "On "}}),
            chunk({"audio": {"transcript": "Tuesday", "data": "AAAA"}}),
            chunk({"audio": {"data": "AAA="}}),
        ),
        stream=True,
    )
    assert spans.messages()[0]["parts"] == [
        {"type": "text", "content": "On Tuesday"},
        {"type": "blob", "modality": "audio", "mime_type": "audio/*", "size": 5},
    ]


def test_an_empty_function_call_beside_an_answer_is_none(ask: Any, spans: Any) -> None:
    """Snowflake fills every field of a message."""
    empty = {"function_call": {"name": "", "arguments": ""}, "audio": {"data": ""}, "refusal": ""}
    ask(message(spans, content="4", **empty))
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "4"}]


@pytest.mark.parametrize("stream", [False, True])
def test_azure_tells_deployment_version_and_verdicts(
    vendor: Vendor, spans: Any, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    """The deployment asked, the model that answered, the API's version and the filter's verdicts are kept."""
    safe, high = (
        {"hate": {"filtered": False, "severity": "safe"}},
        {"hate": {"filtered": True, "severity": "high"}},
    )
    prompt = [{"prompt_index": 0, "content_filter_results": safe}]
    if stream:
        first = {"id": "", "model": "", "object": "", "choices": [], "prompt_filter_results": prompt}
        last = chunk({}, choice={"finish_reason": "content_filter", "content_filter_results": high})
        vendor.answer(sse(first, chunk({"content": "x"}), last))
    else:
        body = message(spans, content="x") | {"prompt_filter_results": prompt}
        body["choices"][0] |= {"content_filter_results": high, "finish_reason": "content_filter"}
        vendor.answer(body)
    with openai.AzureOpenAI(
        api_key="k", azure_endpoint=vendor.url, azure_deployment="city-prod", api_version="2024-10-21"
    ) as client:
        result = client.chat.completions.create(model="gpt-4o", messages=ASK, stream=stream)
        if stream:
            list(result)
    found = spans.attributes()
    assert vendor.asked[0].path.startswith("/openai/deployments/city-prod/chat/completions")
    assert found["gen_ai.provider.name"] == "azure.ai.openai"
    assert (found["gen_ai.request.model"], found["gen_ai.response.model"]) == ("gpt-4o", "m-1")
    assert found["kansoku.azure.deployment"] == "city-prod"
    assert found["kansoku.azure.api_version"] == "2024-10-21"
    assert json.loads(found["kansoku.response.content_filter"]) == {"prompt": safe, "answer": high}
    assert found["gen_ai.response.finish_reasons"] == ("content_filter",)


def test_a_question_that_azure_did_not_let_pass_says_why(vendor: Vendor, spans: Any) -> None:
    """The verdict comes inside the error."""
    verdict = {"jailbreak": {"filtered": True, "detected": True}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": verdict}
    error = {"code": "content_filter", "message": "filtered", "param": "prompt", "innererror": inner}
    vendor.answer(Reply(json.dumps({"error": error}).encode(), 400))
    client = openai.AzureOpenAI(api_key="k", azure_endpoint=vendor.url, api_version="2024-10-21")
    with client, pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="city-prod", messages=ASK)
    found = spans.attributes()
    assert json.loads(found["kansoku.response.content_filter"]) == {"prompt": verdict}
    assert (found["kansoku.error.code"], found["kansoku.azure.deployment"]) == ("content_filter", "city-prod")
