"""A restart between two descriptions of a call changes nothing in the ledger."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest.mock import Mock

import pytest
from collector.conftest import call as a_call
from collector.conftest import request_of
from hypothesis import given, settings
from hypothesis import strategies as st

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import pricing
from kansoku_collector.entries import Entry, Kind, digest_of
from kansoku_collector.errors import StoreError
from kansoku_collector.journal import Journal, Segment
from kansoku_collector.metrics import Metrics
from kansoku_collector.model import Span
from kansoku_collector.pipeline import Pipeline
from kansoku_collector.relate.related import WANTED, Related
from kansoku_collector.store.read import recalled as module
from kansoku_collector.store.write import Writer

SECOND = 10**9
START = 1_790_000_000 * SECOND
CREWAI = "opentelemetry.instrumentation.crewai.instrumentation"
AGNO = "opentelemetry.instrumentation.agno"
Batches = list[list[Span]]


def row(span_id: str, parent: str = "", *, scope: str = "a", **values: Any) -> Span:
    """Return a row of a trace, as it comes out of its dialect."""
    base = {
        "trace_id": "t",
        "parent_span_id": parent,
        "service": "shop",
        "start": START,
        "duration_ns": SECOND,
        "received": START // 10**6 + 2000,
    }
    return Span(span_id=span_id, scope_name=scope, **(base | values))


def call(span_id: str, parent: str = "", *, scope: str = "a", **values: Any) -> Span:
    """Return a model call with counts."""
    counts = {"usage_source": "reported", "input_fresh": 100, "output_visible": 10}
    base = {"operation": "chat", "billed": True, "request_model": "m", **counts}
    return row(span_id, parent, scope=scope, **(base | values))


def agent(span_id: str, scope: str, given_: int, **values: Any) -> Span:
    """Return an agent's run that counts what it used."""
    counts = {"usage_source": "reported", "input_fresh": given_, "output_visible": 10}
    base = {"operation": "invoke_agent", "request_model": "m", **counts}
    return row(span_id, scope=scope, **(base | values))


def step(span_id: str, parent: str = "") -> Span:
    """Return a module under MLflow with the sum of all calls beneath it."""
    counts = {"mlflow.chat.tokenUsage": '{"input_tokens": 9, "output_tokens": 3}'}
    return row(span_id, parent, scope="mlflow", dialect="mlflow", operation="chain", attributes=counts)


def uncounted(span_id: str, parent: str) -> Span:
    """Return a call under MLflow that knows no tokens."""
    return call(
        span_id,
        parent,
        scope="mlflow",
        dialect="mlflow",
        usage_source="none",
        input_fresh=0,
        output_visible=0,
    )


def run_of_crew(span_id: str, given_: int, second: int) -> Span:
    """Return a run of CrewAI's, which tells all that its agent ever used."""
    at = {"start": START + second * SECOND, "received": START // 10**6 + second * 1000 + 2000}
    return agent(span_id, CREWAI, given_, attributes={"gen_ai.agent.id": "writer"}, **at)


LONG = "chatcmpl-0123456789abcdef"
WORDS = {"input_text": "how much", "output_text": "a lot"}
INNER, OUTER = {"start": START + 1000, "duration_ns": SECOND // 2}, {"duration_ns": SECOND}
# What arrives before and after a restart, and what is billed of it.
CASES: dict[str, Callable[[], tuple[list[Span], list[Span], list[str]]]] = {
    "a wrapper that comes after its call": lambda: ([call("in", "out")], [call("out", scope="b")], ["in"]),
    "a wrapper with a request between": lambda: (
        [call("in", "http"), row("http", "out")],
        [call("out", scope="b")],
        ["in"],
    ),
    "a call that comes after its wrapper": lambda: (
        [call("out", scope="b")],
        [call("in", "out")],
        ["out"],
    ),
    "a try after one that its wrapper knew nothing of": lambda: (
        [call("in", "out"), call("out", scope="b", usage_source="none", input_fresh=0, output_visible=0)],
        [call("again", "out", input_fresh=70)],
        ["in", "again"],
    ),
    "the same answer in another trace": lambda: (
        [call("one", response_id=LONG)],
        [call("other", scope="b", trace_id="u", response_id=LONG)],
        ["one"],
    ),
    "the same words": lambda: (
        [call("one", **WORDS, **OUTER)],
        [call("other", scope="b", trace_id="u", **WORDS, **INNER)],
        ["one"],
    ),
    "the same tools called": lambda: (
        [call("one", input_text="q", output_messages=TOOLS, **OUTER)],
        [call("other", scope="b", trace_id="u", input_text="q", output_messages=TOOLS, **INNER)],
        ["one"],
    ),
    "another answer": lambda: (
        [call("one", response_id=LONG)],
        [call("other", scope="b", trace_id="u", response_id=LONG + "0", input_fresh=7)],
        ["one", "other"],
    ),
    "another project": lambda: (
        [call("one", response_id=LONG)],
        [call("other", scope="b", project="q", response_id=LONG)],
        ["one", "other"],
    ),
    "a background answer that is fetched again": lambda: (
        [call("one", response_id=LONG, attributes={"kansoku.response.fetched": "true"})],
        [call("other", trace_id="u", response_id=LONG, attributes={"kansoku.response.fetched": "true"})],
        ["one"],
    ),
    "a conversation in records and in spans": lambda: (
        [call("record", dialect="codex", name="codex.response", session_id="s")],
        [call("turn", trace_id="u", dialect="codex", session_id="s")],
        ["record"],
    ),
    "a call beneath an agent that was billed": lambda: (
        [agent("agent", AGNO, 100)],
        [call("call", "agent", start=START + 1000)],
        ["agent"],
    ),
    "an agent around a call that was billed": lambda: (
        [call("call", "agent", start=START + 1000)],
        [agent("agent", AGNO, 100)],
        ["call"],
    ),
    "a module around one whose sum was billed": lambda: (
        [*(uncounted(each, "inner") for each in ("one", "two")), step("inner", "outer")],
        [step("outer")],
        ["one", "two", "inner"],
    ),
    "a call of a turn that was billed": lambda: (
        [call("turn", dialect="codex")],
        [call("call", "turn", scope="gateway", input_fresh=7)],
        ["turn"],
    ),
}
TOOLS = '[{"role":"assistant","parts":[{"type":"tool_call","name":"look","arguments":{"at":1}}]}]'


def settled(related: Related, rows: Iterable[Span]) -> list[Span]:
    """Return rows after what is done with a batch."""
    batch = list(rows)
    for stage in related.stages():
        stage(batch)
    return batch


def restarted(store: Any, rows: list[Span]) -> Related:
    """Return what a new process knows of rows that are in the store."""
    writer, related = Writer(store), Related()
    writer.spans(rows, "before")
    before_ms = max(row.received for row in rows) + 1000
    related.recall(writer.recalled(before_ms, WANTED))
    return related


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_restart_between_two_descriptions_changes_nothing(
    store: Any, case: Callable[[], tuple[list[Span], list[Span], list[str]]]
) -> None:
    """What was stored before is read from the store, and the later description is not billed."""
    for restart in (False, True):
        before, after, expected = case()
        related = Related()
        settled(related, before)
        related = restarted(store, before) if restart else related
        settled(related, after)
        assert [span.span_id for span in (*before, *after) if span.billed] == expected


def test_an_agent_of_crewais_that_goes_on_after_a_restart_is_billed_for_what_is_new(store: Any) -> None:
    """It tells all that it ever used; hours later too, and where the first run is written again."""
    first, second = run_of_crew("first", 100, 0), run_of_crew("second", 130, 1)
    related = Related()
    settled(related, [first])
    settled(related, [second])
    assert (second.input_fresh, second.attributes["gen_ai.usage.input_tokens"]) == (30, "130")
    related = restarted(store, [first, second])
    third, again = run_of_crew("third", 150, 7200), run_of_crew("second", 130, 1)
    settled(related, [third])
    settled(related, [again])
    assert (third.input_fresh, again.input_fresh) == (20, 30)


def test_what_a_replay_finds_of_itself_in_the_store_changes_nothing(store: Any) -> None:
    """A crash between the table and its rollups: the rows that are made anew are those in the table."""
    for case in CASES.values():
        before, after, expected = case()
        batch = [*before, *after]
        settled(Related(), batch)
        store.command("TRUNCATE TABLE spans")
        related = restarted(store, batch)
        again = [*case()[0], *case()[1]]
        settled(related, again)
        assert [(r.span_id, r.billed) for r in again] == [(r.span_id, r.billed) for r in batch], expected


def test_the_latest_spans_are_recalled_and_no_more_than_a_bound(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory has a bound, whatever came in the minutes before."""
    monkeypatch.setattr(module, "_MOST", 3)
    writer = Writer(store)
    writer.spans([call(str(n), received=START // 10**6 + n) for n in range(10)], "many")
    writer.spans([call("old", start=START - 7200 * SECOND, received=START // 10**6 - 7_200_000)], "old")
    found = writer.recalled(START // 10**6 + 100, WANTED)
    assert {span.span_id for span in found} == {"7", "8", "9"}


def as_recalled(span: Span) -> Span:
    """Return what the store would give of a row; tells of each field that it is asked for."""
    kept = {name: copy.copy(getattr(span, name)) for name in module._FIELDS}
    if span.operation not in WANTED.calls:
        kept |= {"input_text": "", "output_text": "", "output_messages": ""}
    return Span(**kept)


def test_every_field_that_is_recalled_is_one_of_a_row() -> None:
    """A column that is renamed would otherwise be missed at the next start alone."""
    assert set(module._FIELDS) <= {field.name for field in fields(Span)}


class Described(NamedTuple):
    """A call of its own size, and how two spans tell it."""

    how: str
    wraps: bool  # the second one is around the first, else beside it
    counted: bool  # the second one knows the usage, too


HOW = st.sampled_from(["beneath", "by id", "by words", "once"])
CALLS = st.lists(st.builds(Described, HOW, st.booleans(), st.booleans()), min_size=1, max_size=4)


def told(number: int, call_: Described) -> list[Span]:
    """Return the spans that tell a call, none of which agrees with those of another call."""
    size, words = 100 + number, {"input_text": f"q{number}", "output_text": f"a{number}"}
    counts = {"input_fresh": size, "output_visible": size}
    one, other = f"{number}-one", f"{number}-other"
    usage = counts if call_.counted else {"usage_source": "none", "input_fresh": 0, "output_visible": 0}
    if call_.how == "beneath":
        names = (one, other) if call_.wraps else (other, one)
        return [call(names[0], names[1], **counts), call(names[1], scope="b", **usage)]
    if call_.how == "by id":
        same = {"response_id": f"{LONG}{number}"}
        return [call(one, **counts, **same), call(other, scope="b", trace_id=other, **usage, **same)]
    if call_.how == "by words":
        return [
            call(one, **counts, **words, **OUTER),
            call(other, scope="b", trace_id=other, **usage, **words, **INNER),
        ]
    return [call(one, **counts)]


@settings(max_examples=300, deadline=None)
@given(CALLS, st.randoms(use_true_random=False), st.integers(0, 8))
def test_a_restart_anywhere_bills_what_would_be_billed_without_it(
    calls: list[Described], chance: Random, cut: int
) -> None:
    """Calls that are told in any way, in any order, in two batches with a restart between them or none."""
    rows = [span for number, each in enumerate(calls) for span in told(number, each)]
    chance.shuffle(rows)
    found = []
    for restart in (False, True):
        before, after = copy.deepcopy(rows[:cut]), copy.deepcopy(rows[cut:])
        related = Related()
        settled(related, before)
        if restart:
            related = Related()
            related.recall([as_recalled(span) for span in before])
        settled(related, after)
        found.append([span.span_id for span in (*before, *after) if span.billed])
    assert found[0] == found[1]


def segment(directory: Path, *spans: dict[str, Any], scope: str) -> Segment:
    """Return a closed segment with one request of these spans."""
    body = request_of(*spans, scope=scope).SerializeToString()
    journal = Journal(directory, max_bytes=1 << 24, segment_bytes=1 << 20, flush_seconds=3600)
    received_ms = START // 10**6 + 2000
    journal.append(
        [Entry(Kind.TRACES, "default", received_ms, digest_of(Kind.TRACES, "default", body), body)]
    )
    return journal.due(everything=True)[-1]


def descriptions(folder: Path) -> tuple[Segment, Segment]:
    """Return a call in one segment, and the wrapper around it in another."""
    inner = {"trace_id": b"t" * 16, "span_id": b"i" * 8, "parent_span_id": b"o" * 8, "start": START}
    outer = {"trace_id": b"t" * 16, "span_id": b"o" * 8, "start": START, "attributes": a_call()}
    return (
        segment(folder / "one", {**inner, "attributes": a_call()}, scope="a"),
        segment(folder / "two", outer, scope="b"),
    )


def process() -> Pipeline:
    """Return the pipeline of a new process."""
    metrics = Metrics()
    return Pipeline([pricing(Prices(), metrics)], metrics, alone=True)


def test_a_new_process_bills_once_what_the_one_before_it_stored(store: Any, tmp_path: Path) -> None:
    """In the table, and in the rollups that the views fill."""
    first, second = descriptions(tmp_path)
    process().write(first, Writer(store))
    process().write(second, Writer(store))
    for table, calls in (("spans", "countIf(billed)"), ("rollup_hour", "sum(calls)")):
        assert store.query(f"SELECT {calls} FROM {table}").first_row == (1,)


def test_what_cannot_be_recalled_keeps_no_span_from_being_stored_and_is_asked_for_again(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that is busy right after a start: the next segment finds what the first one did not."""
    first, second = descriptions(tmp_path)
    third = segment(tmp_path / "three", {"trace_id": b"u" * 16, "attributes": a_call()}, scope="a")
    process().write(first, Writer(store))
    line, writer = process(), Writer(store)
    with monkeypatch.context() as broken:
        broken.setattr(writer, "recalled", Mock(side_effect=StoreError("too busy")))
        line.write(third, writer)
    assert "too busy" in caplog.text
    line.write(second, writer)
    assert store.query("SELECT count(), countIf(billed) FROM spans").first_row == (3, 2)
