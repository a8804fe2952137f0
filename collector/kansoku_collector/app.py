"""The collector process: compose the parts, serve until told to stop, leave nothing acknowledged behind."""

import gc
import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from starlette.applications import Starlette

from kansoku_collector.enrich.cost import PriceFile, pricing
from kansoku_collector.enrich.names import short_names
from kansoku_collector.enrich.signals import read_signals
from kansoku_collector.errors import KansokuError, SettingsError, StoreAwayError, StoreError
from kansoku_collector.files import allow_open_files, hold, open_standard_streams, private_directory
from kansoku_collector.housekeeping import Housekeeping
from kansoku_collector.journal import Journal
from kansoku_collector.keys import Keys
from kansoku_collector.log_stream import StandardError
from kansoku_collector.metrics import Metrics
from kansoku_collector.pipeline import Pipeline
from kansoku_collector.receive.api import Api, Clients
from kansoku_collector.receive.channels import Trial, channel_routes
from kansoku_collector.receive.condition import condition_route
from kansoku_collector.receive.elsewhere import not_found
from kansoku_collector.receive.feedback import feedback_route
from kansoku_collector.receive.http import otlp_routes
from kansoku_collector.receive.incident_actions import incident_actions_route
from kansoku_collector.receive.intake import Intake
from kansoku_collector.receive.limits import Limits, Rates, Room
from kansoku_collector.receive.receiver import Receiver
from kansoku_collector.receive.tls import Tls
from kansoku_collector.receive.views import views_route
from kansoku_collector.service import Collector
from kansoku_collector.settings import Settings
from kansoku_collector.store.ageing import Ageing, last_written
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrations
from kansoku_collector.store.native import without_data_frames
from kansoku_collector.store.schema import Schema
from kansoku_collector.writer import WriterThread

if TYPE_CHECKING:
    from kansoku_collector.watch.run import Watch

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PROBE_BYTES = 4096
_LEAST_FILES = 256  # a hundred of them before the first connection
log = logging.getLogger("kansoku")


def serve(settings: Settings) -> int:
    """Run the collector until SIGINT or SIGTERM; return the exit code.

    What cannot work is said in one sentence on standard error.
    """
    open_standard_streams()
    _log_to_stderr(settings.log_level.upper())
    without_data_frames()
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
    form = "%(asctime)s %(levelname)s %(message)s"
    logging.basicConfig(level="WARNING", format=form, handlers=[StandardError()])
    for name in ("kansoku", "kansoku_collector"):
        logging.getLogger(name).setLevel(level)
    # What these two warn of comes to us as an exception, and is said once, in our own words.
    for name in ("urllib3", "clickhouse_connect"):
        logging.getLogger(name).setLevel("ERROR")


def build(settings: Settings) -> Collector:
    """Open and compose everything; raise KansokuError or OSError when something cannot work."""
    _refuse_open_doors(settings)
    if (files := allow_open_files()) < _LEAST_FILES:
        raise SettingsError(
            f"this process may open {files} files, {_LEAST_FILES} are needed at least: raise `ulimit -n`"
        )
    tls = Tls.of(settings)
    _prepare(settings.data)
    listener = _listen(settings.host, settings.port, "KANSOKU_PORT")
    if settings.grpc_port and "grpc_port" in settings.model_fields_set:
        _listen(settings.host, settings.grpc_port, "KANSOKU_GRPC_PORT").close()
    ageing = Ageing(last_written(settings.data / "journal"), note=settings.data / "clock")
    schema = _schema(settings, keep_all=ageing.leapt())
    if settings.embedded:
        _keep_scratch(settings.data / "scratch")
    _hold_journal(settings.data)
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
    stages = [short_names(metrics), pricing(PriceFile(settings.prices_file), metrics), read_signals]
    pipeline = Pipeline(stages, metrics, receiver.receipts.settle, receiver.traffic, alone=settings.embedded)
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
        app=_routed(settings, receiver, api, clients, journal),
        listener=listener,
        gateway=_gateway(settings, keys),
        writer=WriterThread(journal, pipeline, schema.open, metrics),
        housekeeping=Housekeeping(schema.open, embedded=settings.embedded, ageing=ageing),
        ageing=ageing,
        watch=_watch(settings, schema.open, metrics),
    )


def _schema(settings: Settings, *, keep_all: bool) -> Schema:
    """Return the schema, brought up to date unless ClickHouse is away and may come later."""
    schema = Schema(settings, keep_all=keep_all)
    try:
        schema.bring()
    except StoreAwayError as error:
        if not settings.clickhouse_wait_seconds:
            raise
        log.warning("%s; what is received waits in the journal until it answers", error)
    return schema


def _routed(
    settings: Settings, receiver: Receiver, api: Api, clients: Clients, journal: Journal
) -> Starlette:
    """Return the application that answers HTTP."""
    return Starlette(
        routes=[
            *otlp_routes(receiver),
            feedback_route(receiver, settings.feedback_origins),
            *api.routes(),
            views_route(receiver, clients),
            incident_actions_route(receiver, clients),
            condition_route(receiver, journal.directory),
            *channel_routes(receiver, _trial(settings)),
        ],
        exception_handlers=not_found(receiver.metrics),
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


def _refuse_open_doors(settings: Settings) -> None:
    if settings.insecure and settings.host not in _LOOPBACK:
        raise SettingsError(
            f"KANSOKU_INSECURE allows requests without a key, so only on loopback, not on {settings.host}"
        )


def _prepare(data: Path) -> None:
    if os.path.lexists(data) and not data.is_dir():
        raise SettingsError(
            f"{data} (KANSOKU_DATA) is a file or a link to nothing: name a directory, or remove it"
        )
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe = data / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"the data directory {data} (KANSOKU_DATA) cannot be written: {error.strerror}"
        ) from error


def _hold_journal(data: Path) -> None:
    """Refuse a journal that another collector writes: each would remove what the other appends to."""
    private_directory(data / "journal")
    try:
        hold(data / "journal")
    except BlockingIOError as error:
        raise SettingsError(
            f"the data directory {data} is in use by another collector: give each its own (KANSOKU_DATA)"
        ) from error


def _keep_scratch(folder: Path) -> None:
    """Let temporary files lie in a folder of the data, and remove what a kill left there.

    The embedded engine's client writes every block to one first, and some answers come from one. In the
    machine's own folder texts would outlive retention, and it may be small. Call it with the engine's lock
    held.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
    tempfile.tempdir = str(folder)


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
        try:  # bytes, too: a disk without room for them still takes a name
            probe.write_bytes(bytes(_PROBE_BYTES))
        finally:
            probe.unlink(missing_ok=True)
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
