"""What one span costs: CPU of the collector and bytes on disk, written down for docs/collector/capacity.md.

    python benches/footprint.py --spans 20000 && python docs/generate.py

Sends the load of benches/ingest.py, waits until everything is stored, and reads the size of
every table from ClickHouse's own catalogue. Run it on a machine that does nothing else.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from ingest import CONNECTIONS, SPANS_PER_REQUEST, cpu_seconds, request_of, send
from kill import Target

RESULT = Path(__file__).parent / "results" / "footprint.json"
_SIZE = """SELECT toUInt64(sum(bytes_on_disk)) FROM system.parts
WHERE database = currentDatabase() AND active AND table {condition}"""
_ROLLUPS = "IN ('traces', 'rollup_minute', 'rollup_hour', 'rollup_day', 'rollup_session')"


def measure(spans: int, data: Path) -> dict[str, object]:
    """Send `spans` spans and return what they cost."""
    target = Target(data)
    target.start()
    assert target.process is not None  # noqa: S101 - a bench
    pid = target.process.pid
    send(target.port, [request_of(3000, SPANS_PER_REQUEST)], [])  # what is loaded once is not measured
    _wait(target, SPANS_PER_REQUEST)
    bodies = [request_of(number, SPANS_PER_REQUEST) for number in range(spans // SPANS_PER_REQUEST)]
    count, before = len(bodies) * SPANS_PER_REQUEST, cpu_seconds(pid)
    for first in range(CONNECTIONS):
        send(target.port, bodies[first::CONNECTIONS], [])
    _wait(target, count + SPANS_PER_REQUEST)
    used = cpu_seconds(pid) - before
    total = count + SPANS_PER_REQUEST
    sizes = {
        "spans": target.ask(_SIZE.format(condition="= 'spans'")),
        "rollups": target.ask(_SIZE.format(condition=_ROLLUPS)),
    }
    target.stop()
    return {
        "measured": str(datetime.now(UTC).date()),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load average": round(os.getloadavg()[0], 1),
        "revision": _revision(),
        "command": f"python benches/footprint.py --spans {spans}",
        "spans": count,
        "cpu_ms_per_1000_spans": round(used * 1e6 / count, 1),
        "raw_bytes_per_span": round(sum(map(len, bodies)) / count),
        "span_bytes_on_disk": round(sizes["spans"] / total),
        "rollup_bytes_on_disk": round(sizes["rollups"] / total),
    }


def _wait(target: Target, spans: int) -> None:
    """Wait until so many are stored, without asking so often that the answers are measured."""
    while target.waiting():
        time.sleep(0.2)
    while target.ask("SELECT count() FROM spans") < spans:
        time.sleep(1)


def _revision() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def main() -> None:
    """Run from the command line; print the figures and write them down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spans", type=int, default=20_000)
    with tempfile.TemporaryDirectory(prefix="kansoku-footprint-") as data:
        found = measure(parser.parse_args().spans, Path(data) / "data")
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
