"""Feedback in the span panel: what was given, and giving more through the collector."""

from datetime import UTC, datetime
from typing import Any

import streamlit as st

from kansoku_collector.model import Feedback
from kansoku_dashboard import clock, collector, data
from kansoku_dashboard.figures.style import count
from kansoku_dashboard.screens import messages
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import say


def send(item: dict[str, Any]) -> str:
    """Send one piece of feedback to the collector; return "" or the reason why it was not taken."""
    who = {"source": "reviewer", "user_id": collector.reader() or collector.NOBODY}
    reason = collector.post("/v1/feedback", item | who)
    if not reason:
        data.forget()  # what was kept of the trace does not have it
    return reason


def thumbs(trace_id: str, span_id: str, *, key: str) -> None:
    """Offer the two thumbs for a span, or for the trace when `span_id` is empty."""
    closed = collector.barred()
    with st.container(horizontal=True, gap="xsmall"):
        for like, icon in ((True, ":material/thumb_up:"), (False, ":material/thumb_down:")):
            label = say("trace.like" if like else "trace.dislike")
            hint, own = closed or label, f"{key}_{like}"
            if st.button("", icon=icon, help=hint, key=own, type="tertiary", disabled=bool(closed)):
                tell(send(_item(trace_id, span_id) | {"like": like}))


def form(trace_id: str, span_id: str, *, key: str) -> None:
    """Offer a score, a comment and a correction."""
    with st.form(key, clear_on_submit=True, border=False):
        left, right = st.columns([3, 2], gap="small", wrap=False)
        name = left.text_input(
            say("trace.score_name"), max_chars=80, placeholder=say("trace.score_example"), key=f"{key}_name"
        )
        score = right.number_input(
            say("trace.score_value"), value=None, format="%g", step=0.1, key=f"{key}_score"
        )
        comment = st.text_area(say("trace.comment"), max_chars=4000, height=80)
        correction = st.text_area(say("trace.correction"), max_chars=20_000, height=100)
        closed = collector.barred()
        if st.form_submit_button(
            say("trace.send"), icon=":material/send:", disabled=bool(closed), help=closed or None
        ):
            given = {"comment": comment.strip(), "correction": correction.strip()}
            item: dict[str, Any] = {field: text for field, text in given.items() if text}
            if score is not None:
                item |= {"score": score} | ({"name": name.strip()} if name.strip() else {})
            if name.strip() and score is None:
                st.warning(say("trace.score_without_value"))
            elif item:
                tell(send(_item(trace_id, span_id) | item))
            else:
                st.warning(say("trace.nothing_to_send"))


def tell(reason: str) -> None:
    """Say that feedback was taken, or why it was not."""
    if reason:
        st.error(say("trace.feedback_failed", reason=messages.label(reason, 400)), icon=":material/error:")
    else:
        st.success(say("trace.feedback_sent"), icon=":material/check:")


def entries(given: list[Feedback], *, key: str) -> None:
    """List what was given, the latest first."""
    if not given:
        st.caption(say("trace.no_feedback"))
    for number, item in enumerate(given):
        moment = datetime.fromtimestamp(item.time / 1000, UTC)
        who = messages.label(item.user_id, 60) or say("trace.anonymous")
        with st.container(key=f"feedback_{key}_{number}", gap="xsmall"):
            st.caption(f"**{title(item)}** · {who} · {clock.written(moment)}")
            if item.comment:
                messages.write(item.comment, key=f"{key}_comment_{number}")
            if item.correction:
                st.caption(say("trace.correction"))
                messages.write(item.correction, key=f"{key}_correction_{number}")


def title(item: Feedback) -> str:
    """Return a piece of feedback in a few words, safe inside Markdown."""
    if item.name == "like" and item.value is not None:
        return say("trace.liked" if item.value >= 0.5 else "trace.disliked")
    said = messages.label(item.label, 60) or ("" if item.value is None else plain(f"{item.value:.3g}"))
    return f"{messages.label(item.name, 60)} {said}".strip()


def _item(trace_id: str, span_id: str) -> dict[str, Any]:
    return {"trace_id": trace_id} | ({"span_id": span_id} if span_id else {})


def tally(given: list[Feedback]) -> str:
    """Return the number of entries for the label of the tab; nothing for none."""
    return f" {count(len(given))}" if given else ""
