"""Measure how soon a change of the number of calls is found, and how often one is found that is none.

    .venv/bin/python benches/drift/volume.py --harness <harness> --pool <text pool> --seeds 10-17

Streams of the drift benchmark in which nothing changes, 60 days: first as they are, then with the calls of
every hour multiplied from an hour of the 28th day on. Volume is alone, with an eighteenth of the budget.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

import numpy as np
from kansoku_plugin import CAP, DAYS, MONDAY, VOLUME

from kansoku_collector.watch.detect import Detector, Hour, Plan, Sums

SIGNALS, FACTORS, CHANGED, WITHIN = 18, (0.3, 0.5, 0.7, 1.3, 2.0), 28 * 24, 14 * 24


def calls_of(col: dict[str, np.ndarray], hours: int) -> np.ndarray:
    """Return the calls of each hour, those of one user capped."""
    key = (col["ts"] // 3600.0).astype(np.int64) * 1_000_003 + col["user"].astype(np.int64)
    users, count = np.unique(key, return_counts=True)
    return np.bincount(users // 1_000_003, np.minimum(count, CAP), hours)[:hours]


def alarms(calls: np.ndarray) -> list[int]:
    """Return the hours at whose end a change of volume is told."""
    detector, found = Detector(Plan((VOLUME, DAYS), budget_days=30.0 * SIGNALS)), []
    for hour, n in enumerate(calls.tolist()):
        sums = {VOLUME: Sums(n, n, n * np.log(n))} if n else {}
        if hour % 24 == 23:
            sums[DAYS] = Sums(1.0, 1.0, float(np.log(max(calls[hour - 23 : hour + 1].sum(), 1.0))))
        found += [hour + 1 for _ in detector.observe(Hour(MONDAY + hour, sums))]
    return found


def main() -> int:
    """Print false alarms, and hours until each change is found (None: not within 14 days)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--harness", type=Path, required=True)
    parser.add_argument("--pool", required=True)
    parser.add_argument("--profile", default="messy")
    parser.add_argument("--seeds", default="10-12")
    chosen = parser.parse_args()
    os.environ["DRIFT_WORK"] = chosen.pool
    sys.path.insert(0, str(chosen.harness.resolve()))
    pool, stream = importlib.import_module("pool").Pool(), importlib.import_module("stream")
    first, last = map(int, chosen.seeds.split("-"))
    found: dict[float, list[int | None]] = {factor: [] for factor in FACTORS}
    false, months = 0, 0.0
    for seed in range(first, last + 1):
        made = stream.make(pool, "null", chosen.profile, seed, days_post=46)
        calls = calls_of(made.col, round(made.days * 24))
        false, months = false + len(alarms(calls)), months + (made.days - made.days_ref) / 30
        chance = np.random.default_rng(seed)
        for factor in FACTORS:
            at = CHANGED + int(chance.integers(24))
            changed = np.concatenate([calls[:at], calls[at : at + WITHIN] * factor])
            found[factor].append(next((hour - at for hour in alarms(changed) if hour > at), None))
    print(f"{chosen.profile}: {false} false alarms in {months:.1f} months")
    for factor, hours in found.items():
        print(f"calls x {factor}: found after {hours} hours")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
