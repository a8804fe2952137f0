"""Sample by trace: chance follows from the trace id, and traces with an error or a slow span are always kept.

Chance is OpenTelemetry's consistent probability sampling, so every service keeps the same traces, and one
that samples less keeps a part of what one that samples more does. What is left after a trace's local root
has ended is decided here; each span says in `kansoku.sample.weight` how many it stands for: 1 / probability
where chance decided, 1 where the trace was kept in any case.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import TraceState
from opentelemetry.trace.status import StatusCode

from kansoku import semconv

_RANDOM_BITS = 56
_ALL = 1 << _RANDOM_BITS
_KEEP, _CHANCE = "keep", "chance"


def threshold(rate: float) -> int:
    """Return the number below which the randomness of a trace drops it; 2 to the 56th for a rate of 0."""
    return _ALL - round(min(1.0, max(0.0, rate)) * _ALL)


def encode_threshold(limit: int) -> str:
    """Return a threshold as `th` has it: 14 hexadecimal digits without the zeros at their end."""
    return f"{limit:014x}".rstrip("0") or "0"


def randomness(trace_id: int, state: Mapping[str, str]) -> int:
    """Return the 56 bits that decide about a trace: `rv` of the trace state, else the end of the trace id."""
    given = state.get("rv", "")
    return int(given, 16) if len(given) == 14 and _is_hex(given) else trace_id & (_ALL - 1)


def read_state(state: Any) -> dict[str, str]:
    """Return what OpenTelemetry's part of a trace state says: `ot=th:8;rv:...`."""
    text = state.get("ot") if state else None
    return dict(pair.split(":", 1) for pair in text.split(";") if ":" in pair) if text else {}


def parent_threshold(state: Mapping[str, str]) -> int | None:
    """Return the threshold that a trace has passed already, or None."""
    given = state.get("th", "")
    return int(given.ljust(14, "0"), 16) if 0 < len(given) <= 14 and _is_hex(given) else None


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdef" for character in text)


class ChanceSampler(Sampler):
    """Records every span, and tells other services in flags and trace state what chance has decided."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._threshold = threshold(rate)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,  # noqa: ARG002
        kind: trace.SpanKind | None = None,  # noqa: ARG002
        attributes: Any = None,
        links: Sequence[trace.Link] | None = None,  # noqa: ARG002
        trace_state: TraceState | None = None,  # noqa: ARG002
    ) -> SamplingResult:
        """Decide for a root, or follow the parent; what is not sampled is recorded until its trace ends."""
        parent = trace.get_current_span(parent_context).get_span_context()
        state = parent.trace_state if parent.is_valid else TraceState()
        if parent.is_valid and not parent.is_remote:
            return self._result(parent.trace_flags.sampled, attributes, state)
        said = read_state(state)
        if parent.is_valid and not parent.trace_flags.sampled:
            return self._result(False, attributes, state)
        if parent.is_valid and parent_threshold(said) is not None:
            return self._result(True, attributes, state)
        kept = randomness(trace_id, said) >= self._threshold
        if kept:
            said["th"] = encode_threshold(self._threshold)
            text = ";".join(f"{key}:{value}" for key, value in said.items())
            state = state.update("ot", text) if "ot" in state else state.add("ot", text)
        return self._result(kept, attributes, state)

    def get_description(self) -> str:
        """Describe the sampler as OpenTelemetry asks for."""
        return f"KansokuChanceSampler{{{self._rate}}}"

    def _result(self, kept: bool, attributes: Any, state: TraceState) -> SamplingResult:
        decision = Decision.RECORD_AND_SAMPLE if kept else Decision.RECORD_ONLY
        return SamplingResult(decision, attributes, state)


class _Trace:
    """The spans of one trace in this process that wait for its local root."""

    __slots__ = ("always", "began", "roots", "spans")

    def __init__(self, began: float) -> None:
        self.began = began
        self.roots = 0  # local roots that have started and not ended
        self.spans: list[Any] = []
        self.always = False


class TailSampler:
    """Holds the spans of a trace until its local root ends, then keeps or drops them all.

    At most `max_spans` spans and `max_traces` traces wait, none longer than `max_seconds`; of what exceeds
    that, the oldest trace is decided by what is known of it. Traces that are decided are remembered, for the
    spans that end after their root. `dropped` counts spans that were sampled out.
    """

    def __init__(
        self,
        rate: float,
        slow_seconds: float,
        put: Callable[[Any], None],
        *,
        max_spans: int = 10_000,
        max_traces: int = 10_000,
        max_seconds: float = 600.0,
        drop: Callable[[int], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dropped = 0
        self._threshold = threshold(rate)
        self._slow = round(slow_seconds * 1e9)
        self._put = put
        self._drop = drop
        self._max_spans = max_spans
        self._max_traces = max_traces
        self._max_seconds = max_seconds
        self._now = now
        self._reset()
        if hasattr(os, "register_at_fork"):
            reset = weakref.WeakMethod(self._reset)
            os.register_at_fork(after_in_child=lambda: (again := reset()) and again())

    def _reset(self) -> None:
        # The garbage collector may end a span while this thread is in here.
        self._lock = threading.RLock()
        self._open: dict[int, _Trace] = {}
        self._decided: dict[int, str] = {}
        self._waiting = 0

    def started(self, span: Any) -> None:
        """Note a span that starts; only local roots matter."""
        if span.parent is None or span.parent.is_remote:
            with self._lock:
                self._trace(span.context.trace_id).roots += 1
                self._bound()

    def ended(self, span: Any) -> None:
        """Take a span that ended; it goes on, or not, when its trace is decided."""
        number = span.context.trace_id
        with self._lock:
            found = self._open.get(number)
            if found is None and (decision := self._decided.get(number)) is not None:
                self._late(span, decision)
                return
            if found is None:
                found = self._trace(number)
            found.spans.append(span)
            self._waiting += 1
            found.always = found.always or self._is_kept(span)
            if span.parent is None or span.parent.is_remote:
                found.roots -= 1
                if found.roots <= 0:
                    self._decide(number, found)
            self._bound()

    def release(self) -> None:
        """Decide every trace by what is known of it now."""
        with self._lock:
            while self._open:
                number = next(iter(self._open))
                self._decide(number, self._open[number])

    @property
    def waiting(self) -> int:
        """How many spans wait for a decision."""
        return self._waiting

    def _trace(self, number: int) -> _Trace:
        found = self._open.get(number)
        if found is None:
            found = self._open[number] = _Trace(self._now())
        return found

    def _is_kept(self, span: Any) -> bool:
        if span.status.status_code is StatusCode.ERROR:
            return True
        return bool(self._slow) and (span.end_time or 0) - (span.start_time or 0) >= self._slow

    def _decide(self, number: int, found: _Trace) -> None:
        self._open.pop(number, None)
        self._waiting -= len(found.spans)
        if self._decided.get(number) == _KEEP:
            found.always = True
        if found.always:
            self._decided[number] = _KEEP
            for span in found.spans:
                self._put(_Weighted(span, 1.0))
        else:
            self._decided[number] = _CHANCE
            self._by_chance(found.spans)
        while len(self._decided) > self._max_traces:
            self._decided.pop(next(iter(self._decided)), None)

    def _by_chance(self, spans: Sequence[Any]) -> None:
        left_out = 0
        for span in spans:
            weight = self.weight(span.context)
            if weight:
                self._put(_Weighted(span, weight))
            else:
                left_out += 1
        if left_out:
            self.dropped += left_out
            if self._drop is not None:
                self._drop(left_out)

    def weight(self, context: Any) -> float:
        """Return how many spans one of this trace stands for if chance alone decides; 0 drops it."""
        if not context.trace_flags.sampled:
            return 0.0
        said = read_state(context.trace_state)
        limit = parent_threshold(said)
        if limit is None:
            limit = self._threshold
            if randomness(context.trace_id, said) < limit:
                return 0.0
        return _ALL / (_ALL - limit)

    def _late(self, span: Any, decision: str) -> None:
        """Decide a span that ended after its trace: an error or a slow one is kept, alone if need be."""
        if decision == _KEEP or self._is_kept(span):
            self._put(_Weighted(span, 1.0))
        else:
            self._by_chance((span,))

    def _bound(self) -> None:
        """Decide the oldest traces while there are too many, or too many spans, or too old ones."""
        while self._open:
            number, oldest = next(iter(self._open.items()))
            old = self._now() - oldest.began > self._max_seconds
            if not old and self._waiting <= self._max_spans and len(self._open) <= self._max_traces:
                return
            self._decide(number, oldest)


def weigh(span: Any) -> Any:
    """Return a span with the weight that its parent's sampling gives it, where its trace state says one."""
    limit = parent_threshold(read_state(span.context.trace_state))
    return span if limit is None else _Weighted(span, _ALL / (_ALL - limit))


class _Weighted:
    """A finished span that says how many it stands for."""

    __slots__ = ("_span", "attributes")

    def __init__(self, span: Any, weight: float) -> None:
        self._span = span
        self.attributes = {**(span.attributes or {}), semconv.SAMPLE_WEIGHT: weight}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)
