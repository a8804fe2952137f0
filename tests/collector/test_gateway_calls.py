"""A call that a coding agent and the gateway behind it tell, each in a trace of its own, is billed once."""

import pytest
from tests.collector.conftest import START_NS, request_of
from tests.collector.test_agent_logs import DONE, export, journal, metrics, pipeline
from tests.collector.test_pipeline import Sink, entry, segment_of

from kansoku_collector.entries import Kind
from kansoku_collector.model import Span
from kansoku_collector.relate.repeats import Repeats

__all__ = ["journal", "metrics", "pipeline"]  # fixtures
SECOND = 10**9
COUNTS = {"input_fresh": 3_000, "cache_read": 20_000, "output_visible": 40, "reasoning": 20}


def told(span_id, **fields):
    """Return a billed row of a trace of its own, that ended after ten seconds."""
    base = {"operation": "chat", "billed": True, "usage_source": "reported", "request_model": "gpt-5-codex"}
    return Span(
        **{"trace_id": span_id, "span_id": span_id, "start": 0, "duration_ns": 10 * SECOND, **COUNTS}
        | base
        | fields
    )


def by_agent(span_id="agent", **fields):
    """Return a call as a record of Codex tells it."""
    return told(span_id, **{"dialect": "codex", "scope_name": "codex_otel", "service": "codex"} | fields)


def by_gateway(span_id="gateway", **fields):
    """Return a call as LiteLLM's proxy tells it."""
    base = {"dialect": "litellm", "scope_name": "litellm", "service": "proxy", "response_id": "resp_1"}
    return told(span_id, **base | {"request_model": "openai/gpt-5-codex"} | fields)


def billed(*batches):
    """Return the ids that the ledger counts."""
    repeats = Repeats()
    for batch in batches:
        repeats.mark(batch)
    return [span.span_id for batch in batches for span in batch if span.billed]


@pytest.mark.parametrize("dialect", ["codex", "claude_code", "cline", "gemini_cli", "qwen_code"])
def test_whichever_comes_first_is_billed(dialect):
    """Their clocks and the way of the last words may lie between them."""
    late = {"start": SECOND, "duration_ns": 10 * SECOND}
    assert billed([by_agent(dialect=dialect)], [by_gateway(**late)]) == ["agent"]
    assert billed([by_gateway(**late)], [by_agent(dialect=dialect)]) == ["gateway"]
    assert len(billed([by_agent(dialect=dialect), by_gateway(**late)])) == 1


def test_a_gateway_without_counts_of_caches_tells_the_same_call():
    """Kong's has the input alone, cached tokens in it."""
    undivided = {"input_fresh": 23_000, "cache_read": 0, "output_visible": 60, "reasoning": 0}
    assert billed([by_agent()], [by_gateway(**undivided)]) == ["agent"]


@pytest.mark.parametrize(
    "other",
    [
        {"input_fresh": 3_001},
        {"output_visible": 41},
        {"input_fresh": 2_000, "cache_read": 21_000},
        {"request_model": "openai/gpt-5"},
        {"duration_ns": 13 * SECOND},
        {"start": 30 * SECOND},
        {"dialect": "claude_code"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_calls_that_differ_in_anything_are_two(other):
    """In a token, in the caches, the model or the moment; or two agents tell them."""
    assert billed([by_agent()], [by_gateway(**other)]) == ["agent", "gateway"]


def test_short_calls_agree_by_chance():
    """Such as Claude Code's question whether there is any quota left."""
    short = {"input_fresh": 8, "cache_read": 0, "output_visible": 1, "reasoning": 0}
    assert billed([by_agent(**short)], [by_gateway(**short)]) == ["agent", "gateway"]


def test_two_calls_that_are_the_same_to_the_token_have_two_descriptions_each():
    """As two agents with one prompt have, at once; a third call of the gateway's is another one's."""
    agents, gateways = [by_agent("a"), by_agent("b")], [by_gateway(name) for name in "xyz"]
    for number, span in enumerate(gateways):
        span.response_id = f"resp_{number}"
    assert billed(agents, gateways) == ["a", "b", "z"]


def test_a_restart_between_pairs_remembers_which_were_found():
    """What was billed before it finds its other description, and what had found it finds none."""
    one, two = by_agent("a"), by_agent("b")
    first = by_gateway("x")
    repeats = Repeats()
    repeats.mark([one, two])
    repeats.mark([first])
    again = Repeats()
    again.recall([one, two, first])
    second, third = by_gateway("y", response_id="resp_2"), by_gateway("z", response_id="resp_3")
    again.mark([second])
    again.mark([third])
    assert [span.span_id for span in (second, third) if span.billed] == ["z"]


def test_records_of_codex_behind_a_proxy_are_billed_once(journal, pipeline):
    """From the records and spans as they come in; the proxy's span has the answer's id and its words."""
    done = DONE | {"input_token_count": "23000", "cached_token_count": 20000, "output_token_count": "60"}
    records = export(("", done), scope="codex_otel.log_only").SerializeToString()
    attributes = {
        "gen_ai.operation.name": "responses",
        "gen_ai.request.model": "openai/gpt-5-codex",
        "gen_ai.usage.input_tokens": 23_000,
        "gen_ai.usage.output_tokens": 60,
        "gen_ai.usage.cache_read.input_tokens": 20_000,
    }
    times = {"start": START_NS - 5 * SECOND, "end": START_NS}
    spans = request_of({"attributes": attributes, **times}, **{"service.name": "proxy"}).SerializeToString()
    sink = Sink()
    for content in (entry(Kind.LOGS, records), entry(Kind.TRACES, spans)):
        pipeline.write(segment_of(journal, content), sink)
    assert [(row.dialect, row.billed) for row in sink.all] == [("codex", True), ("gen_ai", False)]
