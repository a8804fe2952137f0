"""Tokens a second by model over time, and errors by class over time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from kansoku_collector.store.read.errors import CLASSES, ErrorCount
from kansoku_collector.store.read.speed import Rate
from kansoku_dashboard.figures.backdrop import Backdrop, figure
from kansoku_dashboard.figures.latency import line
from kansoku_dashboard.figures.style import ALARM, DASHES, OTHER, PALE, PALETTE, TOP, WARN, Figure, strokes
from kansoku_dashboard.text import escape

MIN_CALLS = 3  # a middle of fewer is no middle
# Red is kept for what the vendor refuses because there is too much of it: the class that asks for an answer.
CLASS_COLOURS = {
    "rate_limit": ALARM,
    "timeout": WARN,
    "overload": PALETTE[4],
    "connection": PALETTE[6],
    "content_filter": PALETTE[3],
    "access": PALETTE[5],
    "request": PALETTE[0],
    "cancelled": PALETTE[7],
    "other": OTHER,
}


def rates(rows: Sequence[Rate], backdrop: Backdrop, colours: Mapping[str, str], hover: str) -> Figure:
    """Return a line a model, the seven most called; a bucket with fewer than three calls is a gap.

    `hover` has places for `model`, `rate`, `slow` and `calls`.
    """
    found: dict[str, dict[datetime, Rate]] = defaultdict(dict)
    for row in rows:
        found[row.model][row.time] = row
    ranked = sorted(found, key=lambda model: (-sum(row.calls for row in found[model].values()), model))
    x = [backdrop.x(time + backdrop.width / 2) for time in backdrop.times]
    shown = ranked[:TOP]
    inks = [colours.get(model, OTHER) for model in shown]
    traces = []
    for model, ink, dash in zip(shown, inks, strokes(inks, DASHES), strict=True):
        points = [found[model].get(time) for time in backdrop.times]
        drawn = [point if point and point.calls >= MIN_CALLS else None for point in points]
        texts = [
            hover.format(
                model=escape(model), rate=f"{point.p50:,.0f}", slow=f"{point.p5:,.0f}", calls=point.calls
            )
            if point
            else ""
            for point in drawn
        ]
        made = line(escape(model), x, [p and p.p50 for p in drawn], ink, 2, dash)
        traces.append(made | {"text": texts, "hovertemplate": "%{text}<extra></extra>"})
    made = figure(backdrop, traces, {}, 240)
    made["layout"]["showlegend"] = bool(traces)
    return made


def errors(rows: Sequence[ErrorCount], backdrop: Backdrop, names: Mapping[str, str]) -> Figure:
    """Return bars of errors stacked by class, rate limits at the bottom; no error is a true zero."""
    found: dict[str, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        found[row.kind][row.time] += row.errors
    milliseconds = backdrop.width.total_seconds() * 1000
    traces = [
        {
            "type": "bar",
            "name": names[kind],
            "x": [backdrop.x(time) for time in backdrop.times],
            "y": [found[kind].get(time, 0) for time in backdrop.times],
            "width": milliseconds * 0.86,
            "offset": milliseconds * 0.07,
            "marker": {
                "color": CLASS_COLOURS[kind],
                "opacity": [PALE if backdrop.unfinished(time) else 1 for time in backdrop.times],
                "line": {"width": 0},
            },
            "hovertemplate": "%{y:,}",
        }
        for kind in CLASSES
        if kind in found
    ]
    made = figure(backdrop, traces, {"tickformat": ",~d", "nticks": 4}, 240)
    made["layout"]["barmode"] = "stack"
    made["layout"]["showlegend"] = bool(traces)
    return made
