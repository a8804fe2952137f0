"""Spans that OpenLIT's command line makes of what coding agents tell their hooks."""

from decimal import Decimal

from tests.collector.conftest import START_NS, request_of
from tests.collector.test_normalise import NOW_MS, buckets

from kansoku.pricing.prices import Prices
from kansoku_collector.decode.otlp import find_spans
from kansoku_collector.enrich.cost import put_cost
from kansoku_collector.normalise import normalise
from kansoku_collector.relate.related import Related

SECOND = 10**9
CLAUDE = {
    **{"coding_agent.session.id": "s-1", "coding_agent.client": "claude-code", "gen_ai.system": "anthropic"},
    **{"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-opus-5"},
}
TURN = {
    **(CLAUDE | {"gen_ai.operation.name": "chat", "gen_ai.response.id": "req_1"}),
    **{"gen_ai.usage.input_tokens": 9262, "gen_ai.usage.output_tokens": 40},
    **{"gen_ai.usage.cache.read_input_tokens": 9000, "gen_ai.usage.cache.creation_input_tokens": 250},
    **{"gen_ai.usage.total_tokens": 9302, "gen_ai.response.finish_reasons": ["end_turn"]},
}
SESSION = {
    **(CLAUDE | {"gen_ai.usage.input_tokens": 100_000, "gen_ai.usage.output_tokens": 400}),
    **{
        "gen_ai.usage.total_tokens": 100_400,
        "gen_ai.usage.cost": 0.06,
        "coding_agent.session.outcome": "completed",
    },
}
STOP = {
    **(CLAUDE | {"coding_agent.client": "cursor"}),
    **{"gen_ai.usage.input_tokens": 500, "gen_ai.usage.output_tokens": 100},
    **{"gen_ai.usage.total_tokens": 600, "gen_ai.usage.cache.read_input_tokens": 200},
}


def batch(*spans):
    """Return the rows of spans, each by its name and attributes; all but a session's are beneath it."""
    fields = [
        {
            **{"span_id": bytes([number]) * 8, "parent_span_id": b"\7" * 8, "name": name, "attributes": told},
            **({"span_id": b"\7" * 8, "parent_span_id": b""} if name == "coding_agent.session" else {}),
            **{"trace_id": b"t" * 16, "start": START_NS, "end": START_NS + SECOND},
        }
        for number, (name, told) in enumerate(spans, 10)
    ]
    found = find_spans(request_of(*fields, scope="openlit-cli"), NOW_MS)
    return [normalise(one.read(), "default", NOW_MS)[0] for one in found]


def billed(*batches):
    """Return the names of what the ledger counts, of batches that arrive one after another."""
    related = Related()
    for rows in batches:
        for stage in related.stages():
            stage(rows)
    return [row.name for rows in batches for row in rows if row.billed]


def test_a_request_has_its_caches_under_names_of_its_own():
    """They are in the input."""
    (call,) = batch(("coding_agent.llm.turn", TURN))
    expected = {"input_fresh": 12, "cache_read": 9000, "cache_write_5m": 250, "output_visible": 40}
    assert (buckets(call), call.session_id, call.response_id) == (expected, "s-1", "req_1")


def test_what_opencode_counts_beside_the_input_and_output_is_added():
    """Only the total of all shows caches and thoughts."""
    beside = TURN | {"gen_ai.usage.input_tokens": 12, "gen_ai.usage.total_tokens": 12 + 9250 + 40 + 25}
    (call,) = batch(("coding_agent.llm.turn", beside))
    expected = {"input_fresh": 12, "cache_read": 9000, "cache_write_5m": 250, "output_visible": 65}
    assert buckets(call) == expected


def test_the_sum_of_a_session_is_not_billed_beside_its_requests():
    """It comes last, in another export."""
    turn, session = ("coding_agent.llm.turn", TURN), ("coding_agent.session", SESSION)
    assert billed(batch(turn), batch(session)) == ["coding_agent.llm.turn"]
    assert billed(batch(turn, session)) == ["coding_agent.llm.turn"]


def test_a_session_that_tells_its_sum_alone_is_billed_as_it_says():
    """Nothing of its caches is told, which it took off."""
    rows = batch(("coding_agent.session", SESSION))
    assert billed(rows) == ["coding_agent.session"]
    put_cost(rows[0], Prices())
    assert (rows[0].cost_usd, rows[0].cost_source) == (Decimal("0.06"), "reported")


def test_the_end_of_a_turn_of_cursors_is_the_call():
    """The other spans of a turn have no tokens; one turn is the sum of several requests."""
    rows = batch(("coding_agent.session.loop.stop", STOP), ("coding_agent.session", SESSION))
    assert billed(rows) == ["coding_agent.session.loop.stop"]
    assert buckets(rows[0]) == {"input_fresh": 300, "cache_read": 200, "output_visible": 100}
    assert rows[0].attributes["kansoku.batch.requests"] == "several"


def test_a_step_that_names_a_model_is_no_call():
    """Such as a tool that is about to run."""
    rows = batch(("coding_agent.tool.requested", CLAUDE), ("coding_agent.subagent", CLAUDE))
    assert billed(rows) == []
    assert [row.operation for row in rows] == ["chain", "invoke_agent"]
