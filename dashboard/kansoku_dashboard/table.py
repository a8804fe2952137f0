"""The movers as a table, and the words of a drift cell."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from kansoku_collector.store.read.drift import DriftCell
from kansoku_dashboard.change import MIN_VOTES, Change
from kansoku_dashboard.durations import duration
from kansoku_dashboard.figures.backdrop import Backdrop, escape
from kansoku_dashboard.figures.style import count, money, relative, share
from kansoku_dashboard.movers import Mover
from kansoku_dashboard.words import say

MOST_ROWS = 50


def draw(rows: Sequence[Mover]) -> None:
    """Draw the movers, the largest effect first; say how many are left out."""
    shown = rows[:MOST_ROWS]
    columns = ("kind", "name", "samples", "cost", "cost_each", "p95", "errors", "liked")
    cells = [_cells(row) for row in shown]
    st.dataframe(
        {say(f"table.{column}"): [cell[column] for cell in cells] for column in columns},
        hide_index=True,
        width="stretch",
        key="movers",
        column_config={say("table.name"): st.column_config.TextColumn(width="medium")},
        alt=say("table.alt"),
    )
    if len(rows) > MOST_ROWS:
        st.caption(say("table.top", shown=MOST_ROWS, count=len(rows)))


def _cells(row: Mover) -> dict[str, Any]:
    liked = row.liked if row.liked_votes >= MIN_VOTES else Change(None, None)
    cost = money(row.cost.now)
    bound = "≥ " if row.unpriced and not row.of_calls and row.cost_each.now else ""
    return {
        "kind": say(f"table.{row.dimension}"),
        "name": row.name,
        "samples": f"{count(row.count)} ← {count(row.count_before)}",
        "cost": f"≥ {cost}"
        if row.unpriced and row.cost.now
        else say("table.unpriced")
        if row.unpriced
        else cost,
        "cost_each": bound + _relative(row.cost_each, money),
        "p95": _relative(row.p95, duration),
        "errors": _points(row.errors, 2),
        "liked": _points(liked, 1),
    }


def _relative(changed: Change, write: Callable[[float | None], str]) -> str:
    if changed.ratio is None or abs(changed.ratio) < 0.005:
        return write(changed.now)
    return f"{write(changed.now)}  {_arrow(changed.ratio)} {relative(changed.ratio, 0)}"


def _points(changed: Change, digits: int) -> str:
    text = share(changed.now, digits)
    if changed.difference is None or not changed.significant:
        return text
    return f"{text}  {_arrow(changed.difference)} {changed.difference * 100:+.{digits}f} pp"


def _arrow(step: float) -> str:
    return "▲" if step > 0 else "▼"


def drift_hover(cell: DriftCell, names: dict[str, str], backdrop: Backdrop) -> str:
    """Say what one cell of the drift strip shows: signal, time, measure, value, and from how many samples."""
    lines = [
        f"<b>{escape(names[cell.signal])}</b>",
        f"{backdrop.x(cell.time).replace('T', ' ')[:16]} – {backdrop.x(cell.time + cell.width)[11:16]}",
        say("overview.psi", psi=f"{cell.psi or 0:.2f}"),
    ]
    if cell.level is not None and cell.reference_level is not None:
        write = _unit(cell.signal)
        lines.append(say("overview.levels", now=write(cell.level), before=write(cell.reference_level)))
    lines.append(
        say("overview.samples", samples=count(cell.samples), reference=count(cell.reference_samples))
    )
    return "<br>".join(lines)


def _unit(signal: str) -> Callable[[float], str]:
    if signal in ("refusals", "invalid_json", "error_rate", "repetition"):
        return lambda value: share(value, 2)
    if signal == "retrieval_score":
        return lambda value: f"{value:.2f}"
    return lambda value: say("overview.tokens", tokens=count(value))
