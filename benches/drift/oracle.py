"""Ask what detectors find that know more than Kansoku can.

    .venv/bin/python benches/drift/oracle.py --harness <harness> --pool <text pool>

Records until an alarm on independent calls, for a CUSUM that knows all and has the whole budget (the bound),
one that knows all and has a seventeenth, and a Shiryaev-Roberts test with a seventeenth that knows the mean
before and the shape of the change, and of its size that it is one of eight, the true one among them.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

SIGNALS, DAYS = 17, 30
SIZES = np.array([-2, -1, -0.5, -0.25, 0.25, 0.5, 1, 2])  # 1 is the change as it is
STREAMS, LONGEST = 400, 30_000


def tables(harness: Any, pool: Any, scenario: str, signal: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the chances of the cells of a signal's histogram before and after the change."""
    changed = harness.SCENARIOS[scenario][0]
    if signal in harness.P and signal in changed:
        return tuple(np.array([1 - p, p]) for p in (harness.P[signal], changed[signal]))  # type: ignore[return-value]
    stream = harness.make(pool, scenario, "iid", 900, per_day=20000, days_ref=5, days_ic=4, days_post=10)
    value, time = stream.col[signal], stream.col["ts"]
    known = np.isfinite(value)
    before, after = value[known & (time < stream.t0)], value[known & (time >= stream.t0)]
    cells = np.unique(before)
    if len(cells) > 8:
        cells = np.unique(np.quantile(before, np.linspace(0, 1, 61)[1:-1]))
    chances = []
    for part in (before, after):
        count = np.bincount(np.searchsorted(cells, part), minlength=len(cells) + 1)
        chances.append(np.maximum(count / len(part), 1e-6))
    return chances[0] / chances[0].sum(), chances[1] / chances[1].sum()


def unknown_size(ratio: np.ndarray, before: np.ndarray, after: np.ndarray, run: float) -> float:
    """Return the mean delay of the test that does not know the size; its run length is `run` at the least."""
    chance = np.random.default_rng(1)
    logs = np.array([size * ratio - np.log((before * np.exp(size * ratio)).sum()) for size in SIZES])
    sums = np.full((STREAMS, len(SIZES)), -np.inf)
    live, delay = np.ones(STREAMS, bool), np.zeros(STREAMS)
    edges = after.cumsum() / after.sum()
    for record in range(1, LONGEST + 1):
        cell = np.searchsorted(edges, chance.random(int(live.sum()))).clip(0, len(after) - 1)
        sums[live] = np.logaddexp(0, sums[live]) + logs[:, cell].T
        delay[live] = record
        live &= np.logaddexp.reduce(sums, axis=1) - np.log(len(SIZES)) < np.log(run)
        if not live.any():
            break
    return float(delay.mean())


def main() -> int:
    """Print a line a scenario."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--harness", type=Path, required=True)
    parser.add_argument("--pool", required=True)
    chosen = parser.parse_args()
    os.environ["DRIFT_WORK"] = chosen.pool
    sys.path.insert(0, str(chosen.harness.resolve()))
    pool, stream, theory = (importlib.import_module(name) for name in ("pool", "stream", "theory"))

    bounds = json.loads((chosen.harness / "results" / "theory.json").read_text(encoding="utf-8"))
    texts, chance = pool.Pool(), np.random.default_rng(1)
    for scenario, signal in theory.CARRIER.items():
        before, after = tables(stream, texts, scenario, signal)
        ratio, daily = np.log(after / before), bounds[scenario]["records_per_day"]
        bound = bounds[scenario]["arl30d"]["records"]
        _, shared, _ = theory.cusum_delay(ratio, before, after, daily, DAYS * SIGNALS, chance)
        blind = unknown_size(ratio, before, after, DAYS * SIGNALS * daily)
        print(
            f"{scenario:14s} bound {bound:5.0f}   a seventeenth {shared:5.0f} ({shared / bound:.2f})"
            f"   size unknown {blind:5.0f} ({blind / bound:.2f})",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
