"""A running collector: its servers and what it looks after beside them, until it is told to stop."""

import asyncio
import logging
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn
from clickhouse_connect.driver.exceptions import ClickHouseError
from starlette.applications import Starlette

from kansoku_collector.errors import SettingsError, StoreError
from kansoku_collector.housekeeping import Housekeeping
from kansoku_collector.journal import Journal
from kansoku_collector.keys import Keys
from kansoku_collector.metrics import Metrics
from kansoku_collector.receive.api import Clients
from kansoku_collector.receive.connection import connection_class
from kansoku_collector.receive.grpc_server import GrpcServer
from kansoku_collector.receive.receiver import Receiver
from kansoku_collector.receive.tls import Tls
from kansoku_collector.settings import Settings
from kansoku_collector.store.ageing import Ageing
from kansoku_collector.store.retention import Retention, read_projects
from kansoku_collector.store.schema import Schema
from kansoku_collector.writer import WriterThread

if TYPE_CHECKING:
    from kansoku_collector.watch.run import Watch

_DRAIN_SECONDS = 5.0
_END_SECONDS = 20.0  # supervisors kill after 30 or more
_KEEP_ALIVE_SECONDS = 75  # exporters send every few seconds: a shorter one would close under their hands
_RETENTION_SECONDS = 20.0
_AWAY_SECONDS = 1.0  # how often a server that is away is looked for
_CLOCK_SECONDS = 1.0  # how often the clock is looked at
_TLS_SECONDS = 2.0  # how often the certificate is looked at
log = logging.getLogger("kansoku")


@dataclass
class Collector:
    """The parts of a running collector; `build` makes one."""

    settings: Settings
    schema: Schema
    keys: Keys
    journal: Journal
    metrics: Metrics
    clients: Clients
    receiver: Receiver
    app: Starlette
    tls: Tls | None
    listener: socket.socket
    gateway: tuple[Any, socket.socket] | None  # ASGI application and its socket
    writer: WriterThread
    housekeeping: Housekeeping
    ageing: Ageing
    watch: "Watch | None"

    async def run(self) -> int:
        """Serve until a signal comes; then stop accepting and empty the journal."""
        self.writer.start()
        self.housekeeping.start()
        if self.watch is not None:
            self.watch.start()
        servers = [(self._otlp_server(), self.listener)]
        if self.gateway is not None:
            servers.append((_server(self.gateway[0], http="h11"), self.gateway[1]))
        stop = _stop_on_signal([server for server, _ in servers])
        grpc_server = await self._start_grpc()
        tasks = [asyncio.create_task(server.serve([sock])) for server, sock in servers]
        renewal = asyncio.create_task(self._renew(servers[0][0].config))
        ageing = asyncio.create_task(self._follow_retention())
        clock = asyncio.create_task(self._follow_clock())
        coming = asyncio.create_task(self._await_store(stop))
        log.info("collector listens on %s:%d", *self.listener.getsockname()[:2])
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        stop()
        log.info("stopping: nothing more is accepted, and the journal is emptied")
        if not self.settings.embedded:
            _end_in_time(1 if self.schema.problem else 0)
        for task in (renewal, ageing, clock, coming):
            task.cancel()
        await asyncio.gather(*tasks, *([grpc_server.stop()] if grpc_server else []))
        (given_up,) = await asyncio.gather(coming, return_exceptions=True)
        return 1 if given_up is True else 0

    async def _await_store(self, stop: Callable[[], None]) -> bool:
        """Wait for a ClickHouse server that did not answer at the start; True when it is given up."""
        deadline = time.monotonic() + self.settings.clickhouse_wait_seconds
        while said := self.schema.problem:
            if time.monotonic() > deadline:
                log.error("given up after KANSOKU_CLICKHOUSE_WAIT_SECONDS: %s", said)
                stop()
                return True
            await asyncio.sleep(_AWAY_SECONDS)
            try:
                await asyncio.to_thread(self.schema.bring)
            except StoreError as error:
                if str(error) != said:
                    log.warning("%s", error)
            else:
                log.info("ClickHouse answers and its schema is up to date")
                self.receiver.ages.retention = self.schema.retention
        return False

    def _otlp_server(self) -> uvicorn.Server:
        connection = connection_class(
            self.settings.max_connections, self.settings.request_seconds, self.metrics
        )
        options = self.tls.for_uvicorn() if self.tls else {}
        return _server(self.app, http=connection, timeout_keep_alive=_KEEP_ALIVE_SECONDS, **options)

    async def _start_grpc(self) -> GrpcServer | None:
        """Start OTLP over gRPC; a default port that somebody else has is given up with a warning."""
        settings = self.settings
        if not settings.grpc_port:
            return None
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        try:
            server = GrpcServer(
                self.receiver,
                f"{host}:{settings.grpc_port}",
                connections=settings.max_connections,
                tls=self.tls,
            )
        except SettingsError as error:
            log.warning("OTLP over gRPC is off: %s", error)
            return None
        await server.start()
        log.info("collector listens on %s:%d for gRPC", settings.host, server.port)
        return server

    async def _renew(self, config: uvicorn.Config) -> None:
        """Take up a renewed certificate."""
        while self.tls is not None:
            await asyncio.sleep(_TLS_SECONDS)
            if self.tls.changed() and config.ssl is not None:
                try:
                    self.tls.load(config.ssl)
                except (OSError, ssl.SSLError) as error:
                    log.error("the new certificate cannot be used, the one of before stays: %s", error)
                else:
                    self.tls.warn()

    async def _follow_retention(self) -> None:
        """Take up what `kansoku retention set` changed: which spans are too old to be accepted."""
        while True:
            await asyncio.sleep(_RETENTION_SECONDS)
            try:
                projects = await self.clients.aside(self.clients.run, read_projects)
            except (ClickHouseError, StoreError):
                continue  # away; what was known still holds
            self.receiver.ages.retention = Retention.of(self.settings, projects)

    async def _follow_clock(self) -> None:
        """Refuse no span for its age by a clock that has leapt ahead by days; say that it has."""
        while True:
            trusted = not self.ageing.leapt()
            if trusted != self.receiver.ages.trusted:
                self.receiver.ages.trusted = trusted
                if trusted:
                    log.info("the clock is taken for right: what is too old is removed again")
                else:
                    log.warning(
                        "the clock is more than a week ahead of what was last written (it leapt, or no"
                        " collector ran for so long): for two days nothing is removed or refused for its age"
                    )
            await asyncio.sleep(_CLOCK_SECONDS)

    def close(self) -> None:
        """Write what is in the journal, within seconds, and close ClickHouse."""
        if self.watch is not None:
            self.watch.stop()
        self.housekeeping.stop()
        self.writer.stop(_DRAIN_SECONDS)
        if left := self.journal.bytes:
            log.info("%d bytes stay in the journal: the next start stores them", left)
        self.clients.close()
        self.schema.close()


def _end_in_time(code: int) -> None:
    """End the process soon, also where threads wait for a ClickHouse server that hangs: that takes minutes.

    Nothing is lost by it: what was acknowledged is in the journal.
    """

    def end() -> None:
        log.warning("ClickHouse does not answer: what is in the journal is stored by the next start")
        os._exit(code)

    timer = threading.Timer(_END_SECONDS, end)
    timer.daemon = True
    timer.start()


def _server(app: Any, **options: Any) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="auto",
        timeout_graceful_shutdown=3,
        server_header=False,
        **options,
    )
    server = uvicorn.Server(config)
    # Signals belong to the process, not to either of its two servers.
    server.capture_signals = _no_signals  # type: ignore[method-assign]
    return server


@contextmanager
def _no_signals() -> Iterator[None]:
    yield


def _stop_on_signal(servers: list[uvicorn.Server]) -> Callable[[], None]:
    def stop() -> None:
        for server in servers:
            server.should_exit = True

    # A terminal that is closed stops it in order, unless `nohup` says that it shall go on.
    hangs_up = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL else []
    for number in (signal.SIGINT, signal.SIGTERM, *hangs_up):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return stop
