"""Prove that nothing acknowledged is lost and nothing counts twice: kills, outages, duplicates over restarts.

    python benches/durability.py --out build/durability

Runs benches/kill.py and benches/outage.py and writes their results as `durability.json` and, for people,
`durability.md`. Exit code 1 when anything does not hold.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kill
import outage

_VERSIONS = ("kansoku", "chdb", "clickhouse-connect")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200, help="how often to kill (default 200)")
    parser.add_argument("--minutes", type=float, default=10, help="how long ClickHouse is away (default 10)")
    parser.add_argument("--seconds", type=float, default=30, help="how long every other failure lasts")
    parser.add_argument("--rate", type=int, default=500, help="spans a second in the outage (default 500)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("build/durability"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kansoku-durability-") as directory:
        killed = kill.run(options.rounds, Path(directory) / "kill", options.seed)
        away = outage.run(options.minutes, options.seconds, options.rate, Path(directory) / "outage")
    result: dict[str, Any] = {
        "when": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        "machine": f"{platform.machine()}, {_processors()} processors, Python {platform.python_version()}",
        "versions": {name: version(name) for name in _VERSIONS},
        "commit": _commit(),
        "kill": {"rounds": options.rounds, **killed, "failures": kill.failures(killed)},
        "outage": {**away, "failures": outage.failures(away)},
    }
    options.out.mkdir(parents=True, exist_ok=True)
    text = report(result)
    (options.out / "durability.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (options.out / "durability.md").write_text(text, encoding="utf-8")
    print(text)
    return 1 if result["kill"]["failures"] or result["outage"]["failures"] else 0


def report(result: dict[str, Any]) -> str:
    """Return the result for people, in Markdown."""
    killed, away = result["kill"], result["outage"]
    lines = [
        "# Durability",
        "",
        f"{result['when']}, commit {result['commit']}, {result['machine']};",
        ", ".join(f"{name} {number}" for name, number in result["versions"].items()) + ".",
        "",
        f"## Killed {sum(killed[kind] for kind in kill.KINDS) + killed['during recovery']} times",
        "",
        f"{killed['acknowledged']} spans were acknowledged, {killed['sent again']} of them sent a second time"
        f" in another request; {killed['retries']} requests had to be sent again.",
        "",
        "| table | spans | as acknowledged |",
        "|---|---|---|",
        *(_row(name, killed[name], killed["acknowledged"]) for name in kill.CHECKS),
        "",
        "## ClickHouse fails",
        "",
        "| failure | seconds | acknowledged | journal MB | caught up after s | memory before, peak MB |",
        "|---|---|---|---|---|---|",
        *(_phase(phase) for phase in away["phases"]),
        "",
        f"{away['acknowledged']} spans were acknowledged, {away['refused for now']} requests refused for now;"
        f" the slowest answer took {away['slowest answer s']} s; {away['restarts']} restarts.",
        "",
        "| table | spans | as acknowledged |",
        "|---|---|---|",
        *(_row(name, int(away[name]), away["acknowledged"]) for name in kill.CHECKS),
        "",
        "## Result",
        "",
        *(
            [f"- {wrong}" for wrong in [*killed["failures"], *away["failures"]]]
            or ["Nothing lost, nothing doubled."]
        ),
        "",
    ]
    return "\n".join(lines)


def _row(name: str, found: int, expected: int) -> str:
    return f"| {name} | {found} | {'yes' if found == expected else f'no: {found - expected:+d}'} |"


def _phase(phase: dict[str, Any]) -> str:
    memory = f"{phase['memory before MB']}, {phase['memory peak MB']}"
    names = ("mode", "seconds", "acknowledged meanwhile", "journal MB", "caught up after s")
    return "| " + " | ".join(str(phase[name]) for name in names) + f" | {memory} |"


def _processors() -> int:
    return len(
        [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")]
    )


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
