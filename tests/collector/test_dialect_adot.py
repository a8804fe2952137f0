"""Content that AWS's distribution of OpenTelemetry takes out of spans comes back to them."""

import json

import pytest
from tests.collector.conftest import START_NS
from tests.collector.test_normalise import row

from kansoku_collector.model import Event

LANGCHAIN = "openinference.instrumentation.langchain"
STRANDS = "strands.telemetry.tracer"
BEDROCK = "opentelemetry.instrumentation.botocore"


def said(role, content):
    """Return a message of the distribution's."""
    return {"role": role, "content": content}


def without_content(attributes, scope, given, answered):
    """Return the row of a span whose content came in a record."""
    body = {"input": {"messages": given}, "output": {"messages": answered}}
    return row(attributes, [Event(scope, START_NS, {"event.name": scope, "body": body})], scope=scope)


def test_a_call_has_its_words_beside_the_tool_calls_that_it_kept():
    """OpenInference's roles and calls stay with the span; the whole request and response go as well."""
    call = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
    told = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.output_messages.0.message.role": "assistant",
        f"{call}.name": "weather",
        f"{call}.arguments": "{}",
    }
    given = [said("user", '{"messages":[]}'), said("user", "Hi?"), said("system", "Be brief.")]
    span = without_content(told, LANGCHAIN, given, [said("assistant", "{}"), said("assistant", "Yo.")])
    assert (span.dialect, span.input_text, span.output_text) == ("openinference", "Hi?", "Yo.")
    assert [message["role"] for message in json.loads(span.input_messages)] == ["system", "user"]
    assert [part["type"] for part in json.loads(span.output_messages)[0]["parts"]] == ["text", "tool_call"]
    assert span.events == ""


@pytest.mark.parametrize(
    ("scope", "given", "answered"),
    [
        (
            STRANDS,
            [said("user", {"content": '[{"text":"Hi?"}]'})],
            [said("assistant", {"message": '[{"text":"Yo."}]', "finish_reason": "end_turn"})],
        ),
        (
            BEDROCK,
            [said("user", '[{"role":"user","parts":[{"type":"text","content":"Hi?"}]}]')],
            [said("assistant", '[{"role":"assistant","parts":[{"type":"text","content":"Yo."}]}]')],
        ),
        (BEDROCK, [said("unknown", "Hi?")], [said("unknown", "Yo.")]),
        (
            BEDROCK,
            [said("user", '{"messages":[{"role":"user","content":"Hi?"}]}')],
            [said("assistant", '{"choices":[{"message":{"role":"assistant","content":"Yo."}}]}')],
        ),
    ],
    ids=["event", "messages", "words", "whole"],
)
def test_content_is_read_whatever_attribute_it_was(scope, given, answered):
    """Words, messages as JSON, a vendor's request, and the attributes of an event."""
    span = without_content({"gen_ai.operation.name": "chat"}, scope, given, answered)
    assert (span.operation, span.input_text, span.output_text) == ("chat", "Hi?", "Yo.")
    assert json.loads(span.input_messages)[0]["role"] == "user"
    assert json.loads(span.output_messages)[0]["role"] == "assistant"


def test_steps_and_tools_have_what_went_in_and_came_out():
    """A tool keeps it as arguments and result, a step as values."""
    given, answered = [said("user", '{"city":"Oslo"}')], [said("assistant", "sunny")]
    tool = without_content({"openinference.span.kind": "TOOL"}, LANGCHAIN, given, answered)
    assert (tool.tool_arguments, tool.tool_result, tool.output_text) == ('{"city":"Oslo"}', "sunny", "sunny")
    step = without_content({"openinference.span.kind": "CHAIN"}, LANGCHAIN, given, answered)
    assert step.attributes["kansoku.input.value"] == '{"city":"Oslo"}'
    assert (step.operation, step.output_text) == ("chain", "sunny")
