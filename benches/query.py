"""How long the dashboard's and the alerts' questions take over months of spans, through a collector.

    python benches/query.py --spans 10000000 --days 90

Makes the data inside the engine (`query_data.py`), starts a collector on it and asks every question of
`query_questions.py` as the dashboard does, over the gateway: once cold, then again and again. CPU is of the
collector's process. Then it searches for random pieces of stored texts and counts those that are not found.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from kill import Target
from query_data import PROJECT, fill
from query_questions import (
    NEEDLES,
    of_a_search,
    of_a_session,
    of_a_trace,
    of_alerts,
    without_a_range,
)
from query_screens import Named, Setting, of_a_range

from kansoku_collector.housekeeping import Housekeeping
from kansoku_collector.store.connect import connect
from kansoku_collector.store.migrate import migrate
from kansoku_collector.store.read import traces
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.scope import Period

RANGES = {"1 h": 1 / 24, "24 h": 1, "7 d": 7, "30 d": 30, "90 d": 90}  # days; screens offer each of them
LIMIT_MS, TRACE_LIMIT_MS, MEMORY_MB = 300, 50, 4000
TRACES = 20  # of which each is looked up by its id
MADE = "made.json"
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Result:
    """One question: milliseconds of the first time, of the middle and of the slowest in twenty."""

    name: str
    first: float
    p50: float
    p95: float
    cpu: float  # of the collector, a call
    limit: float


def generate(folder: Path, spans: int, days: int) -> None:
    """Fill a store in `folder`, and put together what a running one would have put together long ago.

    A run that was cut off is gone on with: the file beside the store says where the data ends.
    """
    client = connect(f"chdb://{folder / 'clickhouse'}")
    migrate(client)
    end, began = _end_of(folder), time.monotonic()
    for done in fill(client, spans=spans, days=days, end=end):
        print(f"\r{done:,} spans, {time.monotonic() - began:.0f} s", end="", file=sys.stderr, flush=True)
    for table in ("traces", "rollup_minute", "rollup_hour", "rollup_day", "rollup_session"):
        client.command(f"OPTIMIZE TABLE {table} FINAL")
    Housekeeping(lambda: client, embedded=True).look(end)
    while client.command("SELECT count() FROM system.mutations WHERE NOT is_done"):
        time.sleep(0.5)
    print(file=sys.stderr)
    client.close()
    (folder / MADE).write_text(json.dumps({"end": end.isoformat(), "finished": True}))


def _end_of(folder: Path) -> datetime:
    path = folder / MADE
    if not path.exists():
        path.write_text(json.dumps({"end": datetime.now(UTC).isoformat(), "finished": False}))
    return datetime.fromisoformat(json.loads(path.read_text())["end"])


def is_made(folder: Path) -> bool:
    """Tell whether `folder` holds a store that was filled to its end."""
    path = folder / MADE
    return path.exists() and bool(json.loads(path.read_text())["finished"])


def ask(target: Target, questions: Named, repeats: int, limit: float, only: str = "") -> list[Result]:
    """Ask each question whose name holds `only` `repeats` times after a first time, through the gateway."""
    client, found = _client(target), []
    for name, question in questions:
        if only not in name:
            continue
        times, before = [], cpu_seconds(target)
        for _ in range(repeats + 1):
            start = time.perf_counter()
            question(client)
            times.append(1000 * (time.perf_counter() - start))
        cpu = 1000 * (cpu_seconds(target) - before) / (repeats + 1)
        slowest = quantiles(times[1:], n=20)[-1] if repeats > 1 else times[-1]
        found.append(Result(name, times[0], median(times[1:]), slowest, cpu, limit))
        print(_line(found[-1]), flush=True)
    return found


def recall(target: Target, setting: Setting, count: int) -> tuple[int, int]:
    """Search for `count` random pieces of the last day's texts; return (asked, texts that were not found)."""
    client, dice = _client(target), random.Random(5)  # noqa: S311 - the same pieces on every run
    period = Period(setting.end - timedelta(days=1), setting.end)
    # A trace is listed where it starts: what one says that began before the day is not asked for.
    texts = client.query(
        """SELECT trace_id, input_text, output_text FROM spans
        WHERE project = {project:String} AND start >= {start:DateTime64(6, 'UTC')}
            AND start < {end:DateTime64(6, 'UTC')} AND input_text != '' AND trace_id NOT IN (
                SELECT trace_id FROM spans WHERE project = {project:String}
                    AND start >= {start:DateTime64(6, 'UTC')} - INTERVAL 1 HOUR
                    AND start < {start:DateTime64(6, 'UTC')})""",
        parameters={"project": PROJECT} | period.params(),
    ).result_rows
    missed = 0
    for _ in range(count):
        text = dice.choice(dice.choice(texts)[1:]) or "s"
        start = dice.randrange(len(text))
        needle = text[start : start + dice.randint(1, 10)].strip() or "s"
        holding = {row[0] for row in texts if needle in row[1] or needle in row[2]}
        listed = {row.trace_id for row in traces.export(client, Filter(period, text=needle), most=100_000)}
        missed += len(holding - listed)
    return count, missed


def setting_of(target: Target) -> Setting:
    """Return the end of the data, traces of all its days, and who used one of its last day."""
    client = _client(target)
    first, last = client.query(
        "SELECT min(start), max(start) FROM traces WHERE project = {project:String}",
        parameters={"project": PROJECT},
    ).result_rows[0]
    first, last = first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)
    moments = [last - timedelta(hours=12)]
    moments += [first + (last - first) * (at + 0.5) / TRACES for at in range(TRACES)]
    rows: list[Any] = []
    for moment in moments:
        rows += client.query(
            """SELECT trace_id, user_id, session_id FROM spans
            WHERE project = {project:String} AND start < {at:DateTime} ORDER BY start DESC LIMIT 1""",
            parameters={"project": PROJECT, "at": moment},
        ).result_rows
    _, user, session = rows[0]
    return Setting(last + timedelta(seconds=30), tuple(row[0] for row in rows), user, session)


def memory_mb(target: Target) -> tuple[int, int]:
    """Return the resident memory of the collector, now and at its highest."""
    assert target.process is not None  # noqa: S101 - a bench
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{target.process.pid}/status").read_text().splitlines()
    )
    now, highest = (int(status[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM"))
    return now, highest


def main() -> int:
    """Run the bench; return 1 when a question is slower than its limit or a text was not found."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="kansoku-query-", dir=options.folder) as temporary:
        data = Path(options.data or temporary)
        if not is_made(data):
            command = [sys.executable, __file__, "--generate", str(data)]
            command += ["--spans", str(options.spans), "--days", str(options.days)]
            subprocess.run(command, check=True)  # a process of its own: one engine each
        target = Target(data)
        os.environ.setdefault("KANSOKU_DETECTOR", "0")  # it would read the hours of months meanwhile
        target.start()
        try:
            return measure_all(target, options)
        finally:
            target.stop()


def measure_all(target: Target, options: argparse.Namespace) -> int:
    """Ask everything and print what came of it; return the exit code."""
    setting, repeats, only = setting_of(target), options.repeats, options.only
    results = ask(target, of_a_trace(setting), repeats, TRACE_LIMIT_MS, only)
    for questions in (of_a_session(setting), without_a_range(setting), of_alerts(setting)):
        results += ask(target, questions, repeats, LIMIT_MS, only)
    for needle in NEEDLES:
        results += ask(target, of_a_search(setting, needle), repeats, LIMIT_MS, only)
    for name, days in RANGES.items():
        if days <= options.days:
            period = Period(setting.end - timedelta(days=days), setting.end)
            named = ((f"{name} {question}", call) for question, call in of_a_range(period, setting))
            results += ask(target, named, repeats, LIMIT_MS, only)
    missed = 0
    if not only or only == "recall":
        asked, missed = recall(target, setting, options.needles)
        print(f"search: {asked} random pieces, {missed} texts not found")
    now, highest = memory_mb(target)
    slow = [result for result in results if result.p95 > result.limit]
    print(f"memory of the collector: {now} MB, {highest} MB at its highest")
    print(f"{len(results)} questions, {len(slow)} over their limit")
    for result in slow:
        print(_line(result))
    return int(bool(slow or missed or highest > MEMORY_MB))


def _line(result: Result) -> str:
    mark = " SLOW" if result.p95 > result.limit else ""
    return (
        f"{result.name:42s} first {result.first:7.0f}  p50 {result.p50:6.0f}  p95 {result.p95:6.0f}"
        f"  cpu {result.cpu:6.0f} ms{mark}"
    )


def _client(target: Target) -> Client:
    key = json.loads((target.data / "secrets.json").read_text())["read"]
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=target.gateway_port, username="reader", password=key, database="kansoku"
    )


def cpu_seconds(target: Target) -> float:
    """Return the CPU that the collector has used so far."""
    assert target.process is not None  # noqa: S101 - a bench
    stat = Path(f"/proc/{target.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / _TICK


def _options() -> Any:
    parser = argparse.ArgumentParser(description="The store's questions over months of spans.")
    parser.add_argument("--spans", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--needles", type=int, default=100, help="random pieces of texts to search for")
    parser.add_argument(
        "--only",
        default="",
        help="ask only the questions whose names hold this; `recall`: only search for pieces of texts",
    )
    parser.add_argument("--data", help="a data directory that is kept, and used again when it is filled")
    parser.add_argument("--folder", help="where the temporary data directory is made")
    parser.add_argument("--generate", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.generate:
        generate(options.generate, options.spans, options.days)
        raise SystemExit(0)
    return options


if __name__ == "__main__":
    sys.exit(main())
