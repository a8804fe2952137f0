"""Spans of OpenClaw's telemetry: what a run used in all is billed where its calls tell no tokens."""

import pytest
from tests.collector.conftest import START_NS, request_of
from tests.collector.test_normalise import NOW_MS, buckets, row

from kansoku_collector.decode.otlp import find_spans
from kansoku_collector.normalise import normalise
from kansoku_collector.relate.related import Related

SECOND = 10**9
KNOWN = {"openclaw.provider": "anthropic", "openclaw.model": "claude-sonnet-4-5"}
NAMED = KNOWN | {
    "gen_ai.system": "anthropic",
    "gen_ai.request.model": "claude-sonnet-4-5",
    "gen_ai.operation.name": "chat",
}
COUNTS = {
    "gen_ai.usage.input_tokens": 5000,
    "gen_ai.usage.output_tokens": 40,
    "gen_ai.usage.cache_read.input_tokens": 4000,
}
CALL = NAMED | COUNTS | {"openclaw.model_call.observation_unit": "request"}
SUM = NAMED | {
    "openclaw.tokens.input": 2000,
    "openclaw.tokens.output": 80,
    "openclaw.tokens.cache_read": 8000,
    "openclaw.tokens.cache_write": 0,
    "gen_ai.usage.input_tokens": 10_000,
    "gen_ai.usage.output_tokens": 80,
    "gen_ai.usage.cache_read.input_tokens": 8000,
}
TURN = CALL | {"gen_ai.operation.name": "invoke_agent", "openclaw.model_call.observation_unit": "turn"}
OLD = {name: value for name, value in SUM.items() if name.startswith("openclaw.")}
MESSAGE = ("m", "", "openclaw.message.processed", {"openclaw.channel": "web"})
HARNESS = ("h", "m", "openclaw.harness.run", KNOWN | {"input.value": "Hours?", "output.value": "Nine."})
RUN = ("r", "h", "openclaw.run", KNOWN)
CALLS = [("a", "r", "openclaw.model.call", CALL), ("b", "r", "openclaw.model.call", CALL)]


def batch(*spans, trace=b"t" * 16, start=START_NS):
    """Return the rows of an export; a span is told by its id, its parent's, its name and its attributes."""
    fields = [
        {
            **{"trace_id": trace, "span_id": own.encode() * 8, "parent_span_id": parent.encode() * 8},
            **{"name": name, "attributes": told, "start": start, "end": start + 5 * SECOND},
        }
        for own, parent, name, told in spans
    ]
    found = find_spans(request_of(*fields, scope="openclaw"), NOW_MS)
    return [normalise(one.read(), "default", NOW_MS)[0] for one in found]


def billed(*batches):
    """Return the names of what the ledger counts, of batches that arrive one after another."""
    related = Related()
    for rows in batches:
        for stage in related.stages():
            stage(rows)
    return [row.name for rows in batches for row in rows if row.billed]


def usage(parent="m", told=SUM):
    """Return the span of a run's sum."""
    return ("u", parent, "openclaw.model.usage", told)


@pytest.mark.parametrize("parent", ["m", "h"])
@pytest.mark.parametrize("cut", range(1, 7))
def test_a_run_whose_calls_tell_their_tokens_is_not_billed_again(parent, cut):
    """Wherever an export ends between them; the sum is beneath the message, or the run's harness."""
    spans = [*CALLS, RUN, HARNESS, MESSAGE, usage(parent)]
    names = billed(batch(*spans[:cut]), batch(*spans[cut:])) if cut < 6 else billed(batch(*spans))
    assert names == ["openclaw.model.call"] * 2


def test_a_run_of_another_program_is_billed_by_its_sum():
    """Of Claude Code and Codex a turn is told, and no call."""
    turn = ("a", "r", "openclaw.model.call", TURN)
    assert billed(batch(turn, RUN, HARNESS, usage(), MESSAGE)) == ["openclaw.model.usage"]


def test_a_sum_in_a_trace_of_its_own_is_billed_unless_a_call_within_its_time_is():
    """As of runs that came over HTTP; another service, time or model is another run's."""
    apart = b"s" * 16
    spans = batch(*CALLS, RUN, HARNESS)
    assert billed(spans, batch(usage(""), trace=apart)) == ["openclaw.model.call"] * 2
    later = batch(usage(""), trace=apart, start=START_NS + 60 * SECOND)
    assert billed(batch(*CALLS, RUN, HARNESS), later)[-1] == "openclaw.model.usage"
    other = batch(usage("", SUM | {"gen_ai.request.model": "gpt-5"}), trace=apart)
    assert billed(batch(*CALLS, RUN, HARNESS), other)[-1] == "openclaw.model.usage"
    two = [batch(usage(""), trace=apart, start=START_NS + n * SECOND) for n in (3, 0)]
    assert billed(*two) == ["openclaw.model.usage"] * 2


def test_a_sum_under_names_of_its_own_is_a_call():
    """Before it took the conventions' names; its input leaves caches out."""
    (span,) = batch(usage("", OLD))
    assert (span.dialect, span.operation, span.billed) == ("openclaw", "chat", True)
    assert (span.provider, span.request_model) == ("anthropic", "claude-sonnet-4-5")
    assert buckets(span) == {"input_fresh": 2000, "cache_read": 8000, "output_visible": 80}


def test_a_call_has_its_reasoning_and_first_byte_under_names_of_its_own():
    """They are no part of the conventions' names beside them; the harness has the words."""
    own = {
        "openclaw.model_call.usage.reasoning_output_tokens": 16,
        "openclaw.model_call.time_to_first_byte_ms": 250,
    }
    span = row(CALL | own, scope="openclaw")
    assert (span.output_visible, span.reasoning, span.time_to_first_token) == (24, 16, 0.25)
    (harness,) = batch(HARNESS)
    assert (harness.operation, harness.input_text, harness.output_text) == ("invoke_agent", "Hours?", "Nine.")
