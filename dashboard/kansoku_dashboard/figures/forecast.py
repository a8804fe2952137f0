"""The month: spend so far, where it will end with its interval, the plain run rate, and the budget."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any

from kansoku_collector.forecast.month import Forecast
from kansoku_dashboard.figures.backdrop import area
from kansoku_dashboard.figures.style import ALARM, GRID, OTHER, PALETTE, Figure, money_axis

COLOUR = PALETTE[0]
FILL = "rgba(74,111,220,0.20)"
FONT = 12
LABELS = {
    "spent": "spent",
    "median": "forecast",
    "interval": "80% interval",
    "run_rate": "run rate",
    "budget": "budget",
}


def month(
    costs: Mapping[date, Decimal],
    today: date,
    told: Forecast | None,
    budget: Decimal | None,
    labels: Mapping[str, str] = LABELS,
    day_format: str = "%b %-d",
) -> Figure:
    """Return cumulated dollars at the end of each day; without a forecast, what was spent alone."""
    first = today.replace(day=1)
    last = today.replace(day=monthrange(today.year, today.month)[1])
    past = [first + timedelta(days=step) for step in range((today - first).days + 1)]
    spent = list(accumulate(float(costs.get(day, 0)) for day in past))
    # The line begins at nothing: what the first day cost is a rise like that of any other.
    before = first - timedelta(days=1)
    traces = [_line("spent", [before, *past], [0.0, *spent], labels, COLOUR, "solid", 2.5)]
    if told is not None:
        traces = [*_ahead(told, labels), *traces]
        traces.append(_rate(told, today, last, spent[-1], labels))
    if budget is not None:
        traces.append(_line("budget", [before, last], [float(budget)] * 2, labels, ALARM, "dash", 1.5))
    most = max(value for trace in traces for value in trace["y"] if value is not None)
    return {
        "data": traces,
        "layout": {
            "height": 240,
            "margin": {"l": 56, "r": 12, "t": 34, "b": 24, "pad": 0},
            "hovermode": "x unified",
            "hoverlabel": {"font": {"size": FONT}},
            "dragmode": False,
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": 1.03, "xanchor": "left", "yanchor": "bottom",
                       "font": {"size": FONT}, "itemclick": False, "itemdoubleclick": False, "entrywidth": 0},
            "xaxis": {"type": "date", "range": [f"{before}", f"{last}"], "showgrid": False, "nticks": 7,
                      "tickformat": day_format, "fixedrange": True, "tickfont": {"size": FONT - 1}},
            "yaxis": {"gridcolor": GRID, "zeroline": False, "automargin": False, "rangemode": "tozero",
                      "nticks": 5, "fixedrange": True, "tickfont": {"size": FONT - 1}} | money_axis(most),
        },
    }  # fmt: skip


def _ahead(told: Forecast, labels: Mapping[str, str]) -> list[dict[str, Any]]:
    days = [band.day for band in told.days]
    low = [band.low for band in told.days]
    high = [band.high for band in told.days]
    x = [f"{day}" for day in [*days, *reversed(days), days[0]]]
    # On the last day of a month the area has no width; its edge still shows the interval.
    interval = area((x, [*high, *reversed(low), high[0]]), FILL, edge=1.5)
    interval |= {"name": labels["interval"], "showlegend": True}
    median = _line("median", days, [band.median for band in told.days], labels, COLOUR, "dash", 1.5)
    median["text"] = [f"${band.low:,.2f} – ${band.high:,.2f}" for band in told.days]
    median["hovertemplate"] = "%{y:$,.2f} (%{text})"
    return [interval, median]


def _rate(told: Forecast, today: date, last: date, spent: float, labels: Mapping[str, str]) -> dict[str, Any]:
    return _line("run_rate", [today, last], [spent, told.run_rate], labels, OTHER, "dot", 1.5)


def _line(
    name: str, days: list[date], usd: list[float], labels: Mapping[str, str], colour: str, dash: str,
    width: float,
) -> dict[str, Any]:  # fmt: skip
    return {
        "type": "scatter",
        "mode": "lines",
        "name": labels[name],
        "x": [f"{day}" for day in days],
        "y": usd,
        "line": {"color": colour, "width": width, "dash": dash},
        "hovertemplate": "%{y:$,.2f}",
    }
