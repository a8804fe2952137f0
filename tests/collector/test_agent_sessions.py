"""A run of Claude's Agent SDK and the calls of its session, in traces of their own, are billed once."""

import copy

import pytest

from kansoku_collector.model import Span
from kansoku_collector.relate.related import Related

SECOND = 10**9
SDK = "@arizeai/openinference-instrumentation-claude-agent-sdk"
COUNTS = {"usage_source": "reported", "input_fresh": 30, "output_visible": 40}


def run(span_id="run", start=100, **fields):
    """Return a run of ten seconds, with the sum of what was used in it."""
    base = {"operation": "invoke_agent", "scope_name": SDK, "dialect": "openinference", "session_id": "s1"}
    time = {"start": start * SECOND, "duration_ns": 10 * SECOND}
    return Span(trace_id="t", span_id=span_id, **(base | COUNTS | time | fields))


def call(span_id="call", start=102, **fields):
    """Return a call that Claude Code tells."""
    base = {"operation": "chat", "dialect": "claude_code", "billed": True, "session_id": "s1"}
    time = {"start": start * SECOND, "duration_ns": 2 * SECOND}
    around = {"trace_id": "u", "parent_span_id": "interaction", "scope_name": "com.anthropic.claude_code"}
    return Span(span_id=span_id, **(around | base | COUNTS | time | fields))


def billed(*batches, restart=False):
    """Return the ids that the ledger counts, of batches that come one after another."""
    related, stored = Related(), []
    for batch in batches:
        for stage in related.stages():
            stage(batch)
        stored += batch
        if restart:
            related = Related()
            related.recall(copy.deepcopy(stored))
    return [span.span_id for span in stored if span.billed]


@pytest.mark.parametrize("restart", [False, True])
def test_a_run_and_its_calls_are_billed_by_what_came_first(restart):
    """JavaScript's instrumentation does not put its span around the program that makes the calls."""
    assert billed([run(), call("a"), call("b", 105)]) == ["a", "b"]
    assert billed([call("a")], [run(), call("b", 105)], restart=restart) == ["a", "b"]
    assert billed([run()], [call("a"), call("b", 105)], restart=restart) == ["run"]


def test_another_turn_of_a_session_is_billed_by_itself():
    """Each turn of a conversation is a run, with the calls of its own time."""
    first, second = run(), run("second", 200)
    assert billed([first], [call("late", 202)], [second]) == ["run", "late"]
    assert billed([call("a")], [first], [second]) == ["a", "second"]


@pytest.mark.parametrize(
    "other",
    [
        call(session_id="s2"),
        call(session_id=""),
        call(project="another"),
        call(dialect="openinference"),
        call(usage_source="none", input_fresh=0, output_visible=0),
    ],
    ids=["session", "no session", "project", "a program's own", "uncounted"],
)
def test_what_is_not_of_a_run_leaves_it_its_bill(other):
    """Neither takes the place of the other."""
    assert billed([copy.deepcopy(other)], [run()]) == ["call", "run"]
    assert billed([run()], [other]) == ["run", "call"]
