"""Amazon Bedrock's invoke_model: each family of models in its own format, whole and streamed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import aws
from support.aws import chunk, connect, stream
from support.vendor import Reply

CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
ASK = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "いつ"}],
}
TOLD = {
    "id": "msg_1",
    "model": "claude-3-haiku-20240307",
    "content": [{"type": "text", "text": "火曜日です。"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 12, "output_tokens": 5},
}
COUNTS = {"x-amzn-bedrock-input-token-count": "7", "x-amzn-bedrock-output-token-count": "3"}
METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 7, "outputTokenCount": 3}}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the clients of a test."""
    yield
    aws.close()


# Model, request, answer, answer's headers -> text, finish reason, input and output tokens.
FAMILIES: dict[str, tuple[str, Any, Any, Any, tuple[str, str | None, int | None, int | None]]] = {
    "llama": (
        "us.meta.llama3-3-70b-instruct-v1:0",
        {"prompt": "いつ", "max_gen_len": 20},
        {"generation": "火", "prompt_token_count": 9, "generation_token_count": 2, "stop_reason": "length"},
        {},
        ("火", "length", 9, 2),
    ),
    "titan": (
        "amazon.titan-text-express-v1",
        {"inputText": "いつ", "textGenerationConfig": {"maxTokenCount": 20, "topP": 0.5}},
        {
            "inputTextTokenCount": 4,
            "results": [{"tokenCount": 2, "outputText": "火", "completionReason": "FINISH"}],
        },
        {},
        ("火", "stop", 4, 2),
    ),
    "titan behind a guardrail": (
        "amazon.titan-text-lite-v1",
        {"inputText": "いつ"},
        {
            "inputTextTokenCount": 4.0,
            "results": [{"tokenCount": 2.0, "outputText": "火", "completionReason": "FINISH"}],
            "amazon-bedrock-guardrailAction": "NONE",
        },
        {},
        ("火", "stop", 4, 2),
    ),
    "mistral": (
        "mistral.mistral-7b-instruct-v0:2",
        {"prompt": "<s>[INST]いつ[/INST]", "max_tokens": 20},
        {"outputs": [{"text": "火", "stop_reason": "stop"}]},
        COUNTS,
        ("火", "stop", 7, 3),
    ),
    "mistral chat": (
        "mistral.mistral-large-2407-v1:0",
        {"messages": [{"role": "user", "content": "いつ"}]},
        {
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "火"}, "stop_reason": "length"}
            ]
        },
        COUNTS,
        ("火", "length", 7, 3),
    ),
    "command r": (
        "cohere.command-r-plus-v1:0",
        {"message": "いつ", "chat_history": [], "p": 0.5},
        {"response_id": "r", "text": "火", "finish_reason": "MAX_TOKENS"},
        COUNTS,
        ("火", "length", 7, 3),
    ),
    "jamba": (
        "ai21.jamba-1-5-mini-v1:0",
        {"messages": [{"role": "user", "content": "いつ"}]},
        {
            "id": "c",
            "choices": [{"message": {"role": "assistant", "content": "火"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 8, "completion_tokens": 2},
        },
        {},
        ("火", "stop", 8, 2),
    ),
    "jurassic": (
        "ai21.j2-ultra-v1",
        {"prompt": "いつ", "maxTokens": 20},
        {"id": 1, "completions": [{"data": {"text": "火"}, "finishReason": {"reason": "endoftext"}}]},
        COUNTS,
        ("火", "stop", 7, 3),
    ),
    "deepseek": (
        "us.deepseek.r1-v1:0",
        {"prompt": "いつ", "max_tokens": 20},
        {"choices": [{"text": "火", "stop_reason": "length"}]},
        COUNTS,
        ("火", "length", 7, 3),
    ),
    "gpt-oss": (
        "openai.gpt-oss-120b-1:0",
        {"messages": [{"role": "user", "content": "いつ"}], "max_completion_tokens": 20},
        {
            "id": "chatcmpl-1",
            "model": "openai.gpt-oss-120b-1:0",
            "choices": [{"message": {"role": "assistant", "content": "火"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 70, "completion_tokens": 30},
        },
        {},
        ("火", "stop", 70, 30),
    ),
    "nova": (
        "us.amazon.nova-pro-v1:0",
        {"messages": [{"role": "user", "content": [{"text": "いつ"}]}], "inferenceConfig": {"maxTokens": 20}},
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "火"}]}},
            "stopReason": "max_tokens",
            "usage": {"inputTokens": 4, "outputTokens": 2, "cacheReadInputTokenCount": 10},
        },
        {},
        ("火", "length", 14, 2),
    ),
    "first claude": (
        "anthropic.claude-v2",
        {"prompt": "\n\nHuman: いつ\n\nAssistant:", "max_tokens_to_sample": 20},
        {"completion": "火", "stop_reason": "stop_sequence"},
        COUNTS,
        ("火", "stop", 7, 3),
    ),
    "pegasus": (
        "us.twelvelabs.pegasus-1-2-v1:0",
        {"inputPrompt": "いつ", "mediaSource": {"base64String": "QUJD"}, "temperature": 0},
        {"message": "火", "finishReason": "stop"},
        COUNTS,
        ("火", "stop", 7, 3),
    ),
    "nova behind a guardrail": (
        "amazon.nova-lite-v1:0",
        {"messages": [{"role": "user", "content": [{"text": "いつ"}]}], "schemaVersion": "messages-v1"},
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "火"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 4.0, "outputTokens": 2.0, "cacheReadInputTokenCount": 10.0},
        },
        {},
        ("火", "stop", 14, 2),
    ),
    "claude behind a guardrail": (
        CLAUDE,
        ASK,
        {**TOLD, "usage": {"input_tokens": 12.0, "cache_read_input_tokens": 8.0, "output_tokens": 5.0}},
        COUNTS,
        ("火曜日です。", "stop", 20, 5),
    ),
    "an inference profile": (
        "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
        ASK,
        {**TOLD, "amazon-bedrock-guardrailAction": "INTERVENED"},
        {},
        ("火曜日です。", "content_filter", 12, 5),
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_read_in_its_own_format(family: str, vendor: Any, spans: Any) -> None:
    """Question, answer, finish reason and tokens are found, in the body or in the headers."""
    model, request, answer, headers, (text, finish, sent, answered) = FAMILIES[family]
    vendor.answer(Reply(json.dumps(answer).encode(), headers=headers))
    connect(vendor.url).invoke_model(modelId=model, body=json.dumps(request))["body"].read()
    found = spans.attributes()
    assert found["gen_ai.request.model"] == model
    assert "いつ" in found["gen_ai.input.messages"]
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": text}]
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (sent, answered)
    assert type(found["gen_ai.usage.input_tokens"]) is type(found["gen_ai.usage.output_tokens"]) is int
    if finish is not None:
        assert found["gen_ai.response.finish_reasons"] == (finish,)
    limits = {"max_gen_len", "max_tokens", "maxTokens", "max_completion_tokens", "max_tokens_to_sample"}
    if limits & request.keys():
        assert found["gen_ai.request.max_tokens"] in (9, 20)


STREAMS: dict[str, tuple[str, Any, list[Any]]] = {
    "llama": (
        "meta.llama3-8b-instruct-v1:0",
        {"prompt": "いつ"},
        [
            {"generation": "火", "prompt_token_count": 7, "generation_token_count": 1, "stop_reason": None},
            {
                "generation": "曜日",
                "prompt_token_count": None,
                "generation_token_count": 3,
                "stop_reason": "stop",
            },
        ],
    ),
    "mistral": (
        "mistral.mixtral-8x7b-instruct-v0:1",
        {"prompt": "いつ"},
        [
            {"outputs": [{"text": "火", "stop_reason": None}]},
            {"outputs": [{"text": "曜日", "stop_reason": "stop"}], **METRICS},
        ],
    ),
    "command": (
        "cohere.command-text-v14",
        {"prompt": "いつ", "stream": True},
        [
            {"text": "火", "is_finished": False},
            {"text": "曜日", "is_finished": False},
            {"is_finished": True, "finish_reason": "COMPLETE", **METRICS},
        ],
    ),
    "command r": (
        "cohere.command-r-v1:0",
        {"message": "いつ"},
        [
            {"event_type": "text-generation", "text": "火"},
            {"event_type": "text-generation", "text": "曜日"},
            {
                "event_type": "stream-end",
                "finish_reason": "COMPLETE",
                "response": {"response_id": "r", "text": "火曜日", "finish_reason": "COMPLETE"},
                **METRICS,
            },
        ],
    ),
    "chat completions": (
        "qwen.qwen3-32b-v1:0",
        {"messages": [{"role": "user", "content": "いつ"}]},
        [
            {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "火"}}]},
            {
                "id": "c",
                "choices": [{"index": 0, "delta": {"content": "曜日"}, "finish_reason": "stop"}],
                **METRICS,
            },
        ],
    ),
    "mistral chat": (
        "mistral.mistral-large-2407-v1:0",
        {"messages": [{"role": "user", "content": "いつ"}]},
        [
            {
                "choices": [
                    {"index": 0, "message": {"role": "assistant", "content": "火"}, "stop_reason": None}
                ]
            },
            {
                "choices": [{"index": 0, "message": {"content": "曜日"}, "stop_reason": "stop"}],
                **METRICS,
            },
        ],
    ),
    "claude": (
        CLAUDE,
        ASK,
        [
            {
                "type": "message_start",
                "message": {"id": "m", "usage": {"input_tokens": 7, "output_tokens": 1}},
            },
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "火"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "曜日"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
            {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}},
        ],
    ),
}


@pytest.mark.parametrize("family", STREAMS)
def test_every_familys_stream_is_put_together(family: str, vendor: Any, spans: Any) -> None:
    """The chunks reach the program as they are; text, end and tokens of the whole are on the span."""
    model, request, chunks = STREAMS[family]
    vendor.answer(stream(*(chunk(each) for each in chunks)))
    result = connect(vendor.url).invoke_model_with_response_stream(modelId=model, body=json.dumps(request))
    assert [json.loads(event["chunk"]["bytes"]) for event in result["body"]] == chunks
    found = spans.attributes()
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日"}]
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (7, 3)


def test_an_imported_model_answers_as_the_server_that_runs_it(vendor: Any, spans: Any) -> None:
    """Its server's fingerprint and the name that it has there are told; an empty identifier is none."""
    choice = {"index": 0, "text": "火", "logprobs": None, "finish_reason": "length"}
    usage = {"prompt_tokens": 4, "completion_tokens": 2}
    answer = {"object": "text_completion", "id": "", "model": "/opt/model", "system_fingerprint": "9.1-own"}
    vendor.answer({**answer, "choices": [choice], "usage": usage})
    model = "arn:aws:bedrock:us-east-1:1:imported-model/abc"
    body = json.dumps({"prompt": "いつ", "max_tokens": 2})
    connect(vendor.url).invoke_model(modelId=model, body=body)["body"].read()
    found = spans.attributes()
    assert found["openai.response.system_fingerprint"] == "9.1-own"
    assert found["gen_ai.response.model"] == "/opt/model"
    assert "gen_ai.response.id" not in found
    assert found["gen_ai.response.finish_reasons"] == ("length",)


VECTORS: dict[str, tuple[str, Any, Any, tuple[int, int, int]]] = {
    "titan": (
        "amazon.titan-embed-text-v2:0",
        {"inputText": "いつ", "dimensions": 256},
        {"embedding": [0.1] * 256, "inputTextTokenCount": 4},
        (4, 1, 256),
    ),
    "cohere": (
        "cohere.embed-multilingual-v3",
        {"texts": ["a", "b"], "input_type": "search_query"},
        {"id": "e", "embeddings": [[0.1, 0.2], [0.3, 0.4]]},
        (7, 2, 2),
    ),
    "cohere by type": (
        "us.cohere.embed-v4:0",
        {"texts": ["a"], "input_type": "search_query", "embedding_types": ["int8"]},
        {"embeddings": {"int8": [[1, 2, 3]]}},
        (7, 1, 3),
    ),
    "nova": (
        "amazon.nova-2-multimodal-embeddings-v1:0",
        {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"text": {"value": "いつ"}}},
        {"embeddings": [{"embeddingType": "TEXT", "embedding": [0.1] * 5}]},
        (7, 1, 5),
    ),
}


@pytest.mark.parametrize("family", VECTORS)
def test_embeddings_are_counted_and_never_recorded(family: str, vendor: Any, spans: Any) -> None:
    """Number and size of the vectors and the tokens are recorded, no vector is."""
    model, request, answer, (tokens, count, size) = VECTORS[family]
    vendor.answer(Reply(json.dumps(answer).encode(), headers=COUNTS))
    connect(vendor.url).invoke_model(modelId=model, body=json.dumps(request))["body"].read()
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "embeddings"
    assert found["gen_ai.usage.input_tokens"] == tokens
    assert found["kansoku.embeddings.input.count"] == count
    assert found["gen_ai.embeddings.dimension.count"] == size
    assert "gen_ai.output.messages" not in found


def test_an_image_to_embed_is_told_by_type_and_size(vendor: Any, spans: Any) -> None:
    """Nova takes it as Converse does; the image itself is in no attribute."""
    image = {"format": "png", "source": {"bytes": "QUJD"}}
    request = {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"image": image}}
    vendor.answer(Reply(json.dumps({"embeddings": [{"embedding": [0.1, 0.2]}]}).encode(), headers=COUNTS))
    model = "amazon.nova-2-multimodal-embeddings-v1:0"
    connect(vendor.url).invoke_model(modelId=model, body=json.dumps(request))["body"].read()
    assert spans.messages("gen_ai.input.messages")[0]["parts"] == [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3}
    ]


@pytest.mark.parametrize(
    ("request_body", "answer", "finish"),
    [
        (
            {
                "taskType": "TEXT_IMAGE",
                "textToImageParams": {"text": "傘"},
                "imageGenerationConfig": {"numberOfImages": 2},
            },
            {"images": ["QUJD", "QUJD"]},
            "stop",
        ),
        (
            {"text_prompts": [{"text": "傘"}], "samples": 2},
            {"artifacts": [{"base64": "QUJD", "finishReason": "SUCCESS"}] * 2},
            "stop",
        ),
        (
            {"prompt": "傘", "samples": 2},
            {"images": ["QUJD", "QUJD"], "finish_reasons": [None, "Filter reason: prompt"]},
            "content_filter",
        ),
    ],
)
def test_images_are_counted_and_recorded_by_size(
    request_body: Any, answer: Any, finish: str, vendor: Any, spans: Any
) -> None:
    """What Nova Canvas and Stability draw is told by number and size."""
    vendor.answer(answer)
    connect(vendor.url).invoke_model(modelId="stability.sd3-5-large-v1:0", body=json.dumps(request_body))[
        "body"
    ].read()
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "image_generation"
    assert found["kansoku.usage.images"] == 2
    assert found["gen_ai.request.choice.count"] == 2
    assert found["gen_ai.response.finish_reasons"] == (finish,)
    assert "傘" in found["gen_ai.input.messages"]
    assert (
        spans.messages()[0]["parts"]
        == [{"type": "blob", "modality": "image", "mime_type": "image/*", "size": 3}] * 2
    )


@pytest.mark.parametrize("what", ["prompt", "input image", "output image"])
def test_a_request_that_a_filter_stopped_says_so(what: str, vendor: Any, spans: Any) -> None:
    """Stable Image names what it did not let pass, and gives no image."""
    vendor.answer({"seeds": [1], "finish_reasons": [f"Filter reason: {what}"], "images": []})
    body = json.dumps({"prompt": "傘", "image": "QUJD"})
    connect(vendor.url).invoke_model(modelId="stability.sd3-5-large-v1:0", body=body)["body"].read()
    found = spans.attributes()
    assert found["gen_ai.response.finish_reasons"] == ("content_filter",)
    assert "kansoku.usage.images" not in found


def test_reranking_says_which_documents_fit(vendor: Any, spans: Any) -> None:
    """A rerank model's answer is the places and scores of the documents."""
    vendor.answer({"results": [{"index": 1, "relevance_score": 0.9}]})
    body = {"query": "いつ", "documents": ["a", "b"], "top_n": 1, "api_version": 2}
    connect(vendor.url).invoke_model(modelId="cohere.rerank-v3-5:0", body=json.dumps(body))["body"].read()
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "rerank"
    assert json.loads(found["gen_ai.retrieval.documents"]) == [{"id": "1", "score": 0.9}]


@pytest.mark.parametrize("family", FAMILIES)
def test_without_content_no_family_tells_its_words(family: str, start: Any, vendor: Any) -> None:
    """With capture_content=False the numbers remain, and no word of question or answer."""
    spans = start(capture_content=False)
    model, request, answer, headers, (text, _, sent, _) = FAMILIES[family]
    vendor.answer(Reply(json.dumps(answer).encode(), headers=headers))
    connect(vendor.url).invoke_model(modelId=model, body=json.dumps(request))["body"].read()
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == sent
    assert not [value for value in found.values() if "いつ" in str(value) or text in str(value)]
