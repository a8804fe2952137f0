"""The metrics that senders measured themselves (`/v1/metrics`): which arrive, and one of them by model."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from kansoku_collector.store.read import metric_points, overview
from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.read.metric_points import MetricName, Step
from kansoku_collector.store.scope import Period
from kansoku_dashboard import board, data, panels, state
from kansoku_dashboard.durations import duration
from kansoku_dashboard.figures import measured
from kansoku_dashboard.figures.style import colours, count
from kansoku_dashboard.screens import health_rows, messages
from kansoku_dashboard.screens.health_rows import Cells, moment, number, size
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

MOST_SERIES = 100
_KINDS = ("gauge", "sum", "histogram", "exponential_histogram")
_TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def draw(view: state.View) -> None:
    """Draw the panel."""
    period = view.period()
    found = data.ask(metric_points.list_metrics, view.scope.project, period)
    with st.container(border=True, key="panel_metrics"):
        board.heading("health", "metrics", say("health.metrics_note"))
        if not found:
            st.caption(say("health.no_metrics"))
            return
        health_rows.table("metrics", [_row(one) for one in found])
        known = {one.name: one for one in found}
        titles = {name: visible(name) for name in known}
        _one(known[board.pick("metric", titles, say("health.metric"), width=380)], view, period)


def _row(one: MetricName) -> Cells:
    return {
        "metric": visible(one.name),
        "metric_kind": kind(one.kind),
        "unit": visible(one.unit).strip("{}") or "–",
        "points": number(one.points),
        "series": number(one.series),
        "last_seen": moment(one.latest),
    }


def kind(told: str) -> str:
    """Say what kind of metric it is."""
    return say(f"health.metric_{told}") if told in _KINDS else visible(told)


def _one(chosen: MetricName, view: state.View, period: Period) -> None:
    grid = Grid.of(period)
    whole = Period(grid.start, grid.end)
    steps = data.ask(metric_points.read_metric, view.scope, chosen.name, whole, grid.width, by="model")
    if not steps:
        st.caption(say("health.no_points"))
        return
    adds_up = chosen.kind == "sum" and not any(step.is_level for step in steps)
    write = writer(chosen.unit)
    known = data.ask(overview.dimensions, view.scope.project).models
    lines = measured.series(steps, colours([*known, *(step.part for step in steps if step.part)]),
                            say("health.no_model"), say("overview.other"))  # fmt: skip
    behind = replace(panels.backdrop(view, period, grid.times()), width=grid.width)
    reading = say("health.reading_sum" if adds_up else "health.reading_mean")
    with st.container(key="metric_course", gap=None):
        st.markdown(f"**{messages.label(chosen.name)}**  :gray[{reading}]")
        board.plot("metric", measured.course(lines, behind, write, adds_up=adds_up),
                   say("health.metric_alt", name=visible(chosen.name)))  # fmt: skip
    health_rows.table("metric_models", rows(steps, write, adds_up=adds_up))


def rows(steps: Sequence[Step], write: Callable[[float], str], *, adds_up: bool) -> list[Cells]:
    """Return a row for each model: its last value, when that was, and the whole range."""
    apart: dict[str, list[Step]] = {}
    for step in steps:
        apart.setdefault(step.part, []).append(step)
    found: list[Cells] = []
    for part, own in sorted(apart.items(), key=lambda one: -sum(step.number for step in one[1])):
        last = max(own, key=lambda step: step.time)
        total = Step(last.time, part, sum(step.total for step in own), sum(step.number for step in own))
        values = [measured.value(step, adds_up=adds_up) for step in (last, total)]
        written = ["–" if value is None else write(value) for value in values]
        found.append(
            {
                "model": visible(part) or say("health.no_model"),
                "last_value": written[0],
                "last_step": moment(last.time),
                "whole_range": written[1],
                "measurements": number(total.number),
            }
        )
    return found[:MOST_SERIES]


def writer(unit: str) -> Callable[[float], str]:
    """Return how values of a unit are written: times and bytes as everywhere, others as counts of it."""
    if unit in _TIMES:
        return lambda value: duration(value * _TIMES[unit]) if value else "0"
    if unit == "By":
        return size
    return partial(_counted, unit=visible(unit) if unit not in ("", "1") and "{" not in unit else "")


def _counted(value: float, *, unit: str) -> str:
    written = count(value) if abs(value) >= 100 or value == round(value) else f"{value:.3g}"
    return f"{written} {unit}".strip()
