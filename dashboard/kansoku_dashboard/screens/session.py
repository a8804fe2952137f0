"""One session: its conversation in order, each turn with what it cost, and how its context grew."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import streamlit as st

from kansoku_collector.store.read import conversations, traces
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.read.conversations import Context, Session
from kansoku_collector.store.read.traces import Cursor, TraceRow
from kansoku_collector.store.scope import Scope
from kansoku_dashboard import board, clock, data, links, roles, state
from kansoku_dashboard.durations import duration
from kansoku_dashboard.figures.cost_turns import LABELS, Point, growth
from kansoku_dashboard.figures.style import count
from kansoku_dashboard.paths import ROOM
from kansoku_dashboard.screens import amounts, messages
from kansoku_dashboard.text import plain, visible
from kansoku_dashboard.words import say

MOST = 500  # turns that are read
PAGE = 25  # turns on the page
LONG = 499  # a list of traces carries 500 characters of a text


def show() -> None:
    """Draw the session that the URL names."""
    st.html(ROOM / "screens" / "cost.css")
    name = st.query_params.get("session", "").strip()
    links.link("sessions", say("session.back"), icon=":material/arrow_back:")
    if not name:
        st.info(say("session.none_chosen"), icon=":material/forum:")
        return
    with data.panel(say("nav.session")):
        found = data.ask(conversations.session, roles.current(), name)
        if found is None:
            st.warning(say("session.unknown", id=messages.label(name, 80)), icon=":material/search_off:")
            st.caption(say("session.unknown_why"))
            return
        head(found)
        body(found)


def head(found: Session) -> None:
    """Draw what the whole session comes to."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="session_head"):
        st.title(messages.label(found.session_id, 80), anchor=False, width="content")
        known = bool(found.tokens)
        said = amounts.cost(found.cost, known=known, unpriced=found.unpriced)
        st.badge(say("session.turns", count=f"{found.turns:,}"), icon=":material/forum:", color="gray")
        if found.calls:
            st.badge(plain(said), icon=":material/payments:", color="orange" if found.unpriced else "gray")
            st.badge(say("trace.tokens", count=count(found.tokens)), icon=":material/token:", color="gray")
        lasted = duration((found.end - found.start).total_seconds())
        st.badge(lasted, icon=":material/schedule:", color="gray")
        if found.failed:
            st.badge(say("trace.errors", count=found.failed), icon=":material/error:", color="red")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="session_links"):
        st.caption(_between(found), width="content")
        if found.user_id:
            st.caption(f":material/person: {messages.label(found.user_id, 60)}", width="content")
        for service in found.services:
            st.caption(f":material/dns: {messages.label(service, 60)}", width="content")
        st.space("stretch")
        stretch = _stretch(found)
        board.to_traces(say("session.traces"), stretch | {"session": found.session_id})
        if found.user_id:
            way = {"user": found.user_id, "range": "30d"}
            board.to_traces(say("session.of_user"), way, icon=":material/person_search:")


def body(found: Session) -> None:
    """Draw the growth of the context and the turns."""
    project = roles.current()
    rows = data.ask(
        traces.page,
        Filter(found.period, Scope(project), session=found.session_id),
        size=MOST,
        # Upwards from just before its start: the first turns and not the last.
        before=Cursor(found.start.timestamp() * 1e6 - 1, ""),
    )
    turns = list(reversed(rows))
    if not turns:
        st.info(say("session.gone"), icon=":material/inventory_2:")
        return
    longest = data.ask(conversations.contexts, project, found.period, [row.trace_id for row in turns])
    labels = {name: say(f"session.chart_{name}") for name in LABELS}
    with board.card("session_growth", say("session.growth"), say("session.growth_note")):
        made = growth([point(row, longest.get(row.trace_id)) for row in turns], labels)
        board.plot("session_growth", made, say("session.growth_alt", turns=len(turns)))
    if len(turns) < found.turns and len(turns) == MOST:
        st.caption(say("session.cut", shown=f"{MOST:,}", count=f"{found.turns:,}"))
    first = page(len(turns))
    for number, row in enumerate(turns[first : first + PAGE], first + 1):
        _turn(number, row, longest.get(row.trace_id), turns[number - 2].start if number > 1 else None)
    _pages(first, len(turns))


def point(row: TraceRow, context: Context | None) -> Point:
    """Return a turn for the chart."""
    known = not row.unpriced_calls or bool(row.cost_usd)
    return Point(
        float(row.cost_usd) if row.calls and known else None,
        context.tokens if context and context.tokens else None,
        context.cached if context else None,
    )


def page(turns: int) -> int:
    """Return the place of the first turn on the page that the URL names."""
    asked = st.query_params.get("turn", "1")
    number = int(asked) if asked.isdigit() and len(asked) < 7 else 1
    return (min(max(number, 1), turns) - 1) // PAGE * PAGE


def _pages(first: int, turns: int) -> None:
    if turns <= PAGE:
        return

    def go(place: int) -> None:
        st.query_params["turn"] = str(place + 1)

    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="right", key="turn_pages"
    ):
        last = min(first + PAGE, turns)
        st.caption(say("session.turns_of", first=first + 1, last=last, count=turns), width="content")
        for name, target in (("previous", first - PAGE), ("next", first + PAGE)):
            icon = ":material/chevron_left:" if name == "previous" else ":material/chevron_right:"
            st.button("", icon=icon, help=say(f"traces.{name}_page"), key=f"turns_{name}", type="tertiary",
                      disabled=not 0 <= target < turns, on_click=go, args=(target,))  # fmt: skip


def _turn(number: int, row: TraceRow, context: Context | None, before: datetime | None) -> None:
    pause = row.start - before if before else None
    if pause and pause > timedelta(minutes=30):
        st.caption(f":material/more_vert: {say('session.pause', time=duration(pause.total_seconds()))}")
    with st.container(border=True, key=f"turn_{number}", gap="xsmall"):
        with st.container(
            horizontal=True, vertical_alignment="center", gap="small", key=f"turnhead_{number}"
        ):
            at = row.start.astimezone(clock.zone())
            st.markdown(f"**{number}**  :gray[{at:%H:%M:%S}]", width="content")
            for text, icon, colour in facts(row, context):
                st.badge(plain(text), icon=f":material/{icon}:", color=colour)  # type: ignore[arg-type]
            st.space("stretch")
            st.page_link(links.page("trace"), label=say("session.trace"), icon=":material/waterfall_chart:",
                         query_params={"trace": row.trace_id})  # fmt: skip
        _said("user", number, row.input, row.name)
        _said("assistant", number, row.output, "")


def facts(row: TraceRow, context: Context | None) -> Sequence[tuple[str, str, str]]:
    """Return what stands beside a turn: words, icon and colour."""
    cost = amounts.cost(row.cost_usd, known=bool(row.input_tokens), unpriced=row.unpriced_calls)
    found = [(duration(row.seconds), "schedule", "gray")]
    if row.calls:
        found.append((cost, "payments", "orange" if row.unpriced_calls else "gray"))
    if context and context.tokens:
        found.append((say("session.context", count=count(context.tokens)), "notes", "gray"))
    if row.errors:
        found.append((say("trace.errors", count=row.errors), "error", "red"))
    if row.likes:
        found.append((amounts.votes(row.likes, 0), "thumb_up", "green"))
    if row.dislikes:
        found.append((amounts.votes(0, row.dislikes), "thumb_down", "orange"))
    return found


def _said(role: str, number: int, text: str, otherwise: str) -> None:
    if not text and not otherwise:
        st.caption(say("session.no_answer"))
        return
    with st.container(key=f"said_{role}_{number}", gap="xsmall"):
        shown = visible(messages.fold(text or otherwise))
        st.text(f"{shown}…" if len(text) >= LONG else shown)


def _between(found: Session) -> str:
    start, end = (moment.astimezone(clock.zone()) for moment in (found.start, found.end))
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f":material/calendar_today: {start:%Y-%m-%d %H:%M} – {until}"


def _stretch(found: Session) -> dict[str, str]:
    """Return the parameters of the time in which the session lies."""
    age = clock.now() - found.start
    fitting = next((name for name, length in state.RANGES.items() if age <= length), "")
    if fitting:
        return {"range": fitting}
    end = found.end + timedelta(seconds=1)
    return {"from": f"{found.start:%Y-%m-%dT%H:%M:%SZ}", "to": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
