"""Sampling by trace: consistent between services, unbiased in totals, bounded in memory; errors stay."""

import os
import random
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

import kansoku
from kansoku.spans.sampling import (
    ChanceSampler,
    TailSampler,
    encode_threshold,
    parent_threshold,
    randomness,
    read_state,
    threshold,
    weigh,
)

RATES = st.floats(0, 1)
TRACE_IDS = st.integers(1, 2**128 - 1)


class Program:
    """A program on a provider with our two samplers; `kept` are the spans that would be exported."""

    def __init__(self, rate: float, slow: float = 0, **limits: Any) -> None:
        self.kept: list[Any] = []
        self.sampler = TailSampler(rate, slow, self.kept.append, **limits)
        self.provider = TracerProvider(sampler=ChanceSampler(rate), shutdown_on_exit=False)
        sampler = self.sampler

        class Hook(trace_processor()):  # type: ignore[misc]
            def on_start(self, span: Any, parent_context: Any = None) -> None:  # noqa: ARG002
                sampler.started(span)

            def on_end(self, span: Any) -> None:
                sampler.ended(span)

        self.provider.add_span_processor(Hook())
        self.tracer = self.provider.get_tracer("test")

    def trace(self, *, error: bool = False, spans: int = 3, parent: SpanContext | None = None) -> int:
        """Run one trace of a root and its children, the last of which may fail; return its id."""
        context = trace.set_span_in_context(NonRecordingSpan(parent)) if parent else None
        with self.tracer.start_as_current_span("root", context=context) as root:
            for number in range(1, spans):
                with self.tracer.start_as_current_span(f"child {number}") as child:
                    if error and number == spans - 1:
                        child.set_status(trace.StatusCode.ERROR)
        return root.get_span_context().trace_id

    def weights(self) -> list[float]:
        """Return the weight of every kept span."""
        return [span.attributes["kansoku.sample.weight"] for span in self.kept]

    def ids(self) -> set[int]:
        """Return the ids of the kept traces."""
        return {span.context.trace_id for span in self.kept}


def trace_processor() -> Any:
    """Return the class of span processors."""
    from opentelemetry.sdk.trace import SpanProcessor

    return SpanProcessor


def _remote(trace_id: int, *, sampled: bool, state: str = "") -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return SpanContext(trace_id, 1, True, flags, TraceState([("ot", state)] if state else []))


@given(TRACE_IDS, RATES, RATES)
def test_who_samples_less_keeps_a_part_of_what_others_keep(trace_id: int, one: float, other: float) -> None:
    """Whatever the rates of two services, the traces of the lower one are among those of the higher one."""
    low, high = sorted((one, other))
    if randomness(trace_id, {}) >= threshold(low):
        assert randomness(trace_id, {}) >= threshold(high)


@given(RATES)
def test_a_threshold_survives_the_trace_state(rate: float) -> None:
    """What one service writes another reads, within the fourteen digits that the format has."""
    limit = threshold(rate)
    if limit < 2**56:
        assert parent_threshold({"th": encode_threshold(limit)}) == limit


def test_thresholds_are_written_as_opentelemetry_has_them() -> None:
    """The examples of the specification: 1 in 2 is `8`, 1 in 4 is `c`, everything is `0`."""
    assert [encode_threshold(threshold(rate)) for rate in (1, 0.5, 0.25)] == ["0", "8", "c"]
    assert read_state(TraceState([("ot", "th:c;rv:8000000000000f")])) == {"th": "c", "rv": "8000000000000f"}
    assert randomness(1, {"rv": "8000000000000f"}) == 0x8000000000000F
    assert randomness(1, {"rv": "bad"}) == 1
    assert parent_threshold({"th": "xyz"}) is None


def test_totals_are_right_on_average_whatever_is_kept() -> None:
    """The weights of 6,000 traces add up to 6,000; errors are all there and not counted ten times."""
    program = Program(0.1)
    failed = {program.trace(error=number % 50 == 0) for number in range(6000) if number % 50 == 0}
    for _ in range(6000 - len(failed)):
        program.trace()
    assert failed <= program.ids()
    roots = [span for span in program.kept if span.parent is None]
    estimate = sum(span.attributes["kansoku.sample.weight"] for span in roots)
    assert abs(estimate - 6000) < 6 * (6000 * 0.9 * 10) ** 0.5
    of_errors = [span for span in roots if span.context.trace_id in failed]
    assert [span.attributes["kansoku.sample.weight"] for span in of_errors] == [1.0] * len(failed)


def test_a_trace_is_kept_or_dropped_as_a_whole() -> None:
    """Every kept trace has all its spans, and what was sampled out is counted."""
    program = Program(0.3)
    for _ in range(200):
        program.trace()
    assert len(program.kept) == 3 * len(program.ids())
    assert len(program.kept) + program.sampler.dropped == 600
    assert program.sampler.waiting == 0


def test_a_slow_span_keeps_its_trace() -> None:
    """A trace with a span as long as the limit is kept with weight 1; just below it chance decides."""
    program = Program(0, slow=5)
    for seconds in (4.999, 5.0):
        root = program.tracer.start_span("root", start_time=0)
        root.end(int(seconds * 1e9))
    assert program.weights() == [1.0]


def test_a_rate_of_zero_keeps_errors_alone() -> None:
    """With a rate of 0 nothing is kept by chance."""
    program = Program(0)
    program.trace()
    failed = program.trace(error=True)
    assert program.ids() == {failed}
    assert len(program.kept) == 3


def test_the_decision_is_told_to_other_services() -> None:
    """Flags and trace state of a root say what chance decided; children say the same."""
    program = Program(0.5)
    told = set()
    for _ in range(50):
        with program.tracer.start_as_current_span("root") as root:
            context = root.get_span_context()
            assert root.is_recording()
            with program.tracer.start_as_current_span("child") as child:
                assert child.get_span_context().trace_flags.sampled == context.trace_flags.sampled
                assert child.get_span_context().trace_state == context.trace_state
        kept = randomness(context.trace_id, {}) >= threshold(0.5)
        assert context.trace_flags.sampled == kept
        assert context.trace_state.get("ot") == ("th:8" if kept else None)
        told.add(kept)
    assert told == {True, False}


def test_a_parents_threshold_is_honoured() -> None:
    """A trace that another service has sampled 1 in 4 weighs 4 here, even where we keep 1 in 1,000."""
    program = Program(0.001)
    program.trace(parent=_remote(2**56 - 1, sampled=True, state="th:c"))
    assert program.weights() == [4.0, 4.0, 4.0]


def test_what_a_parent_left_out_is_kept_only_for_an_error() -> None:
    """An unsampled parent is followed, unless something goes wrong here."""
    program = Program(0.999)
    program.trace(parent=_remote(2**56 - 1, sampled=False))
    assert program.kept == []
    program.trace(parent=_remote(2**56 - 2, sampled=False), error=True)
    assert program.weights() == [1.0, 1.0, 1.0]


def test_a_parent_that_says_no_threshold_is_sampled_by_our_rate() -> None:
    """A sampled parent without a threshold samples everything, so our own rate counts."""
    program = Program(0.5)
    low, high = (program.trace(parent=_remote(number, sampled=True)) for number in (5, 2**56 - 1))
    assert program.ids() == {high}
    assert low not in program.ids()
    assert program.weights() == [2.0, 2.0, 2.0]


def test_without_a_rate_of_our_own_the_parents_weight_is_carried() -> None:
    """At a rate of 1 a span weighs what its trace state says, and is left alone where that says nothing."""
    span = SimpleNamespace(context=_remote(1, sampled=True, state="th:8"), attributes={"a": 1})
    assert weigh(span).attributes == {"a": 1, "kansoku.sample.weight": 2.0}
    plain = SimpleNamespace(context=_remote(1, sampled=True, state="rv:00000000000001"), attributes={})
    assert weigh(plain) is plain


def test_spans_that_end_after_their_root_follow_it() -> None:
    """A late span goes the way of its trace; a late error is kept alone."""
    program = Program(0)
    ended = []
    for error in (False, True):
        with program.tracer.start_as_current_span("root") as root:
            late, failed = program.tracer.start_span("late"), program.tracer.start_span("late error")
            if error:
                root.set_status(trace.StatusCode.ERROR)
        late.end()
        failed.set_status(trace.StatusCode.ERROR)
        failed.end()
        ended.append([span.name for span in program.kept])
        program.kept.clear()
    assert ended == [["late error"], ["root", "late", "late error"]]


def test_two_requests_of_one_trace_are_decided_together() -> None:
    """A service called twice at once in one trace decides when both calls have ended."""
    program = Program(0)
    context = trace.set_span_in_context(NonRecordingSpan(_remote(77, sampled=False)))
    first = program.tracer.start_span("first", context=context)
    second = program.tracer.start_span("second", context=context)
    first.end()
    assert program.sampler.waiting == 1
    second.set_status(trace.StatusCode.ERROR)
    second.end()
    assert [span.name for span in program.kept] == ["first", "second"]


def test_ten_thousand_open_traces_are_bounded() -> None:
    """Traces that never end are given up, the oldest first; what waits stays below the limits."""
    kept: list[Any] = []
    sampler = TailSampler(0.01, 0, kept.append, max_spans=500, max_traces=1000)
    seed = random.Random(7)
    roots: list[Any] = []
    ended = 0
    for number in range(10_000):
        context = SpanContext(seed.getrandbits(128), 1, False, TraceFlags(TraceFlags.SAMPLED))
        root = _finished(context, None)
        sampler.started(root)
        if number % 2:
            sampler.ended(_finished(context, context))
            ended += 1
        roots = [*roots[-999:], root]
        assert sampler.waiting <= 500
    assert len(sampler._open) <= 1000
    assert len(sampler._decided) <= 1000
    for root in roots:
        sampler.ended(root)
    assert len(kept) + sampler.dropped + sampler.waiting == ended + 1000
    assert sampler.waiting == 0


def _finished(context: SpanContext, parent: SpanContext | None) -> Any:
    status = SimpleNamespace(status_code=trace.StatusCode.UNSET)
    return SimpleNamespace(
        context=context, parent=parent, status=status, start_time=0, end_time=1, attributes={}
    )


def test_an_old_trace_is_decided_by_what_is_known() -> None:
    """After the limit of age a trace no longer waits for its root."""
    clock = [0.0]
    program = Program(1.0, max_seconds=60, now=lambda: clock[0])
    root = program.tracer.start_span("stuck")
    program.tracer.start_span("child", context=trace.set_span_in_context(root)).end()
    assert program.kept == []
    clock[0] = 61
    program.trace()
    assert [span.name for span in program.kept] == ["child", "child 1", "child 2", "root"]


def test_what_waits_is_decided_at_the_end() -> None:
    """`release` keeps the errors of traces under way and samples the rest."""
    program = Program(0)
    root = program.tracer.start_span("root")
    child = program.tracer.start_span("child", context=trace.set_span_in_context(root))
    child.set_status(trace.StatusCode.ERROR)
    child.end()
    program.sampler.release()
    assert [span.name for span in program.kept] == ["child"]
    assert program.sampler.waiting == 0


def test_threads_lose_and_double_nothing() -> None:
    """Eight threads that run traces at once: every span is kept or counted, once."""
    program = Program(0.2)
    seed = random.Random(7)
    plans = [[seed.random() < 0.1 for _ in range(100)] for _ in range(8)]

    def run(plan: list[bool]) -> None:
        for error in plan:
            program.trace(error=error)

    threads = [threading.Thread(target=run, args=(plan,)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(program.kept) + program.sampler.dropped == 8 * 100 * 3
    assert len({span.context.span_id for span in program.kept}) == len(program.kept)
    assert program.sampler.waiting == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_does_not_inherit_what_waits() -> None:
    """The child of a fork begins with nothing waiting: those spans are the parent's."""
    program = Program(0)
    root = program.tracer.start_span("root")
    program.tracer.start_span("child", context=trace.set_span_in_context(root)).end()
    pid = os.fork()
    if pid == 0:
        os._exit(program.sampler.waiting)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert program.sampler.waiting == 1


def test_the_setting_samples_and_the_weight_is_sent(
    start: Callable[..., Any], recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With KANSOKU_SAMPLE_RATE traces are dropped and counted; errors arrive whole, with their weight."""
    from kansoku import setup

    monkeypatch.setenv("KANSOKU_SAMPLE_RATE", "0")
    start(endpoint=recorder.url)
    before = kansoku_dropped(setup)
    with kansoku.span("fine"), kansoku.span("child"):
        pass
    with pytest.raises(ValueError, match="x"), kansoku.span("failing"), kansoku.span("cause"):
        raise ValueError("x")
    assert kansoku.flush(60)
    body = recorder.bodies("/v1/traces")[0]
    spans = [
        span
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert sorted(span.name for span in spans) == ["cause", "failing"]
    weights = [a.value.double_value for s in spans for a in s.attributes if a.key == "kansoku.sample.weight"]
    assert weights == [1.0, 1.0]
    assert kansoku_dropped(setup) - before == 2


def kansoku_dropped(setup: Any) -> int:
    """Return how many spans of this process were sampled out."""
    return int(setup.stats()["dropped"].get("sampled_out", 0))
