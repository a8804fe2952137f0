"""Amazon Bedrock through botocore: Converse, its streams, errors, and what must not change."""

import gc
import json
from collections.abc import Iterator
from typing import Any

import botocore.client
import botocore.eventstream
import pytest
from botocore.exceptions import ClientError, EventStreamError
from opentelemetry.trace import SpanKind, StatusCode
from support import aws, pages
from support.aws import connect, event, stream
from support.vendor import Reply

import kansoku

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
ASK: Any = [{"role": "user", "content": [{"text": "傘は何ごみですか"}]}]
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "小物金属です。"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 20, "outputTokens": 8, "totalTokens": 28},
    "metrics": {"latencyMs": 412},
}
EVENTS = (
    event("messageStart", {"role": "assistant"}),
    event("contentBlockDelta", {"delta": {"reasoningContent": {"text": "Um"}}, "contentBlockIndex": 0}),
    event("contentBlockDelta", {"delta": {"reasoningContent": {"text": "brella."}}, "contentBlockIndex": 0}),
    event("contentBlockDelta", {"delta": {"reasoningContent": {"signature": "s"}}, "contentBlockIndex": 0}),
    event("contentBlockStop", {"contentBlockIndex": 0}),
    event("contentBlockDelta", {"delta": {"text": "小物"}, "contentBlockIndex": 1}),
    event("contentBlockDelta", {"delta": {"text": "金属"}, "contentBlockIndex": 1}),
    event(
        "contentBlockStart",
        {"start": {"toolUse": {"toolUseId": "t1", "name": "find"}}, "contentBlockIndex": 2},
    ),
    event("contentBlockDelta", {"delta": {"toolUse": {"input": '{"ward":'}}, "contentBlockIndex": 2}),
    event("contentBlockDelta", {"delta": {"toolUse": {"input": ' "北区"}'}}, "contentBlockIndex": 2}),
    event("messageStop", {"stopReason": "tool_use"}),
    event(
        "metadata",
        {
            "usage": {"inputTokens": 5, "outputTokens": 9, "totalTokens": 14},
            "metrics": {"latencyMs": 200},
            "serviceTier": {"type": "flex"},
        },
    ),
)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the clients of a test."""
    yield
    aws.close()


def test_converse_is_one_client_span_with_everything_said(vendor: Any, spans: Any) -> None:
    """Request, answer, cached tokens by lifetime, guardrail and tiers of a call are on its span."""
    usage = {
        "inputTokens": 20,
        "outputTokens": 8,
        "totalTokens": 158,
        "cacheReadInputTokens": 100,
        "cacheWriteInputTokens": 30,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 10}, {"ttl": "5m", "inputTokens": 20}],
    }
    whole = {**ANSWER, "usage": usage, "serviceTier": {"type": "priority"}}
    vendor.answer(Reply(json.dumps(whole).encode(), headers={"x-amzn-requestid": "req-1"}))
    answer = connect(vendor.url).converse(
        modelId=MODEL,
        messages=ASK,
        system=[{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        inferenceConfig={"maxTokens": 300, "temperature": 0.2, "topP": 0.9, "stopSequences": ["。。"]},
        additionalModelRequestFields={"top_k": 40, "reasoning_effort": "low"},
        guardrailConfig={"guardrailIdentifier": "gr-1", "guardrailVersion": "1"},
        toolConfig={
            "tools": [
                {
                    "toolSpec": {
                        "name": "find",
                        "description": "d",
                        "inputSchema": {"json": {"type": "object"}},
                    }
                },
                {"cachePoint": {"type": "default"}},
            ]
        },
        performanceConfig={"latency": "optimized"},
        serviceTier={"type": "priority"},
        requestMetadata={"team": "waste"},
    )
    assert answer["output"] == ANSWER["output"]
    span = spans.one()
    assert (span.name, span.kind, span.status.status_code) == (
        f"chat {MODEL}",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    found = spans.attributes()
    # No cost: the list has no price for Bedrock's priority tier, and the ordinary one is not what is paid.
    assert {name: json.loads(found.pop(name)) for name in sorted(found) if name in CONTENT} == {
        "gen_ai.input.messages": [
            {"role": "user", "parts": [{"type": "text", "content": "傘は何ごみですか"}]}
        ],
        "gen_ai.output.messages": [
            {
                "role": "assistant",
                "parts": [{"type": "text", "content": "小物金属です。"}],
                "finish_reason": "stop",
            }
        ],
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "find", "description": "d", "parameters": {"type": "object"}},
            {"type": "cachePoint", "cachePoint": {"type": "default"}},
        ],
    }
    assert found == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 300,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.stop_sequences": ("。。",),
        "gen_ai.request.reasoning.level": "low",
        "openai.request.service_tier": "priority",
        "aws.bedrock.guardrail.id": "gr-1",
        "kansoku.aws.performance_latency": "optimized",
        "kansoku.metadata.team": "waste",
        "cloud.region": "us-east-1",
        "server.address": "127.0.0.1",
        "server.port": int(vendor.url.rpartition(":")[2]),
        "aws.request_id": "req-1",
        "kansoku.response.service_tier": "priority",
        "kansoku.server.total_time": 0.412,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 150,
        "gen_ai.usage.output_tokens": 8,
        "gen_ai.usage.cache_read.input_tokens": 100,
        "gen_ai.usage.cache_write.input_tokens": 30,
        "kansoku.usage.cache_write_1h.input_tokens": 10,
    }


CONTENT = frozenset(
    {
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
    }
)


def test_every_kind_of_content_block_is_a_part_and_binary_data_only_its_size(vendor: Any, spans: Any) -> None:
    """Images, documents, videos, tool results, guarded text, search results and citations are read."""
    vendor.answer(ANSWER)
    connect(vendor.url).converse(
        modelId=MODEL,
        messages=[
            {
                "role": "user",
                "content": [
                    {"image": {"format": "png", "source": {"bytes": b"x" * 3000}}},
                    {"document": {"format": "pdf", "name": "rules", "source": {"bytes": b"%PDF"}}},
                    {
                        "document": {
                            "format": "txt",
                            "name": "note",
                            "context": "Old.",
                            "source": {"text": "words"},
                        }
                    },
                    {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/v.mp4"}}}},
                    {"guardContent": {"text": {"text": "safe?", "qualifiers": ["query"]}}},
                    {"searchResult": {"source": "u", "title": "t", "content": [{"text": "found"}]}},
                    {"cachePoint": {"type": "default"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
                    {"reasoningContent": {"redactedContent": b"1234"}},
                    {"toolUse": {"toolUseId": "t1", "name": "find", "input": {"ward": "北区"}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "t1", "content": [{"json": {"day": "火"}}]}},
                    {"toolResult": {"toolUseId": "t2", "content": [{"text": "no"}], "status": "error"}},
                ],
            },
        ],
    )
    messages = spans.messages("gen_ai.input.messages")
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    assert messages[0]["parts"] == [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3000},
        {"type": "blob", "modality": "document", "mime_type": "application/pdf", "size": 4, "name": "rules"},
        {"type": "text", "content": "words", "name": "note", "context": "Old."},
        {"type": "uri", "modality": "video", "mime_type": "video/mp4", "uri": "s3://b/v.mp4"},
        {"type": "text", "content": "safe?", "qualifiers": ["query"]},
        {"type": "search_result", "source": "u", "title": "t", "content": "found"},
    ]
    assert messages[1]["parts"] == [
        {"type": "reasoning", "content": "hm"},
        {"type": "redacted_reasoning", "size": 4},
        {"type": "tool_call", "id": "t1", "name": "find", "arguments": {"ward": "北区"}},
    ]
    assert messages[2]["parts"] == [
        {"type": "tool_call_response", "id": "t1", "response": {"day": "火"}},
        {"type": "tool_call_response", "id": "t2", "response": "no", "is_error": True},
    ]


def test_a_prompt_router_names_the_model_that_answered(vendor: Any, spans: Any) -> None:
    """The invoked model of a router's trace is the answering one, and gives the price."""
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0"
    vendor.answer({**ANSWER, "trace": {"promptRouter": {"invokedModelId": arn}}})
    connect(vendor.url).converse(
        modelId="arn:aws:bedrock:us-east-1:1:default-prompt-router/x:1", messages=ASK
    )
    found = spans.attributes()
    assert found["gen_ai.response.model"] == "us.anthropic.claude-3-haiku-20240307-v1:0"
    assert found["kansoku.cost.usd"] > 0


def test_a_stream_gives_the_same_events_and_its_span_the_whole_answer(vendor: Any, spans: Any) -> None:
    """The stream stays an EventStream; reasoning, text, a tool call and usage are put together at its end."""
    vendor.answer(stream(*EVENTS))
    result = connect(vendor.url).converse_stream(modelId=MODEL, messages=ASK)
    assert isinstance(result["stream"], botocore.eventstream.EventStream)
    assert spans.all() == []
    events = list(result["stream"])
    assert [next(iter(found)) for found in events][-2:] == ["messageStop", "metadata"]
    found = spans.attributes()
    assert spans.messages() == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Umbrella."},
                {"type": "text", "content": "小物金属"},
                {"type": "tool_call", "id": "t1", "name": "find", "arguments": {"ward": "北区"}},
            ],
            "finish_reason": "tool_calls",
        }
    ]
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.response.time_to_first_chunk"] > 0
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (5, 9)
    assert found["kansoku.response.service_tier"] == "flex"
    assert "kansoku.stream.closed_early" not in found


# A connection that is left half-read is botocore's to close, when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", ["break", "close", "drop"])
def test_a_stream_left_early_ends_its_span_with_what_came(way: str, vendor: Any, spans: Any) -> None:
    """Breaking off, closing or dropping the stream ends the span at once."""
    vendor.answer(stream(*EVENTS))
    result = connect(vendor.url).converse_stream(modelId=MODEL, messages=ASK)
    iterator = iter(result["stream"])
    for _ in range(6):
        next(iterator)
    if way == "close":
        result["stream"].close()
    elif way == "break":
        iterator.close()
    else:
        del iterator, result
        gc.collect()
    assert spans.attributes()["kansoku.stream.closed_early"] is True
    assert spans.messages()[0]["parts"][1] == {"type": "text", "content": "小物"}


def test_what_goes_wrong_inside_a_stream_has_awss_name(vendor: Any, spans: Any) -> None:
    """An exception event reaches the program as botocore raises it, and the span has its code."""
    refused = event("throttlingException", {"message": "Too many tokens"}, kind="exception")
    vendor.answer(stream(*EVENTS[:6], refused))
    result = connect(vendor.url).converse_stream(modelId=MODEL, messages=ASK)
    with pytest.raises(EventStreamError, match="Too many tokens"):
        list(result["stream"])
    span = spans.one()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "throttlingException"
    assert spans.messages()[0]["parts"][1] == {"type": "text", "content": "小物"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # botocore's own, on a retry
def test_an_error_has_awss_code_status_and_attempts(vendor: Any, spans: Any) -> None:
    """A throttled call is raised as botocore raises it; code, status, id and retries are on its span."""
    refusal = Reply(
        json.dumps({"message": "Too many requests"}).encode(),
        429,
        headers={"x-amzn-errortype": "ThrottlingException", "x-amzn-requestid": "req-9"},
    )
    vendor.answer(refusal)
    with pytest.raises(ClientError) as raised:
        connect(vendor.url, retries=1).converse(modelId=MODEL, messages=ASK)
    assert raised.value.response["Error"]["Code"] == "ThrottlingException"
    found = spans.attributes()
    assert len(vendor.asked) == 2
    assert {name: found[name] for name in ("error.type", "http.response.status_code", "aws.request_id")} == {
        "error.type": "ThrottlingException",
        "http.response.status_code": 429,
        "aws.request_id": "req-9",
    }
    assert found["http.request.resend_count"] == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # botocore's own, on a retry
def test_a_retried_call_says_how_often(vendor: Any, spans: Any) -> None:
    """A call that succeeds at its second attempt counts one retry."""
    vendor.answer(Reply(b"{}", 500), Reply(json.dumps(ANSWER).encode()))
    connect(vendor.url, retries=2).converse(modelId=MODEL, messages=ASK)
    assert spans.attributes()["http.request.resend_count"] == 1


def test_invalid_parameters_are_refused_by_botocore_as_always(vendor: Any, spans: Any) -> None:
    """A call that botocore refuses itself raises its exception, and is told as failed."""
    with pytest.raises(botocore.exceptions.ParamValidationError):
        connect(vendor.url).converse(modelId=MODEL, messages="no list")
    assert spans.attributes()["error.type"] == "ParamValidationError"


def test_other_services_and_operations_are_not_traced(vendor: Any, spans: Any) -> None:
    """Calls of another service, and other calls of Bedrock, leave no span."""
    vendor.answer(Reply(b"<ListAllMyBucketsResult/>", content_type="text/xml"))
    connect(vendor.url, "s3").list_buckets()
    vendor.answer({"inputTokens": 3})
    client = connect(vendor.url)
    assert client.count_tokens(modelId=MODEL, input={"converse": {"messages": ASK}})["inputTokens"] == 3
    assert spans.all() == []


def test_without_content_only_the_numbers_are_recorded(start: Any, vendor: Any) -> None:
    """With capture_content=False neither question nor answer leaves the process."""
    spans = start(capture_content=False)
    vendor.answer(stream(*EVENTS))
    list(connect(vendor.url).converse_stream(modelId=MODEL, messages=ASK)["stream"])
    found = spans.attributes()
    assert not CONTENT & found.keys()
    assert found["gen_ai.usage.output_tokens"] == 9


def test_uninstrument_puts_botocores_own_method_back(spans: Any, vendor: Any) -> None:
    """After uninstrument() the method is botocore's, and calls leave no span."""
    kansoku.uninstrument("bedrock")
    assert not hasattr(botocore.client.BaseClient._make_api_call, "__kansoku_original__")
    vendor.answer(ANSWER)
    connect(vendor.url).converse(modelId=MODEL, messages=ASK)
    assert spans.all() == []


def test_the_page_about_bedrock_runs(vendor: Any, start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of docs/sdk/bedrock.md runs, and its calls are traced."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", vendor.url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    told = {
        "id": "m",
        "model": "claude",
        "content": [{"type": "text", "text": "火"}],
        "stop_reason": "end_turn",
    }
    whole = {**told, "usage": {"input_tokens": 3, "output_tokens": 2}}
    vendor.answer(Reply(json.dumps(ANSWER).encode()), stream(*EVENTS), Reply(json.dumps(whole).encode()))
    spans = start()
    pages.run_page("sdk/bedrock.md", print=lambda *_, **__: None)
    assert [span.attributes["gen_ai.usage.output_tokens"] for span in spans.all()] == [8, 9, 2]
