"""A figure as it travels: what nobody can see stays behind, and even steps of time are said once."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from math import isfinite
from typing import Any

from kansoku_dashboard.figures.style import Figure

STEPPED = ("scatter", "bar")  # of these Plotly takes a beginning and a step in the place of each moment
FEW = 3
ONE_FOR_ALL = ("size", "color", "opacity", "width")


def lean(figure: Figure) -> Figure:
    """Return a figure that looks the same: numbers of seven digits, None for NaN, steps for even moments."""
    made: Figure = _rounded(figure)
    made["data"] = [_stepped(trace) for trace in made["data"]]
    return made


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.7g}") if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _single(_rounded(part)) if name in ONE_FOR_ALL else _rounded(part)
                for name, part in value.items()}  # fmt: skip
    return [_rounded(part) for part in value] if isinstance(value, list | tuple) else value


def _single(value: Any) -> Any:
    """Return the one value of a list whose values are all the same; but Plotly heeds no single size of 0."""
    if isinstance(value, list) and value and value[0] and all(part == value[0] for part in value):
        return value[0]
    return value


def _stepped(trace: dict[str, Any]) -> dict[str, Any]:
    step = _step(trace["x"]) if trace.get("type") in STEPPED and isinstance(trace.get("x"), list) else None
    if step is None or len(trace["x"]) != len(trace.get("y", ())):
        return trace
    return {name: part for name, part in trace.items() if name != "x"} | {"x0": trace["x"][0], "dx": step}


def _step(x: Sequence[Any]) -> float | None:
    """Return the milliseconds between moments that are evenly apart; None for anything else."""
    if len(x) < FEW or not all(isinstance(moment, str) and "T" in moment for moment in x):
        return None
    try:
        at = [datetime.fromisoformat(moment) for moment in x]
    except ValueError:
        return None
    first = at[1] - at[0]
    even = first.total_seconds() > 0 and all(b - a == first for a, b in pairwise(at))
    return first.total_seconds() * 1000 if even else None
