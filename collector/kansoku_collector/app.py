"""The collector process: compose the parts, serve until told to stop, leave nothing acknowledged behind."""

import asyncio
import gc
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
from kansoku_collector.errors import KansokuError, SettingsError, StoreError
from kansoku_collector.journal import Journal
from kansoku_collector.keys import Keys
from kansoku_collector.metrics import Metrics
from kansoku_collector.pipeline import Pipeline
from kansoku_collector.receive.api import Api, Clients
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
from kansoku_collector.store.migrate import migrate, migrations
from kansoku_collector.store.retention import Retention, read_projects
from kansoku_collector.store.retention import apply as apply_retention
from kansoku_collector.writer import WriterThread

if TYPE_CHECKING:
    from kansoku_collector.watch.run import Watch

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_DRAIN_SECONDS = 5.0
_KEEP_ALIVE_SECONDS = 75  # exporters send every few seconds: a shorter one would close under their hands
_RETENTION_SECONDS = 20.0
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
    client: Client  # kept open: embedded ClickHouse lives as long as a client does
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
        log.info("collector listens on %s:%d", *self.listener.getsockname()[:2])
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        stop()
        renewal.cancel()
        ageing.cancel()
        await asyncio.gather(*tasks, *([grpc_server.stop()] if grpc_server else []))
        return 0

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
        with suppress(ClickHouseError):
            self.client.close()


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
    client = connect(settings.store_url)
    kept = _migrate(client, settings)
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
    receiver.ages.retention = kept
    metrics.registry.register(receiver.receipts)
    api = Api(receiver, clients, lambda: _problem(journal, clients))
    stages = [pricing(PriceFile(settings.prices_file), metrics), read_signals]
    pipeline = Pipeline(stages, metrics, receiver.receipts.settle)
    return Collector(
        settings=settings,
        client=client,
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
            ]
        ),
        listener=listener,
        gateway=_gateway(settings, keys),
        writer=WriterThread(journal, pipeline, open_client, metrics),
        watch=_watch(settings, open_client, metrics),
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
    if settings.alerts_file is None:
        return None
    from kansoku_collector.watch.rules import read_rules  # noqa: PLC0415 - only with alert rules
    from kansoku_collector.watch.run import Watch  # noqa: PLC0415

    watch = Watch(open_client, read_rules(settings.alerts_file), settings.alerts_interval_seconds)
    metrics.follow_watch(watch.counts)
    return watch


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


def _migrate(client: Client, settings: Settings) -> Retention:
    """Bring the schema up to date and make the tables keep what the settings and the projects say."""
    try:
        migrate(client, settings.clickhouse_cluster)
        kept = Retention.of(settings, read_projects(client))
        apply_retention(client, kept, settings.clickhouse_cluster)
    except ClickHouseError as error:
        raise StoreError(f"the schema in ClickHouse cannot be brought up to date: {error}") from error
    return kept


def _problem(journal: Journal, clients: Clients) -> str:
    """Say why requests cannot be accepted and stored now, or nothing."""
    probe = journal.directory / ".writable"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        return f"the journal cannot be written: {error.strerror}"
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
