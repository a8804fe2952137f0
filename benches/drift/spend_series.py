"""Daily spend as products have it: seven families, one series a seed.

The draws are those of the project's drift benchmark, so that figures can be set beside its tables.
"""

import numpy as np
from numpy.typing import NDArray

FAMILIES = ("steady", "weekly", "growing", "bursty", "shift", "launch", "sparse")
MONTH = 30


def series(
    family: str, generator: np.random.Generator, history: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the daily spend of a history and the month after it, and each day's weekday (5, 6: weekend)."""
    length = history + MONTH
    day = np.arange(length)
    weekday = (day + generator.integers(7)) % 7
    scale = np.exp(generator.normal(3.5, 1.0))
    log = np.cumsum(generator.normal(0, 0.015, length))
    if family != "steady":
        log = log + np.where(weekday >= 5, -generator.uniform(0.5, 1.6), 0.0)
    log = log + generator.standard_t(5, length) * 0.12
    if family == "growing":
        log += day * generator.uniform(0.005, 0.02)
    if family == "shift":
        log[history + generator.integers(-5, MONTH) :] += np.log(generator.choice([0.6, 1.3, 1.6, 2.0]))
    if family == "launch":
        log += 1.5 / (1 + np.exp(-(day - history) / 6.0))
    spend = scale * np.exp(log)
    if family in ("bursty", "launch"):
        batch = generator.random(length) < 0.10
        spend[batch] += scale * (1 + generator.pareto(2.0, batch.sum()))
    if family == "sparse":
        spend *= generator.random(length) < 0.45
        spend *= np.exp(generator.normal(0, 0.7, length))
    return spend, weekday
