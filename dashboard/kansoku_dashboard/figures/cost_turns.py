"""A session, turn by turn: what each cost, and how long the context has grown."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kansoku_dashboard.figures.style import GRID, OTHER, PALETTE, Figure

FONT = 12
LABELS = {"cost": "cost", "fresh": "context, fresh", "cached": "context, from a cache", "turn": "turn"}


class Point(NamedTuple):
    """One turn: dollars and tokens, None where they are not known."""

    cost: float | None
    tokens: int | None
    cached: int | None


def growth(points: Sequence[Point], labels: Mapping[str, str] = LABELS) -> Figure:
    """Return bars of cost over bars of context, a column a turn; what is not known is no bar."""
    numbers = list(range(1, len(points) + 1))
    fresh = [None if p.tokens is None else p.tokens - (p.cached or 0) for p in points]
    axis = {"gridcolor": GRID, "zeroline": False, "fixedrange": True, "automargin": False, "nticks": 4,
            "rangemode": "tozero", "tickfont": {"size": FONT - 1}}  # fmt: skip
    return {
        "data": [
            _bars(labels["cost"], numbers, [p.cost for p in points], PALETTE[1], "y", "%{y:$,.6~f}"),
            _bars(labels["cached"], numbers, [p.cached or None for p in points], OTHER, "y2", "%{y:,d}"),
            _bars(labels["fresh"], numbers, fresh, PALETTE[0], "y2", "%{y:,d}"),
        ],
        "layout": {
            "height": 300,
            "margin": {"l": 60, "r": 10, "t": 30, "b": 36, "pad": 0},
            "barmode": "stack",
            "bargap": 0.25,
            "hovermode": "x unified",
            "hoverlabel": {"font": {"size": FONT}},
            "dragmode": False,
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom",
                       "font": {"size": FONT}, "itemclick": False, "itemdoubleclick": False,
                       "traceorder": "normal"},
            "xaxis": {"title": {"text": labels["turn"], "font": {"size": FONT}, "standoff": 4},
                      "anchor": "y2", "showgrid": False, "zeroline": False, "fixedrange": True,
                      "tickformat": "d", "range": [0.4, max(len(points), 8) + 0.6],
                      "tickvals": numbers[:: _step(len(points))],
                      "tickfont": {"size": FONT - 1}},
            "yaxis": axis | {"domain": [0.56, 1], "tickprefix": "$", "tickformat": ",.2~r"},
            "yaxis2": axis | {"domain": [0, 0.44], "tickformat": ",.3~s"},
        },
    }  # fmt: skip


def _bars(
    name: str, x: list[int], y: Sequence[float | None], colour: str, axis: str, hover: str
) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": name,
        "x": x,
        "y": list(y),
        "xaxis": "x",
        "yaxis": axis,
        "marker": {"color": colour, "line": {"width": 0}},
        "hovertemplate": hover,
    }


def _step(turns: int) -> int:
    return next((step for step in (1, 2, 5, 10, 20, 50, 100) if turns / step <= 20), 200)
