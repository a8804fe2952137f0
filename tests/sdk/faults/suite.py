"""Run the fault suite: `python suite.py ADAPTER [--python INTERPRETER] [CASE ...]`.

Each case is a process of its own, in which a real client talks to a model while something is wrong. It runs
once without an SDK and once with it. The case holds when both saw the same results and exceptions, ended
with the same exit code in time, printed no traceback that the program alone does not print (a logged warning
is allowed), and the second did not need much more memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from adapters import ADAPTERS  # noqa: E402 - this folder is no package: it also runs in other environments
from collectors import COLLECTORS, ENDPOINTS, Collector  # noqa: E402
from programs import CASES, Case  # noqa: E402


@dataclass
class Run:
    """What one process did."""

    outcome: Any
    exit_code: int | None  # None: it had to be killed
    stderr: str
    megabytes: float
    seconds: float
    arrived: bool  # somebody connected to the collector


class Bench:
    """Runs cases with one interpreter; a context manager.

    `ready` names an adapter whose modules its processes need not import each for itself.
    """

    def __init__(self, python: str = sys.executable, ready: str = "") -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("KANSOKU_", "OTEL_", "PYTHON"))}
        self._worker = subprocess.Popen(
            [python, str(HERE / "worker.py"), *filter(None, [ready])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE,
            env={**inherited, "NO_PROXY": "*", "PYTHONHASHSEED": "0"},
        )  # fmt: skip

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.stdin.close()  # type: ignore[union-attr]
        self._worker.stdout.close()  # type: ignore[union-attr]
        self._worker.wait(60)

    def run(self, adapter: str, name: str) -> Run:
        """Run a case, with the collector that it wants."""
        wanted = CASES[name].collector
        collector = Collector(COLLECTORS[wanted]) if wanted in COLLECTORS else None
        with tempfile.TemporaryDirectory() as folder:
            files = {stream: str(Path(folder, stream)) for stream in ("stdout", "stderr")}
            request = {"adapter": adapter, "case": name, **files}
            request["endpoint"] = collector.url if collector else ENDPOINTS[wanted]
            print(json.dumps(request), file=self._worker.stdin, flush=True)
            done = json.loads(self._worker.stdout.readline())  # type: ignore[union-attr]
            if collector:
                collector.close()
            out, err = (Path(path).read_text("utf-8", "replace") for path in files.values())
        lines = [line for line in out.splitlines() if line.startswith('{"outcome"')]
        told = json.loads(lines[0]) if lines else {"outcome": "<nothing>"}
        return Run(
            told["outcome"],
            done["exit_code"],
            err,
            told.get("megabytes", 0.0),
            done["seconds"],
            bool(collector and collector.connections),
        )


def faults(case: Case, bare: Run, traced: Run) -> list[str]:
    """Return what is wrong with a traced run beside the bare one; nothing when the case holds."""
    found = []
    if case.name == "collector: up" and not traced.arrived:
        found.append("no telemetry arrived: the suite proves nothing")
    if traced.exit_code is None:
        found.append(f"still running after {case.seconds:.0f} s")
    elif traced.exit_code != case.exit_code or bare.exit_code != case.exit_code:
        found.append(f"exit code {traced.exit_code}, without it {bare.exit_code}, expected {case.exit_code}")
    if traced.outcome != bare.outcome:
        found.append(f"saw {_short(traced.outcome)} instead of {_short(bare.outcome)}")
    if traced.stderr.count("Traceback") > bare.stderr.count("Traceback"):
        found.append(f"a traceback on stderr: {traced.stderr[-600:]}")
    if traced.megabytes - bare.megabytes > case.megabytes:
        found.append(f"{traced.megabytes - bare.megabytes:.0f} MB more, allowed {case.megabytes:.0f}")
    return found


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 600 else f"{text[:300]} … {text[-300:]}"


def applies(case: Case, adapter: str) -> bool:
    """Tell whether an adapter has the ability that a case is about."""
    return not case.needs or getattr(ADAPTERS[adapter], case.needs)


def main() -> int:
    """Run the cases and print one line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("adapter", choices=[name for name in ADAPTERS if name != "none"])
    parser.add_argument("cases", nargs="*", help="names, or parts of names; default all")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the SDK's environment")
    parser.add_argument("--verbose", action="store_true", help="show stderr of a case that fails")
    given = parser.parse_args()
    wanted = [n for n in CASES if not given.cases or any(part in n for part in given.cases)]
    held = failed = skipped = 0
    with Bench(given.python) as bench:
        for name in wanted:
            if not applies(CASES[name], given.adapter):
                skipped += 1
                print(f"  n/a   {name}")
                continue
            bare, traced = (bench.run(adapter, name) for adapter in ("none", given.adapter))
            wrong = faults(CASES[name], bare, traced)
            held, failed = held + (not wrong), failed + bool(wrong)
            extra = traced.seconds - bare.seconds
            print(
                f"  {'FAILS' if wrong else 'holds'} {name}  (+{extra:.1f} s)",
                *wrong,
                sep="\n        ",
                flush=True,
            )
            if wrong and given.verbose:
                print(traced.stderr[-3000:])
    print(f"{given.adapter}: {held} hold, {failed} fail, {skipped} do not apply")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
