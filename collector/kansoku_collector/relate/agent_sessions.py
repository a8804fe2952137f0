"""Runs of Claude's Agent SDK whose calls the program that it runs tells in traces of their own.

Instrumentations for JavaScript do not make a run's span the current one, so Claude Code's spans are not
beneath it, and its log records never are. Both name the session. A run is the sum of the calls of its session
that were made in its time; whichever came first is billed, as with calls beneath a run (`sums`).
"""

from typing import NamedTuple

from kansoku_collector.model import Span
from kansoku_collector.normalise.frame import MODEL_OPERATIONS
from kansoku_collector.relate.call_facts import Memory
from kansoku_collector.relate.wholes import COMMAND, is_run_of_claude

_CLOCK_NS = 50 * 10**6  # two programs of one machine look at one clock, and round what they read
_RUNS = 16  # of one session that are remembered: each turn of a conversation is one


class _Time(NamedTuple):
    """From when to when something was (ns since the epoch)."""

    start: int
    end: int


class AgentSessions:
    """Bills runs and calls of one session once, within a batch and across them."""

    def __init__(self) -> None:
        self._called: Memory[int] = Memory()  # by session: when its latest billed call began
        self._runs: Memory[tuple[_Time, ...]] = Memory()  # by session: those that were billed

    def settle(self, spans: list[Span]) -> None:
        """Clear `billed` of what the other side of a session told before; of one batch the calls win."""
        runs = []
        for span in spans:
            if not span.billed or not span.session_id:
                continue
            if is_run_of_claude(span):
                runs.append(span)
            elif _is_call(span):
                self._settle_call(span)
        for run in runs:
            self._settle_run(run)

    def recall(self, stored: list[Span]) -> None:
        """Remember stored spans, which were settled when they came."""
        for span in stored:
            if span.billed and span.session_id and is_run_of_claude(span):
                self._keep_run(span)
            elif span.billed and span.session_id and _is_call(span):
                self._keep_call(span)

    def _settle_call(self, call: Span) -> None:
        at = call.start
        known = self._runs.get(_session(call), ())
        if any(run.start - _CLOCK_NS <= at <= run.end + _CLOCK_NS for run in known):
            call.billed = False
        else:
            self._keep_call(call)

    def _settle_run(self, run: Span) -> None:
        if self._called.get(_session(run), -1) >= run.start - _CLOCK_NS:
            run.billed = False
        else:
            self._keep_run(run)

    def _keep_call(self, call: Span) -> None:
        key = _session(call)
        self._called.put(key, max(call.start, self._called.get(key, -1)))

    def _keep_run(self, run: Span) -> None:
        key, time = _session(run), _Time(run.start, run.start + run.duration_ns)
        known = tuple(other for other in self._runs.get(key, ()) if other != time)
        self._runs.put(key, (*known[1 - _RUNS :], time))


def _session(span: Span) -> tuple[str, str]:
    return span.project, span.session_id


def _is_call(span: Span) -> bool:
    counted = span.usage_source != "none" and span.operation in MODEL_OPERATIONS
    return counted and span.dialect == COMMAND
