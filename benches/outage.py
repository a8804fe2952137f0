"""Take ClickHouse away from a collector under load, in every way it can fail: nothing may be lost or doubled.

    python benches/outage.py --minutes 10 --rate 500

ClickHouse runs in a process of its own behind a proxy that fails. First it is away for `--minutes`, then it
is slow, full, read-only, refusing, replaced by something else and so on for `--seconds` each, and works again
in between. Senders go on at `--rate` spans a second. In the end every table and rollup must hold exactly the
spans that were acknowledged, the collector's process is still the first one, and its memory stayed bounded.
"""

import argparse
import base64
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault_proxy import MODES, Proxy
from kill import (
    CHECKS,
    COST,
    ENVIRONMENT,
    SPANS_PER_REQUEST,
    TABLES_WITH_COST,
    Target,
    new_spans,
    request_body,
)

ROOT = Path(__file__).resolve().parents[1]
MAX_MB = 400  # the collector's memory, however long ClickHouse is away: what waits is on the disk
HEADERS = {"content-type": "application/x-protobuf"}


@dataclass
class Load:
    """One sender at a fixed rate; what is refused for now is sent again later, and nothing is given up."""

    port: int
    rate: int  # spans a second
    acknowledged: int = 0
    refused: int = 0
    slowest: float = 0.0
    _halt: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start sending."""
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send the last request until it is taken, and end."""
        self._halt.set()
        if self._thread is not None:
            self._thread.join(120)

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        due = time.monotonic()
        while not self._halt.is_set():
            body = request_body(new_spans())
            while not self._once(connection, body):
                self.refused += 1
                time.sleep(0.5)
            self.acknowledged += SPANS_PER_REQUEST
            due += SPANS_PER_REQUEST / self.rate
            time.sleep(max(0.0, due - time.monotonic()))

    def _once(self, connection: http.client.HTTPConnection, body: bytes) -> bool:
        began = time.monotonic()
        try:
            connection.request("POST", "/v1/traces", body, HEADERS)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return False
        self.slowest = max(self.slowest, time.monotonic() - began)
        return answer.status == 200


@dataclass
class Outage:
    """A collector, ClickHouse behind a proxy, and the load."""

    target: Target
    proxy: Proxy
    load: Load
    phases: list[dict[str, Any]] = field(default_factory=list)

    def phase(self, mode: str, seconds: float) -> None:
        """Let ClickHouse fail for a while, then work, and wait until the journal is empty."""
        before, memory, journal = self.load.acknowledged, _memory(self.target), 0
        self.proxy.failed, self.proxy.mode = 0, mode
        end = time.monotonic() + seconds
        peak = memory
        while time.monotonic() < end:
            time.sleep(0.5)
            peak = max(peak, _memory(self.target))
            journal = max(journal, _journal_bytes(self.target))
        sent = self.load.acknowledged - before
        failed, self.proxy.mode = self.proxy.failed, "pass"
        recovered = time.monotonic()
        while _behind(self.target) and time.monotonic() < recovered + 300:
            time.sleep(0.1)
            peak = max(peak, _memory(self.target))
        self.phases.append(
            {
                "mode": mode,
                "seconds": seconds,
                "acknowledged meanwhile": sent,
                "failed requests to ClickHouse": failed,
                "journal MB": round(journal / 1e6, 1),
                "caught up after s": round(time.monotonic() - recovered, 1),
                "memory before MB": round(memory / 1e6),
                "memory peak MB": round(peak / 1e6),
            }
        )
        print(json.dumps(self.phases[-1]), file=sys.stderr, flush=True)


def run(minutes: float, seconds: float, rate: int, directory: Path) -> dict[str, Any]:
    """Go through every failure; return what was acknowledged, what is stored and each phase."""
    store = Store(directory / "clickhouse")
    proxy = Proxy(store.port).start()
    target = Target(directory / "data")
    ENVIRONMENT["KANSOKU_CLICKHOUSE_URL"] = f"http://admin:ksk_admin@127.0.0.1:{proxy.port}/kansoku"
    target.start()
    first = target.process
    load = Load(target.port, rate)
    load.start()
    outage = Outage(target, proxy, load)
    time.sleep(min(seconds, 10))
    try:
        for mode in MODES:
            outage.phase(mode, minutes * 60 if mode == "away" else seconds)
    finally:
        proxy.mode = "pass"
        load.stop()
    while list(target.data.glob("journal/*.seg")):
        time.sleep(0.1)
    found: dict[str, Any] = {
        "acknowledged": load.acknowledged,
        "refused for now": load.refused,
        "slowest answer s": round(load.slowest, 2),
        "restarts": int(target.process is not first),
        "set aside": len(list(target.data.glob("journal/aside/*.bad"))),
    }
    found |= {name: store.ask(sql) for name, sql in CHECKS.items()}
    found |= {f"cost in {table}": store.ask(COST + table) for table in TABLES_WITH_COST}
    found |= {"phases": outage.phases, "exit code": target.stop()}
    store.close()
    proxy.shutdown()
    return found


def failures(found: dict[str, Any]) -> list[str]:
    """Return what does not hold, as sentences."""
    wrong = [
        f"{name}: {found[name]} stored, {found['acknowledged']} acknowledged"
        for name in CHECKS
        if float(found[name]) != found["acknowledged"]
    ]
    if len({found[f"cost in {table}"] for table in TABLES_WITH_COST}) != 1:
        wrong.append("the tables disagree about the cost")
    wrong += [
        f"{phase['mode']}: the collector used {phase['memory peak MB']} MB"
        for phase in found["phases"]
        if phase["memory peak MB"] > MAX_MB
    ]
    wrong += [f"{found[name]} {name}" for name in ("set aside", "restarts", "exit code") if found[name]]
    return wrong


class Store:
    """ClickHouse in a process of its own, served by our gateway as a server would be."""

    def __init__(self, directory: Path) -> None:
        sys.path.insert(0, str(ROOT / "tests"))
        from support.ports import free_port  # noqa: PLC0415 - the tests' ClickHouse

        self.port = free_port()
        script = ROOT / "tests/collector/gateway_process.py"
        command = [sys.executable, str(script), str(directory), str(self.port), "16"]
        self._process = subprocess.Popen(command, env=os.environ | {"TZ": "UTC"})
        while not self._listens():
            if self._process.poll() is not None:
                raise SystemExit("ClickHouse's process ended")
            time.sleep(0.1)

    def ask(self, sql: str) -> str:
        """Return what a query answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        key = base64.b64encode(b"admin:ksk_admin").decode()
        connection.request("POST", "/?database=kansoku", sql, {"authorization": f"Basic {key}"})
        text = connection.getresponse().read().decode().strip()
        connection.close()
        return text

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _listens(self) -> bool:
        try:
            return self.ask("SELECT 1") == "1"
        except OSError:
            return False


def _memory(target: Target) -> int:
    """Return the resident memory of the collector, in bytes."""
    assert target.process is not None  # noqa: S101 - a bench
    for line in Path(f"/proc/{target.process.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _journal_bytes(target: Target) -> int:
    return sum(path.stat().st_size for path in target.data.glob("journal/*.seg") if path.exists())


def _behind(target: Target) -> bool:
    """Tell whether more waits than what came in the last moments."""
    return len(list(target.data.glob("journal/*.seg"))) > 2


def main() -> int:
    """Run from the command line; exit 1 when something was lost or doubled."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10, help="how long ClickHouse is away (default 10)")
    parser.add_argument("--seconds", type=float, default=30, help="how long every other failure lasts")
    parser.add_argument("--rate", type=int, default=500, help="spans a second (default 500)")
    parser.add_argument("--out", type=Path, help="write the result to this JSON file as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kansoku-outage-") as directory:
        found = run(options.minutes, options.seconds, options.rate, Path(directory))
    wrong = failures(found)
    result = {**found, "failures": wrong}
    print(json.dumps(result, indent=2))
    if options.out:
        options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("\n".join(wrong) or "nothing lost, nothing doubled, memory bounded")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
