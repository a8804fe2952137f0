"""Rates with their intervals: over time, side by side, of the outcomes of calls, and their differences."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import sqrt
from typing import Any, NamedTuple

from kansoku_collector.store.read.quality_texts import ScoreThen
from kansoku_dashboard.change import MIN_VOTES, wilson
from kansoku_dashboard.figures.backdrop import FONT, QUIET, Backdrop, area, band, figure
from kansoku_dashboard.figures.latency import line
from kansoku_dashboard.figures.style import GRID, OTHER, PALETTE, Figure, points, share
from kansoku_dashboard.text import escape

Z = 1.96


class Rated(NamedTuple):
    """`hits` of `of` in one bucket of time."""

    time: datetime
    hits: int
    of: int


def rates(
    series: Mapping[str, Sequence[Rated]],
    backdrop: Backdrop,
    colours: Mapping[str, str],
    hover: str,
    *,
    ceiling: float | None = None,
    axis: str = "y",
    least: int = MIN_VOTES,
) -> list[dict[str, Any]]:
    """Return the traces of each series: its line, in the pale area of its 95 % interval.

    A bucket with fewer than `least` samples is a gap. `hover` has places for `name`, `rate`, `low`, `high`,
    `hits` and `of`.
    """
    traces: list[dict[str, Any]] = []
    for name, rows in series.items():
        x = [backdrop.x(row.time + backdrop.width / 2) for row in rows]
        found = [wilson(row.hits, row.of) if row.of >= least else None for row in rows]
        y = [row.hits / row.of if known else None for row, known in zip(rows, found, strict=True)]
        texts = [
            hover.format(name=escape(name), rate=share(row.hits / row.of), low=share(known[0]),
                         high=share(known[1]), hits=f"{row.hits:,}", of=f"{row.of:,}") if known else ""
            for row, known in zip(rows, found, strict=True)
        ]  # fmt: skip
        colour = colours.get(name, OTHER)
        outline = band(x, [k and k[0] for k in found], [k and min(k[1], ceiling or 1.0) for k in found])
        traces.append(area(outline, pale(colour), edge=1) | {"yaxis": axis})
        drawn = line(escape(name), x, y, colour, 2)
        traces.append(drawn | {"text": texts, "hovertemplate": "%{text}<extra></extra>", "yaxis": axis})
    return traces


def pale(colour: str) -> str:
    """Return a shade of a colour for areas."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.14)"


def over_time(
    series: Mapping[str, Sequence[Rated]], backdrop: Backdrop, colours: Mapping[str, str], hover: str
) -> Figure:
    """Return the like rate of each series over time."""
    traces = rates(series, backdrop, colours, hover)
    lows = [value for trace in traces for value in trace["y"] if value is not None]
    y = {"tickformat": ".0%", "range": [max(0.0, min(lows, default=0.0) - 0.04), 1.01], "rangemode": "normal"}
    made = figure(backdrop, traces, y, 250)
    made["layout"]["showlegend"] = bool(lows)
    return made


def side_by_side(
    rows: Sequence[tuple[str, int, int]],
    colours: Mapping[str, str],
    hover: str,
    nothing: str,
    *,
    few: str = "{of}",
) -> Figure:
    """Return a dot with its interval for each (name, hits, of), the first at the top.

    A rate from fewer than eight votes is not drawn: its row says how many there are (`few`).
    """
    shown = [(name, hits, of) for name, hits, of in rows if of >= MIN_VOTES]
    spans = [wilson(hits, of) for _, hits, of in shown]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "orientation": "h",
        "x": [hits / of for _, hits, of in shown],
        "y": [_short(name) for name, _, _ in shown],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - hits / of for (_, hits, of), (_, high) in zip(shown, spans, strict=True)],
            "arrayminus": [hits / of - low for (_, hits, of), (low, _) in zip(shown, spans, strict=True)],
            "color": OTHER,
            "thickness": 1.6,
            "width": 5,
        },
        "marker": {"size": 10, "color": [colours.get(name, OTHER) for name, _, _ in shown]},
        "text": [
            hover.format(name=escape(name), rate=share(hits / of), low=share(low), high=share(high),
                         hits=f"{hits:,}", of=f"{of:,}")
            for (name, hits, of), (low, high) in zip(shown, spans, strict=True)
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }  # fmt: skip
    names = [_short(name) for name, _, _ in rows]
    lowest = min((low for low, _ in spans), default=0.0)
    return {
        "data": [trace],
        "layout": {
            "height": 250,
            "margin": {"l": 10, "r": 70, "t": 8, "b": 26, "pad": 6},
            "dragmode": False,
            "hovermode": "closest",
            "hoverlabel": {"font": {"size": FONT}},
            "xaxis": {"tickformat": ".0%", "range": [max(0.0, lowest - 0.05), 1.01], "gridcolor": GRID,
                      "zeroline": False, "fixedrange": True, "nticks": 6, "showticklabels": bool(shown),
                      "showgrid": bool(shown), "tickfont": {"size": FONT - 1}},
            "yaxis": {"type": "category", "categoryorder": "array", "categoryarray": names[::-1],
                      "range": [-0.6, len(names) - 0.4], "automargin": True, "fixedrange": True,
                      "showgrid": False, "tickfont": {"size": FONT - 1},
                      "tickmode": "array", "tickvals": names, "ticktext": names},
            "annotations": _counts(rows, few) or [_nothing(nothing)],
        },
    }  # fmt: skip


def _counts(rows: Sequence[tuple[str, int, int]], few: str) -> list[dict[str, Any]]:
    """Write beside each row how many votes it rests on."""
    return [
        {"x": 1, "xref": "paper", "xanchor": "left", "xshift": 6, "y": _short(name), "showarrow": False,
         "text": f"n = {of:,}" if of >= MIN_VOTES else few.format(of=of),
         "font": {"size": FONT - 1}, "opacity": QUIET}
        for name, _, of in rows
    ]  # fmt: skip


def _nothing(words: str) -> dict[str, Any]:
    return {"x": 0.5, "xref": "paper", "y": 0.5, "yref": "paper", "text": words, "showarrow": False,
            "font": {"size": FONT}, "opacity": QUIET}  # fmt: skip


def _short(name: str, most: int = 30) -> str:
    return escape(name if len(name) <= most else f"{name[: most - 1]}…")


def outcomes(
    large: Mapping[str, Sequence[Rated]],
    small: Mapping[str, Sequence[Rated]],
    backdrop: Backdrop,
    colours: Mapping[str, str],
    hover: str,
) -> Figure:
    """Return the large shares above, all of the scale, and the small ones below on a scale of their own."""
    above = rates(large, backdrop, colours, hover, axis="y3")
    below = rates(small, backdrop, colours, hover)
    made = figure(backdrop, below + above, {"tickformat": ".1~%", "nticks": 4, "domain": [0, 0.42]}, 330)
    made["layout"]["yaxis3"] = made["layout"]["yaxis"] | {"domain": [0.52, 1], "range": [0, 1.01]}
    made["layout"]["yaxis2"]["overlaying"] = "y3"  # the marks of changes stand above both
    made["layout"]["showlegend"] = True
    return made


def score(rows: Sequence[ScoreThen], backdrop: Backdrop, name: str, hover: str) -> Figure:
    """Return the mean of a score over time in its 95 % interval (mean ± 1.96 standard errors).

    A mean of fewer than eight values is a gap. `hover` has places for `mean`, `low`, `high` and `values`.
    """
    x = [backdrop.x(row.time + backdrop.width / 2) for row in rows]
    means = [row.mean if row.values >= MIN_VOTES else None for row in rows]
    half = [Z * (row.spread or 0.0) / sqrt(max(1, row.values)) for row in rows]
    low = [None if mean is None else mean - off for mean, off in zip(means, half, strict=True)]
    high = [None if mean is None else mean + off for mean, off in zip(means, half, strict=True)]
    texts = [
        "" if mean is None else hover.format(mean=f"{mean:.3g}", low=f"{mean - off:.3g}",
                                             high=f"{mean + off:.3g}", values=f"{row.values:,}")
        for row, mean, off in zip(rows, means, half, strict=True)
    ]  # fmt: skip
    traces = [
        area(band(x, low, high), pale(PALETTE[4]), edge=1),
        line(escape(name), x, means, PALETTE[4], 2)
        | {"text": texts, "hovertemplate": "%{text}<extra></extra>"},
    ]
    made = figure(backdrop, traces, {"rangemode": "normal"}, 230)
    made["layout"]["showlegend"] = any(mean is not None for mean in means)
    return made


def differences(
    rows: Sequence[tuple[str, float, float, float, bool]],
    hover: str,
    nothing: str,
    points: Callable[[float], str] = points,
) -> Figure:
    """Return for each (name, value, low, high, told) a dot with its interval around zero."""
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [value for _, value, _, _, _ in rows],
        "y": [escape(name) for name, *_ in rows],
        "error_x": {"type": "data", "symmetric": False, "color": OTHER, "thickness": 1.8, "width": 6,
                    "array": [high - value for _, value, _, high, _ in rows],
                    "arrayminus": [value - low for _, value, low, _, _ in rows]},
        # Filled where the interval leaves out zero, hollow where it does not.
        "marker": {"size": 11, "color": PALETTE[0], "line": {"width": 2, "color": PALETTE[0]},
                   "symbol": ["circle" if told else "circle-open" for *_, told in rows]},
        "text": [
            hover.format(name=escape(name), value=points(value), low=points(low), high=points(high))
            for name, value, low, high, _ in rows
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }  # fmt: skip
    reach = max((abs(edge) for _, _, low, high, _ in rows for edge in (low, high)), default=0.1) * 1.1
    return {
        "data": [trace],
        "layout": {
            "height": 70 + 34 * max(2, len(rows)),
            "margin": {"l": 10, "r": 12, "t": 8, "b": 26, "pad": 6},
            "dragmode": False,
            "hovermode": "closest",
            "hoverlabel": {"font": {"size": FONT}},
            "xaxis": {"tickformat": "+.0%" if reach > 0.04 else "+.1%", "range": [-reach, reach],
                      "gridcolor": GRID, "zeroline": True, "zerolinecolor": OTHER, "zerolinewidth": 1.5,
                      "fixedrange": True, "nticks": 7, "tickfont": {"size": FONT - 1}},
            "yaxis": {"type": "category", "autorange": "reversed", "automargin": True, "fixedrange": True,
                      "showgrid": False, "tickfont": {"size": FONT - 1}},
            "annotations": [] if rows else [_nothing(nothing)],
        },
    }  # fmt: skip
