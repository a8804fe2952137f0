"""When each service sent something: a line a service, broken where it was silent."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from kansoku_collector.store.read.arrivals import Arrival
from kansoku_collector.store.scope import Period
from kansoku_dashboard.figures.backdrop import FONT, short
from kansoku_dashboard.figures.style import ALARM, GRID, PALETTE, Figure
from kansoku_dashboard.text import escape

MOST = 12


def lines(
    rows: Sequence[Arrival],
    period: Period,
    words: tuple[str, str, str],
    *,
    zone: tzinfo = UTC,
    days: str,
) -> Figure:
    """Return the lines of the services that were silent longest; `words` name sending, gap and no name."""
    sending, silent, unnamed = words
    shown = list(rows[:MOST])
    names = [escape(row.service or unnamed) for row in shown]
    traces = [
        _trace(sending, PALETTE[2], 7, "solid", _stretches(shown, names), zone),
        _trace(silent, ALARM, 3, "dot", _gaps(shown, names), zone),
    ]
    brief = period.length.total_seconds() <= 36 * 3600
    axis = {"gridcolor": GRID, "zeroline": False, "fixedrange": True, "tickfont": {"size": FONT - 1}}
    return {
        "data": traces,
        "layout": {
            "height": 70 + 26 * max(1, len(shown)),
            "margin": {"l": 10, "r": 10, "t": 30, "b": 24},
            "hovermode": "closest",
            "dragmode": False,
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemclick": False},
            "xaxis": axis
            | {"type": "date", "range": [_x(period.start, zone), _x(period.end, zone)], "nticks": 8}
            | {"tickformat": "%H:%M" if brief else days},
            "yaxis": axis
            | {"type": "category", "categoryarray": names, "autorange": "reversed", "automargin": True}
            | {"tickvals": names, "ticktext": [escape(short(row.service or unnamed)) for row in shown]},
        },
    }


Stretch = tuple[str, datetime, datetime]


def _stretches(rows: Sequence[Arrival], names: Sequence[str]) -> list[Stretch]:
    """Return where each service sent: from its first span in the range to its last one, without its gaps."""
    found = []
    for row, name in zip(rows, names, strict=True):
        begins = [row.first, *(gap.end for gap in row.gaps)]
        ends = [*(gap.start for gap in row.gaps), max(row.last, begins[-1])]
        found += [(name, start, end) for start, end in zip(begins, ends, strict=True)]
    return found


def _gaps(rows: Sequence[Arrival], names: Sequence[str]) -> list[Stretch]:
    return [(name, gap.start, gap.end) for row, name in zip(rows, names, strict=True) for gap in row.gaps]


def _trace(
    name: str, colour: str, width: int, dash: str, stretches: Sequence[Stretch], zone: tzinfo
) -> dict[str, Any]:
    x: list[str | None] = []
    y: list[str | None] = []
    text: list[str] = []
    for row, start, end in stretches:
        x += [_x(start, zone), _x(end, zone), None]
        y += [row, row, None]
        text += [
            f"{name}<br>{_x(start, zone)[:16].replace('T', ' ')} – {_x(end, zone)[:16].replace('T', ' ')}"
        ] * 3
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "text": text,
        "hovertemplate": "%{y}<br>%{text}<extra></extra>",
        "connectgaps": False,
        "line": {"color": colour, "width": width, "dash": dash},
    }


def _x(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")
