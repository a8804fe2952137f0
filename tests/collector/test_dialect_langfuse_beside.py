"""Langfuse's names on spans whose model and tokens have those of the conventions, to the canonical row."""

import json

import pytest
from tests.collector.test_normalise import buckets, row

COUNTED = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
MODEL = {"gen_ai.request.model": "gpt-4o"} | COUNTED
SAID = {
    "langfuse.observation.input": json.dumps([{"role": "user", "content": "Hi?"}]),
    "langfuse.observation.output": json.dumps({"role": "assistant", "content": "Yo."}),
}


@pytest.mark.parametrize(
    "told",
    [
        {"langfuse.observation.type": "generation"},
        {"langfuse.observation.type": "generation", "gen_ai.operation.name": "chat"},
        {"langfuse.observation.type": "span", "gen_ai.operation.name": "chat"},
        {"gen_ai.operation.name": "chat"},
        {},
    ],
)
def test_a_call_with_langfuses_content_and_the_conventions_model_is_billed(told):
    """Programs in languages without an SDK of Langfuse's write it so."""
    span = row(MODEL | SAID | told, scope="app")
    assert (span.dialect, span.operation, span.billed) == ("langfuse", "chat", True)
    assert (span.provider, span.request_model, span.input_text, span.output_text) == (
        "openai",
        "gpt-4o",
        "Hi?",
        "Yo.",
    )
    assert buckets(span) == {"input_fresh": 10, "output_visible": 5}


def test_the_conventions_own_content_goes_before_langfuses():
    """Each of the two sides by itself."""
    asked = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hello?"}]}])
    told = {"langfuse.observation.type": "generation", "gen_ai.input.messages": asked}
    span = row(MODEL | SAID | told)
    assert (span.input_text, span.output_text) == ("Hello?", "Yo.")


def test_langfuses_type_tells_a_step_that_has_a_model():
    """An agent's tokens are its calls', and a tool has its arguments."""
    agent = row(MODEL | SAID | {"langfuse.observation.type": "agent"})
    assert (agent.operation, agent.billed) == ("invoke_agent", False)
    tool = {"langfuse.observation.type": "tool", "gen_ai.tool.name": "weather"}
    told = {"langfuse.observation.input": '{"city":"Oslo"}', "langfuse.observation.output": '"12 C"'}
    span = row(tool | told)
    assert (span.operation, span.tool_name, span.tool_arguments, span.tool_result) == (
        "execute_tool",
        "weather",
        '{"city":"Oslo"}',
        "12 C",
    )


def test_a_call_of_another_dialect_with_langfuses_content_keeps_its_reader():
    """LiteLLM gives OpenInference's spans these names for Langfuse."""
    counted = {"llm.token_count.prompt": 10, "llm.token_count.completion": 5}
    told = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o"} | counted
    span = row(told | SAID, scope="litellm")
    assert (span.operation, span.billed, span.request_model) == ("chat", True, "gpt-4o")
    assert buckets(span) == {"input_fresh": 10, "output_visible": 5}
