"""Knowledge bases of Amazon Bedrock: what they find, and answers from it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support import aws
from support.aws import connect

HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the clients of a test."""
    yield
    aws.close()


def test_the_documents_of_a_knowledge_base_are_a_retrieval(vendor: Any, spans: Any) -> None:
    """Retrieve is a retrieval span with question, addresses, scores and texts."""
    vendor.answer(
        {
            "retrievalResults": [
                {
                    "content": {"text": "火曜日"},
                    "location": {"type": "S3", "s3Location": {"uri": "s3://b/rules.txt"}},
                    "score": 0.83,
                    "metadata": {"page": 2},
                }
            ]
        }
    )
    connect(vendor.url, "bedrock-agent-runtime").retrieve(
        knowledgeBaseId="KB12345678",
        retrievalQuery={"text": "燃えるごみ"},
        retrievalConfiguration={"vectorSearchConfiguration": {"numberOfResults": 3}},
    )
    found = spans.attributes()
    assert json.loads(found["gen_ai.retrieval.documents"]) == [
        {"id": "s3://b/rules.txt", "score": 0.83, "content": "火曜日", "metadata": {"page": 2}}
    ]
    assert found["gen_ai.operation.name"] == "retrieval"
    assert found["gen_ai.retrieval.query.text"] == "燃えるごみ"
    assert found["gen_ai.retrieval.top_k"] == 3
    assert found["aws.bedrock.knowledge_base.id"] == "KB12345678"


def test_an_answer_from_a_knowledge_base_has_its_sources(vendor: Any, spans: Any) -> None:
    """RetrieveAndGenerate is a chat with the model's answer and the documents that it cites."""
    reference = {
        "content": {"text": "火"},
        "location": {"type": "WEB", "webLocation": {"url": "https://e.org"}},
    }
    vendor.answer(
        {
            "sessionId": "s-1",
            "output": {"text": "火曜日です。"},
            "citations": [{"retrievedReferences": [reference]}],
        }
    )
    connect(vendor.url, "bedrock-agent-runtime").retrieve_and_generate(
        input={"text": "いつ"},
        retrieveAndGenerateConfiguration={
            "type": "KNOWLEDGE_BASE",
            "knowledgeBaseConfiguration": {
                "knowledgeBaseId": "KB12345678",
                "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{HAIKU}",
            },
        },
    )
    found = spans.attributes()
    assert found["gen_ai.request.model"] == HAIKU
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日です。"}]
    assert json.loads(found["gen_ai.retrieval.documents"])[0]["id"] == "https://e.org"


@pytest.mark.parametrize("inside", [False, True])
def test_a_streamed_answer_from_a_knowledge_base_has_its_sources(
    inside: bool, vendor: Any, spans: Any
) -> None:
    """The pieces of the answer are one text; a citation's fields may be inside another one."""
    reference = {"content": {"text": "火"}, "location": {"type": "S3", "s3Location": {"uri": "s3://b/r.txt"}}}
    cited = {"retrievedReferences": [reference]}
    events = (
        aws.event("output", {"text": "火曜"}),
        aws.event("output", {"text": "日です。"}),
        aws.event("citation", {"citation": cited} if inside else cited),
        aws.event("guardrail", {"action": "NONE"}),
    )
    vendor.answer(aws.stream(*events))
    result = connect(vendor.url, "bedrock-agent-runtime").retrieve_and_generate_stream(
        input={"text": "いつ"},
        retrieveAndGenerateConfiguration={
            "type": "EXTERNAL_SOURCES",
            "externalSourcesConfiguration": {
                "modelArn": HAIKU,
                "sources": [{"sourceType": "S3", "s3Location": {"uri": "s3://b/r.txt"}}],
            },
        },
    )
    assert len(list(result["stream"])) == 4
    found = spans.attributes()
    assert found["gen_ai.request.model"] == HAIKU
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火曜日です。"}]
    assert json.loads(found["gen_ai.retrieval.documents"])[0]["id"] == "s3://b/r.txt"
