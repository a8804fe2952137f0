"""Comments and corrections to read: people's words as text, each with the way to its trace."""

import streamlit as st

from kansoku_collector.store.read import quality_texts
from kansoku_collector.store.read.quality_texts import Remark
from kansoku_dashboard import board, clock, data, links, state
from kansoku_dashboard.screens import messages
from kansoku_dashboard.state import View
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import say

PAGE = 8
KINDS: tuple[quality_texts.Kind, ...] = ("all", "comments", "corrections")


def draw(view: View) -> None:
    """Draw the panel: a choice, a page of remarks in two columns, the pages."""
    period = view.period()
    counts = data.ask(quality_texts.remarks_count, view.scope, period)
    with st.container(border=True, key="panel_quality_remarks"):
        with st.container(
            horizontal=True,
            vertical_alignment="center",
            horizontal_alignment="distribute",
            key="remarks_head",
        ):
            board.heading(
                "quality",
                "remarks",
                say(
                    "quality.remarks_note",
                    comments=f"{counts.comments:,}",
                    corrections=f"{counts.corrections:,}",
                ),
            )
            chosen = board.choice(
                "remarks", board.worded("quality", "remarks", KINDS), say("quality.remarks")
            )
        kind = next(name for name in KINDS if name == chosen)
        total: int = getattr(counts, kind)
        first = _first(total)
        rows = data.ask(quality_texts.remarks, view.scope, period, kind=kind, first=first, most=PAGE)
        if not rows:
            st.caption(say("quality.no_remarks"))
            return
        for place in range(0, len(rows), 2):
            for column, row in zip(st.columns(2), rows[place : place + 2], strict=False):
                with column:
                    _card(row, f"{first}_{rows.index(row)}")
        _turn(first, len(rows), total)


def _first(total: int) -> int:
    """Return the place of the first remark of the chosen page."""
    page = int(st.session_state.get("_remarks_page", 0))
    return min(page, max(0, -(-total // PAGE) - 1)) * PAGE


def _turn(first: int, shown: int, total: int) -> None:
    """Offer the pages beside this one."""
    if total <= PAGE:
        return
    page = first // PAGE
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right"):
        st.caption(say("quality.remarks_page", first=first + 1, last=first + shown), width="content")
        for icon, step, possible in (
            ("chevron_left", -1, page > 0),
            ("chevron_right", 1, shown == PAGE),
        ):
            name = "previous" if step < 0 else "next"
            st.button("", icon=f":material/{icon}:", help=say(f"traces.{name}_page"), type="tertiary",
                      key=f"remarks_{name}", disabled=not possible, on_click=_go,
                      args=(page + step,))  # fmt: skip


def _go(page: int) -> None:
    st.session_state["_remarks_page"] = page


def _card(row: Remark, key: str) -> None:
    """Draw one remark: how it was meant, the words, what they are about, and the way there."""
    with st.container(border=True, key=f"remark_{key}", gap="xsmall"):
        with st.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key=f"who_{key}"
        ):
            who = messages.label(row.user_id, 40) or say("trace.anonymous")
            moment = row.time.astimezone(clock.zone())
            st.caption(f"**{_meant(row)}** · {who} · {moment:%m-%d %H:%M}", width="content")
            if row.trace_id:
                way = (
                    state.carried() | {"trace": row.trace_id} | ({"span": row.span_id} if row.span_id else {})
                )
                links.tab("trace", say("quality.open"), way, key=f"open_{key}")
        if row.comment:
            messages.write(row.comment, key=f"said_{key}")
        if row.correction:
            st.caption(f":material/edit: {say('trace.correction')}")
            messages.write(row.correction, key=f"corrected_{key}")
        if row.input or row.output:
            about = " → ".join(
                messages.label(messages.fold(text), 180) for text in (row.input, row.output) if text
            )
            st.caption(about)


def _meant(row: Remark) -> str:
    if row.name == "like" and row.value is not None:
        liked = row.value > 0.5
        icon = ":material/thumb_up:" if liked else ":material/thumb_down:"
        return f"{icon} {say('trace.liked' if liked else 'trace.disliked')}"
    if row.value is not None:
        return f"{messages.label(row.name, 40)} {plain(f'{row.value:.3g}')}"
    return messages.label(row.label, 40) or say("quality.remark")
