"""`kansoku doctor`: is everything as it should be, and if not, what to do."""

import argparse
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kansoku.errors import KansokuError
from kansoku_cli import access, parts, variables

if TYPE_CHECKING:  # the SDK alone has neither store nor client
    from clickhouse_connect.driver.client import Client

_OLDEST_ENGINE = (26, 3)  # the dialect of the migrations; the embedded engine is 26.9
_CLOCK_SECONDS = 5.0
_LAG_SECONDS = 300.0
_FREE_SHARE = 0.1


class Finding(NamedTuple):
    """One thing that was looked at: whether it is well, and a sentence."""

    well: bool
    sentence: str


def add_commands(commands: Any, data: Any) -> None:
    """Add `doctor` to the command line."""
    parser = commands.add_parser("doctor", help="check engine, schema, journal, keys, disk and clock")
    parser.set_defaults(command=run)
    data(parser)


def run(args: argparse.Namespace) -> int:
    """Print a line for each thing; return 1 when something needs attention."""
    settings = parts.settings(args)
    worst = 0
    for finding in examine(settings, lambda: _connect(args)):
        print(f"{'ok' if finding.well else '!!'}  {finding.sentence}")
        worst |= not finding.well
    return worst


def examine(settings: Any, connect: "Callable[[], Client]") -> Iterator[Finding]:
    """Yield what is found, from the disk to the schema; the store last, because it may be away."""
    yield from (Finding(well=False, sentence=sentence) for sentence in variables.unknown(os.environ))
    yield from _looked("data directory", lambda: _disk(settings))
    yield from _looked("journal", lambda: _journal(settings))
    yield from _looked("keys", lambda: _keys(settings.data))
    yield from _looked("TLS", lambda: _tls(settings))
    yield _collector(settings)
    if settings.embedded and not Path(settings.store_url.removeprefix("chdb://")).exists():
        yield Finding(well=True, sentence="ClickHouse: nothing is stored yet; the first start makes it")
        return
    try:
        client = connect()
        yield from _store(client, settings)
    except Exception as error:  # noqa: BLE001 - a border: a doctor says what is wrong, whatever it is
        yield Finding(well=False, sentence=f"ClickHouse: {str(error).splitlines()[0]}")


def _looked(what: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what is found; what cannot be looked at is a finding, and the others are looked at still."""
    try:
        yield from look()
    except OSError as error:
        sentence = f"{what}: {error.filename} cannot be read: {error.strerror}"
        yield Finding(well=False, sentence=f"{sentence}; the collector's user has to own it")
    except KansokuError as error:
        yield Finding(well=False, sentence=f"{what}: {error}")


def _connect(args: argparse.Namespace) -> "Client":
    return access.connect(args, parts.read_url(args))


def _disk(settings: Any) -> Iterator[Finding]:
    data: Path = settings.data
    if not data.exists():
        above = next(parent for parent in data.absolute().parents if parent.exists())
        if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
            yield Finding(
                well=False, sentence=f"data directory {data} cannot be made: {above} is not writable"
            )
        else:
            sentence = f"data directory {data}: not there yet; the first start makes it"
            yield Finding(well=True, sentence=sentence)
        return
    try:
        probe = data / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        yield Finding(well=False, sentence=f"data directory {data} cannot be written: {error.strerror}")
    total, _, free = shutil.disk_usage(data)
    needed = max(total * _FREE_SHARE, min(settings.journal_max_bytes, total))
    text = f"disk of {data}: {_size(free)} free of {_size(total)}"
    if free < needed:
        text += f"; the journal may take {_size(settings.journal_max_bytes)}: free some, or shorten retention"
    yield Finding(well=free >= needed, sentence=text)


def _journal(settings: Any) -> Iterator[Finding]:
    from kansoku_collector import aside  # noqa: PLC0415

    folder = settings.data / "journal"
    if not folder.exists():
        return
    segments = [path.stat() for path in folder.glob("*.seg")]
    size, oldest = sum(s.st_size for s in segments), min((s.st_mtime for s in segments), default=time.time())
    age = time.time() - oldest
    text = f"journal: {_size(size)} wait for ClickHouse, the oldest since {age:.0f} s"
    if age > _LAG_SECONDS:
        text += "; ClickHouse refuses or is away: the collector's log says why"
    yield Finding(well=age <= _LAG_SECONDS, sentence=text)
    if kept := aside.listed(folder):
        names = f"{len(kept)} set aside because they cannot be stored"
        yield Finding(well=False, sentence=f"journal: {names}: see `kansoku journal list`")


def _keys(data: Path) -> Iterator[Finding]:
    from kansoku_collector.keys import Keys  # noqa: PLC0415

    if not (data / "keys.json").exists():
        yield Finding(well=True, sentence="keys: none yet; the first start makes them")
        return
    listed = Keys.open(data).listed()
    scopes = {scope for key in listed for scope in key["scopes"]}
    missing = {"ingest", "read"} - scopes
    text = f"keys: {len(listed)}"
    if missing:
        text += f", but none may {' or '.join(sorted(missing))}: `kansoku keys create NAME --scope ...`"
    yield Finding(well=not missing, sentence=text)
    secrets = data / "secrets.json"
    if secrets.exists() and stat.S_IMODE(secrets.stat().st_mode) & 0o077:
        yield Finding(well=False, sentence=f"{secrets} can be read by others: chmod 600 {secrets}")


def _tls(settings: Any) -> Iterator[Finding]:
    if settings.tls_cert is None:
        return
    from kansoku_collector.receive import certificate  # noqa: PLC0415

    if settings.tls_key is not None:
        certificate.check(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
    sentence = certificate.problem(settings.tls_cert)
    end = certificate.expires(settings.tls_cert)
    until = f" until {end:%Y-%m-%d}" if end else ""
    yield Finding(well=not sentence, sentence=f"TLS: {sentence or f'{settings.tls_cert} is good{until}'}")


def _collector(settings: Any) -> Finding:
    where = f"{settings.host}:{settings.port}"
    if parts.listens(settings.port):
        if settings.embedded and not any((settings.data / n).exists() for n in ("keys.json", "clickhouse")):
            text = f"collector: listens on {where}, but not with {settings.data}: {access.CHOOSE}"
            return Finding(well=False, sentence=text)
        return Finding(well=True, sentence=f"collector: listens on {where}")
    return Finding(well=True, sentence=f"collector: nothing listens on {where}")


def _store(client: "Client", settings: Any) -> Iterator[Finding]:
    from kansoku_collector.store import migrate  # noqa: PLC0415
    from kansoku_collector.store.damage import damaged  # noqa: PLC0415
    from kansoku_collector.store.retention import Retention, read_projects  # noqa: PLC0415

    version = str(client.command("SELECT version()"))
    old = tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_ENGINE
    kind = "embedded" if settings.embedded else settings.clickhouse_cluster or "one server"
    wanted = f"; {'.'.join(map(str, _OLDEST_ENGINE))} or newer is needed" if old else ""
    yield Finding(well=not old, sentence=f"ClickHouse {version}, {kind}{wanted}")
    try:
        migrate.check_layout(client, settings.clickhouse_cluster)
        waiting = migrate.missing(client)
    except KansokuError as error:
        yield Finding(well=False, sentence=f"schema: {error}")
        return
    if waiting:
        todo = f"{len(waiting)} migrations are missing, the first is {waiting[0]}: run `kansoku migrate`"
        yield Finding(well=False, sentence=f"schema: {todo}")
        return
    for sentence in damaged(client) if settings.embedded else ():
        yield Finding(well=False, sentence=f"ClickHouse: {sentence}")
    yield _clock(client)
    yield Finding(well=True, sentence=f"schema: up to date ({migrate.migrations()[-1][0]})")
    try:
        kept = Retention.of(settings, read_projects(client))
        kept.check()
    except KansokuError as error:
        yield Finding(well=False, sentence=f"retention: {error}")
        return
    own = f", {len(kept.projects)} projects differ" if kept.projects else ""
    days = ", ".join(f"{kind} {days} days" for kind, days in kept.defaults.items())
    yield Finding(well=True, sentence=f"retention: {days}{own}")


def _clock(client: "Client") -> Finding:
    now, newest = client.query(
        "SELECT toFloat64(now64(3)), (SELECT toFloat64(max(received)) FROM spans)"
    ).result_rows[0]
    apart = now - time.time()
    if abs(apart) > _CLOCK_SECONDS:
        text = f"clock: ClickHouse's is {apart:+.1f} s off this machine's: set both by NTP"
        return Finding(well=False, sentence=text)
    if newest > time.time() + 60:
        when = datetime.fromtimestamp(newest, UTC)
        text = f"clock: spans were received at {when:%Y-%m-%d %H:%M} UTC, which is still to come"
        return Finding(well=False, sentence=f"{text}: was the clock set back?")
    return Finding(well=True, sentence="clock: agrees with ClickHouse's and with what was received")


def _size(number: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
