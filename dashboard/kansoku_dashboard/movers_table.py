"""What moved most, as a table."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from kansoku_dashboard.change import MIN_VOTES, Change
from kansoku_dashboard.durations import duration, points
from kansoku_dashboard.figures.style import count, money, relative, share
from kansoku_dashboard.movers import Mover
from kansoku_dashboard.text import visible
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
        "name": visible(row.name),
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
    return f"{text}  {_arrow(changed.difference)} {points(changed.difference, digits)}"


def _arrow(step: float) -> str:
    return "▲" if step > 0 else "▼"
