"""Spans of Letta's server to the canonical row, as the source of its version 0.16 writes them."""

import json

from tests.collector.conftest import START_NS
from tests.collector.test_normalise import buckets, row

from kansoku_collector.model import Event

SCOPE = "letta.otel.tracing"


def asked(**fields):
    """Return the event of a request, whose objects are printed."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "It's what?"}]
    fields = {"model": "gpt-4o", "messages": str(messages), "temperature": 0.5, **fields}
    return Event("llm_request_sent", START_NS, fields)


def answered(**fields):
    """Return the event of a response."""
    return Event("llm_response_received", START_NS + 5, fields)


def test_a_method_that_asked_a_model_is_a_call():
    """Its span has the method's arguments alone."""
    function = {"name": "send_message", "arguments": '{"message": "Yo."}'}
    calls = [{"id": "call_1", "type": "function", "function": function}]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    usage = {"prompt_tokens": 20, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 8}}
    choices = [{"index": 0, "finish_reason": "tool_calls", "message": message}]
    answer = answered(id="chatcmpl-1", model="gpt-4o-2024", choices=str(choices), usage=str(usage))
    span = row({"parameter.llm_config": "…"}, [asked(), answer], scope=SCOPE)
    assert (span.dialect, span.operation, span.billed, span.provider) == ("letta", "chat", True, "openai")
    assert (span.request_model, span.response_model) == ("gpt-4o", "gpt-4o-2024")
    assert buckets(span) == {"input_fresh": 12, "cache_read": 8, "output_visible": 9}
    assert (span.input_text, span.finish_reasons, span.response_id) == (
        "It's what?",
        ["tool_calls"],
        "chatcmpl-1",
    )
    part = json.loads(span.output_messages)[0]["parts"][0]
    assert (part["type"], part["name"], part["id"]) == ("tool_call", "send_message", "call_1")
    assert span.parameters == {"temperature": "0.5"}


def test_caches_of_claude_are_beside_the_input():
    """The vendor's own object keeps its rule."""
    usage = {"input_tokens": 11, "output_tokens": 7, "cache_read_input_tokens": 100}
    answer = answered(
        content=str([{"type": "text", "text": "Yo."}]), usage=str(usage), stop_reason="end_turn"
    )
    span = row({}, [asked(model="claude-sonnet-4-5"), answer], scope=SCOPE)
    assert (span.provider, span.output_text, span.finish_reasons) == ("anthropic", "Yo.", ["stop"])
    assert buckets(span) == {"input_fresh": 11, "cache_read": 100, "output_visible": 7}


def test_other_methods_and_calls_without_an_answer():
    """A method that asks nobody is no call; one that failed is a call of unknown usage."""
    assert row({"parameter.a": "1"}, scope=SCOPE).operation == "other"
    failed = row({}, [asked()], scope=SCOPE)
    assert (failed.operation, failed.usage_source, failed.request_model) == ("chat", "none", "gpt-4o")
