"""Start: how to send spans and feedback, and whether data arrives."""

import streamlit as st

from kansoku_collector.store.read import overview as questions
from kansoku_dashboard import clock, data, empty, panels, roles, settings
from kansoku_dashboard.figures.style import count
from kansoku_dashboard.sentences import clock as written
from kansoku_dashboard.words import say

FEEDBACK = """kansoku.feedback(trace_id, like=True)
kansoku.feedback(trace_id, like=False, comment="wrong day")"""

CURL = """curl {endpoint}/v1/feedback -H "Authorization: Bearer ksk_..." \\
  -H "Content-Type: application/json" -d '{{"trace_id": "…", "like": true}}'"""


def show() -> None:
    """Draw the screen."""
    with st.container(key="head", horizontal=True, vertical_alignment="center"):
        st.title(say("start.title"), anchor=False, width="content")
    _health()
    left, right = st.columns(2)
    with left, st.container(border=True):
        st.subheader(say("start.send"), anchor=False)
        empty.snippets()
    with right, st.container(border=True):
        st.subheader(say("start.feedback"), anchor=False)
        st.markdown(say("start.feedback_how"))
        st.code(FEEDBACK, language="python")
        st.markdown(say("start.without_sdk"))
        st.code(CURL.format(endpoint=settings.current().collector_url), language="bash")


@st.fragment(run_every=10)
def _health() -> None:
    with st.container(border=True), data.panel(say("start.health")):
        found = data.fresh(questions.health, roles.current())
        st.markdown(f"**{say('start.health')}**  :gray[{panels.last_span(found)}]")
        with st.container(horizontal=True):
            for name, moment in (("last", found.last), ("since", found.first)):
                text = written(moment, clock.zone(), clock.now()) if moment else "–"
                st.metric(say(f"start.{name}"), text, width=220)
            st.metric(say("start.day"), count(found.spans), width=220)
