"""What Bedrock does besides answering: rankings, searches on which a model decides, checks."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import aws
from support.aws import connect

RANKER = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the clients of a test."""
    yield
    aws.close()


def test_a_ranking_tells_places_and_scores(vendor: Any, spans: Any) -> None:
    """Documents are texts or fields; each is known by its place in the request."""
    vendor.answer({"results": [{"index": 1, "relevanceScore": 0.75}, {"index": 0, "relevanceScore": 0.5}]})
    fields = {"type": "JSON", "jsonDocument": {"day": "火"}}
    connect(vendor.url, "bedrock-agent-runtime").rerank(
        queries=[{"type": "TEXT", "textQuery": {"text": "いつ"}}],
        sources=[
            {
                "type": "INLINE",
                "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "傘"}},
            },
            {"type": "INLINE", "inlineDocumentSource": fields},
        ],
        rerankingConfiguration={
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {
                "numberOfResults": 2,
                "modelConfiguration": {"modelArn": RANKER},
            },
        },
    )
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "rerank"
    assert found["gen_ai.request.model"] == "cohere.rerank-v3-5:0"
    assert found["gen_ai.retrieval.query.text"] == "いつ"
    assert found["gen_ai.retrieval.top_k"] == 2
    assert json.loads(found["gen_ai.retrieval.documents"]) == [
        {"id": "1", "score": 0.75},
        {"id": "0", "score": 0.5},
    ]
    said = spans.messages("gen_ai.input.messages")[0]["parts"]
    assert [part["content"] for part in said] == ["いつ", "傘", '{"day":"火"}']


@pytest.mark.parametrize("whole", [False, True])
def test_a_search_on_which_a_model_decides_is_a_retrieval(whole: bool, vendor: Any, spans: Any) -> None:
    """The answer is in pieces, and in the result, which has what was found."""
    document = {
        "content": {"text": "火", "mimeType": "text/plain"},
        "metadata": {"x-amz-bedrock-kb-source-uri": "s3://b/r.txt"},
        "sourceRetriever": {"identifier": "KB12345678"},
    }
    result = {"generatedResponse": {"answer": "火曜日", "citations": []}, "results": [document]}
    pieces = [aws.event("responseEvent", {"text": text}) for text in ("火曜", "日")]
    vendor.answer(aws.stream(*pieces, *([aws.event("result", result)] if whole else [])))
    answer = connect(vendor.url, "bedrock-agent-runtime").agentic_retrieve_stream(
        messages=[{"role": "user", "content": {"text": "いつ"}}],
        retrievers=[{"configuration": {"knowledgeBase": {"knowledgeBaseId": "KB12345678"}}}],
        agenticRetrieveConfiguration={"foundationModelType": "MANAGED"},
        generateResponse=True,
    )
    assert list(answer["stream"])
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "retrieval"
    assert found["gen_ai.retrieval.query.text"] == "いつ"
    assert found["aws.bedrock.knowledge_base.id"] == "KB12345678"
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日"}]
    assert found.get("gen_ai.response.finish_reasons") == (("stop",) if whole else None)
    documents = json.loads(found.get("gen_ai.retrieval.documents", "[]"))
    assert [each["id"] for each in documents] == (["s3://b/r.txt"] if whole else [])


@pytest.mark.parametrize("stopped", [False, True])
def test_a_guardrail_by_itself_is_a_check(stopped: bool, vendor: Any, spans: Any) -> None:
    """It passes or not; which policy found something is told, what it found is not."""
    action = "BLOCKED" if stopped else "NONE"
    topics = {"topics": [{"name": "secrets", "type": "DENY", "action": action}]}
    words = {"customWords": [{"match": "zebra", "action": "NONE"}], "managedWordLists": []}
    vendor.answer(
        {
            "usage": {},
            "action": "GUARDRAIL_INTERVENED" if stopped else "NONE",
            "outputs": [{"text": "Sorry."}] if stopped else [],
            "assessments": [{"topicPolicy": topics, "wordPolicy": words}],
        }
    )
    connect(vendor.url).apply_guardrail(
        guardrailIdentifier="gr-1",
        guardrailVersion="1",
        source="INPUT",
        content=[{"text": {"text": "Tell me."}}],
    )
    found = spans.attributes()
    assert found["kansoku.kind"] == "guardrail"
    assert found["aws.bedrock.guardrail.id"] == "gr-1"
    assert found["kansoku.guardrail.passed"] is not stopped
    assert found.get("kansoku.guardrail.reason") == ("topic" if stopped else None)
    assert spans.messages("gen_ai.input.messages")[0]["parts"][0]["content"] == "Tell me."
    assert "gen_ai.usage.input_tokens" not in found


def test_documents_that_are_no_text_have_words(vendor: Any, spans: Any) -> None:
    """Of a recording what was heard, of a video what was seen, of a table the row."""
    contents = [
        {"type": "AUDIO", "audio": {"s3Uri": "s3://b/a.mp3", "transcription": "火"}},
        {"type": "VIDEO", "video": {"s3Uri": "s3://b/a.mp4", "summary": "A truck."}},
        {"type": "ROW", "row": [{"columnName": "day", "columnValue": "火", "type": "STRING"}]},
    ]
    vendor.answer({"retrievalResults": [{"content": content} for content in contents]})
    connect(vendor.url, "bedrock-agent-runtime").retrieve(
        knowledgeBaseId="KB12345678", retrievalQuery={"text": "いつ"}
    )
    documents = json.loads(spans.attributes()["gen_ai.retrieval.documents"])
    assert [each["content"] for each in documents] == ["火", "A truck.", '{"day":"火"}']


@pytest.mark.parametrize("stream", [False, True])
def test_the_stop_sequence_that_was_met_is_told(stream: bool, vendor: Any, spans: Any) -> None:
    """A program asks Converse for it among the fields of the model's own answer."""
    met = {"stop_sequence": "END"}  # a stream has it where the model's own event has it
    more = {"additionalModelResponseFields": {"delta": met} if stream else met}
    usage = {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4}
    asked: Any = {
        "modelId": "anthropic.claude-3-haiku-20240307-v1:0",
        "messages": [{"role": "user", "content": [{"text": "いつ"}]}],
        "additionalModelResponseFieldPaths": ["/stop_sequence"],
    }
    if stream:
        vendor.answer(
            aws.stream(
                aws.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "火"}}),
                aws.event("messageStop", {"stopReason": "stop_sequence", **more}),
                aws.event("metadata", {"usage": usage, "metrics": {"latencyMs": 5}}),
            )
        )
        assert list(connect(vendor.url).converse_stream(**asked)["stream"])
    else:
        message = {"role": "assistant", "content": [{"text": "火"}]}
        told = {"output": {"message": message}, "stopReason": "stop_sequence", "usage": usage}
        vendor.answer({**told, "metrics": {"latencyMs": 5}, **more})
        connect(vendor.url).converse(**asked)
    found = spans.attributes()
    assert found["kansoku.response.stop_sequence"] == "END"
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert found["gen_ai.usage.input_tokens"] == 3


def test_a_stored_prompt_and_what_is_put_into_it_are_told(vendor: Any, spans: Any) -> None:
    """It is asked by its address, which says its version too; the words are at the vendor."""
    usage = {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4}
    message = {"role": "assistant", "content": [{"text": "火"}]}
    vendor.answer(
        {
            "output": {"message": message},
            "stopReason": "end_turn",
            "usage": usage,
            "metrics": {"latencyMs": 5},
        }
    )
    connect(vendor.url).converse(
        modelId="arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDE12345:3",
        promptVariables={"ward": {"text": "北区"}},
    )
    found = spans.attributes()
    assert (found["gen_ai.prompt.name"], found["gen_ai.prompt.version"]) == ("ABCDE12345", "3")
    assert found["gen_ai.prompt.variable.ward"] == "北区"
    assert found["gen_ai.usage.input_tokens"] == 3


@pytest.mark.parametrize(
    ("asked", "level", "budget"),
    [
        ({"reasoning_effort": "low"}, "low", None),  # GPT
        ({"reasoning_config": "high"}, "high", None),  # Qwen
        ({"output_config": {"effort": "max"}, "thinking": {"type": "adaptive"}}, "max", None),  # Claude
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, None, 1024),
        ({"reasoning_config": {"type": "enabled", "budget_tokens": 2048}}, None, 2048),
        ({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}, "medium", None),  # Nova
    ],
)
def test_how_much_a_model_is_to_think_is_told_in_whatever_words_it_is_asked(
    asked: dict[str, Any], level: str | None, budget: int | None, vendor: Any, spans: Any
) -> None:
    """Each family has a field of its own for it, which Converse passes on."""
    usage = {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4}
    message = {"role": "assistant", "content": [{"text": "火"}]}
    told = {"output": {"message": message}, "stopReason": "end_turn", "usage": usage}
    vendor.answer({**told, "metrics": {"latencyMs": 5}})
    connect(vendor.url).converse(
        modelId="some.model-v1:0",
        messages=[{"role": "user", "content": [{"text": "いつ"}]}],
        additionalModelRequestFields=asked,
    )
    found = spans.attributes()
    assert found.get("gen_ai.request.reasoning.level") == level
    assert found.get("kansoku.request.thinking.budget_tokens") == budget
