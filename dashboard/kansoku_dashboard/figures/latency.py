"""Latency over time: the median, the 95th and the 99th percentile, and the area between them."""

from collections.abc import Sequence
from typing import Any

from kansoku_collector.store.read.overview import Bucket
from kansoku_collector.store.read.speed import Point
from kansoku_dashboard.figures.axis import round_steps
from kansoku_dashboard.figures.backdrop import Backdrop, area, band, figure, runs
from kansoku_dashboard.figures.style import PALETTE, Figure

UNITS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))
LINES = (("p99", 1.0, 0.7), ("p95", 1.6, 0.85), ("p50", 2.2, 1.0))
FILL = "rgba(74,111,220,0.13)"


def percentiles(rows: Sequence[Bucket | Point], backdrop: Backdrop) -> Figure:
    """Return three lines with gaps where nothing was measured; what is not over yet is dotted."""
    rows = [row for row in rows if not backdrop.unfinished(row.time) or row.p50 is not None]
    x = [backdrop.x(row.time + backdrop.width / 2) for row in rows]
    traces = [area(band(x, [row.p50 for row in rows], [row.p99 for row in rows]), FILL, edge=0)]
    last = bool(rows) and backdrop.unfinished(rows[-1].time)
    for name, width, opacity in LINES:
        y = [getattr(row, name) for row in rows]
        traces.append(
            line(name, x, y, PALETTE[0], width) | {"opacity": opacity, "hovertemplate": "%{y:.3~f} s"}
        )
        if last:
            traces[-1]["y"] = [*y[:-1], None]
            tail = line(name, x[-2:], y[-2:], PALETTE[0], width)
            tail["line"]["dash"] = "dot"
            traces.append(tail | {"opacity": opacity * 0.6, "showlegend": False, "hoverinfo": "skip"})
    made = figure(backdrop, traces, {})
    known = [value for row in rows for value in (row.p50, row.p99) if value is not None]
    made["layout"]["yaxis"] |= duration_axis(max(known, default=0))
    return made


def duration_axis(most: float) -> dict[str, Any]:
    """Return the ticks of an axis of seconds, in the unit that suits the longest: ms, s, min or h."""
    size, unit = next(((size, unit) for size, unit in UNITS if most >= 2 * size), UNITS[-1])
    if not most:
        return {"ticksuffix": " s"}
    ticks = round_steps(0, 1.1 * most / size)
    return {
        "range": [0, 1.1 * most],
        "tickmode": "array",
        "tickvals": [tick * size for tick in ticks],
        "ticktext": [f"{tick:g} {unit}" for tick in ticks],
    }


def line(
    name: str, x: list[str], y: list[float | None], colour: str, width: float, dash: str = "solid"
) -> dict[str, Any]:
    """Return a line that breaks where a value is missing; a value alone between gaps is a dot."""
    alone = {run[0] for run in runs(y) if len(run) == 1}
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": x,
        "y": y,
        "connectgaps": False,
        "line": {"color": colour, "width": width, "shape": "linear"}
        | ({"dash": dash} if dash != "solid" else {}),
        "marker": {"size": [5 if place in alone else 0 for place in range(len(y))], "color": colour},
    }
