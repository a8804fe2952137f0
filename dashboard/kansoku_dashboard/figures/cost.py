"""Cost over time, stacked by model."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kansoku_collector.store.read.overview import ModelCost
from kansoku_dashboard.figures.backdrop import Backdrop, figure
from kansoku_dashboard.figures.style import HATCHES, OTHER, PALE, TOP, Figure, money_axis, strokes
from kansoku_dashboard.text import escape


def stack(
    rows: Sequence[ModelCost], backdrop: Backdrop, colours: Mapping[str, str], other: str = "other ({count})"
) -> Figure:
    """Return bars of cost, the seven dearest models and the rest as one; no price, no bar."""
    cost: dict[str, dict[datetime, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        if row.cost:
            cost[row.model][row.time] += row.cost
    ranked = sorted(cost, key=lambda model: -sum(cost[model].values()))
    shown = [(model, cost[model], colours.get(model, OTHER)) for model in ranked[:TOP]]
    rest = ranked[TOP:]
    if rest:
        together: dict[datetime, float] = defaultdict(float)
        for model in rest:
            for time, usd in cost[model].items():
                together[time] += usd
        shown.append((other.format(count=len(rest)), together, OTHER))
    x = [backdrop.x(time) for time in backdrop.times]
    opacity = [PALE if backdrop.unfinished(time) else 1 for time in backdrop.times]
    milliseconds = backdrop.width.total_seconds() * 1000
    hatches = strokes([colour for _, _, colour in shown], HATCHES)
    traces = [
        {
            "type": "bar",
            "name": escape(name),
            "x": x,
            "y": [by_time.get(time, 0) for time in backdrop.times],
            "width": milliseconds * 0.86,
            "offset": milliseconds * 0.07,
            "marker": {"color": colour, "opacity": opacity, "line": {"width": 0}} | _hatched(hatch),
            "hovertemplate": "%{y:$,.4~f}",
        }
        for (name, by_time, colour), hatch in zip(shown, hatches, strict=True)
    ]
    stacked = [sum(values) for values in zip(*(trace["y"] for trace in traces), strict=True)]
    made = figure(backdrop, traces, money_axis(max(stacked, default=0)))
    made["layout"]["barmode"] = "stack"
    made["layout"]["showlegend"] = bool(traces)
    return made


def _hatched(hatch: str) -> dict[str, Any]:
    return {"pattern": {"shape": hatch, "solidity": 0.4}} if hatch else {}
