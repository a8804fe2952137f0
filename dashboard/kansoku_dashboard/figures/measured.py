"""A metric that senders measured themselves, over time and by model."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from kansoku_collector.store.read.metric_points import Step
from kansoku_dashboard.figures.axis import write_axis
from kansoku_dashboard.figures.backdrop import Backdrop, figure
from kansoku_dashboard.figures.latency import line
from kansoku_dashboard.figures.style import DASHES, OTHER, TOP, Figure, strokes
from kansoku_dashboard.text import escape

HEIGHT = 220


class Series(NamedTuple):
    """One line: the steps of a model, or of all that have no line of their own."""

    name: str
    colour: str
    steps: Sequence[Step]


def series(steps: Sequence[Step], colours: Mapping[str, str], unnamed: str, other: str) -> list[Series]:
    """Return the seven models that were measured most, and the rest added up as one, with their number."""
    apart: dict[str, list[Step]] = {}
    for step in steps:
        apart.setdefault(step.part, []).append(step)
    ranked = sorted(apart, key=lambda part: (-sum(step.number for step in apart[part]), part))
    found = [Series(part or unnamed, colours.get(part, OTHER), apart[part]) for part in ranked[:TOP]]
    if rest := ranked[TOP:]:
        found.append(Series(other.format(count=len(rest)), OTHER, _together(rest, apart)))
    return found


def value(step: Step, *, adds_up: bool) -> float | None:
    """Return what a step is read as: the total of a counter, the mean of anything else."""
    return step.total if adds_up else step.mean


def course(
    lines: Sequence[Series], backdrop: Backdrop, write: Callable[[float], str], *, adds_up: bool
) -> Figure:
    """Return a line for each series, broken where nothing was measured; what is not over yet is a dot."""
    x = [backdrop.x(time + backdrop.width / 2) for time in backdrop.times]
    traces, known = [], []
    for one, dash in zip(lines, strokes([one.colour for one in lines], DASHES), strict=True):
        by_time = {step.time: value(step, adds_up=adds_up) for step in one.steps}
        y = [by_time.get(time) for time in backdrop.times]
        known += [number for number in y if number is not None]
        drawn = line(escape(one.name), x, y, one.colour, 1.8, dash)
        drawn["text"] = ["" if number is None else escape(write(number)) for number in y]
        traces.append(drawn | {"hovertemplate": "%{text}"})
    made = figure(backdrop, traces, {"rangemode": "tozero"}, HEIGHT)
    made["layout"]["showlegend"] = bool(traces)
    write_axis(made, known, write)
    return made


def _together(rest: Sequence[str], apart: Mapping[str, Sequence[Step]]) -> list[Step]:
    """Add up the steps of several models at the same time."""
    found: dict[datetime, Step] = {}
    for part in rest:
        for step in apart[part]:
            one = found.setdefault(step.time, Step(step.time, "", is_level=step.is_level))
            one.total += step.total
            one.number += step.number
    return list(found.values())
