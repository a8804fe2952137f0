"""Spans of platforms where flows are put together on a screen (Dify) to the canonical row."""

import json

import pytest
from tests.collector.test_normalise import row

COUNTED = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
DIFY = {"gen_ai.framework": "dify"}
HIT = {"content": "Nine.", "metadata": {"title": "Hours"}, "score": 0.5, "id": "d1"}


@pytest.mark.parametrize(
    ("plugin", "provider"),
    [
        ("langgenius/anthropic/anthropic", "anthropic"),
        ("langgenius/azure_openai/azure_openai", "azure.ai.openai"),
        ("langgenius/bedrock/bedrock", "aws.bedrock"),
    ],
)
def test_the_vendor_of_a_plugin_is_who_answered(plugin, provider):
    """A price list knows no plugins."""
    conventions = {"gen_ai.span.kind": "LLM", "gen_ai.provider.name": plugin, "gen_ai.request.model": "m"}
    assert row(DIFY | conventions | COUNTED).provider == provider
    assert row({"openinference.span.kind": "LLM", "llm.provider": plugin}).provider == provider


def test_what_a_node_found_are_documents():
    """Dify's retrieval has names of its own."""
    found = {"retrieval.query": "Hours?", "retrieval.document": json.dumps([{"document": HIT}])}
    span = row(DIFY | {"gen_ai.span.kind": "RETRIEVER"} | found)
    assert (span.operation, span.retrieval_query, span.input_text) == ("retrieval", "Hours?", "Hours?")
    assert json.loads(span.documents) == [HIT]


def test_documents_that_only_the_output_has_are_read():
    """Dify's exporter to Phoenix flattens none of them."""
    result = {"content": "Nine.", "title": "Hours", "metadata": {"score": 0.5, "document_id": "d1"}}
    span = row(
        {
            "openinference.span.kind": "RETRIEVER",
            "input.value": '{"query": "Hours?"}',
            "output.value": json.dumps({"result": [result]}),
        }
    )
    document = json.loads(span.documents)[0]
    assert (document["id"], document["score"], document["content"]) == ("d1", 0.5, "Nine.")
    assert span.retrieval_query == "Hours?"


def test_a_step_says_what_it_was_given_and_returned():
    """Dify's and Alibaba's do by OpenInference's names."""
    values = {"input.value": '{"n": 1}', "output.value": '{"n": 2}'}
    step = row(DIFY | {"gen_ai.span.kind": "TASK"} | values)
    assert (step.operation, step.input_text, step.output_text) == ("chain", '{"n": 1}', '{"n": 2}')
    tool = row(DIFY | {"gen_ai.span.kind": "TOOL", "gen_ai.tool.name": "add"} | values)
    assert (tool.tool_arguments, tool.tool_result) == ('{"n": 1}', '{"n": 2}')
    vectors = row(DIFY | {"gen_ai.span.kind": "EMBEDDING", "gen_ai.request.model": "m"} | values)
    assert vectors.output_text == ""


def test_the_words_of_a_node_are_its_answer():
    """Dify's exporter to Phoenix has them in the node's output alone, beside usage and files."""
    output = {"text": "Yo.", "reasoning_content": "", "usage": {"prompt_tokens": 10}, "finish_reason": "stop"}
    span = row({"openinference.span.kind": "LLM", "output.value": json.dumps(output)})
    assert (span.output_text, span.finish_reasons) == ("Yo.", ["stop"])


@pytest.mark.parametrize("asked", [[{"role": "user", "content": "Hello?"}], "Hello?"])
def test_a_call_of_flowises_has_its_words(asked):
    """It writes messages or words as JSON, without a model's request around them."""
    told = {
        "openinference.span.kind": "LLM",
        "input.value": json.dumps(asked),
        "input.mime_type": "application/json",
        "output.value": json.dumps("Hi."),
        "output.mime_type": "application/json",
    }
    span = row(told)
    assert (span.operation, span.input_text, span.output_text) == ("chat", "Hello?", "Hi.")
