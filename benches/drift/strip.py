"""Count the cells of the drift strip that show something where nothing changes.

    .venv/bin/python benches/drift/strip.py --streams 30

A stream is seven days of reference and 46 cells of half an hour of six signals, 30 to 400 answers a cell.
Steady traffic is the same all the time; with a daily cycle, answers are longer by day and more are Japanese.
"""

import argparse
from datetime import UTC, datetime, timedelta

import numpy as np

from kansoku_collector.store.read.drift import DRAWN_PSI, Stretches, cells_of

SIGNALS = ("output_length", "input_length", "refusals", "language_mix", "retrieval_score", "error_rate")
CELLS, BEFORE, WIDTH = 46, 336, timedelta(minutes=30)
ORIGIN = datetime(2026, 11, 10, tzinfo=UTC)


def stretches(draw: np.random.Generator, *, daily: bool) -> Stretches:
    """Return the histograms of a stream by cell; those of the reference have negative numbers."""
    typical = int(draw.integers(30, 400))
    return {cell: _stretch(draw, cell, typical, daily=daily) for cell in range(-BEFORE, CELLS)}


def _stretch(
    draw: np.random.Generator, cell: int, typical: int, *, daily: bool
) -> dict[str, dict[object, int]]:
    n = max(1, int(draw.poisson(typical)))
    day = np.sin(2 * np.pi * cell / 48) if daily else 0.0
    japanese = int(draw.binomial(n, 0.5 + 0.15 * day))
    return {
        "output_length": _bins(draw.normal(14 + 0.6 * day, 2, n)),
        "input_length": _bins(draw.normal(18 + 0.6 * day, 3, n)),
        "retrieval_score": _bins(20 * draw.beta(8, 3, n)),
        "language_mix": {"ja": japanese, "en": n - japanese},
        "refusals": _share(int(draw.binomial(n, 0.03)), n),
        "error_rate": _share(int(draw.binomial(n, 0.02)), n),
    }


def _bins(values: np.ndarray) -> dict[object, int]:
    found, counts = np.unique(np.floor(values).astype(int), return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _share(bad: int, n: int) -> dict[object, int]:
    return {"bad": bad, "good": n - bad}


def main() -> int:
    """Print how many cells have an index above zero, and how many of them are marked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=30)
    chosen = parser.parse_args()
    for daily in (False, True):
        draw, cells = np.random.default_rng(1), []
        for _ in range(chosen.streams):
            made = stretches(draw, daily=daily)
            for signal in SIGNALS:
                cells += cells_of(signal, made, ORIGIN, WIDTH, CELLS)
        judged = [cell.psi for cell in cells if cell.psi is not None]
        above, marked = sum(psi > 0 for psi in judged), sum(psi >= DRAWN_PSI for psi in judged)
        kind = "daily cycle" if daily else "steady"
        print(f"{kind}: {len(judged)} cells, {above} above 0, {marked} marked ({marked / len(judged):.2%})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
