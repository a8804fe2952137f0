"""Spans of Strands Agents to the canonical row."""

import json

import pytest
from tests.collector.conftest import START_NS, request_of
from tests.collector.test_normalise import NOW_MS, buckets, raw, row

from kansoku_collector.decode.otlp import find_spans
from kansoku_collector.model import Event
from kansoku_collector.normalise import normalise
from kansoku_collector.relate.related import Related

SECOND = 10**9
OURS = {"gen_ai.system": "strands-agents", "gen_ai.event.start_time": "2026-09-21T14:13:20+00:00"}
CHAT = OURS | {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
}


def with_events(attributes, *events):
    """Return the row of a span with these events, each a name and its attributes."""
    found = raw(attributes, scope="strands.telemetry.tracer")
    found.events[:] = [Event(name, START_NS, content) for name, content in events]
    return normalise(found, "default", NOW_MS)[0]


def test_the_time_to_the_first_token_is_in_milliseconds():
    """It has the name of a metric that is counted in seconds."""
    span = row(CHAT | {"gen_ai.server.time_to_first_token": 350})
    assert (span.time_to_first_token, span.streaming, span.dialect) == (0.35, True, "strands")


def test_caches_beside_the_input_are_added_where_the_total_says_so():
    """Older versions pass Bedrock's counts on; newer ones, and OpenAI's, include the caches."""
    cached = {"gen_ai.usage.cache_read_input_tokens": 50, "gen_ai.usage.cache_write_input_tokens": 30}
    beside = row(CHAT | cached | {"gen_ai.usage.total_tokens": 200})
    counted = {"input_fresh": 100, "cache_read": 50, "cache_write_5m": 30, "output_visible": 20}
    assert buckets(beside) == counted
    inside = row(CHAT | cached | {"gen_ai.usage.total_tokens": 120})
    assert buckets(inside) == counted | {"input_fresh": 20}


def test_caches_of_claude_are_beside_the_input_under_javascript():
    """It passes Anthropic's counts on and adds a total up without caches, as if they were inside."""
    own = CHAT | {"gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.usage.total_tokens": 120}
    cached = {"gen_ai.usage.cache_read.input_tokens": 50, "gen_ai.usage.cache_creation.input_tokens": 30}
    legacy = {"gen_ai.usage.prompt_tokens": 100, "gen_ai.usage.completion_tokens": 20}
    span = row(own | cached | legacy, scope="strands-agents")
    assert buckets(span) == {"input_fresh": 100, "cache_read": 50, "cache_write_5m": 30, "output_visible": 20}
    other = row(own | cached | {"gen_ai.request.model": "gpt-5-mini"}, scope="strands-agents")
    assert buckets(other)["input_fresh"] == 20


def test_a_tool_that_javascripts_answer_calls_is_a_tool_call():
    """Its answers have the kind of a block inside of it, its questions around it."""
    call = {"type": "toolUse", "name": "weather", "toolUseId": "toolu_1", "input": {"city": "Oslo"}}
    message = json.dumps([{"text": "Let me look."}, call])
    span = with_events(CHAT, ("gen_ai.choice", {"finish_reason": "toolUse", "message": message}))
    assert json.loads(span.output_messages)[0]["parts"] == [
        {"type": "text", "content": "Let me look."},
        {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}, "id": "toolu_1"},
    ]


@pytest.mark.parametrize(
    ("reason", "known"),
    [
        ("endTurn", "stop"),
        ("toolUse", "tool_calls"),
        ("maxTokens", "length"),
        ("contentFiltered", "content_filter"),
    ],
)
def test_javascripts_reasons_are_read(reason, known):
    """They are Bedrock's, written together."""
    span = with_events(CHAT, ("gen_ai.choice", {"finish_reason": reason, "message": '[{"text":"Hi."}]'}))
    assert (span.finish_reasons, span.output_text) == ([known], "Hi.")


def test_a_tool_is_told_in_the_events_of_its_span():
    """The oldest events have its input as a message and its answer as a choice, the newest both as parts."""
    tool = OURS | {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather"}
    old = with_events(
        tool,
        ("gen_ai.tool.message", {"role": "tool", "content": '{"city": "Oslo"}', "id": "t1"}),
        ("gen_ai.choice", {"message": '[{"text": "rain"}]', "id": "t1"}),
    )
    details = "gen_ai.client.inference.operation.details"
    call = {"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"city": "Oslo"}}
    answer = {"type": "tool_call_response", "id": "t1", "response": [{"text": "rain"}]}
    new = with_events(
        tool,
        (details, {"gen_ai.input.messages": json.dumps([{"role": "tool", "parts": [call]}])}),
        (details, {"gen_ai.output.messages": json.dumps([{"role": "tool", "parts": [answer]}])}),
    )
    for span in (old, new):
        assert (span.tool_arguments, span.tool_result) == ('{"city":"Oslo"}', "rain")
        assert (span.tool_name, span.output_text) == ("weather", "rain")


def test_thoughts_among_bedrocks_blocks_are_reasoning():
    """They are no words of the answer."""
    blocks = [{"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "x"}}}, {"text": "Rain."}]
    span = with_events(CHAT, ("gen_ai.choice", {"message": json.dumps(blocks), "finish_reason": "end_turn"}))
    parts = json.loads(span.output_messages)[0]["parts"]
    assert parts == [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Rain."}]
    assert (span.output_text, span.finish_reasons) == ("Rain.", ["stop"])


def test_steps_of_the_loop_and_searches_of_memory_are_what_they_are():
    """A cycle around a call is a step; a memory is searched as documents are."""
    cycle = row(OURS | {"gen_ai.operation.name": "execute_event_loop_cycle", "event_loop.cycle_id": "c"})
    assert (cycle.operation, cycle.billed) == ("chain", False)
    entries = [{"content": "Here.", "store_name": "notes", "metadata": {"score": 0.5}}]
    search = with_events(
        OURS | {"gen_ai.operation.name": "memory.search"},
        ("memory.query", {"content": "Where?"}),
        ("memory.results", {"content": json.dumps(entries)}),
    )
    assert (search.operation, search.retrieval_query) == ("retrieval", "Where?")
    assert json.loads(search.documents)[0]["score"] == 0.5


def test_an_agents_system_prompt_is_its_instructions():
    """It is in an attribute without a prefix."""
    span = row(OURS | {"gen_ai.operation.name": "invoke_agent", "system_prompt": "Be brief."})
    assert json.loads(span.system_instructions) == [{"type": "text", "content": "Be brief."}]


def test_a_tools_result_in_an_attribute_is_without_bedrocks_blocks():
    """The newer conventions, which a variable switches on, have it there and in messages."""
    told = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.event.start_time": "2026-11-23T00:16:23+00:00",
        "gen_ai.tool.call.arguments": '{"city": "東京"}',
        "gen_ai.tool.call.result": '[{"text": "12 C 晴れ"}]',
    }
    span = row(told)
    assert (span.tool_arguments, span.tool_result) == ('{"city": "東京"}', "12 C 晴れ")
    assert span.output_text == "12 C 晴れ"


LIVE = OURS | {
    "gen_ai.operation.name": "bidi_session",
    "gen_ai.request.model": "amazon.nova-2-sonic-v1:0",
    "gen_ai.usage.input_tokens": 120,
    "gen_ai.usage.output_tokens": 64,
}
ANSWER = OURS | {"gen_ai.operation.name": "bidi_response", "gen_ai.response.id": "resp_01"}


def settled(*spans):
    """Return the rows of a trace, each told by id, parent, name and attributes, that arrive together."""
    fields = [
        {
            **{"trace_id": b"t" * 16, "span_id": own.encode() * 8, "parent_span_id": parent.encode() * 8},
            **{"name": name, "attributes": told, "start": START_NS, "end": START_NS + SECOND},
        }
        for own, parent, name, told in spans
    ]
    found = find_spans(request_of(*fields, scope="strands.telemetry.tracer"), NOW_MS)
    rows = [normalise(one.read(), "default", NOW_MS)[0] for one in found]
    for stage in Related().stages():
        stage(rows)
    return rows


def test_a_live_session_is_billed_by_its_sum():
    """Its answers have no tokens; how many are sound is told nowhere, so the cost is an estimate."""
    session, answer = settled(("s", "", "bidi_session Voice", LIVE), ("a", "s", "bidi_response", ANSWER))
    assert (session.operation, session.billed, session.usage_source) == ("chat", True, "estimated")
    assert buckets(session) == {"input_fresh": 120, "output_visible": 64}
    assert (answer.operation, answer.billed) == ("chain", False)


def test_a_live_session_whose_answers_a_client_tells_is_not_billed_again():
    """As of OpenAI's, whose client may be instrumented beside."""
    session = ("s", "", "bidi_session Voice", LIVE | {"gen_ai.request.model": "gpt-realtime"})
    call = ("c", "s", "chat", CHAT | {"gen_ai.request.model": "gpt-realtime"})
    assert [row.billed for row in settled(session, call)] == [False, True]
