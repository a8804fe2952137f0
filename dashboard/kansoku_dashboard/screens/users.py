"""Users: who costs most, whose answers are disliked most, and the way to their traces and sessions."""

from typing import Any

import streamlit as st

from kansoku_collector.store.read import conversations
from kansoku_collector.store.read import sessions as store
from kansoku_collector.store.read.conversations import Opinion
from kansoku_collector.store.read.sessions import UserRow
from kansoku_dashboard import board, clock, data
from kansoku_dashboard.figures.cost_ranking import ranking
from kansoku_dashboard.figures.style import PALETTE, WARN, count
from kansoku_dashboard.screens import sessions
from kansoku_dashboard.state import View, carried
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

TOP = 10
BY_COST: tuple[store.Order, ...] = ("cost", "latest", "requests", "failed")


def draw(view: View) -> None:
    """Draw both rankings and the list."""
    left, right = st.columns(2, gap="small")
    with left:
        board.piece("users_cost", say("users.by_cost"), lambda: dearest(view), height=220)
    with right:
        board.piece("users_dislikes", say("users.by_dislikes"), lambda: unhappiest(view), height=220)
    board.piece("users", say("sessions.of_users"), lambda: listing(view), height=300)


def dearest(view: View) -> None:
    """Draw the users that cost most."""
    rows = data.ask(store.users, view.scope, view.period(), order="cost", size=TOP)
    # A user all of whose calls have no price cannot be ranked by what they cost.
    rows = [row for row in rows if row.cost_usd]
    names = [visible(row.user_id) for row in rows]
    texts = [sessions.money_of(row) for row in rows]
    with board.card("users_cost", say("users.by_cost"), say("sessions.whole_days")):
        made = ranking(names, [float(row.cost_usd) for row in rows], texts, PALETTE[0], say("users.nobody"))
        board.plot("users_cost", made, say("users.by_cost_alt", count=len(rows)))
        board.to_traces(say("users.dearest_traces"), carried() | {"sort": "cost"})


def unhappiest(view: View) -> None:
    """Draw the users whose answers were disliked most often."""
    found = data.ask(conversations.disliked_users, view.scope, view.period(), most=TOP)
    names = [visible(name) for name, _ in found]
    texts = [
        say("users.of_votes", dislikes=said.dislikes, votes=said.dislikes + said.likes) for _, said in found
    ]
    with board.card("users_dislikes", say("users.by_dislikes"), say("users.dislikes_note")):
        made = ranking(names, [said.dislikes for _, said in found], texts, WARN, say("users.no_dislikes"))
        board.plot("users_dislikes", made, say("users.by_dislikes_alt", count=len(found)))
        board.to_traces(say("users.disliked_traces"), carried() | {"feedback": "disliked"})


def listing(view: View) -> None:
    """Draw the users; a click on one opens their traces."""
    period = view.period()
    with st.container(horizontal=True, vertical_alignment="center", key="users_head"):
        st.markdown(f"**{say('sessions.of_users')}**  :gray[{say('users.click')}]", width="stretch")
        order = sessions.ordered(*BY_COST)
    rows = data.ask(
        store.users, view.scope, period, order=order, size=sessions.PAGE_SIZE, after=sessions.place(order)
    )
    if not rows:
        st.info(say("users.none"), icon=":material/group:")
        return
    said = data.attempt(
        conversations.opinions, view.scope.project, period, "user_id", [row.user_id for row in rows]
    )
    board.table(
        "users",
        cells(rows, said),
        "traces",
        [board.packed(carried() | {"user": row.user_id}) for row in rows],
        column_config=_columns(),
        height=board.table_height(len(rows), 14),
        alt=say("users.alt"),
    )
    sessions.turn(rows, order)


def cells(rows: list[UserRow], said: dict[str, Opinion] | None) -> dict[str, list[Any]]:
    """Return the columns of the table."""
    zone = clock.zone()
    given = said or {}
    return {
        "user": [visible(row.user_id) for row in rows],
        "sessions": [row.sessions for row in rows],
        "turns": [row.requests for row in rows],
        "cost": [sessions.money_of(row) for row in rows],
        "tokens": [count(row.input_tokens + row.output_tokens) if row.calls else "–" for row in rows],
        "failed": [f"✕ {row.failed:,}" if row.failed else "" for row in rows],
        "likes": [None if said is None else given.get(row.user_id, Opinion(0, 0)).likes for row in rows],
        "dislikes": [
            None if said is None else given.get(row.user_id, Opinion(0, 0)).dislikes for row in rows
        ],
        "last": [row.end.astimezone(zone) for row in rows],
        "services": [", ".join(name for name in row.services if name) for row in rows],
    }


def _columns() -> dict[str, Any]:
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "user": text(say("sessions.user"), width=170),
        "sessions": number(say("sessions.of_sessions"), format="localized", width=84),
        "turns": number(say("sessions.turns"), format="localized", width=70),
        "cost": text(say("tiles.cost"), width=90, alignment="right"),
        "tokens": text(say("tiles.tokens"), width=80, alignment="right"),
        "failed": text(say("sessions.failed"), width=70),
        "likes": number(say("users.likes"), format="localized", width=76),
        "dislikes": number(say("users.dislikes"), format="localized", width=76),
        "last": st.column_config.DatetimeColumn(say("sessions.last"), format="MM-DD HH:mm:ss", width=124),
        "services": text(say("state.service"), width=180),
    }
