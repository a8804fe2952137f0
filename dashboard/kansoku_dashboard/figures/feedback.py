"""The share of thumbs up over time, with the interval that the number of votes allows."""

from collections.abc import Sequence

from kansoku_collector.store.read.votes import Votes
from kansoku_dashboard.change import MIN_VOTES, wilson
from kansoku_dashboard.figures.backdrop import Backdrop, area, band, figure
from kansoku_dashboard.figures.style import PALETTE, Figure

COLOUR = PALETTE[2]
FILL = "rgba(54,162,151,0.18)"


def liked(rows: Sequence[Votes], backdrop: Backdrop, name: str, hover: str = "{likes} / {votes}") -> Figure:
    """Return the rate as a line in its 95 % interval; a rate of fewer than eight votes is not drawn."""
    x = [backdrop.x(row.time + backdrop.width / 2) for row in rows]
    enough = [row.votes >= MIN_VOTES for row in rows]
    rates = [row.likes / row.votes if drawn else None for row, drawn in zip(rows, enough, strict=True)]
    intervals = [
        wilson(row.likes, row.votes) if drawn else None for row, drawn in zip(rows, enough, strict=True)
    ]
    low = [interval[0] if interval else None for interval in intervals]
    high = [interval[1] if interval else None for interval in intervals]
    texts = [
        f"{rate:.1%} ({interval[0]:.0%}–{interval[1]:.0%}) · {hover.format(likes=row.likes, votes=row.votes)}"
        if rate is not None and interval
        else ""
        for row, rate, interval in zip(rows, rates, intervals, strict=True)
    ]
    traces = [
        area(band(x, low, high), FILL, edge=1.5),
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": x,
            "y": rates,
            "connectgaps": False,
            "line": {"color": COLOUR, "width": 2},
            "marker": {"color": COLOUR, "size": 5},
            "text": texts,
            "hovertemplate": "%{text}<extra></extra>",
            "showlegend": True,
        },
    ]
    floor = min((value for value in low if value is not None), default=0.0)
    axis = {"tickformat": ".0%", "range": [max(0.0, floor - 0.05), 1.0], "rangemode": "normal"}
    return figure(backdrop, traces, axis, 230)
