"""Sessions: who talked how long, what it cost, what went wrong; and the same by user."""

from typing import Any

import streamlit as st

from kansoku_collector.store.read import conversations
from kansoku_collector.store.read import sessions as store
from kansoku_collector.store.read.conversations import Opinion
from kansoku_collector.store.read.sessions import Order, Place, SessionRow
from kansoku_collector.store.scope import Period
from kansoku_dashboard import board, clock, data, state
from kansoku_dashboard.durations import duration
from kansoku_dashboard.figures.style import count
from kansoku_dashboard.paths import ROOM
from kansoku_dashboard.screens import amounts, messages, users
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

ORDERS: tuple[Order, ...] = ("latest", "cost", "requests", "failed")
PAGE_SIZE = 50
EXCERPT = 120


def show() -> None:
    """Draw the list, of sessions or of users."""
    st.html(ROOM / "screens" / "cost.css")
    view = board.head("sessions", filters=("env", "service"), live=False)
    if view is None:
        return
    options = {name: say(f"sessions.of_{name}") for name in ("sessions", "users")}
    if board.choice("of", options, say("sessions.title")) == "users":
        users.draw(view)
    else:
        board.piece("sessions", say("sessions.title"), lambda: listing(view), height=300)


def listing(view: state.View) -> None:
    """Draw totals, order, the page of sessions and the way to the next page."""
    period = view.period()
    number, people = data.ask(store.count_active, view.scope, period)
    with st.container(horizontal=True, vertical_alignment="center", key="sessions_head"):
        said = say("sessions.total", sessions=f"{number:,}", users=f"{people:,}")
        st.markdown(f"**{said}**  :gray[{say('sessions.whole_days')}]", width="stretch")
        order = ordered(*ORDERS)
    if not number:
        st.info(say("sessions.none"), icon=":material/forum:")
        st.caption(say("sessions.how"))
        return
    rows = data.ask(store.sessions, view.scope, period, order=order, size=PAGE_SIZE, after=place(order))
    _table(view, rows, period)
    turn(rows, order)


def ordered(*orders: Order) -> Order:
    """Draw the choice of the order, the usual one first, and return it."""
    options = {str(name): say(f"sessions.by_{name}") for name in orders}
    chosen = board.choice("order", options, say("sessions.order"))
    return next(name for name in orders if name == chosen)


def place(order: Order) -> Place | None:
    """Return where the page of the URL begins, None for the first; a place of another order is none."""
    kind, _, rest = st.query_params.get("after", "").partition("~")
    key, _, name = rest.partition("~")
    try:
        return Place(float(key), name) if kind == order and name else None
    except ValueError:
        return None


def turn(rows: list[Any], order: Order) -> None:
    """Offer the first and the next page."""

    def go(after: str) -> None:
        st.query_params.pop("after", None)
        if after:
            st.query_params["after"] = after

    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="right", key="sessions_pages"
    ):
        first = place(order) is None
        if first and len(rows) < PAGE_SIZE:
            return
        st.button(say("traces.first_page"), icon=":material/first_page:", disabled=first,
                  key="sessions_first", on_click=go, args=("",), type="tertiary")  # fmt: skip
        last = rows[-1].place if len(rows) == PAGE_SIZE else None
        st.button(say("traces.next_page"), icon=":material/chevron_right:", disabled=last is None,
                  key="sessions_next", on_click=go, type="tertiary",
                  args=(f"{order}~{last.key!r}~{last.name}" if last else "",))  # fmt: skip


def _table(view: state.View, rows: list[SessionRow], period: Period) -> None:
    if not rows:
        st.caption(say("traces.no_more"))
        return
    project, names = view.scope.project, [row.session_id for row in rows]
    reach = Period(min(row.start for row in rows), period.end)
    begun = data.attempt(conversations.openings, project, reach, names) or {}
    said = data.attempt(conversations.opinions, project, reach, "session_id", names)
    board.table(
        "sessions",
        cells(rows, begun, said),
        "session",
        [{"session": row.session_id} for row in rows],
        column_config=_columns(),
        height=board.table_height(len(rows), 17),
        alt=say("sessions.alt"),
    )


def cells(
    rows: list[SessionRow], begun: dict[str, str], said: dict[str, Opinion] | None
) -> dict[str, list[Any]]:
    """Return the columns of the table; without `said` the store gave no votes, which is not none."""
    zone = clock.zone()
    return {
        "last": [row.end.astimezone(zone) for row in rows],
        "opening": [excerpt(begun.get(row.session_id, "")) for row in rows],
        "turns": [row.requests for row in rows],
        "cost": [money_of(row) for row in rows],
        "tokens": [count(row.input_tokens + row.output_tokens) if row.calls else "–" for row in rows],
        "failed": [f"✕ {row.failed:,}" if row.failed else "" for row in rows],
        "votes": [voted(said, row.session_id) for row in rows],
        "lasted": [duration((row.end - row.start).total_seconds()) for row in rows],
        "user": [visible(row.user_id) for row in rows],
        "services": [", ".join(name for name in row.services if name) for row in rows],
        "session": [visible(row.session_id) for row in rows],
    }


def excerpt(text: str) -> str:
    """Return the beginning of a text on one line, with nothing that acts unseen."""
    line = visible(" ".join(messages.fold(text).split()))
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1]}…"


def money_of(row: Any) -> str:
    """Write the cost of a session or user: a dash without usage, "≥" where calls have no price."""
    known = bool(row.input_tokens or row.output_tokens)
    return amounts.cost(row.cost_usd, known=known, unpriced=row.unpriced_calls)


def voted(said: dict[str, Opinion] | None, name: str) -> str:
    """Write the votes on what belongs to a session or user."""
    if said is None:
        return "–"
    given = said.get(name, Opinion(0, 0))
    return amounts.votes(given.likes, given.dislikes)


def _columns() -> dict[str, Any]:
    text = st.column_config.TextColumn
    return {
        "last": st.column_config.DatetimeColumn(say("sessions.last"), format="MM-DD HH:mm:ss", width=114),
        "opening": text(say("sessions.opening"), width=330),
        "turns": st.column_config.NumberColumn(say("sessions.turns"), format="localized", width=66),
        "cost": text(say("tiles.cost"), width=84, alignment="right"),
        "tokens": text(say("tiles.tokens"), width=76, alignment="right"),
        "failed": text(say("sessions.failed"), width=66),
        "votes": text(say("traces.votes"), width=116),
        "lasted": text(say("sessions.lasted"), width=96, alignment="right"),
        "user": text(say("sessions.user"), width=96),
        "services": text(say("state.service"), width=120),
        "session": text(say("sessions.session"), width=150),
    }
