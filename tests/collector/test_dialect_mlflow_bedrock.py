"""Bedrock's client under MLflow to the canonical row."""

import json

import pytest
from tests.collector.conftest import START_NS
from tests.collector.test_normalise import NOW_MS, buckets, raw

from kansoku_collector.model import Event
from kansoku_collector.normalise import normalise


def piece(name, at=1, **body):
    """Return an event of a stream of Bedrock's client."""
    return Event(name, START_NS + at * 10**6, {"json": json.dumps(body)})


PIECES = [
    piece("messageStart", role="assistant"),
    piece("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"text": "Hm."}}),
    piece("contentBlockDelta", contentBlockIndex=1, delta={"text": "Let me "}),
    piece("contentBlockDelta", contentBlockIndex=1, delta={"text": "look."}),
    *(
        item
        for place, city in ((2, "Oslo"), (3, "Bergen"))
        for item in (
            piece(
                "contentBlockStart",
                contentBlockIndex=place,
                start={"toolUse": {"toolUseId": f"t{place}", "name": "weather"}},
            ),
            piece(
                "contentBlockDelta",
                contentBlockIndex=place,
                delta={"toolUse": {"input": json.dumps({"city": city})}},
            ),
        )
    ),
    piece("messageStop", stopReason="tool_use"),
    piece("metadata", usage={"inputTokens": 7, "outputTokens": 5, "cacheReadInputTokens": 3}),
]
CLAUDES = [
    piece("message_start", message={"id": "msg_1", "content": [], "usage": {"input_tokens": 7}}),
    piece("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    piece("content_block_delta", index=0, delta={"type": "text_delta", "text": "Nine."}),
    piece("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}),
]


@pytest.mark.parametrize("translated", [False, True])
def test_a_stream_of_bedrocks_is_put_together_from_its_events(translated):
    """MLflow's own sum keeps the last of several calls, and the translation says nothing of how it ended."""
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    told = {
        "mlflow.spanType": '"CHAT_MODEL"',
        "mlflow.llm.provider": '"us"',
        "mlflow.spanInputs": json.dumps({"modelId": model, "messages": []}),
    }
    if translated:
        told = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "us",
            "gen_ai.request.model": model,
        }
    found = raw(told, PIECES, scope="mlflow.tracing.provider")
    found.name = "chat" if translated else "BedrockRuntime.converse_stream"
    span = normalise(found, "default", NOW_MS)[0]
    parts = json.loads(span.output_messages)[0]["parts"]
    assert [part.get("arguments") for part in parts[2:]] == [{"city": "Oslo"}, {"city": "Bergen"}]
    assert (parts[0], span.output_text) == ({"type": "reasoning", "content": "Hm."}, "Let me look.")
    assert (span.provider, span.request_model, span.finish_reasons) == ("aws.bedrock", model, ["tool_calls"])
    assert (span.streaming, span.time_to_first_token) == (True, 0.001)
    assert buckets(span) == {"input_fresh": 7, "cache_read": 3, "output_visible": 5}


@pytest.mark.parametrize(
    ("answered", "events"),
    [
        (
            {
                "body": {
                    "id": "msg_1",
                    "content": [{"type": "text", "text": "Nine."}],
                    "stop_reason": "end_turn",
                }
            },
            [],
        ),
        ({"body": {"generation": "Nine.", "stop_reason": "stop"}}, []),
        ({"body": {"results": [{"outputText": "Nine.", "completionReason": "FINISH"}]}}, []),
        ({"body": "EventStream"}, CLAUDES),
    ],
)
def test_bodies_of_bedrocks_models_are_unwrapped(answered, events):
    """The client knows bytes; what the vendor's model was asked and answered is inside of them."""
    body = {"system": "Be brief.", "max_gen_len": 9, "messages": [{"role": "user", "content": "Hello?"}]}
    given = {"modelId": "anthropic.claude-sonnet-4-5", "body": json.dumps(body)}
    told = {
        "mlflow.spanType": '"LLM"',
        "mlflow.spanInputs": json.dumps(given),
        "mlflow.spanOutputs": json.dumps({"ResponseMetadata": {}, **answered}),
    }
    found = raw(told, events)
    found.name = "BedrockRuntime.invoke_model" + ("_with_response_stream" if events else "")
    span = normalise(found, "default", NOW_MS)[0]
    assert (span.input_text, span.output_text, span.parameters) == ("Hello?", "Nine.", {"max_tokens": "9"})
    assert (span.provider, span.request_model) == ("aws.bedrock", "anthropic.claude-sonnet-4-5")
    assert json.loads(span.system_instructions)[0]["content"] == "Be brief."


def test_a_text_that_titan_embedded_is_counted():
    """The count is in the body alone."""
    body = {"embedding": [0.1], "inputTextTokenCount": 8}
    told = {
        "mlflow.spanType": '"EMBEDDING"',
        "mlflow.spanInputs": json.dumps({"modelId": "amazon.titan", "body": '{"inputText":"Hello?"}'}),
        "mlflow.spanOutputs": json.dumps({"body": body}),
    }
    found = raw(told)
    found.name = "BedrockRuntime.invoke_model"
    span = normalise(found, "default", NOW_MS)[0]
    assert (span.input_text, buckets(span)) == ("Hello?", {"input_fresh": 8})
