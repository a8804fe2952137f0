"""What every chart over time stands on: the axis, gaps in the data, and marks where a version changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from html import unescape
from typing import Any

from kansoku_collector.store.read.drift import VersionChange
from kansoku_collector.store.scope import Period
from kansoku_dashboard.figures.style import ALARM, GAP_FILL, GRID, OTHER, WARN, Figure
from kansoku_dashboard.figures.version_names import versions
from kansoku_dashboard.text import escape

MARKS = {"model": (ALARM, "triangle-down"), "prompt": (WARN, "diamond"), "release": (OTHER, "circle")}
FONT = 12
LONGEST_NAME = 36
# No grey is readable on both backgrounds: texts take the ink of the theme, and less of it.
QUIET = 0.8


@dataclass(frozen=True, slots=True)
class Backdrop:
    """The buckets of a chart and what lies behind them; `end` is where knowledge ends, now."""

    times: list[datetime]
    width: timedelta
    end: datetime
    gaps: Sequence[Period] = ()
    changes: Sequence[VersionChange] = ()
    zone: tzinfo = UTC
    no_data: str = "no data"
    nothing: str = "nothing in this range"
    change_words: dict[str, str] = field(default_factory=dict)  # kind -> "… {name} … {before} … {after}"
    day_format: str = "%b %-d"

    def x(self, moment: datetime) -> str:
        """Write a moment as the reader's clock shows it, whole days as UTC's: a chart knows no zones."""
        return moment.astimezone(self.clock).strftime("%Y-%m-%dT%H:%M:%S")

    @property
    def clock(self) -> tzinfo:
        """The zone of the axis: where the clocks change within it, what they show at its end.

        Else the hour that comes twice in autumn would be one bar on top of the other.
        """
        if self.whole_days:
            return UTC
        here = self.end.astimezone(self.zone).utcoffset()
        if self.times and here is not None and self.times[0].astimezone(self.zone).utcoffset() != here:
            return timezone(here)
        return self.zone

    @property
    def whole_days(self) -> bool:
        """Tell whether the buckets are days or longer: the store cuts those at midnight of UTC."""
        return self.width >= timedelta(days=1)

    @property
    def hover_format(self) -> str:
        """How a bucket is named that the reader points at: with its time, or as a day of UTC."""
        if not self.whole_days:
            return "%H:%M" if self.short else f"{self.day_format} %H:%M"
        here = self.end.astimezone(self.zone).utcoffset()
        return f"{self.day_format} (UTC)" if here else self.day_format

    @property
    def short(self) -> bool:
        """Tell whether times of day are enough to tell the buckets apart."""
        return not self.times or self.times[-1] - self.times[0] <= timedelta(hours=36)

    def hidden(self, time: datetime) -> bool:
        """Tell whether the bucket that starts at `time` lies in a gap."""
        return any(gap.start <= time < gap.end for gap in self.gaps)

    def unfinished(self, time: datetime) -> bool:
        """Tell whether the bucket that starts at `time` is not over yet."""
        return time + self.width > self.end

    def sentence(self, change: VersionChange) -> str:
        """Say a change in words."""
        template = self.change_words.get(change.kind, "{name}: {before} → {after}")
        name, before, after = change.name, change.before, change.after
        if change.kind == "model":
            name, before, after = versions(before, after)
        return template.format(name=name, before=before, after=after).strip()


def figure(backdrop: Backdrop, traces: list[dict[str, Any]], y: dict[str, Any], height: int = 220) -> Figure:
    """Return the figure of `traces` on a backdrop, in one piece."""
    traces = [_named(trace) for trace in traces]
    rows = _legend_rows(traces)
    empty = not any(value is not None for trace in traces for value in trace.get("y") or [])
    if empty:
        y = y | {"showticklabels": False, "showgrid": False}
    axis = {"gridcolor": GRID, "zeroline": False, "automargin": False, "tickfont": {"size": FONT - 1}}
    return {
        "data": (traces + _marks(backdrop)) or [{"type": "scatter", "x": [], "y": []}],
        "layout": {
            # A long legend takes no room from the drawing.
            "height": height + 20 * max(0, rows - 2),
            "margin": {"l": 58, "r": 10, "t": 12 + 20 * rows, "b": 28, "pad": 0},
            "hovermode": "x unified",
            "hoverlabel": {"font": {"size": FONT}},
            "dragmode": False,
            "legend": _LEGEND,
            **({"showlegend": False} if empty else {}),
            "xaxis": axis
            | {"type": "date", "range": _range(backdrop), "showgrid": False, "nticks": 8}
            # The first time stands below the lowest value, and not on it.
            | {"tickformat": "%H:%M" if backdrop.short else backdrop.day_format, "fixedrange": True}
            | {"hoverformat": backdrop.hover_format, "ticklabelstandoff": 5},
            # A mark at the beginning stands beside the highest value, and not on it.
            "yaxis": axis
            | {"rangemode": "tozero", "nticks": 5, "fixedrange": True, "ticklabelstandoff": 6}
            | y,
            "yaxis2": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
            "shapes": _gaps(backdrop) + _lines(backdrop),
            # Where nothing is drawn one sentence says so; the word in a gap would stand in its way.
            "annotations": [nothing(backdrop)] if empty else [_label(backdrop, gap) for gap in backdrop.gaps],
        },
    }


_LEGEND = {
    "orientation": "h",
    "x": 0,
    "y": 1.03,
    "xanchor": "left",
    "yanchor": "bottom",
    "font": {"size": FONT},
    "itemclick": False,
    "itemdoubleclick": False,
    "tracegroupgap": 0,
    "entrywidth": 0,
}


def short(name: str) -> str:
    """Return a name that leaves room for the chart: its beginning and its end, where versions stand."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME // 3]}…{name[-LONGEST_NAME // 2 :]}"


def _named(trace: dict[str, Any]) -> dict[str, Any]:
    return trace | {"name": escape(short(unescape(trace["name"])))} if trace.get("name") else trace


def _legend_rows(traces: list[dict[str, Any]]) -> int:
    """Estimate the lines that the legend takes in half a page."""
    names = [trace["name"] for trace in traces if trace.get("name") and trace.get("showlegend", True)]
    return -(-sum(7 * len(name) + 46 for name in names) // 540)


def _range(backdrop: Backdrop) -> list[str]:
    last = backdrop.times[-1] + backdrop.width if backdrop.times else backdrop.end
    return [backdrop.x(backdrop.times[0] if backdrop.times else backdrop.end), backdrop.x(last)]


def _gaps(backdrop: Backdrop) -> list[dict[str, Any]]:
    base = {
        "type": "rect",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "fillcolor": GAP_FILL,
        "line": {"width": 0},
        "layer": "below",
    }
    return [base | {"x0": backdrop.x(gap.start), "x1": backdrop.x(gap.end)} for gap in backdrop.gaps]


def _label(backdrop: Backdrop, gap: Period) -> dict[str, Any]:
    middle = gap.start + gap.length / 2
    return {
        "x": backdrop.x(middle),
        "y": 0.5,
        "yref": "paper",
        "yanchor": "middle",
        "text": backdrop.no_data,
        "textangle": -90,
        "showarrow": False,
        "font": {"size": FONT - 2},
        "opacity": QUIET,
    }


def nothing(backdrop: Backdrop) -> dict[str, Any]:
    """Return the words in the middle of an empty chart."""
    return {
        "x": 0.5,
        "xref": "paper",
        "y": 0.5,
        "yref": "paper",
        "text": backdrop.nothing,
        "showarrow": False,
        "font": {"size": FONT},
        "opacity": QUIET,
    }


def _lines(backdrop: Backdrop) -> list[dict[str, Any]]:
    return [
        {
            "type": "line",
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "x0": backdrop.x(change.time),
            "x1": backdrop.x(change.time),
            "line": {"color": MARKS[change.kind][0], "width": 1.2, "dash": "dash"},
        }
        for change in backdrop.changes
    ]


def _marks(backdrop: Backdrop) -> list[dict[str, Any]]:
    if not backdrop.changes:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "yaxis": "y2",
            "showlegend": False,
            "cliponaxis": False,
            "x": [backdrop.x(change.time) for change in backdrop.changes],
            "y": [1.0] * len(backdrop.changes),
            "marker": {
                "size": 9,
                "color": [MARKS[change.kind][0] for change in backdrop.changes],
                "symbol": [MARKS[change.kind][1] for change in backdrop.changes],
            },
            "text": [escape(backdrop.sentence(change)) for change in backdrop.changes],
            "hovertemplate": "%{text}<extra></extra>",
        }
    ]


def runs(values: Sequence[object | None]) -> list[range]:
    """Return the stretches of positions without a None: a band is one closed polygon for each."""
    found, start = [], None
    for place, value in enumerate([*values, None]):
        if value is not None and start is None:
            start = place
        elif value is None and start is not None:
            found.append(range(start, place))
            start = None
    return found


def band(
    x: Sequence[str], low: Sequence[float | None], high: Sequence[float | None]
) -> tuple[list[str | None], list[float | None]]:
    """Return the outline of the area between two lines, a closed polygon for each run of real values."""
    outline_x: list[str | None] = []
    outline_y: list[float | None] = []
    for run in runs(low):
        outline_x += [*(x[i] for i in run), *(x[i] for i in reversed(run)), x[run[0]], None]
        outline_y += [*(high[i] for i in run), *(low[i] for i in reversed(run)), high[run[0]], None]
    return outline_x[:-1], outline_y[:-1]


def area(
    outline: tuple[Sequence[str | None], Sequence[float | None]], fill: str, *, edge: float
) -> dict[str, Any]:
    """Return the area inside of an outline; an `edge` (pixels) shows it where it has no width."""
    x, y = outline
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "fill": "toself",
        "fillcolor": fill,
        "line": {"width": edge, "color": fill},
        "hoverinfo": "skip",
        "showlegend": False,
    }
