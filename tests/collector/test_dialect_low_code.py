"""Spans of platforms where flows are put together on a screen (Dify, n8n, Langflow) to the canonical row."""

import json

import pytest
from tests.collector.test_normalise import buckets, row

from kansoku_collector.model import Event

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


N8N = {
    "n8n.node.id": "n1",
    "n8n.node.name": "AI Agent",
    "n8n.node.type": "@n8n/n8n-nodes-langchain.chainLlm",
    "n8n.node.items.input": 1,
    "n8n.node.custom.llm.tokens.in": "20",
    "n8n.node.custom.llm.tokens.out": "12",
    "n8n.node.custom.llm.tokens.total": "32",
    "n8n.node.custom.llm.tokens.estimated": "false",
}


@pytest.mark.parametrize("kind", [str, int])
def test_a_node_of_n8n_that_asked_a_model_is_a_call(kind):
    """Nothing else of n8n's tells the tokens; they are text or numbers, by its version."""
    counted = {name: kind(N8N[name]) for name in N8N if name.endswith((".in", ".out", ".total"))}
    told = N8N | counted
    span = row(told, scope="n8n-workflow")
    assert (span.dialect, span.operation, span.billed) == ("n8n", "chat", True)
    assert (buckets(span), span.usage_source) == ({"input_fresh": 20, "output_visible": 12}, "reported")


def test_a_newer_node_of_n8n_names_its_model_caches_and_cost():
    """Providers are those of a public catalogue of models."""
    newer = {
        "n8n.node.custom.llm.model.provider": "google",
        "n8n.node.custom.llm.model.id": "gemini-2.5-flash",
        "n8n.node.custom.llm.tokens.cache_read": 6,
        "n8n.node.custom.llm.tokens.reasoning": 5,
        "n8n.node.custom.llm.cost.total": 0.25,
        "n8n.node.custom.team": "原価",
    }
    span = row(N8N | newer, scope="n8n-workflow")
    assert (span.provider, span.request_model) == ("gcp.gemini", "gemini-2.5-flash")
    assert buckets(span) == {"input_fresh": 14, "cache_read": 6, "output_visible": 7, "reasoning": 5}
    assert (span.attributes["gen_ai.usage.cost"], span.metadata) == ("0.25", {"team": "原価"})


@pytest.mark.parametrize(
    "told",
    [
        {"n8n.node.custom.llm.tokens.estimated": "true"},
        {"n8n.node.type": "@n8n/n8n-nodes-langchain.agent"},
    ],
)
def test_what_n8n_guessed_or_may_have_left_out_is_an_estimate(told):
    """It guesses where a vendor is silent, and of an agent's calls the last one's tokens are left."""
    assert row(N8N | told, scope="n8n-workflow").usage_source == "estimated"


def test_other_nodes_and_workflows_of_n8n_are_steps():
    """A request over HTTP is no call of a model, whatever its host."""
    node = {"n8n.node.id": "n1", "n8n.node.type": "n8n-nodes-base.httpRequest"}
    flow = {"n8n.workflow.id": "w1", "n8n.execution.id": "7", "n8n.execution.status": "success"}
    for told in (node, flow):
        span = row(told, scope="n8n-workflow")
        assert (span.operation, span.billed, span.usage_source) == ("chain", False, "none")


def test_agents_of_n8n_have_tools_and_memories():
    """What the agent may call stands where others put what they were asked."""
    tools = [{"name": "weather", "type": "local"}]
    asked = json.dumps({"agent": "Trip", "tool_count": 1, "tools": tools})
    agent = row({"gen_ai.operation.name": "invoke_agent", "gen_ai.prompt": asked})
    assert (json.loads(agent.tool_definitions), agent.input_messages) == (tools, "")
    assert row({"gen_ai.operation.name": "query_memory"}).operation == "retrieval"
    assert row({"gen_ai.operation.name": "save_memory"}).operation == "chain"


def test_components_of_langflow_are_steps_with_session_and_content():
    """Its tracer tells no tokens, and a failure in an event alone."""
    scope = "langflow.services.tracing.otlp"
    flow = {"langflow.trace_type": "chain", "langflow.session_id": "s", "langflow.user_id": "u"}
    span = row(flow | {"outputs": '{"message": "晴れ"}', "metadata.flow": "f"}, scope=scope)
    assert (span.dialect, span.operation, span.billed) == ("langflow", "chain", False)
    assert (span.session_id, span.user_id, span.metadata) == ("s", "u", {"flow": "f"})
    failed = Event("exception", 0, {"exception.type": "ValueError", "exception.message": "No."})
    part = row({"trace_type": "llm", "inputs": '{"q": "東京?"}'}, events=[failed], scope=scope)
    assert (part.operation, part.input_text, part.billed) == ("chain", '{"q": "東京?"}', False)
    assert (part.status, part.error_type, part.error_message) == ("error", "ValueError", "No.")
