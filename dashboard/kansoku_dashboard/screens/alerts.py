"""Alerts: what is wrong now, what was, and what people decide about it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from kansoku_collector.store.read import incidents as questions
from kansoku_collector.store.read.evidence import read_evidence
from kansoku_collector.store.read.incidents import Incident
from kansoku_dashboard import (
    board,
    clock,
    collector,
    data,
    empty,
    links,
    roles,
    said,
    sentences,
    state,
    words,
)
from kansoku_dashboard.durations import duration
from kansoku_dashboard.figures.style import count
from kansoku_dashboard.paths import ROOM
from kansoku_dashboard.screens import channels, evidence, messages, rule_course
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

MOST_SENTENCES = 20
SILENCES = {"1h": 60, "4h": 240, "24h": 1440, "7d": 10_080}  # minutes
SEVERITIES = ("page", "ticket", "info")
COLOURS = {"page": "red", "ticket": "orange"}  # of the rest: blue; the word says it too
_STATES = {"acknowledged": ":material/visibility:", "silenced": ":material/notifications_off:"}


def show() -> None:
    """Draw the screen."""
    st.html(ROOM / "screens" / "drift.css")
    view = board.bar(say("alerts.title"))
    empty.unless_filled(view.scope.project)
    st.fragment(_open, run_every=view.refresh)(view)
    st.fragment(_past, run_every=view.refresh)(view)
    if roles.everywhere("admin"):
        board.piece("alerts_channels", say("alerts.channels"), channels.draw)
    st.caption(say("alerts.how"))


def _open(view: state.View) -> None:
    with data.panel(say("alerts.open")):
        found = data.fresh(questions.open_incidents, view.scope.project)
        st.subheader(f"{say('alerts.open')} ({len(found)})", anchor=False)
        if not found:
            st.caption(f":material/check_circle: {say('alerts.none')}")
        said.draw("alerts")
        now = clock.now()
        for number, incident in enumerate(found[:MOST_SENTENCES]):
            _line(incident, number, now)
            _evidence(incident, view)
        if len(found) > MOST_SENTENCES:
            st.caption(say("alerts.more", count=len(found) - MOST_SENTENCES))


def _line(incident: Incident, number: int, now: datetime) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"alert_line_{number}"):
        colour: Any = COLOURS.get(incident.severity, "blue")
        st.badge(severity(incident.severity), icon=":material/notifications_active:", color=colour)
        if incident.state in _STATES:
            st.badge(_state(incident), icon=_STATES[incident.state], color="gray")
        st.markdown(sentences.sentence(incident, words.language(), clock.zone(), now), width="stretch")
        links.tab("traces", say("alerts.traces"), sentences.way(incident, now), key=f"alert_traces_{number}")
        with st.popover(say("alerts.decide"), icon=":material/more_horiz:", width="content"):
            _decisions(incident)


def _evidence(incident: Incident, view: state.View) -> None:
    """Offer what a found change rests on, or a rule's limit on history; asked for when it is opened."""
    found = read_evidence(incident.evidence)
    if found is None and not rule_course.possible(incident):
        return
    label, key = say("found.evidence" if found else "alerts.course"), f"evidence_{incident.incident_id}"
    with st.expander(label, icon=":material/troubleshoot:", key=key, on_change="rerun") as opened:
        if opened.open and found:
            evidence.draw(found, incident.incident_id, incident.project)
        elif opened.open:
            with data.panel(label):
                rule_course.draw(incident, view)


def severity(told: str) -> str:
    """Return the word for a severity."""
    return say(f"alerts.severity_{told}") if told in SEVERITIES else visible(told)


def _state(incident: Incident) -> str:
    """Say who is at it, or until when nobody is told."""
    if incident.silenced_until:
        until = sentences.clock(incident.silenced_until, clock.zone(), clock.now())
        return say("alerts.silenced", until=messages.label(until, 40))
    return say("alerts.acknowledged", person=messages.label(incident.acknowledged_by or "?", 60))


def _decisions(incident: Incident) -> None:
    """Draw what can be done: the keys are the incident's, so that a list that moves confuses nobody."""
    name, closed = incident.incident_id, collector.barred()
    hint: dict[str, Any] = {"disabled": bool(closed), "help": closed or None}
    if not incident.acknowledged:
        st.button(say("alerts.acknowledge"), icon=":material/visibility:", key=f"acknowledge_{name}",
                  on_click=_decide, args=(incident, "acknowledge"), **hint)  # fmt: skip
    if incident.silenced_until is None:
        length = st.selectbox(say("alerts.silence_for"), list(SILENCES), index=1, key=f"length_{name}")
        st.button(say("alerts.silence"), icon=":material/notifications_off:", key=f"silence_{name}",
                  on_click=_decide, args=(incident, "silence", SILENCES[length]), **hint)  # fmt: skip
    if incident.acknowledged or incident.silenced_until:
        st.button(say("alerts.release"), icon=":material/undo:", key=f"release_{name}",
                  on_click=_decide, args=(incident, "release"), **hint)  # fmt: skip


def _decide(incident: Incident, action: str, minutes: int = 0) -> None:
    item: dict[str, Any] = {"incident_id": incident.incident_id, "action": action}
    item["person"] = collector.reader() or collector.NOBODY
    if action == "silence":
        item["minutes"] = minutes
    reason = collector.post("/v1/incidents/actions", item)
    if reason:
        said.note("alerts", say("alerts.not_decided", reason=messages.label(reason, 400)), failed=True)
    else:
        data.forget()
        said.note("alerts", say("alerts.decided"))


def _past(view: state.View) -> None:
    with data.panel(say("alerts.past")):
        found = data.ask(questions.past_incidents, view.scope.project, view.period())
        st.subheader(f"{say('alerts.past')} · {view.range_name}", anchor=False)
        if found:
            _table(sorted(found, key=lambda incident: incident.opened, reverse=True))
        else:
            st.caption(say("alerts.no_past"))


def _table(found: Sequence[Incident]) -> None:
    cells = [_cells(incident) for incident in found]
    st.dataframe(
        {say(f"alerts.{column}"): [visible(cell[column]) for cell in cells] for column in cells[0]},
        hide_index=True,
        width="stretch",
        key="incidents",
        alt=say("alerts.alt"),
    )


def _cells(incident: Incident) -> dict[str, Any]:
    zone, now, tongue = clock.zone(), clock.now(), words.language()
    lasted = ((incident.resolved or now) - incident.opened).total_seconds()
    told = [
        entry.channel if entry.delivered else say("alerts.failed", channel=entry.channel)
        for entry in incident.deliveries
    ]
    return {
        "opened": sentences.clock(incident.opened, zone, now),
        "resolved": sentences.clock(incident.resolved, zone, now)
        if incident.resolved
        else say(f"alerts.state_{incident.state}"),
        "lasted": duration(lasted),
        "what": sentences.what(incident, tongue),
        "scope": ", ".join(value for value in incident.scope.values() if value),
        "value": sentences.amount(incident, incident.value, tongue),
        "peak": sentences.amount(incident, incident.peak, tongue),
        "limit": sentences.limit(incident, tongue),
        "samples": count(incident.samples),
        "severity": severity(incident.severity),
        "rule": incident.rule,
        "told": ", ".join(dict.fromkeys(told)) or say("alerts.nobody"),
    }
