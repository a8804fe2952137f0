"""The one way in: limits, check, journal, counters; OTLP over HTTP and over gRPC both end here."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kansoku_collector.errors import PayloadError
from kansoku_collector.journal import JournalFull
from kansoku_collector.keys import Grant, Keys
from kansoku_collector.metrics import Metrics
from kansoku_collector.receive.access import grant_of
from kansoku_collector.receive.ages import Ages
from kansoku_collector.receive.answer import JSON, RETRY_SECONDS, Refusal, Rejected
from kansoku_collector.receive.check import Checked, Sent, check
from kansoku_collector.receive.intake import Intake
from kansoku_collector.receive.limits import Limits, Rates, Room
from kansoku_collector.receive.receipts import Receipts
from kansoku_collector.traffic import Traffic

T = TypeVar("T")
SIGNALS = ("traces", "logs", "metrics")
_INLINE_BYTES = 128 << 10  # parsing more than this would hold up the other requests
_CHECKS = 2  # large requests taken apart at a time: each may need many times its size
log = logging.getLogger("kansoku")


@dataclass(frozen=True)
class Receiver:
    """What every door needs: the way into the journal, the keys, the counters and the limits."""

    intake: Intake
    keys: Keys
    metrics: Metrics
    limits: Limits = field(default_factory=Limits)
    rates: Rates = field(default_factory=Rates)
    room: Room = field(default_factory=lambda: Room(256 << 20))
    insecure: bool = False
    ages: Ages = field(default_factory=Ages)
    receipts: Receipts = field(default_factory=Receipts)
    traffic: Traffic = field(default_factory=Traffic)
    _checks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_CHECKS))

    def admit(self, header: Callable[[str], str | None], scope: str) -> Grant:
        """Return the grant of a request that may do `scope` and whose project is within its rate."""
        grant = grant_of(header, self.keys, scope, insecure=self.insecure)
        self.rates.admit(grant.project)
        return grant

    async def accept(
        self, signal: str, grant: Grant, wire: bytes, content_type: str, encoding: str
    ) -> Rejected:
        """Make a request durable; return what of it was left out."""
        with self.traffic.request():
            return await self._accept(signal, grant, wire, content_type, encoding)

    async def _accept(
        self, signal: str, grant: Grant, wire: bytes, content_type: str, encoding: str
    ) -> Rejected:
        now_ms = time.time_ns() // 10**6
        oldest_ns = self.ages.oldest_ns(grant.project, now_ms)
        sent = Sent(signal, wire, content_type, encoding, grant.project, now_ms, oldest_ns)
        checked = await self._check(sent)
        self.rates.charge(grant.project, checked.received, checked.size)
        new = checked.entry is None or await self.intake.store(checked.entry)
        if new and signal == "traces" and (note := checked.note(sent)) is not None:
            await self.intake.store(note)
        if checked.receipt is not None and new:
            self.receipts.note(grant.project, checked.receipt, checked.received - checked.rejected.total)
        if signal == "traces":
            self.metrics.received.inc(checked.received)
        for reason, number in checked.rejected.counts.items():
            self.metrics.dropped.labels(signal, reason).inc(number)
        for reason, number in checked.rejected.cuts.items():
            self.metrics.cut.labels(signal, reason).inc(number)
        return checked.rejected

    async def _check(self, sent: Sent) -> Checked:
        if len(sent.wire) <= _INLINE_BYTES and not sent.encoding and sent.content_type != JSON:
            return check(sent, self.limits)
        return await self.apart(check, sent, self.limits)

    async def apart(self, work: Callable[..., T], *args: Any) -> T:
        """Do what needs many times the size of a request in memory: in a thread, only so many at a time."""
        async with self._checks:
            return await asyncio.to_thread(work, *args)

    def refusal(self, error: Exception, signal: str) -> Refusal:
        """Count an error and return the answer for the client."""
        if not isinstance(error, Refusal | JournalFull | PayloadError):
            # A border: a fault of ours costs this request, not the process, and it is said.
            log.exception("a request of %s cannot be answered", signal, exc_info=error)
        refusal = as_refusal(error)
        self.metrics.dropped.labels(signal, refusal.reason).inc()
        return refusal


def as_refusal(error: Exception) -> Refusal:
    """Turn an error of a stage into the answer for the client."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, JournalFull):
        return Refusal(503, f"{error}; retry later", "journal_full", RETRY_SECONDS)
    if isinstance(error, PayloadError):
        return Refusal(400, str(error), "malformed")
    return Refusal(500, "the collector failed on this request; its log says why", "internal")
