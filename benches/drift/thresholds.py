"""Count how often a fixed threshold is crossed by chance: traffic that never changes, a look a minute.

    .venv/bin/python benches/drift/thresholds.py --seeds 3

Requests arrive independently and fail independently at the true rate; a rule on the error rate with a window
of 15 minutes looks at them through the very code that pages: with the bare value or the interval, at once or
after three looks.
"""

import argparse
from datetime import UTC, datetime, timedelta

import numpy as np

from kansoku_collector.store.read.measures import Measure, wilson
from kansoku_collector.watch.judgement import Judge
from kansoku_collector.watch.rule import Rule

START, MINUTE, WINDOW = datetime(2026, 11, 10, tzinfo=UTC), timedelta(minutes=1), 15
TRAFFIC = ((0.03, "5%", 10), (0.01, "5%", 10), (0.03, "5%", 2))
RULES = (
    {"interval_aware": False},
    {"interval_aware": False, "for": 3},
    {},
    {"for": 3},
)


def incidents(rule: Rule, failed: np.ndarray, total: np.ndarray) -> int:
    """Return how many incidents open over the minutes of a stream."""
    judge, opened = Judge(rule), 0
    for minute in range(len(total)):
        bad, count = int(failed[minute]), int(total[minute])
        now = START + minute * MINUTE
        value = bad / count if count else None
        changes = judge.step([Measure((), now, value, count, *wilson(bad, count))], now)
        opened += sum(change.event == "opened" for change in changes)
    return opened


def last_minutes(counts: np.ndarray) -> np.ndarray:
    """Return the sum of each minute and those before it in the window."""
    summed = np.concatenate([[0], np.cumsum(counts)])
    ends = np.arange(1, len(summed))
    return summed[ends] - summed[np.maximum(ends - WINDOW, 0)]


def main() -> int:
    """Print a line for each kind of traffic: the fewest and the most incidents of a seed under each rule."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    for rate, limit, per_minute in TRAFFIC:
        found: list[list[int]] = []
        for seed in range(chosen.seeds):
            draw = np.random.default_rng(seed)
            total = draw.poisson(per_minute, chosen.days * 1440)
            failed, total = last_minutes(draw.binomial(total, rate)), last_minutes(total)
            base = {"name": "errors", "metric": "error_rate", "comparison": "above", "threshold": limit}
            rules = [Rule.model_validate(base | {"window": f"{WINDOW}m"} | fields) for fields in RULES]
            found.append([incidents(rule, failed, total) for rule in rules])
        columns = [f"{min(column)}-{max(column)}" for column in zip(*found, strict=True)]
        print(f"{rate:.0%}, {limit}, {per_minute}:", *columns)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
