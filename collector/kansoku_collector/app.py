"""The collector process: compose the parts, serve until told to stop, leave nothing acknowledged behind."""

import asyncio
import gc
import logging
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from starlette.applications import Starlette

from kansoku_collector.enrich.cost import PriceFile, pricing
from kansoku_collector.enrich.signals import read_signals
from kansoku_collector.errors import KansokuError, SettingsError, StoreAwayError, StoreError
from kansoku_collector.journal import Journal
from kansoku_collector.keys import Keys
from kansoku_collector.metrics import Metrics
from kansoku_collector.pipeline import Pipeline
from kansoku_collector.receive.api import Api, Clients
from kansoku_collector.receive.channels import Trial, channel_routes
from kansoku_collector.receive.condition import condition_route
from kansoku_collector.receive.connection import connection_class
from kansoku_collector.receive.feedback import feedback_route
from kansoku_collector.receive.grpc_server import GrpcServer
from kansoku_collector.receive.http import otlp_routes
from kansoku_collector.receive.incident_actions import incident_actions_route
from kansoku_collector.receive.intake import Intake
from kansoku_collector.receive.limits import Limits, Rates, Room
from kansoku_collector.receive.receiver import Receiver
from kansoku_collector.receive.tls import Tls
from kansoku_collector.receive.views import views_route
from kansoku_collector.settings import Settings
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrations
from kansoku_collector.store.retention import Retention, read_projects
from kansoku_collector.store.schema import Schema
from kansoku_collector.writer import WriterThread

if TYPE_CHECKING:
    from kansoku_collector.watch.run import Watch

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_DRAIN_SECONDS = 5.0
_KEEP_ALIVE_SECONDS = 75  # exporters send every few seconds: a shorter one would close under their hands
_RETENTION_SECONDS = 20.0
_AWAY_SECONDS = 1.0  # how often a server that is away is looked for
_TLS_SECONDS = 2.0  # how often the certificate is looked at
log = logging.getLogger("kansoku")


def serve(settings: Settings) -> int:
    """Run the collector until SIGINT or SIGTERM; return the exit code.

    What cannot work is said in one sentence on standard error.
    """
    _log_to_stderr(settings.log_level.upper())
    try:
        collector = build(settings)
    except (KansokuError, ClickHouseError, OSError) as error:
        print(f"kansoku: {error}", file=sys.stderr)
        return 1
    # A batch makes many objects and no cycles; looking for cycles that often costs a fifth of its time.
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    try:
        return uvloop.run(collector.run())
    finally:
        collector.close()


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(level="WARNING", format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for name in ("kansoku", "kansoku_collector"):
        logging.getLogger(name).setLevel(level)
    # What these two warn of comes to us as an exception, and is said once, in our own words.
    for name in ("urllib3", "clickhouse_connect"):
        logging.getLogger(name).setLevel("ERROR")


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
    watch: "Watch | None"

    async def run(self) -> int:
        """Serve until a signal comes; then stop accepting and empty the journal."""
        self.writer.start()
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
        coming = asyncio.create_task(self._await_store(stop))
        log.info("collector listens on %s:%d", *self.listener.getsockname()[:2])
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        stop()
        for task in (renewal, ageing, coming):
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

    async def _follow_retention(self) -> None:
        """Take up what `kansoku retention set` changed: which spans are too old to be accepted."""
        while True:
            await asyncio.sleep(_RETENTION_SECONDS)
            try:
                projects = await asyncio.to_thread(self.clients.run, read_projects)
            except (ClickHouseError, StoreError):
                continue  # away; what was known still holds
            self.receiver.ages.retention = Retention.of(self.settings, projects)

    def close(self) -> None:
        """Write what is in the journal, within seconds, and close ClickHouse."""
        if self.watch is not None:
            self.watch.stop()
        self.writer.stop(_DRAIN_SECONDS)
        self.clients.close()
        self.schema.close()


def build(settings: Settings) -> Collector:
    """Open and compose everything; raise KansokuError or OSError when something cannot work."""
    if settings.insecure and settings.host not in _LOOPBACK:
        raise SettingsError(
            f"KANSOKU_INSECURE allows requests without a key, so only on loopback, not on {settings.host}"
        )
    tls = Tls.of(settings)
    _prepare(settings.data)
    listener = _listen(settings.host, settings.port, "KANSOKU_PORT")
    if settings.grpc_port and "grpc_port" in settings.model_fields_set:
        _listen(settings.host, settings.grpc_port, "KANSOKU_GRPC_PORT").close()
    schema = Schema(settings)
    try:
        schema.bring()
    except StoreAwayError as error:
        if not settings.clickhouse_wait_seconds:
            raise
        log.warning("%s; what is received waits in the journal until it answers", error)
    metrics, keys = Metrics(), Keys.open(settings.data)
    journal = Journal(
        settings.data / "journal",
        max_bytes=settings.journal_max_bytes,
        segment_bytes=settings.segment_bytes,
        flush_seconds=settings.flush_seconds,
    )

    def open_client() -> Client:
        return connect(settings.store_url)

    clients = Clients(open_client)
    receiver = _receiver(settings, Intake(journal, metrics), keys, metrics)
    receiver.ages.retention = schema.retention
    metrics.registry.register(receiver.receipts)
    stages = [pricing(PriceFile(settings.prices_file), metrics), read_signals]
    pipeline = Pipeline(stages, metrics, receiver.receipts.settle, alone=settings.embedded)
    writes = (lambda: pipeline.writes) if settings.embedded else None
    api = Api(receiver, clients, lambda: _problem(journal, schema, clients), writes)
    return Collector(
        settings=settings,
        schema=schema,
        keys=keys,
        journal=journal,
        metrics=metrics,
        clients=clients,
        receiver=receiver,
        tls=tls,
        app=Starlette(
            routes=[
                *otlp_routes(receiver),
                feedback_route(receiver, settings.feedback_origins),
                *api.routes(),
                views_route(receiver, clients),
                incident_actions_route(receiver, clients),
                condition_route(receiver, journal.directory),
                *channel_routes(receiver, _trial(settings)),
            ]
        ),
        listener=listener,
        gateway=_gateway(settings, keys),
        writer=WriterThread(journal, pipeline, schema.open, metrics),
        watch=_watch(settings, schema.open, metrics),
    )


def _receiver(settings: Settings, intake: Intake, keys: Keys, metrics: Metrics) -> Receiver:
    rates = Rates(settings.rate_spans, settings.rate_bytes)
    room = Room(settings.max_pending_bytes)
    return Receiver(intake, keys, metrics, Limits.of(settings), rates, room, settings.insecure)


def _gateway(settings: Settings, keys: Keys) -> tuple[Any, socket.socket] | None:
    """Return the application that serves embedded ClickHouse on loopback, with its socket."""
    if not settings.embedded:
        return None
    from kansoku_collector.store import gateway  # noqa: PLC0415 - only the embedded store needs chDB

    path = settings.store_url.removeprefix("chdb://").split("?")[0]
    return gateway.build(path, keys), _listen("127.0.0.1", settings.gateway_port, "KANSOKU_GATEWAY_PORT")


def _watch(settings: Settings, open_client: Callable[[], Client], metrics: Metrics) -> "Watch | None":
    """Return the clock of rules and detector; None where there is neither."""
    if settings.alerts_file is None and not settings.detector:
        return None
    from kansoku_collector.watch.builtin import Builtin  # noqa: PLC0415 - only where something is watched
    from kansoku_collector.watch.rules import Contents, read_file  # noqa: PLC0415
    from kansoku_collector.watch.run import Watch  # noqa: PLC0415

    found = read_file(settings.alerts_file) if settings.alerts_file else Contents([], Builtin())
    detector = found.detector if settings.detector else None
    watch = Watch(open_client, found.rules, settings.alerts_interval_seconds, detector=detector)
    metrics.follow_watch(watch.counts)
    return watch


def _trial(settings: Settings) -> Trial:
    """Return what tries the channels of the rules file."""
    from kansoku_collector.watch.trial import Trial as Channels  # noqa: PLC0415 - as above

    return Channels(settings.alerts_file)


def _prepare(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe = data / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"the data directory {data} (KANSOKU_DATA) cannot be written: {error.strerror}"
        ) from error


def _listen(host: str, port: int, name: str) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        raise SettingsError(
            f"port {port} on {host} cannot be used ({error.strerror}); choose another with {name}"
        ) from error
    return listener


def _problem(journal: Journal, schema: Schema, clients: Clients) -> str:
    """Say why requests cannot be accepted and stored now, or nothing."""
    probe = journal.directory / ".writable"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        return f"the journal cannot be written: {error.strerror}"
    if schema.problem:
        return f"requests are kept in the journal: {schema.problem}"
    try:
        applied = clients.run(
            lambda client: {row[0] for row in client.query("SELECT name FROM migrations").result_rows}
        )
    except (ClickHouseError, StoreError) as error:
        return f"ClickHouse cannot be reached: {error}"
    missing = [name for name, _ in migrations() if name not in applied]
    return f"migration {missing[0]} is not applied" if missing else ""


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

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return stop
