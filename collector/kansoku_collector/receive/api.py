"""What the collector says about itself and its data: health, counters, one trace."""

import asyncio
import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
_PROBE_SECONDS = 5.0
_ABSENT, _FRESH_SECONDS = 1000, 2.0  # how many traces that are not there are known; how long an answer holds


@dataclass
class Clients:
    """A few ClickHouse clients for reading, opened when needed; each is used by one thread at a time."""

    open_client: Callable[[], Client]
    _idle: "queue.LifoQueue[Client | None]" = field(default_factory=queue.LifoQueue)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_READERS, "reader"))

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

    async def aside(self, work: Callable[..., T], *args: Any) -> T:
        """Do work that asks a question in a thread of the pool's own.

        The threads that make requests durable never wait behind a store that does not answer.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def close(self) -> None:
        """Close the clients that are idle."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        while not self._idle.empty():
            if (client := self._idle.get()) is not None:
                client.close()


@dataclass(frozen=True)
class Api:
    """The routes that read; `ready` returns what is not ready, as one sentence, or nothing.

    `writes` counts inserts, where nobody else writes into the store: who waits for a trace, or a number of
    spans, and asks again and again costs one query an insert.
    """

    receiver: Receiver
    clients: Clients
    ready: Callable[[], str]
    writes: Callable[[], int] | None = None
    _absent: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # not found, and when
    _sums: dict[str, tuple[tuple[int, int], dict[str, Any]]] = field(default_factory=dict)  # and when
    _probes: list["asyncio.Future[str]"] = field(default_factory=list)  # the one under way

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

    async def readiness(self, _request: Request) -> Response:
        """Say whether requests can be accepted and stored: the journal, ClickHouse, its schema."""
        # Anybody may ask, and what watches a collector asks again and again: once at a time is enough.
        if not self._probes or self._probes[0].done():
            self._probes[:] = [asyncio.ensure_future(self.clients.aside(self.ready))]
        done, _ = await asyncio.wait(self._probes, timeout=_PROBE_SECONDS)
        problem = self._probes[0].result() if done else "ClickHouse does not answer"
        return PlainTextResponse(f"{problem or 'ready'}\n", 503 if problem else 200)

    async def counters(self, _: Request) -> Response:
        """Answer Prometheus."""
        return Response(self.receiver.metrics.text(), media_type="text/plain; version=0.0.4")

    async def stats(self, request: Request) -> Response:
        """Answer the counters as JSON, with the number of stored spans and the balance of each sender."""

        def ask(project: str) -> dict[str, Any]:
            # Sums by project are for whoever runs the collector, not for the readers of one project.
            own = {k: v for k, v in self.receiver.metrics.values().items() if not k.startswith("sdk_spans")}
            return self._sums_of(project) | own

        return await self._answer(request, ask)

    async def trace(self, request: Request) -> Response:
        """Answer one trace with all its columns."""
        trace_id = request.path_params["trace_id"].lower()

        def ask(project: str) -> dict[str, Any]:
            return self._trace_of(project, trace_id)

        return await self._answer(request, ask)

    def _sums_of(self, project: str) -> dict[str, Any]:
        now = self._now()
        if now is not None and project in self._sums and self._sums[project][0] == now:
            return self._sums[project][1]
        found = {
            "spans": self.clients.run(lambda client: count_spans(client, project)),
            "processes": [
                found.as_json() for found in self.clients.run(lambda client: receipts(client, project))
            ],
        }
        if now is not None:
            self._sums[project] = now, found
        return found

    def _now(self) -> tuple[int, int] | None:
        """Return what changes as soon as the store may answer otherwise; None where others write into it."""
        return self.writes and (self.writes(), int(time.monotonic() / _FRESH_SECONDS))

    def _trace_of(self, project: str, trace_id: str) -> dict[str, Any]:
        now = self._now()
        if now is not None and self._absent.get((project, trace_id)) == now:
            return {"trace_id": trace_id, "spans": [], "feedback": []}
        found = self.clients.run(lambda client: read_trace(client, project, trace_id))
        if now is not None and not found["spans"] and not found["feedback"]:
            if len(self._absent) >= _ABSENT:
                self._absent.clear()
            self._absent[project, trace_id] = now
        return found

    async def _answer(self, request: Request, ask: Callable[[str], dict[str, Any]]) -> Response:
        try:
            grant = authorise(request, self.receiver.keys, "read", insecure=self.receiver.insecure)
            return JSONResponse(await self.clients.aside(ask, grant.project))
        except Refusal as refusal:
            return JSONResponse({"error": refusal.message}, refusal.status)
        except (ClickHouseError, StoreError) as error:
            headers = {"retry-after": str(RETRY_SECONDS)}
            return JSONResponse({"error": f"ClickHouse cannot answer now: {error}"}, 503, headers=headers)
