"""Measure what one look at a project costs the detector: CPU by kind of tick.

    .venv/bin/python benches/drift/tick.py                  # 200 series, two texts, five weeks of history
    .venv/bin/python benches/drift/tick.py --series 50 --weeks 3

Reading the sums from the store is not part of it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator

import numpy as np

from kansoku_collector.watch.detect import Detector, Hour, Plan, Series, Sums
from kansoku_collector.watch.detect.series import Kind

KINDS: tuple[Kind, ...] = ("level", "share", "count", "level", "share")
TEXTS = ("input", "output")
DIMENSIONS = 512
LOOKS = 20


def traffic(series: tuple[Series, ...], hours: int, seed: int = 1) -> Iterator[Hour]:
    """Yield hours of simulated calls in which nothing changes."""
    chance = np.random.default_rng(seed)
    centre = chance.normal(0, 0.05, DIMENSIONS)
    for hour in range(hours):
        n = float(chance.poisson(120 * (1 + 0.6 * np.sin(hour / 24 * 2 * np.pi)))) + 1
        sums = {}
        for one in series:
            if one.kind == "level":
                total = n + float(chance.normal(0, 0.7 * np.sqrt(n)))
            else:
                total = float(chance.binomial(int(n), 0.3 if one.kind == "share" else 0.02))
            sums[one] = Sums(n, n, total)
        vectors = {
            name: (centre + chance.normal(0, 0.1 / np.sqrt(n), DIMENSIONS), Sums(n, n)) for name in TEXTS
        }
        yield Hour(hour, sums, vectors, {"model": {"small": int(n)}})


def fitted(detector: Detector) -> float:
    """Return the CPU of the fit that was put off, in milliseconds."""
    began = time.process_time()
    detector.fit()
    return 1000 * (time.process_time() - began)


def spent(detector: Detector, hour: Hour, *, closed: bool) -> float:
    """Return the CPU of one look in milliseconds."""
    began = time.process_time()
    detector.observe(hour, closed=closed)
    return 1000 * (time.process_time() - began)


def main() -> int:
    """Let the history pass, then measure a week of ticks and the size of the state."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--weeks", type=int, default=5, choices=range(2, 6), help="history before it")
    chosen = parser.parse_args()
    signals = max(1, chosen.series // 5)
    series = tuple(
        Series(f"signal {row % signals}", f"series {row}", KINDS[row % len(KINDS)])
        for row in range(chosen.series)
    )
    # While it learns, an hour costs next to nothing: the history passes as one long warm-up.
    detector = Detector(Plan(series, TEXTS, ("model",), warm_up_days=7 * chosen.weeks))
    ticks: dict[str, list[float]] = {"open": [], "closed": [], "fit": []}
    for hour in traffic(series, (chosen.weeks + 1) * 168):
        if hour.index < chosen.weeks * 168:
            detector.observe(hour)
            continue
        if hour.index % (168 // LOOKS) == 0:
            ticks["open"].append(spent(detector, hour, closed=False))
        ticks["closed"].append(spent(detector, hour, closed=True))
        if detector.fit_due:
            ticks["fit"].append(fitted(detector))
    began = time.process_time()
    size = len(json.dumps(detector.state()))
    written = 1000 * (time.process_time() - began)
    for kind, taken in ticks.items():
        middle, slowest = statistics.median(taken), max(taken)
        print(f"{kind:8s} median {middle:7.1f} ms, slowest {slowest:7.1f} ms, {len(taken)} ticks")
    print(f"state    {size / 1e6:.1f} MB of JSON, written in {written:.0f} ms")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
