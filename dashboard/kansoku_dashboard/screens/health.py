"""Data health: does everything arrive, is everything stored and priced, and how long is it kept."""

import streamlit as st

from kansoku_collector.store.read import arrivals as arrival_questions
from kansoku_collector.store.read import overview, receipts
from kansoku_dashboard import board, clock, data, empty, panels, roles, state
from kansoku_dashboard.figures import arrivals as arrival_figure
from kansoku_dashboard.figures.style import count, share
from kansoku_dashboard.screens import health_admin, health_metrics, health_rows
from kansoku_dashboard.words import say

HEIGHT = 120  # of what stands where a panel is not drawn yet


def show() -> None:
    """Draw the screen."""
    view = board.bar(say("health.title"))
    empty.unless_filled(view.scope.project)
    board.panel("health", "verdict", verdict, view, height=HEIGHT)
    board.panel("health", "services", services, view, height=HEIGHT)
    board.panel("health", "receipts", balances, view, height=HEIGHT)
    board.panel("health", "unpriced", unpriced, view, height=HEIGHT)
    board.panel("health", "metrics", health_metrics.draw, view, height=HEIGHT)
    if not roles.may("admin"):
        st.caption(f":material/lock: {say('health.for_admins')}")
        return
    board.panel("health", "condition", health_admin.condition_panels, view, height=HEIGHT)
    if roles.everywhere("admin"):
        board.panel("health", "storage", health_admin.storage_panel, view, height=HEIGHT)


def verdict(view: state.View) -> None:
    """Draw the answer in a line, and the three figures behind it."""
    period = view.period()
    health = data.ask(overview.health, view.scope.project)
    found = data.ask(receipts.receipts, view.scope.project, since=period.start)
    totals = data.ask(overview.totals, view.scope, period)
    missing = sum(max(0, one.balance) for one in found)
    known = any(one.process for one in found)
    with st.container(key="health_verdict", border=True):
        if missing:
            st.markdown(f"**✕ {say('health.missing_sentence', count=f'{missing:,}')}**")
        elif found:
            st.markdown(
                f":material/check_circle: **{say('health.balanced' if known else 'health.stored_all')}**"
            )
        else:
            st.markdown(f"**{say('health.no_receipts')}**")
        with st.container(horizontal=True):
            st.metric(
                say("health.last"),
                health_rows.moment(health.last),
                delta=panels.last_span(health),
                delta_color="off",
                delta_arrow="off",
                width=260,
            )
            st.metric(say("health.missing"), f"{missing:,}" if found else "–", width=200)
            rate = share(totals.unpriced_calls / totals.calls) if totals.calls else "–"
            st.metric(
                say("health.unpriced_calls"),
                count(totals.unpriced_calls) if totals.calls else "–",
                delta=say("health.of_calls", share=rate) if totals.calls else None,
                delta_color="off",
                delta_arrow="off",
                width=200,
            )


def services(view: state.View) -> None:
    """Draw when each service sent, and its last span and gaps in a table."""
    period = view.period()
    found = data.ask(arrival_questions.arrivals, view.scope.project, period)
    with st.container(border=True, key="panel_services"):
        board.heading("health", "services", say("health.services_note"))
        if not found:
            st.caption(say("health.no_services", range=view.range_name))
            return
        words = (say("health.sending"), say("health.silent"), say("health.unnamed"))
        made = arrival_figure.lines(
            found,
            period,
            words,
            zone=clock.zone(),
            days=say("overview.day_format"),
        )
        gaps = sum(len(one.gaps) for one in found)
        board.plot("services", made, say("health.services_alt", services=len(found), gaps=gaps))
        health_rows.table("services", [health_rows.service(one, clock.now()) for one in found])


def balances(view: state.View) -> None:
    """Draw what became of every span, process by process."""
    found = data.ask(receipts.receipts, view.scope.project, since=view.period().start)
    with st.container(border=True, key="panel_receipts"):
        board.heading("health", "receipts", say("health.receipts_note"))
        if not found:
            st.caption(say("health.no_receipts"))
            return
        health_rows.table("receipts", health_rows.balances(found, view.scope.project))
        st.caption(say("health.balance_how"))


def unpriced(view: state.View) -> None:
    """Draw which models have no known price or usage."""
    found = data.ask(arrival_questions.unpriced, view.scope, view.period())
    with st.container(border=True, key="panel_unpriced"):
        board.heading("health", "unpriced", say("health.unpriced_note"))
        if not found:
            st.caption(f":material/check_circle: {say('health.all_priced')}")
            return
        health_rows.table("unpriced", [health_rows.unpriced(one) for one in found])
        health_rows.way_to_unpriced(view.range)
