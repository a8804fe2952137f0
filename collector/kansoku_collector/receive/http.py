"""OTLP over HTTP: POST /v1/traces, /v1/logs and /v1/metrics, protobuf or JSON."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kansoku_collector.errors import PayloadError
from kansoku_collector.journal import JournalFull
from kansoku_collector.keys import Keys
from kansoku_collector.metrics import Metrics
from kansoku_collector.receive.access import authorise
from kansoku_collector.receive.answer import JSON, PROTOBUF, Refusal, Rejected, refuse, success
from kansoku_collector.receive.body import read_body
from kansoku_collector.receive.check import Sent, check
from kansoku_collector.receive.intake import Intake
from kansoku_collector.receive.receipts import Receipts

_INLINE_BYTES = 128 << 10  # parsing more than this would hold up the other requests


@dataclass(frozen=True)
class Receiver:
    """What the routes need: the way into the journal, the keys, the counters and the limits."""

    intake: Intake
    keys: Keys
    metrics: Metrics
    max_body_bytes: int
    insecure: bool = False
    receipts: Receipts = field(default_factory=Receipts)

    def routes(self) -> list[Route]:
        """Return the OTLP routes."""
        return [
            Route(f"/v1/{signal}", self._endpoint(signal), methods=["POST"])
            for signal in ("traces", "logs", "metrics")
        ]

    def _endpoint(self, signal: str) -> Callable[[Request], Awaitable[Response]]:
        async def export(request: Request) -> Response:
            content_type = _content_type(request)
            try:
                answer = success(signal, content_type, await self._accept(request, signal, content_type))
            except (PayloadError, JournalFull, Refusal) as error:
                refusal = as_refusal(error)
                self.metrics.dropped.labels(signal, refusal.reason).inc()
                answer = refuse(refusal, content_type)
            self.metrics.requests.labels(signal, str(answer.status_code)).inc()
            return answer

        return export

    async def _accept(self, request: Request, signal: str, content_type: str) -> Rejected:
        grant = authorise(request, self.keys, "ingest", insecure=self.insecure)
        if content_type not in {PROTOBUF, JSON}:
            raise Refusal(
                415,
                f"content-type {content_type!r} is not supported; send {PROTOBUF} or {JSON}",
                "content_type",
            )
        try:
            wire = await read_body(request, self.max_body_bytes)
        except ClientDisconnect as error:
            raise Refusal(400, "the client hung up before the body was complete", "disconnected") from error
        encoding = request.headers.get("content-encoding", "")
        sent = Sent(signal, wire, content_type, encoding, grant.project, time.time_ns() // 10**6)
        if len(wire) > _INLINE_BYTES or encoding or content_type == JSON:
            checked = await asyncio.to_thread(check, sent, self.max_body_bytes)
        else:
            checked = check(sent, self.max_body_bytes)
        new = checked.entry is None or await self.intake.store(checked.entry)
        if checked.receipt is not None and new:
            self.receipts.note(grant.project, checked.receipt, checked.received - checked.rejected.total)
        if signal == "traces":
            self.metrics.received.inc(checked.received)
        for reason, number in checked.rejected.counts.items():
            self.metrics.dropped.labels(signal, reason).inc(number)
        return checked.rejected


def as_refusal(error: Exception) -> Refusal:
    """Turn an error of a stage into the answer for the client."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, JournalFull):
        return Refusal(503, f"{error}; retry later", "journal_full")
    return Refusal(400, str(error), "malformed")


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
