"""A metric over time as a rule sees it: its values with their intervals, and the limit."""

from collections.abc import Callable, Sequence

from kansoku_collector.store.read.measures import Measure
from kansoku_dashboard.figures.axis import write_axis
from kansoku_dashboard.figures.backdrop import Backdrop, area, band, figure
from kansoku_dashboard.figures.latency import line
from kansoku_dashboard.figures.quality import pale
from kansoku_dashboard.figures.style import ALARM, PALETTE, Figure
from kansoku_dashboard.text import escape

HEIGHT = 220


def beyond(rows: Sequence[Measure], limit: float, side: str) -> list[bool]:
    """Tell of each window whether its value was beyond the limit; of none where nothing was measured."""
    return [
        row.value is not None and (row.value > limit if side == "above" else row.value < limit)
        for row in rows
    ]


def course(
    rows: Sequence[Measure],
    backdrop: Backdrop,
    limit: float,
    side: str,
    write: Callable[[float], str],
    name: str,
) -> Figure:
    """Return the values with gaps, the area of their 95 % interval, a red dot beyond the limit, the limit."""
    x = [backdrop.x(row.end) for row in rows]
    y = [row.value for row in rows]
    past = beyond(rows, limit, side)
    drawn = line("", x, y, PALETTE[0], 1.8)
    drawn["marker"] |= {
        "size": [8 if out else size for out, size in zip(past, drawn["marker"]["size"], strict=True)],
        "color": [ALARM if out else PALETTE[0] for out in past],
    }
    drawn |= {
        "text": ["" if value is None else escape(write(value)) for value in y],
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }
    lows = [row.low if row.high is not None else None for row in rows]
    outline = band(x, lows, [row.high if row.low is not None else None for row in rows])
    flat = line(escape(name), [x[0], x[-1]] if x else [], [limit, limit] if x else [], ALARM, 1.4)
    flat["line"]["dash"] = "dot"
    traces = [area(outline, pale(PALETTE[0]), edge=1), drawn, flat | {"mode": "lines", "hoverinfo": "skip"}]
    made = figure(backdrop, traces, {"rangemode": "normal"}, HEIGHT)
    shown = [value for row in rows for value in (row.value, row.low, row.high)]
    known = [value for value in shown if value is not None]
    write_axis(made, [*known, limit] if known else [], write)
    return made
