"""Latency: how long requests, first tokens, models and steps take, which were slowest, and what failed."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from kansoku_collector.store.read import errors, latency, overview, speed
from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.scope import Period
from kansoku_dashboard import board, change, data, panels
from kansoku_dashboard.durations import duration, points
from kansoku_dashboard.figures import heat
from kansoku_dashboard.figures import latency as lines
from kansoku_dashboard.figures import speed as speed_figures
from kansoku_dashboard.figures.backdrop import Backdrop
from kansoku_dashboard.figures.style import TOP, colours, relative, share
from kansoku_dashboard.screens import latency_tables
from kansoku_dashboard.state import View
from kansoku_dashboard.words import say

HEAT_COLUMNS = 60


def show() -> None:
    """Draw the screen, or how to send the first span where there is none."""
    view = board.head("latency")
    if view is None:
        return
    board.panel("latency", "figures", _figures, view, height=110)
    left, right = st.columns(2)
    with left:
        board.panel("latency", "requests", _requests, view)
        board.panel("latency", "heat", _heat, view)
        board.panel("latency", "rate", _rate, view)
    with right:
        board.panel("latency", "first_token", _first_token, view)
        board.panel("latency", "first_heat", _first_heat, view)
        board.panel("latency", "errors", _errors, view)
    board.panel("latency", "by", latency_tables.by, view)
    board.panel("latency", "slowest", latency_tables.slowest, view)
    board.panel("latency", "types", latency_tables.types, view)


def _figures(view: View) -> None:
    """Draw the figures of the whole range, against the range before."""
    period = view.period()
    now = data.ask(speed.summary, view.scope, period)
    first = data.ask(overview.health, view.scope.project).first
    known = bool(first and first <= period.previous().start + period.length / 20)
    before = data.ask(speed.summary, view.scope, period.previous()) if known else None
    with st.container(key="tiles"):
        columns = st.columns(5, gap="small")
        for column, name in zip(columns, ("p50", "p95", "first_p95"), strict=False):
            with column:
                _seconds(name, now, before, view)
        with columns[3]:
            past = before.rate if before else None
            step = relative(now.rate / past - 1) if now.rate and past else ""
            _tile("rate", "–" if now.rate is None else f"{now.rate:,.0f}", step, "off", view)
        with columns[4]:
            failed = change.rate(
                now.call_errors, now.calls, *((before.call_errors, before.calls) if before else (0, 0))
            )
            step = "" if failed.difference is None else points(failed.difference, 2)
            _tile("failed", share(failed.now, 2), step, "inverse" if failed.significant else "off", view)


def _seconds(name: str, now: speed.Summary, before: speed.Summary | None, view: View) -> None:
    """Draw one duration; its change is coloured when the paired t-test over the buckets says so."""
    period, first = view.period(), name.startswith("first")
    value, past = getattr(now, name), getattr(before, name) if before else None
    column = name.removeprefix("first_")
    rows = data.ask(speed.over_time, view.scope, period, first_token=first)
    rows_before = (
        data.ask(speed.over_time, view.scope, period.previous(), first_token=first) if before else []
    )
    found = change.level(
        value,
        past,
        [getattr(row, column) for row in rows[:-1]],
        [getattr(row, column) for row in rows_before],
    )
    step = relative(found.ratio)
    _tile(name, duration(value), step, "inverse" if found.significant else "off", view)


def _tile(name: str, value: str, step: str, colour: Any, view: View) -> None:
    step = f"±{step[1:]}" if step and not step.strip("+-0.%p ") else step
    st.metric(
        say(f"latency.tile_{name}"),
        value,
        delta=step or say("tiles.no_previous"),
        delta_color=colour,
        delta_arrow="auto" if step and not step.startswith("±") else "off",
        delta_description=say("tiles.previous", range=view.range_name) if step else None,
        help=say(f"latency.tile_{name}_help"),
        border=True,
    )


def _requests(view: View) -> None:
    period = view.period()
    rows = data.ask(speed.over_time, view.scope, period)
    of = say("overview.of_calls" if overview.counts_calls(view.scope) else "overview.of_requests")
    _percentiles("requests", rows, panels.backdrop(view, period, [row.time for row in rows]), of)


def _first_token(view: View) -> None:
    period = view.period()
    rows = data.ask(speed.over_time, view.scope, period, first_token=True)
    behind = panels.backdrop(view, period, [row.time for row in rows])
    _percentiles("first_token", rows, replace(behind, nothing=say("latency.no_stream")),
                 say("latency.of_streams"))  # fmt: skip


def _percentiles(name: str, rows: list[speed.Point], behind: Backdrop, note: str) -> None:
    board.chart("latency", name, lines.percentiles(rows, behind), note)


def _heat(view: View) -> None:
    _map("heat", None, view)


def _first_heat(view: View) -> None:
    _map("first_heat", "first_token", view)


def _map(name: str, kind: latency.Kind | None, view: View) -> None:
    period = view.period()
    rows = data.ask(latency.heat_map, view.scope, period, kind=kind, most=HEAT_COLUMNS)
    behind = _buckets(view, period, [row.time for row in rows], HEAT_COLUMNS)
    if kind:
        behind = replace(behind, nothing=say("latency.no_stream"))
    made = heat.durations(rows, behind, say("latency.heat_hover"))
    board.chart("latency", name, made, say("latency.heat_note"))


def _rate(view: View) -> None:
    period = view.period()
    rows = data.ask(speed.rates_over_time, view.scope, period)
    models = sorted({row.model for row in rows})
    known = data.ask(overview.dimensions, view.scope.project).models
    behind = _buckets(view, period, Grid.of(period, speed.POINTS).times(), speed.POINTS)
    made = speed_figures.rates(rows, behind, colours([*known, *models]), say("latency.rate_hover"))
    note = say("latency.rate_note")
    if len(models) > TOP:
        note = say("latency.rate_top", shown=TOP, count=len(models))
    board.chart("latency", "rate", made, note)


def _errors(view: View) -> None:
    period = view.period()
    rows = data.ask(errors.errors_over_time, view.scope, period)
    calls = data.ask(speed.summary, view.scope, period).calls
    behind = _buckets(view, period, Grid.of(period, errors.POINTS).times(), errors.POINTS)
    names = {kind: say(f"latency.class_{kind}") for kind in errors.CLASSES}
    made = speed_figures.errors(rows, replace(behind, nothing=say("latency.no_errors")), names)
    limited = sum(row.calls for row in rows if row.kind == "rate_limit")
    note = ""
    if rows:
        part = share(limited / calls, 2) if calls else "–"
        note = say("latency.errors_note", errors=f"{sum(row.errors for row in rows):,}",
                   limited=f"{limited:,}", share=part)  # fmt: skip
    board.chart("latency", "errors", made, note)


def _buckets(view: View, period: Period, times: list[datetime], most: int) -> Backdrop:
    """Return the backdrop of a chart with fewer buckets than the others."""
    width: timedelta = Grid.of(period, most).width
    return replace(panels.backdrop(view, period, times), width=width)
