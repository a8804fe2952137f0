"""Alerts: what is wrong now, and what was."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from kansoku_collector.store.read import incidents as questions
from kansoku_collector.store.read.incidents import Incident
from kansoku_dashboard import clock, data, links, sentences, state, words
from kansoku_dashboard.figures.style import count, seconds
from kansoku_dashboard.words import say

MOST_SENTENCES = 20


def show() -> None:
    """Draw the screen."""
    with st.container(
        key="head", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.title(say("alerts.title"), anchor=False, width="content")
        with st.container(
            key="controls", horizontal=True, vertical_alignment="center", horizontal_alignment="right"
        ):
            view = state.choose(filters=())
    st.fragment(_open, run_every=view.refresh)(view)
    st.fragment(_past, run_every=view.refresh)(view)
    st.caption(say("alerts.how"))


def _open(view: state.View) -> None:
    with data.panel(say("alerts.open")):
        found = data.ask(questions.open_incidents, view.scope.project)
        st.subheader(f"{say('alerts.open')} ({len(found)})", anchor=False)
        if not found:
            st.caption(f":material/check_circle: {say('alerts.none')}")
        now = clock.now()
        for number, incident in enumerate(found[:MOST_SENTENCES]):
            with st.container(
                border=True, horizontal=True, vertical_alignment="center", key=f"alert_line_{number}"
            ):
                st.badge(incident.severity, icon=":material/notifications_active:", color="red")
                st.markdown(
                    sentences.sentence(incident, words.language(), clock.zone(), now), width="stretch"
                )
                links.tab(
                    "traces", say("alerts.traces"), sentences.way(incident, now), key=f"alert_traces_{number}"
                )
        if len(found) > MOST_SENTENCES:
            st.caption(say("alerts.more", count=len(found) - MOST_SENTENCES))


def _past(view: state.View) -> None:
    with data.panel(say("alerts.past")):
        found = data.ask(questions.past_incidents, view.scope.project, view.period())
        st.subheader(f"{say('alerts.past')} · {view.range}", anchor=False)
        if found:
            _table(sorted(found, key=lambda incident: incident.opened, reverse=True))
        else:
            st.caption(say("alerts.no_past"))


def _table(found: Sequence[Incident]) -> None:
    cells = [_cells(incident) for incident in found]
    st.dataframe(
        {say(f"alerts.{column}"): [cell[column] for cell in cells] for column in cells[0]},
        hide_index=True,
        width="stretch",
        key="incidents",
        alt=say("alerts.alt"),
    )


def _cells(incident: Incident) -> dict[str, Any]:
    zone, now = clock.zone(), clock.now()
    sign = ">" if incident.comparison == "above" else "<"
    lasted = ((incident.resolved or now) - incident.opened).total_seconds()
    told = [
        entry.channel if entry.delivered else say("alerts.failed", channel=entry.channel)
        for entry in incident.deliveries
    ]
    return {
        "opened": sentences.clock(incident.opened, zone, now),
        "resolved": sentences.clock(incident.resolved, zone, now)
        if incident.resolved
        else say("alerts.still"),
        "lasted": seconds(lasted),
        "what": sentences.metric(incident.metric, words.language()).replace("\\", ""),
        "scope": ", ".join(value for value in incident.scope.values() if value),
        "value": sentences.written(incident.metric, incident.value),
        "peak": sentences.written(incident.metric, incident.peak),
        "limit": f"{sign} {sentences.written(incident.metric, incident.threshold)}",
        "samples": count(incident.samples),
        "severity": incident.severity,
        "rule": incident.rule,
        "told": ", ".join(dict.fromkeys(told)) or say("alerts.nobody"),
    }
