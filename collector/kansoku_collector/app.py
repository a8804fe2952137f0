"""The collector process: compose the parts, serve until told to stop, leave nothing acknowledged behind."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
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
from kansoku_collector.receive.feedback import feedback_route
from kansoku_collector.receive.http import Receiver
from kansoku_collector.receive.intake import Intake
from kansoku_collector.settings import Settings
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import apply_retention, migrate, migrations
from kansoku_collector.writer import WriterThread

if TYPE_CHECKING:
    from kansoku_collector.watch.run import Watch

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_DRAIN_SECONDS = 5.0
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
        return asyncio.run(collector.run())
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
    app: Starlette
    listener: socket.socket
    gateway: tuple[Any, socket.socket] | None  # ASGI application and its socket
    writer: WriterThread
    watch: "Watch | None"

    async def run(self) -> int:
        """Serve until a signal comes; then stop accepting and empty the journal."""
        self.writer.start()
        if self.watch is not None:
            self.watch.start()
        pairs = [(self.app, self.listener), *([self.gateway] if self.gateway else [])]
        servers = [_server(app) for app, _ in pairs]
        stop = _stop_on_signal(servers)
        tasks = [asyncio.create_task(s.serve([sock])) for s, (_, sock) in zip(servers, pairs, strict=True)]
        log.info("collector listens on %s:%d", *self.listener.getsockname()[:2])
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        stop()
        await asyncio.gather(*tasks)
        return 0

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
    _prepare(settings.data)
    listener = _listen(settings.host, settings.port, "KANSOKU_PORT")
    client = connect(settings.store_url)
    _migrate(client, settings.retention_days)
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
    receiver = Receiver(Intake(journal, metrics), keys, metrics, settings.max_body_bytes, settings.insecure)
    metrics.registry.register(receiver.receipts)
    api = Api(receiver, clients, lambda: _problem(journal, clients))
    pipeline = Pipeline([pricing(PriceFile(settings.prices_file), metrics), read_signals], metrics)
    return Collector(
        settings=settings,
        client=client,
        keys=keys,
        journal=journal,
        metrics=metrics,
        clients=clients,
        app=Starlette(
            routes=[
                *receiver.routes(),
                feedback_route(receiver, settings.feedback_origins),
                *api.routes(),
            ]
        ),
        listener=listener,
        gateway=_gateway(settings, keys),
        writer=WriterThread(journal, pipeline, open_client, metrics),
        watch=_watch(settings, open_client, metrics),
    )


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


def _migrate(client: Client, retention_days: int) -> None:
    try:
        migrate(client)
        apply_retention(client, retention_days)
    except ClickHouseError as error:
        raise StoreError(f"the schema in ClickHouse cannot be brought up to date: {error}") from error


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


def _server(app: Any) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="auto",
        timeout_graceful_shutdown=3,
        server_header=False,
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
