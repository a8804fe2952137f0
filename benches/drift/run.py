"""Run the product's detector through the drift benchmark, and write the scores as JSON.

The harness is a folder of its own (harness.py, stream.py, pool.py); its text pool is built beforehand.

    make bench-drift DRIFT_BENCH=<harness> DRIFT_WORK=<text pool>
    make bench-drift ... DRIFT_ARGS="--seeds 0-1 --scenarios null,cost_30 --looks 2"
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run harness and report; return the harness's exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--harness", type=Path, required=True)
    parser.add_argument("--pool", required=True)
    parser.add_argument("--scenarios", default="all")
    parser.add_argument("--profiles", default="messy")
    parser.add_argument("--seeds", default="0-3")
    parser.add_argument("--looks", type=int, default=4, help="looks at the open hour")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--detector", help="another class, such as baselines:Static(hours=24.0)")
    parser.add_argument("--out", type=Path, default=HERE / "results.json")
    chosen = parser.parse_args()
    if not (chosen.harness / "harness.py").is_file():
        parser.error(f"no harness.py in {chosen.harness} (set DRIFT_BENCH to the folder of the harness)")
    environment = os.environ | {
        "DRIFT_WORK": chosen.pool,
        "PYTHONPATH": os.pathsep.join([str(HERE.resolve()), str(chosen.harness.resolve())]),
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    detector = chosen.detector or f"kansoku_plugin:Kansoku(looks={chosen.looks})"
    events = chosen.out.with_suffix(".jsonl")
    command = [sys.executable, str(chosen.harness / "harness.py"), detector, "--out", str(events)]
    for name in ("scenarios", "profiles", "seeds", "jobs"):
        command += [f"--{name}", str(getattr(chosen, name))]
    code = subprocess.run(command, env=environment, check=False).returncode
    if code == 0:
        code = subprocess.run(
            [sys.executable, str(chosen.harness / "report.py"), str(events), "--json", str(chosen.out)],
            env=environment,
            check=False,
        ).returncode
    if code == 0:
        events.unlink()
        json.loads(chosen.out.read_text(encoding="utf-8"))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
