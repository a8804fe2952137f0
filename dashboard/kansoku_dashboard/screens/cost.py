"""Cost: what was spent on what, what it bought, and where the month will end."""

import streamlit as st

from kansoku_collector.store.read import beside as both
from kansoku_collector.store.read import overview as questions
from kansoku_collector.store.read import spend
from kansoku_collector.store.scope import Period
from kansoku_dashboard import bill, board, calendar_month, data, settings, state
from kansoku_dashboard.figures.style import count, money, relative
from kansoku_dashboard.paths import ROOM
from kansoku_dashboard.rates import savings
from kansoku_dashboard.screens import cost_breakdown, cost_month, cost_prices, messages
from kansoku_dashboard.unit_costs import Spend, cached, interval, missing, tiles
from kansoku_dashboard.words import say

NAMED = 4  # models without a price that are named in the line below the figures


def show() -> None:
    """Draw the screen, or how to send the first span where there is none."""
    st.html(ROOM / "screens" / "cost.css")
    view = board.head("cost", live=False, month=calendar_month.chosen())
    if view is not None:
        _panels(view)


def _panels(view: state.View) -> None:
    board.piece("cost_tiles", say("cost.figures"), lambda: figures(view))
    board.piece("cost_unpriced", say("cost.unpriced"), lambda: lower_bound(view), height=30)
    with st.container(
        key="cost_choices", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        chosen = cost_breakdown.by()
        _month(view)
    left, right = st.columns([11, 9], gap="small")
    with left:
        board.piece(
            "cost_over_time", say("cost.over_time"), lambda: cost_breakdown.draw(view, chosen), height=280
        )
    with right:
        board.piece("cost_month", say("cost.month"), lambda: cost_month.draw(view), height=280)
    board.piece("cost_by", say("cost.breakdown"), lambda: cost_breakdown.table(view, chosen), height=200)
    board.piece("cost_prices", say("cost.prices"), lambda: cost_prices.draw(view), height=160)


def _month(view: state.View) -> None:
    """Draw the choice of a calendar month in place of the range."""
    known = data.attempt(questions.health, view.scope.project)
    months = calendar_month.options(known.first if known else None, view.month)
    board.pick(calendar_month.NAME, months, say("cost.calendar"), width=220, bare=True)


def figures(view: state.View) -> None:
    """Draw the five figures."""
    period = view.period()
    totals = data.ask(both.totals, view.scope, period)
    thumbs = data.ask(both.thumbs, view.scope, period)
    now, before = _spend(view, period, totals.now, thumbs.now), None
    first = data.ask(questions.health, view.scope.project).first
    if first and first <= period.previous().start + period.length / 20:
        before = _spend(view, period.previous(), totals.before, thumbs.before)
    ofcalls = "_of_calls" if questions.counts_calls(view.scope) else ""
    beside = {
        "session": say("cost.of_sessions", count=count(now.sessions.sessions)),
        "liked": interval(now.liked_between) or say("cost.too_few_votes"),
        "saved": say("cost.cached_share", share=cached(now.savings)),
    }
    with st.container(key="tiles"):
        for column, tile in zip(st.columns(5, gap="small"), tiles(now, before), strict=True):
            label = f"cost.tile_{tile.name}{ofcalls if tile.name == 'request' else ''}"
            with column:
                st.metric(
                    say(label),
                    tile.value,
                    delta=beside.get(tile.name) or relative(tile.delta) or say("tiles.no_previous"),
                    delta_color="off",
                    delta_arrow="off" if tile.delta is None else "auto",
                    delta_description=None if tile.delta is None else view.compared,
                    help=say(f"cost.tile_{tile.name}_help"),
                    border=True,
                )


def lower_bound(view: state.View) -> None:
    """Say which models have no price, and that every figure here leaves their calls out."""
    period = view.period()
    found = data.ask(spend.unpriced_models, view.scope, period)
    total = data.ask(questions.totals, view.scope, period)
    if total.unmetered_calls:
        st.caption(f":material/help: {say('cost.unmetered', calls=count(total.unmetered_calls))}")
    if not found:
        if total.calls:
            st.caption(f":material/check_circle: {say('cost.all_priced')}")
        return
    named = [f"**{messages.label(one.model, 60)}** ({count(one.unpriced)})" for one in found[:NAMED]]
    rest = [say("cost.more_models", count=len(found) - NAMED)] if len(found) > NAMED else []
    calls, part = missing(total.unpriced_calls, total.calls)
    floor = money(total.cost) if total.calls > total.unpriced_calls else say("overview.unknown_cost")
    with st.container(
        key="cost_unpriced_line", border=True, horizontal=True, vertical_alignment="center", gap="small"
    ):
        st.badge(
            say("cost.at_least", cost=floor).replace("$", "\\$"), icon=":material/money_off:", color="orange"
        )
        said = say("cost.unpriced_line", calls=calls, share=part, models=", ".join([*named, *rest]))
        st.markdown(said, width="stretch")
        board.to_traces(say("cost.unpriced_traces"), state.carried() | {"unpriced": "true"})


def _spend(view: state.View, period: Period, totals: questions.Totals, thumbs: both.Thumbs) -> Spend:
    prices = bill.price_list(settings.current().prices_file)
    return Spend(
        totals,
        data.ask(spend.in_sessions, view.scope, period),
        *thumbs.total,
        savings(data.ask(spend.metered, view.scope, period), prices),
    )
