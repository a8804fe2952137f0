"""A rule's limit replayed on the range: where its metric was, and how often it was beyond."""

from dataclasses import fields

import streamlit as st

from kansoku_collector.store.read.course import course
from kansoku_collector.store.read.incidents import Incident
from kansoku_collector.store.read.metrics import METRICS
from kansoku_collector.store.scope import Scope
from kansoku_dashboard import board, data, panels, sentences, state, words
from kansoku_dashboard.figures import course as figures
from kansoku_dashboard.words import say

DIMENSIONS = frozenset(field.name for field in fields(Scope)) - {"project"}


def possible(incident: Incident) -> bool:
    """Tell whether the limit can be held against history here: a known metric of a slice, no multiple."""
    known = METRICS.get(incident.metric)
    own = known is not None and incident.unit in ("", known.unit)
    return own and DIMENSIONS.issuperset(incident.scope)


def draw(incident: Incident, view: state.View) -> None:
    """Draw the metric over the range with the limit."""
    tongue, period = words.language(), view.period()
    scope = Scope(incident.project, **incident.scope)
    rows = data.ask(course, scope, incident.metric, period, incident.window)
    behind = panels.backdrop(state.View(view.range, scope, view.live), period, [row.end for row in rows])
    limit = sentences.limit(incident, tongue)
    made = figures.course(
        rows,
        behind,
        incident.threshold,
        incident.comparison,
        lambda value: sentences.amount(incident, value, tongue),
        limit,
    )
    out = sum(figures.beyond(rows, incident.threshold, incident.comparison))
    measured = sum(row.value is not None for row in rows)
    board.plot(f"course_{incident.incident_id}", made, say("alerts.course_alt", limit=limit))
    st.caption(say("alerts.course_note", out=out, measured=measured))
