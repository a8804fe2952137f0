"""The upright axis of a figure: a few round values in the signal's own unit."""

from collections.abc import Callable, Sequence
from math import ceil, floor, log10

from kansoku_dashboard.figures.style import Figure


def write_axis(made: Figure, values: Sequence[float], write: Callable[[float], str]) -> None:
    """Name a few ticks in the signal's own unit."""
    if not values:
        return
    low, high = min(values), max(values)
    pad = (high - low) * 0.12 or abs(high) * 0.1 or 0.01
    low, high = max(0.0, low - pad), high + pad
    ticks = round_steps(low, high)
    made["layout"]["margin"]["l"] = 76
    made["layout"]["yaxis"] |= {
        "range": [low, high],
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [write(tick) for tick in ticks],
    }


def round_steps(low: float, high: float) -> list[float]:
    """Return three to seven round values between two limits."""
    raw = (high - low) / 4
    size = 10 ** floor(log10(raw))
    step = min((1, 2, 2.5, 5, 10), key=lambda factor: abs(factor * size - raw)) * size
    return [place * step for place in range(ceil(low / step), floor(high / step) + 1)]
