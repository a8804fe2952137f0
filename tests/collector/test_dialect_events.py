"""Content in events, of spans and of logs, in every generation of the conventions."""

import json

import pytest
from tests.collector.conftest import START_NS
from tests.collector.test_normalise import row

from kansoku_collector.model import Event

CALL = {"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}
TOOL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}


def event(name, **attributes):
    """Return an event at the start of the span; dots in names are written as __."""
    return Event(name, START_NS, {key.replace("__", "."): value for key, value in attributes.items()})


def exchange(span):
    """Return the words and calls of a row."""
    given, answered = json.loads(span.input_messages), json.loads(span.output_messages)
    return [m["role"] for m in given], span.input_text, answered[0]["parts"], span.finish_reasons


EXPECTED = (
    ["system", "user"],
    "Hours?",
    [{"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}, "id": "call_1"}],
    ["tool_calls"],
)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [
                event("gen_ai.system.message", body={"content": "Be brief."}),
                event("gen_ai.user.message", body={"content": "Hours?"}),
                event(
                    "gen_ai.choice",
                    body={"index": 0, "finish_reason": "tool_calls", "message": {"tool_calls": [TOOL]}},
                ),
            ],
            id="log records with bodies",
        ),
        pytest.param(
            [
                event("gen_ai.system.message", content="Be brief."),
                event("gen_ai.user.message", content="Hours?", role="user"),
                event(
                    "gen_ai.choice",
                    index=0,
                    finish_reason="tool_calls",
                    message=json.dumps({"role": "assistant", "tool_calls": [TOOL]}),
                ),
            ],
            id="span events with attributes",
        ),
        pytest.param(
            [
                event("gen_ai.system.message", gen_ai__event__content='{"content":"Be brief."}'),
                event("gen_ai.user.message", gen_ai__event__content='{"content":"Hours?"}'),
                event(
                    "gen_ai.choice",
                    gen_ai__event__content=json.dumps(
                        {"finish_reason": "tool_calls", "message": {"tool_calls": [TOOL]}}
                    ),
                ),
            ],
            id="span events with JSON text",
        ),
        pytest.param(
            [
                event(
                    "gen_ai.content.prompt",
                    gen_ai__prompt=json.dumps(
                        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hours?"}]
                    ),
                ),
                event(
                    "gen_ai.content.completion",
                    gen_ai__completion=json.dumps(
                        [{"role": "assistant", "tool_calls": [TOOL], "finish_reason": "tool_calls"}]
                    ),
                ),
            ],
            id="one event for all messages",
        ),
        pytest.param(
            [
                event(
                    "gen_ai.client.inference.operation.details",
                    gen_ai__input__messages=[
                        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
                        {"role": "user", "parts": [{"type": "text", "content": "Hours?"}]},
                    ],
                    gen_ai__output__messages=[
                        {
                            "role": "assistant",
                            "parts": [
                                {"type": "tool_call", "id": "call_1", "name": "weather"}
                                | {"arguments": {"city": "Oslo"}}
                            ],
                            "finish_reason": "tool_call",
                        }
                    ],
                ),
            ],
            id="the event of 1.37",
        ),
    ],
)
def test_content_of_events_is_content_of_the_span(events):
    """Whatever form the events have, the row is the same, and they are not stored twice."""
    span = row(CALL, events=events)
    assert exchange(span) == EXPECTED
    assert span.events == ""


def test_content_blocks_of_bedrock_are_understood():
    """Frameworks over Bedrock write its blocks, without types, into the event's attributes."""
    blocks = [
        {"text": "Let me see."},
        {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Oslo"}}},
    ]
    result = [{"toolResult": {"toolUseId": "t1", "content": [{"text": "sunny"}]}}]
    span = row(
        CALL,
        events=[
            event("gen_ai.tool.message", content=json.dumps(result), role="tool"),
            event("gen_ai.choice", message=json.dumps(blocks), finish_reason="tool_use"),
        ],
    )
    assert json.loads(span.output_messages)[0]["parts"] == [
        {"type": "text", "content": "Let me see."},
        {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}, "id": "t1"},
    ]
    assert span.finish_reasons == ["tool_calls"]


def test_other_events_are_kept():
    """An event that says nothing of content stays an event of the span."""
    span = row(CALL, events=[event("checkpoint", step=2)])
    assert json.loads(span.events)[0]["attributes"] == {"step": 2}


def test_cohere_bills_less_than_its_server_had_cached():
    """Its cached tokens are of the whole input, not of the billed one: neither added nor subtracted."""
    usage = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 900}
    span = row({"gen_ai.operation.name": "chat", "gen_ai.provider.name": "cohere", **usage})
    assert (span.input_fresh, span.cache_read) == (10, 0)
    other = row({"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", **usage})
    assert (other.input_fresh, other.cache_read) == (10, 900)
