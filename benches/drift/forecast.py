"""Month-end forecasts on held-out months: how often the 80 % interval holds, and how wide it must be.

`make bench-forecast` writes forecast.json beside this file. Every series is forecast from 14, 30 and 90 days
of history with 3, 7, 15 and 24 days of the month seen, by Kansoku and by the run-rate of the month so far
with the spread of its days. The interval score (Gneiting and Raftery, 2007) is in units of the month's total.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
from spend_series import FAMILIES, MONTH, series

from kansoku_collector.forecast.month import forecast

HISTORIES, SEEN = (14, 30, 90), (3, 7, 15, 24)
Interval = tuple[float, float, float]
Floats = NDArray[np.float64]


def kansoku(spend: Floats, weekdays: NDArray[np.int64], history: int, seen: int) -> Interval:
    """Forecast through the product's own interface; the weekdays decide which month it is made to be."""
    first = _first_of_a_month(int(weekdays[history]))
    start = first - timedelta(days=history)
    costs = {start + timedelta(days=i): Decimal(float(spend[i])) for i in range(history + seen)}
    told = forecast(costs, first + timedelta(days=seen))
    if told is None:  # with less than three days of spend the product says nothing: count it as a miss
        return float("nan"), float("nan"), float("nan")
    return told.low, told.median, told.high


def run_rate(spend: Floats, _: NDArray[np.int64], history: int, seen: int) -> Interval:
    """Extend the month's mean day, with the textbook's interval for independent days."""
    month, rest = spend[history : history + seen], MONTH - seen
    middle = float(month.sum() + month.mean() * rest)
    half = 1.2816 * float(month.std(ddof=1)) * np.sqrt(rest + rest * rest / seen)
    return middle - half, middle, middle + half


METHODS: dict[str, Callable[..., Interval]] = {"run_rate": run_rate, "kansoku": kansoku}


def measure(method: str, count: int, offset: int, days: Sequence[int] = SEEN) -> dict[str, Any]:
    """Return coverage, interval score and cost of one method over `count` series, by what sets them apart."""
    rows: list[dict[str, Any]] = []
    spent = 0.0
    for number in range(count):
        family = FAMILIES[number % len(FAMILIES)]
        for history in HISTORIES:
            spend, weekdays = series(family, np.random.default_rng([number + offset, history]), history)
            total = float(spend[history:].sum())
            for seen in days:
                began = time.process_time()
                found = METHODS[method](spend, weekdays, history, seen)
                spent += time.process_time() - began
                rows.append({"family": family, "history": history, "seen": seen} | score(found, total))
    groups = {
        name: {str(value): mean(rows, **{name: value}) for value in values}
        for name, values in (("seen", days), ("history", HISTORIES), ("family", FAMILIES))
    }
    return {
        "forecasts": len(rows),
        "held_out_months": count * len(HISTORIES),
        "all": mean(rows),
        "cpu_ms": 1000 * spent / len(rows),
    } | groups


def score(found: Interval, total: float) -> dict[str, float]:
    """Return whether the interval held, its score for 80 %, and the median's error, all of the total."""
    low, middle, high = found
    if not np.isfinite(middle):
        return {"covered": 0.0, "score": 2.0, "error": 1.0}
    missed = max(low - total, 0.0) + max(total - high, 0.0)
    return {
        "covered": float(low <= total <= high),
        "score": (high - low + 2 / 0.2 * missed) / total,
        "error": abs(middle / total - 1),
    }


def mean(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, float]:
    """Return the means over the rows that have the wanted values."""
    sums: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if all(row[name] == value for name, value in wanted.items()):
            for name in ("covered", "score", "error"):
                sums[name].append(row[name])
    return {name: round(float(np.mean(values)), 4) for name, values in sums.items()}


def _first_of_a_month(weekday: int) -> date:
    """Return the first day of a month of thirty days that falls on a weekday."""
    for year in range(2020, 2032):
        for month in (4, 6, 9, 11):
            if date(year, month, 1).weekday() == weekday:
                return date(year, month, 1)
    raise AssertionError(weekday)


def main() -> int:
    """Print a line a method and write all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=210)
    parser.add_argument("--offset", type=int, default=0, help="first seed: the constants were set on 5000")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    args = parser.parse_args()
    found = {name: measure(name, args.series, args.offset) for name in METHODS}
    for name, figures in found.items():
        whole = figures["all"]
        print(
            f"{name:9s} {figures['held_out_months']} months, {figures['forecasts']} forecasts: 80 % covers"
            f" {whole['covered']:.3f}, interval score {whole['score']:.3f}, median error"
            f" {whole['error']:.3f}, {figures['cpu_ms']:.1f} ms each"
        )
    args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
