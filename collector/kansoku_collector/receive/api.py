"""What the collector says about itself and its data: health, counters, one trace."""

import asyncio
import queue
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from kansoku_collector.errors import StoreError
from kansoku_collector.receive.access import authorise
from kansoku_collector.receive.answer import RETRY_SECONDS, Refusal
from kansoku_collector.receive.http import Receiver
from kansoku_collector.store.read.receipts import receipts
from kansoku_collector.store.read.traces_api import count_spans, read_trace

T = TypeVar("T")
_READERS = 2
_ABSENT, _ABSENT_SECONDS = 1000, 2.0  # how many traces that are not there are known, and how long at most


@dataclass
class Clients:
    """A few ClickHouse clients for reading, opened when needed; each is used by one thread at a time."""

    open_client: Callable[[], Client]
    _idle: "queue.LifoQueue[Client | None]" = field(default_factory=queue.LifoQueue)

    def __post_init__(self) -> None:
        for _ in range(_READERS):
            self._idle.put(None)

    def run(self, question: Callable[[Client], T]) -> T:
        """Ask a question with a client of the pool, waiting for one if all are busy."""
        client = self._idle.get()
        try:
            client = client or self.open_client()
            return question(client)
        except ClickHouseError:
            if client is not None:
                with suppress(ClickHouseError, OSError):
                    client.close()
            client = None
            raise
        finally:
            self._idle.put(client)

    def close(self) -> None:
        """Close the clients that are idle."""
        while not self._idle.empty():
            if (client := self._idle.get()) is not None:
                client.close()


@dataclass(frozen=True)
class Api:
    """The routes that read; `ready` returns what is not ready, as one sentence, or nothing.

    `writes` counts inserts, where nobody else writes into the store: who waits for a trace and asks again and
    again costs one query an insert.
    """

    receiver: Receiver
    clients: Clients
    ready: Callable[[], str]
    writes: Callable[[], int] | None = None
    _absent: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # not found, and when

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
            Route("/metrics", self.counters),
            Route("/v1/stats", self.stats),
            Route("/v1/traces/{trace_id}", self.trace),
        ]

    async def health(self, _: Request) -> Response:
        """Say that the process runs."""
        return PlainTextResponse("ok\n")

    async def readiness(self, _: Request) -> Response:
        """Say whether requests can be accepted and stored: the journal, ClickHouse, its schema."""
        problem = await asyncio.to_thread(self.ready)
        return PlainTextResponse(f"{problem or 'ready'}\n", 503 if problem else 200)

    async def counters(self, _: Request) -> Response:
        """Answer Prometheus."""
        return Response(self.receiver.metrics.text(), media_type="text/plain; version=0.0.4")

    async def stats(self, request: Request) -> Response:
        """Answer the counters as JSON, with the number of stored spans and the balance of each sender."""

        def ask(project: str) -> dict[str, Any]:
            return {
                "spans": self.clients.run(lambda client: count_spans(client, project)),
                # Sums by project are for whoever runs the collector, not for the readers of one project.
                **{k: v for k, v in self.receiver.metrics.values().items() if not k.startswith("sdk_spans")},
                "processes": [
                    found.as_json() for found in self.clients.run(lambda client: receipts(client, project))
                ],
            }

        return await self._answer(request, ask)

    async def trace(self, request: Request) -> Response:
        """Answer one trace with all its columns."""
        trace_id = request.path_params["trace_id"].lower()

        def ask(project: str) -> dict[str, Any]:
            return self._trace_of(project, trace_id)

        return await self._answer(request, ask)

    def _trace_of(self, project: str, trace_id: str) -> dict[str, Any]:
        if self.writes is None:
            return self.clients.run(lambda client: read_trace(client, project, trace_id))
        now = self.writes(), int(time.monotonic() / _ABSENT_SECONDS)
        if self._absent.get((project, trace_id)) == now:
            return {"trace_id": trace_id, "spans": [], "feedback": []}
        found = self.clients.run(lambda client: read_trace(client, project, trace_id))
        if not found["spans"] and not found["feedback"]:
            if len(self._absent) >= _ABSENT:
                self._absent.clear()
            self._absent[project, trace_id] = now
        return found

    async def _answer(self, request: Request, ask: Callable[[str], dict[str, Any]]) -> Response:
        try:
            grant = authorise(request, self.receiver.keys, "read", insecure=self.receiver.insecure)
            return JSONResponse(await asyncio.to_thread(ask, grant.project))
        except Refusal as refusal:
            return JSONResponse({"error": refusal.message}, refusal.status)
        except (ClickHouseError, StoreError) as error:
            headers = {"retry-after": str(RETRY_SECONDS)}
            return JSONResponse({"error": f"ClickHouse cannot answer now: {error}"}, 503, headers=headers)
