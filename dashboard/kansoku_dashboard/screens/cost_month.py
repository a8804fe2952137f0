"""The month on the screen: spent so far, where it will end, and the chance to exceed the budget."""

from dataclasses import replace
from decimal import Decimal
from typing import Literal

import streamlit as st

from kansoku_dashboard import board, budgets, clock, data, settings
from kansoku_dashboard import month as months
from kansoku_dashboard.figures import forecast as figure
from kansoku_dashboard.figures.style import count, money, share
from kansoku_dashboard.month import Month
from kansoku_dashboard.state import View
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import say

LIKELY, UNLIKELY = 0.5, 0.1


def draw(view: View) -> None:
    """Draw the month, of the slice that the filters leave; a budget is one of the whole project."""
    scope = view.scope
    whole = scope == replace(type(scope)(), project=scope.project)
    limit = budgets.budget(settings.current().budget_usd, scope.project) if whole else None
    found = data.ask(months.month, scope, months.stepped(clock.now()), limit)
    with board.card("cost_month", say("cost.month"), found.now.strftime(say("cost.month_format"))):
        _say(found, whole=whole)
        labels = {name: say(f"cost.line_{name}") for name in figure.LABELS}
        made = figure.month(
            found.costs, found.now.date(), found.forecast, limit, labels, say("overview.day_format")
        )
        board.plot("cost_month", made, say("cost.month_alt", cost=spent(found)))
        for line in notes(found):
            st.caption(plain(line))


def spent(found: Month) -> str:
    """Write what the month has cost; a lower bound, or a dash where not one call has a price."""
    if found.unpriced:
        return f"≥ {money(float(found.spent))}" if found.spent else "–"
    return money(float(found.spent))


def _say(found: Month, *, whole: bool) -> None:
    told = found.forecast
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="cost_month_line"):
        st.markdown(f"**{plain(spent(found))}** {say('cost.so_far')}", width="content")
        if told is None:
            st.caption(say("cost.no_forecast"), width="content")
        else:
            between = plain(f"{money(told.low)} – {money(told.high)}")
            st.markdown(say("cost.will_be", between=f"**{between}**"), width="content")
        if found.budget is None:
            hidden = not whole and bool(settings.current().budget_usd)
            st.caption(say("cost.budget_of_all" if hidden else "cost.no_budget"), width="content")
        elif told is not None and told.breach is not None:
            _warn(told.breach, found.budget)


def _warn(breach: float, budget: Decimal) -> None:
    said = plain(say("cost.breach", chance=chance(breach), budget=money(float(budget))))
    if breach < UNLIKELY:
        st.badge(said, color="green", icon=":material/check:")
    else:
        colour: Literal["red", "orange"] = "red" if breach >= LIKELY else "orange"
        st.badge(said, color=colour, icon=":material/warning:")


def chance(probability: float) -> str:
    """Write a probability of simulated months; none of two thousand is no certainty."""
    if probability < 0.01:
        return "<1%"
    return ">99%" if probability > 0.99 else share(probability, 0)


def notes(found: Month) -> list[str]:
    """Return what one should know to read the figures."""
    told = found.forecast
    lines = []
    if told is not None:
        lines.append(say("cost.run_rate_note", rate=money(told.run_rate), days=count(told.history)))
    if found.unpriced:
        lines.append(say("cost.month_unpriced", calls=count(found.unpriced)))
    if found.past:
        inside = sum(one.inside for one in found.past)
        lines.append(say("cost.hindsight", inside=inside, months=len(found.past)))
    return lines
