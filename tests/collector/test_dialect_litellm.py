"""Spans of LiteLLM's library and proxy to the canonical row."""

import json

import pytest
from tests.collector.test_normalise import buckets, row

CALL = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
}


@pytest.mark.parametrize(
    ("called", "operation"),
    [
        ("acompletion", "chat"),
        ("aresponses", "chat"),
        ("anthropic_messages", "chat"),
        ("atext_completion", "text_completion"),
        ("aembedding", "embeddings"),
        ("arerank", "rerank"),
        ("aimage_generation", "image"),
    ],
)
def test_the_function_that_was_called_is_the_operation(called, operation):
    """It stands where the operation belongs, with an "a" for the asynchronous one: the proxy's."""
    span = row(CALL | {"llm.request.type": called, "gen_ai.operation.name": called}, scope="litellm")
    assert (span.dialect, span.operation, span.billed) == ("litellm", operation, True)
    assert buckets(span) == {"input_fresh": 10, "output_visible": 5}


def test_an_answer_from_its_cache_is_not_billed():
    """It has the usage of the call that filled the cache."""
    span = row(CALL | {"gen_ai.operation.name": "chat", "litellm.cache_hit": True}, scope="litellm")
    assert (span.operation, span.billed) == ("chat", False)


def test_who_asked_and_what_they_noted_is_theirs():
    """A caller's notes are an object in Python's notation, or attributes; those of a key stay there."""
    noted = "{'tags': ['a'], 'session_id': 's', 'plan': 'pro', 'user_api_key_hash': 'x'}"
    told = {
        "gen_ai.operation.name": "acompletion",
        "metadata.requester_metadata": noted,
        "metadata.user_api_key_end_user_id": "u",
        "metadata.user_api_key_hash": "x",
    }
    span = row(CALL | told, scope="litellm")
    assert (span.user_id, span.session_id, span.tags, span.metadata) == ("u", "s", ["a"], {"plan": "pro"})
    newer = {"gen_ai.operation.name": "chat", "litellm.end_user.id": "u", "litellm.metadata.plan": "pro"}
    span = row(CALL | newer, scope="litellm")
    assert (span.user_id, span.metadata) == ("u", {"plan": "pro"})


def test_tools_and_cost_are_read_under_its_own_names():
    """Each part of a tool is an attribute; the cost is in US dollars."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.tool.0.name": "weather",
        "gen_ai.tool.0.parameters": '{"type": "object"}',
        "litellm.cost.total": 0.25,
        "litellm.request.streaming": True,
    }
    span = row(CALL | told, scope="litellm")
    assert json.loads(span.tool_definitions) == [
        {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    ]
    assert (span.attributes["kansoku.cost.reported_usd"], span.streaming) == ("0.25", True)
    older = row(
        CALL | {"gen_ai.operation.name": "completion", "gen_ai.cost.total_cost": 0.5}, scope="litellm"
    )
    assert older.attributes["kansoku.cost.reported_usd"] == "0.5"


def test_providers_have_the_names_of_the_conventions():
    """A guardrail is one, and a raw request beside a call is no call."""
    told = {"gen_ai.operation.name": "acompletion", "gen_ai.system": "vertex_ai"}
    assert row(CALL | told, scope="litellm").provider == "gcp.vertex_ai"
    assert row({"litellm.guardrail.name": "pii"}, scope="litellm").operation == "guardrail"
    assert not row({"llm.openai.model": "gpt-4o"}, scope="litellm").billed
