"""A found change as a figure: the signal over time, and where its beginning lies with 90 %."""

from collections.abc import Callable
from datetime import timedelta

from kansoku_collector.store.read.evidence import Move
from kansoku_dashboard.figures.axis import write_axis
from kansoku_dashboard.figures.backdrop import Backdrop, figure
from kansoku_dashboard.figures.latency import line
from kansoku_dashboard.figures.shift import SHADE
from kansoku_dashboard.figures.style import ALARM, OTHER, PALETTE, Figure
from kansoku_dashboard.text import escape

HEIGHT = 200


def width_of(move: Move) -> timedelta:
    """Return the stretch that a point stands for."""
    steps = [later.time - earlier.time for earlier, later in zip(move.points, move.points[1:], strict=False)]
    return min(steps, default=timedelta(hours=1))


def course(move: Move, backdrop: Backdrop, write: Callable[[float], str]) -> Figure:
    """Return the means of a signal over time with the levels of both sides; nothing joins what is missing."""
    x = [backdrop.x(point.time + backdrop.width / 2) for point in move.points]
    y = [point.value for point in move.points]
    drawn = line("", x, y, PALETTE[0], 1.8) | {
        "text": ["" if value is None else escape(write(value)) for value in y],
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }
    traces = [drawn]
    if x and move.measure in ("ratio", "difference"):
        for value, ends in ((move.before, (x[0], backdrop.x(move.began))),
                            (move.after, (backdrop.x(move.began), x[-1]))):  # fmt: skip
            flat = line("", list(ends), [value, value], OTHER, 1.2) | {"mode": "lines", "hoverinfo": "skip"}
            flat["line"]["dash"] = "dot"
            traces.append(flat | {"showlegend": False})
    made = figure(backdrop, traces, {"rangemode": "normal"}, HEIGHT)
    write_axis(made, [value for trace in traces for value in trace["y"] if value is not None], write)
    base = {"yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    made["layout"]["shapes"] += [
        base | {"type": "rect", "fillcolor": SHADE, "line": {"width": 0},
                "x0": backdrop.x(move.earliest), "x1": backdrop.x(move.latest + timedelta(hours=1))},
        base | {"type": "line", "line": {"color": ALARM, "width": 1.4},
                "x0": backdrop.x(move.began), "x1": backdrop.x(move.began)},
    ]  # fmt: skip
    return made
