"""The heat map of durations: a column a stretch of time, a row a range of seconds, darker where more fell."""

from collections.abc import Sequence

from kansoku_collector.store.read.latency import EDGES, Column
from kansoku_dashboard.figures.backdrop import Backdrop, figure, nothing
from kansoku_dashboard.figures.style import Figure, share

# Of one hue, and see-through where little is, so that it stands on both themes.
SCALE = (
    (0.0, "rgba(74,111,220,0.05)"),
    (0.02, "rgba(74,111,220,0.16)"),
    (0.15, "rgba(74,111,220,0.38)"),
    (0.4, "rgba(74,111,220,0.72)"),
    (1.0, "rgba(62,92,190,1)"),
)
HEIGHT = 230
MARGIN = 1  # empty rows that are kept around those in use


def durations(rows: Sequence[Column], backdrop: Backdrop, hover: str) -> Figure:
    """Return the map; every column adds up to 100 %, and a column without samples is empty.

    `hover` has places for `from`, `to` and `share`.
    """
    first, last = _used(rows)
    names = _names()
    z: list[list[float | None]] = []
    texts: list[list[str]] = []
    for row in range(first, last + 1):
        parts = [column.counts[row] / sum(column.counts) if sum(column.counts) else None for column in rows]
        z.append([part or None for part in parts])
        texts.append([_text(hover, row, part) for part in parts])
    trace = {
        "type": "heatmap",
        "x": [backdrop.x(column.time + backdrop.width / 2) for column in rows],
        "y": names[first : last + 1],
        "z": z,
        "zmin": 0,
        "zmax": 0.7,
        "colorscale": [list(step) for step in SCALE],
        "showscale": False,
        "xgap": 1,
        "ygap": 1.5,
        "customdata": texts,
        "hovertemplate": "%{x}<br>%{customdata}<extra></extra>",
        "hoverongaps": False,
    }
    y = {"type": "category", "showgrid": False, "rangemode": "normal", "nticks": 0, "ticks": ""}
    made = figure(backdrop, [trace], y, HEIGHT)
    made["layout"]["hovermode"] = "closest"
    made["layout"]["margin"] |= {"l": 76}
    if all(value is None for line in z for value in line):
        made["layout"]["annotations"] = [nothing(backdrop)]
        made["layout"]["yaxis"]["showticklabels"] = False
    return made


def _used(rows: Sequence[Column]) -> tuple[int, int]:
    """Return the first and the last row to show: those in use and one around them."""
    used = [place for column in rows for place, count in enumerate(column.counts) if count]
    if not used:
        return 0, len(EDGES)
    return max(0, min(used) - MARGIN), min(len(EDGES), max(used) + MARGIN)


def _names() -> list[str]:
    return ["< " + written(EDGES[0]), *(f"≥ {written(edge)}" for edge in EDGES)]


def _text(hover: str, row: int, part: float | None) -> str:
    low = written(EDGES[row - 1]) if row else "0"
    high = written(EDGES[row]) if row < len(EDGES) else "∞"
    return hover.format(**{"from": low, "to": high, "share": share(part)})


def written(seconds: float) -> str:
    """Write an edge as short as it can be: 50 ms, 2 s."""
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"
