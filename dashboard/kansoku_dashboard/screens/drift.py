"""Drift: which signal left its reference, since when, who moved it, and texts from before and since."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from kansoku_collector.store.read import drift as questions
from kansoku_collector.store.read import drift_detail as detail
from kansoku_collector.store.read.drift import SIGNALS, DriftCell
from kansoku_collector.store.read.drift_detail import Both
from kansoku_collector.store.scope import Dimension, Period
from kansoku_dashboard import board, data, panels, shifts
from kansoku_dashboard.figures import shift as figures
from kansoku_dashboard.figures.style import count, share
from kansoku_dashboard.paths import ROOM
from kansoku_dashboard.screens import drift_changes, drift_texts
from kansoku_dashboard.shifts import Shift
from kansoku_dashboard.state import View
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

DIMENSIONS: tuple[Dimension, ...] = ("model", "prompt", "service", "release", "environment")
MOST_PARTS = 8


def show() -> None:
    """Draw the screen, or how to send the first span where there is none."""
    st.html(ROOM / "screens" / "drift.css")
    view = board.head("drift")
    if view is None:
        return
    board.panel("drift", "strip", panels.drift, view)
    signal = board.choice("signal", {name: say(f"signals.{name}") for name in SIGNALS}, say("drift.signal"))
    chosen = choose_shift(view, signal)
    left, right = st.columns([11, 9], gap="small")
    with left:
        _panel("levels", _levels, view, signal, chosen)
    with right:
        _panel("distribution", _distribution, view, signal, chosen)
    _panel("changes", drift_changes.draw, view, signal, chosen)
    _panel("parts", _parts, view, signal, chosen)
    _panel("texts", _texts, view, signal, chosen)


def _panel(
    name: str, draw: Callable[[View, str, Shift | None], None], view: View, signal: str, chosen: Shift | None
) -> None:
    board.panel("drift", name, lambda view: draw(view, signal, chosen), view)


def cells_of(view: View, signal: str, period: Period) -> list[DriftCell]:
    """Return the cells of one signal."""
    return [cell for cell in data.ask(questions.drift_strip, view.scope, period) if cell.signal == signal]


def choose_shift(view: View, signal: str) -> Shift | None:
    """Draw the choice among the stretches that drifted, the latest first; None where there are none."""
    period = view.period()
    try:
        found = shifts.shifts(cells_of(view, signal, period), period.end)[: shifts.MOST]
    except data.FAILURES:
        return None  # the panels say so
    if not found:
        return None
    asked = nearest(found, st.query_params.get("at", ""))
    if len(found) > 1:
        words = {shift.code: drift_changes.stretch(shift) for shift in found}
        code = board.choice("at", words, say("drift.which"), present=asked.code)
        asked = next((shift for shift in found if shift.code == code), asked)
    return asked


def nearest(found: list[Shift], code: str) -> Shift:
    """Return the stretch that a link means: cells move with the clock, so the one that begins closest."""
    try:
        moment = datetime.strptime(code, "%Y%m%dT%H%M").replace(tzinfo=UTC)
    except ValueError:
        return found[0]
    return min(found, key=lambda shift: abs(shift.period.start - moment))


def _levels(view: View, signal: str, chosen: Shift | None) -> None:
    period = view.period()
    cells = cells_of(view, signal, period)
    if signal == "language_mix":
        cells = [drift_changes.with_index(cell) for cell in cells]  # a mix has no mean
    behind = panels.backdrop(view, period, [cell.time for cell in cells])
    if cells:
        behind = drift_changes.widened(behind, cells[0].width)
    write = drift_changes.unit_of(signal)
    made = figures.levels(
        cells, behind, say(f"signals.{signal}"), write, say("drift.before"), [chosen.period] if chosen else []
    )
    board.chart("drift", "levels", made, say(f"drift.unit_{signal}"))


def _distribution(view: View, signal: str, chosen: Shift | None) -> None:
    stretches = _stretches(view, signal, chosen)
    both = Both({}, {})
    if stretches:
        both = data.ask(detail.histograms, view.scope, signal, *stretches)
    words = {name: say(f"drift.{name}") for name in ("before", "now", "nothing", "hover")}
    names = {bin_: say(f"drift.{signal}_{bin_}") for bin_ in (detail.BAD, detail.GOOD) if _rate(signal)}
    made = figures.distribution(both, lambda bin_: figures.bin_name(signal, bin_, names), words)
    sizes = {"before": count(sum(both.before.values())), "now": count(sum(both.now.values()))}
    board.chart("drift", "distribution", made, say("drift.of_samples", **sizes) if stretches else "")


def _rate(signal: str) -> bool:
    return signal in questions.SHARES


def _stretches(view: View, signal: str, chosen: Shift | None) -> tuple[Period, Period] | None:
    period = view.period()
    return shifts.compared(cells_of(view, signal, period), period, chosen)


def _parts(view: View, signal: str, chosen: Shift | None) -> None:
    """Draw who moved the signal: values of each dimension with their part of the change."""
    with st.container(border=True, key="panel_drift_parts", gap="xsmall"):
        stretches = _stretches(view, signal, chosen)
        if not stretches:
            board.heading("drift", "parts")
            st.caption(say("drift.nothing"))
            return
        found: dict[str, dict[str, Both]] = {
            name: data.ask(detail.histograms_by, view.scope, signal, *stretches, name) for name in DIMENSIONS
        }
        language = _risen(view, signal, stretches)
        rows = shifts.contributions(signal, found, language)[:MOST_PARTS]
        note = say("drift.parts_language", language=language) if language else say("drift.parts_note")
        board.heading("drift", "parts", note)
        if not rows:
            st.caption(say("drift.no_parts"))
            return
        _table(signal, rows)


def _risen(view: View, signal: str, stretches: tuple[Period, Period]) -> str:
    """Return the language that gained most, for the mix of languages."""
    if signal != "language_mix":
        return ""
    both = data.ask(detail.histograms, view.scope, signal, *stretches)
    return next(iter(shifts.telling(both)[1]), "")


def _table(signal: str, rows: list[shifts.Contribution]) -> None:
    write = share if signal == "language_mix" else drift_changes.unit_of(signal)
    whole = {
        name: sum(row.effect for row in rows if row.dimension == name) for name in {r.dimension for r in rows}
    }
    cells: dict[str, list[Any]] = {
        "kind": [say(f"drift.of_{row.dimension}") for row in rows],
        "name": [visible(row.name) for row in rows],
        "weight": [f"{share(row.weight_before, 0)} → {share(row.weight, 0)}" for row in rows],
        "level": [
            f"{'–' if row.level_before is None else write(row.level_before)} → "
            f"{'–' if row.level is None else write(row.level)}"
            for row in rows
        ],
        "effect": [drift_changes.signed(row.effect, write) for row in rows],
        "part": [_part(row.effect, whole[row.dimension]) for row in rows],
        "samples": [row.samples for row in rows],
    }
    st.dataframe(
        {say(f"drift.column_{name}"): values for name, values in cells.items()},
        hide_index=True,
        key="drift_parts",
        column_config={say("drift.column_name"): st.column_config.TextColumn(width="medium")},
        alt=say("drift.parts_alt"),
    )


def _part(effect: float, whole: float) -> str:
    return share(effect / whole, 0).replace("-", "−") if whole else "–"


def _texts(view: View, signal: str, chosen: Shift | None) -> None:
    """Draw texts of both times, of the kind that became rarer and of the kind that became more frequent."""
    stretches = _stretches(view, signal, chosen)
    with st.container(border=True, key="panel_drift_texts"):
        board.heading("drift", "texts", say("drift.texts_note"))
        if not stretches:
            st.caption(say("drift.nothing"))
            return
        fell, rose = shifts.telling(data.ask(detail.histograms, view.scope, signal, *stretches))
        times = shifts.around(*stretches)
        sides = zip(st.columns(2, gap="small"), ("before", "now"), times, (fell, rose), strict=True)
        for column, side, period, bins in sides:
            with column:
                rows = data.ask(detail.examples, view.scope, signal, period, tuple(bins))
                drift_texts.draw(side, rows, period)
