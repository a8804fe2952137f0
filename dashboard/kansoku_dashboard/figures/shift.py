"""One signal from near: its distribution before and since, and its level over time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kansoku_collector.store.read.drift import TWELFTHS, DriftCell
from kansoku_collector.store.read.drift_detail import Both
from kansoku_collector.store.scope import Period
from kansoku_dashboard import shifts
from kansoku_dashboard.figures.axis import write_axis
from kansoku_dashboard.figures.backdrop import FONT, QUIET, Backdrop, figure
from kansoku_dashboard.figures.latency import line
from kansoku_dashboard.figures.style import ALARM, GRID, OTHER, PALETTE, Figure, count
from kansoku_dashboard.figures.style import share as per_cent
from kansoku_dashboard.text import escape

HEIGHT = 270
SHADE = "rgba(217,72,95,0.10)"
FEW_BINS = 8  # with so few, every bar has its label
TAIL = 0.002  # of both sides: bins at the edges with less are left out


def distribution(both: Both, label: Callable[[Any], str], words: Mapping[str, str]) -> Figure:
    """Return bars of the shares since, over outlined bars of the shares before.

    `words` has `before`, `now`, `nothing`, and `hover` with places for `bin`, `before`, `now` and `part`.
    """
    bins = _shown(both)
    parts = shifts.parts_of_index(both)
    total = sum(parts.values())
    names = [label(bin_) for bin_ in bins]
    texts = [
        words["hover"].format(
            bin=escape(label(bin_)),
            before=per_cent(shifts.share(both.before, bin_)),
            now=per_cent(shifts.share(both.now, bin_)),
            part=per_cent(parts.get(bin_, 0.0) / total if total else 0.0, 0),
        )
        for bin_ in bins
    ]
    sides = (
        ("before", both.before, {"color": "rgba(124,134,152,0.28)", "line": {"color": OTHER, "width": 1.2}}),
        ("now", both.now, {"color": PALETTE[0], "opacity": 0.9}),
    )
    traces = [
        {
            "type": "bar",
            "name": words[side],
            "x": names,
            "y": [shifts.share(histogram, bin_) for bin_ in bins],
            "customdata": texts,
            "hovertemplate": "%{customdata}<extra></extra>",
            "marker": marker,
        }
        for side, histogram, marker in sides
        if sum(histogram.values())
    ]
    return {
        "data": traces or [{"type": "bar", "x": [], "y": []}],
        "layout": {
            "height": HEIGHT,
            "margin": {"l": 44, "r": 10, "t": 30, "b": 40, "pad": 0},
            "barmode": "group",
            "bargap": 0.22,
            "bargroupgap": 0.0,
            "dragmode": False,
            "hovermode": "closest",
            "hoverlabel": {"font": {"size": FONT}},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": FONT},
                       "itemclick": False, "itemdoubleclick": False},
            "showlegend": bool(traces),
            "xaxis": {"type": "category", "fixedrange": True, "tickfont": {"size": FONT - 1},
                      "nticks": len(bins) if len(bins) <= FEW_BINS else 9, "tickangle": 0,
                      "showticklabels": bool(traces), "automargin": False},
            "yaxis": {"tickformat": ".0%", "gridcolor": GRID, "zeroline": False, "fixedrange": True,
                      "rangemode": "tozero", "nticks": 5, "tickfont": {"size": FONT - 1},
                      "showticklabels": bool(traces), "showgrid": bool(traces)},
            "annotations": [] if traces else [_nothing(words["nothing"])],
        },
    }  # fmt: skip


def levels(
    cells: Sequence[DriftCell],
    backdrop: Backdrop,
    name: str,
    write: Callable[[float], str],
    reference: str,
    shaded: Sequence[Period] = (),
) -> Figure:
    """Return the level of each cell over time beside that of the reference; drifted cells carry a red dot."""
    x = [backdrop.x(cell.time + cell.width / 2) for cell in cells]
    y = [cell.level for cell in cells]
    drawn = line(name, x, y, PALETTE[0], 2)
    drawn["marker"] |= {
        "size": [
            8 if cell.drifted else size for cell, size in zip(cells, drawn["marker"]["size"], strict=True)
        ],
        "color": [ALARM if cell.drifted else PALETTE[0] for cell in cells],
    }
    drawn |= {
        "text": ["" if value is None else escape(write(value)) for value in y],
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }
    usual = next((cell.reference_level for cell in cells if cell.reference_level is not None), None)
    traces = [drawn]
    if usual is not None and x:
        flat = line(f"{reference} {write(usual)}", [x[0], x[-1]], [usual, usual], OTHER, 1.4)
        flat["line"]["dash"] = "dot"
        traces.append(flat | {"mode": "lines", "hoverinfo": "skip"})
    made = figure(backdrop, traces, {"rangemode": "normal"}, HEIGHT)
    write_axis(made, [value for value in [*y, usual] if value is not None], write)
    made["layout"]["shapes"] += [
        {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "fillcolor": SHADE, "line": {"width": 0},
         "layer": "below", "x0": backdrop.x(stretch.start), "x1": backdrop.x(stretch.end)}
        for stretch in shaded
    ]  # fmt: skip
    return made


def _shown(both: Both) -> list[Any]:
    """Leave out the thin tails, and fill the holes between bins that are numbers."""
    bins = sorted({*both.before, *both.now})
    if not bins or isinstance(bins[0], str):
        return sorted(bins, key=lambda bin_: -max(both.before.get(bin_, 0), both.now.get(bin_, 0)))[:12]
    weight = [max(shifts.share(both.before, bin_), shifts.share(both.now, bin_)) >= TAIL for bin_ in bins]
    kept = [bin_ for bin_, heavy in zip(bins, weight, strict=True) if heavy] or bins
    return list(range(kept[0], kept[-1] + 1))


def _nothing(text: str) -> dict[str, Any]:
    return {"x": 0.5, "xref": "paper", "y": 0.5, "yref": "paper", "text": text, "showarrow": False,
            "font": {"size": FONT}, "opacity": QUIET}  # fmt: skip


def bin_name(signal: str, bin_: Any, words: Mapping[str, str]) -> str:
    """Write a bin: tokens from and to, a twentieth of a score, a language, good or bad."""
    if isinstance(bin_, str):
        return words.get(bin_, bin_)
    if signal == "retrieval_score":
        return f"{bin_ / 20:.2f}"
    if signal == "repetition":
        return per_cent(bin_ / TWELFTHS, 0)
    low, high = (2 ** ((bin_ + step) / 2) - 1 for step in (0, 1))
    first, last = _whole(low), _whole(high) - 1
    return count(first) if last <= first else f"{count(first)}–{count(last)}"


def _whole(value: float) -> int:
    return int(value) if value == int(value) else int(value) + 1
