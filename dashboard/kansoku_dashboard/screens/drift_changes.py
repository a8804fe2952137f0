"""The changes of one signal: stretches that drifted, versions that changed then, what the watch found."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import streamlit as st

from kansoku_collector.store.read import drift as questions
from kansoku_collector.store.read import incidents
from kansoku_collector.store.read.drift import DriftCell, VersionChange
from kansoku_collector.store.read.evidence import read_evidence
from kansoku_dashboard import board, clock, data, findings, links, panels, sentences, shifts, state, words
from kansoku_dashboard.durations import points
from kansoku_dashboard.figures.backdrop import Backdrop
from kansoku_dashboard.figures.drift import GLYPHS
from kansoku_dashboard.figures.style import count, share
from kansoku_dashboard.screens import evidence
from kansoku_dashboard.shifts import Shift
from kansoku_dashboard.state import View
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import say

NEAR = timedelta(hours=3)  # a version that changed so long before or after the start may be why
MOST_NEAR = 3
CAUSES = {"error_rate": {"status": "error"}}


def draw(view: View, signal: str, chosen: Shift | None) -> None:
    """Draw every stretch as a sentence with its evidence and the way to its traces."""
    period = view.period()
    cells = [cell for cell in data.ask(questions.drift_strip, view.scope, period) if cell.signal == signal]
    found = shifts.shifts(cells, period.end)
    changes = data.ask(questions.version_changes, view.scope, period)
    behind = panels.backdrop(view, period, [])
    with st.container(border=True, key="panel_drift_changes", gap="xsmall"):
        board.heading("drift", "changes", say("drift.changes_note"))
        if not found:
            st.caption(f":material/check_circle: {say('drift.no_changes')}")
        for number, shift in enumerate(found[: shifts.MOST]):
            width = cells[0].width
            _line(shift, _near(shift, changes, width), behind, number, open_=shift == chosen)
        if len(found) > shifts.MOST:
            st.caption(say("drift.more_changes", count=len(found) - shifts.MOST))
        _found(view, signal)


def _found(view: View, signal: str) -> None:
    """Draw what the watch found about this signal in the range, with its evidence on demand."""
    rows = data.ask(incidents.past_incidents, view.scope.project, view.period())
    known = [(row, read_evidence(row.evidence)) for row in rows]
    about = [(row, told) for row, told in known if told and findings.about(told, signal)]
    if about:
        st.markdown(f"**{say('found.title')}**")
    for row, told in about[: shifts.MOST]:
        with st.container(horizontal=True, vertical_alignment="center", key=f"found_{row.incident_id}"):
            st.badge(row.severity, icon=":material/troubleshoot:", color="gray" if row.resolved else "red")
            st.markdown(findings.sentence(told, words.language(), clock.zone()), width="stretch")
            to = sentences.way(row, clock.now())
            links.tab("traces", say("alerts.traces"), to, key=f"found_traces_{row.incident_id}")
        key = f"drift_evidence_{row.incident_id}"
        with st.expander(say("found.evidence"), key=key, on_change="rerun") as opened:
            if opened.open:
                evidence.draw(told, row.incident_id, row.project)


def _line(shift: Shift, near: list[VersionChange], behind: Backdrop, number: int, *, open_: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"shift_{number}", gap="small"):
        st.badge(f"{shift.peak:.2f}", icon=":material/change_history:", color="red" if open_ else "gray",
                 help=say("overview.psi", psi=f"{shift.peak:.2f}"))  # fmt: skip
        st.markdown(sentence(shift, near, behind), width="stretch")
        links.tab("traces", say("alerts.traces"), way(shift), key=f"shift_traces_{number}")


def sentence(shift: Shift, near: list[VersionChange], behind: Backdrop) -> str:
    """Say one stretch: since when, from what to what, over how many samples, and what changed then."""
    parts = [f"**{plain(stretch(shift))}**"]
    if shift.level is not None and shift.reference_level is not None:
        write = unit_of(shift.signal)
        parts.append(f"{plain(write(shift.reference_level))} → **{plain(write(shift.level))}**")
    parts.append(plain(say("drift.samples", samples=count(shift.samples))))
    parts += [f"{GLYPHS[change.kind]} {plain(behind.sentence(change))}" for change in near]
    return "  ·  ".join(parts)


def stretch(shift: Shift) -> str:
    """Write from when to when, by the reader's clock; what goes on has no end."""
    zone = clock.zone()
    start, end = (moment.astimezone(zone) for moment in (shift.period.start, shift.period.end))
    if not shift.over:
        return say("drift.since", start=f"{start:%m-%d %H:%M}")
    return (
        f"{start:%m-%d %H:%M} – {end:%H:%M}"
        if start.date() == end.date()
        else (f"{start:%m-%d %H:%M} – {end:%m-%d %H:%M}")
    )


def way(shift: Shift) -> dict[str, str]:
    """Return the filters under which Traces lists what is in the stretch."""
    start, end = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in
                  (shift.period.start, shift.period.end))  # fmt: skip
    return state.carried() | CAUSES.get(shift.signal, {}) | {"from": start, "to": end}


def _near(shift: Shift, changes: list[VersionChange], width: timedelta) -> list[VersionChange]:
    """Return the changes of version around the start: a cell tells the start no better than its width."""
    reach = max(NEAR, width)
    close = [change for change in changes if abs(change.time - shift.period.start) <= reach]
    return sorted(close, key=lambda change: abs(change.time - shift.period.start))[:MOST_NEAR]


def widened(behind: Backdrop, width: timedelta) -> Backdrop:
    """Return the backdrop with buckets as wide as the cells of drift."""
    return replace(behind, width=width)


def with_index(cell: DriftCell) -> DriftCell:
    """Return the cell with its index for its level, for a signal that has no mean."""
    return replace(cell, level=cell.psi, reference_level=None)


def unit_of(signal: str) -> Callable[[float], str]:
    """Return what writes a level of the signal."""
    writers: dict[str, Callable[[float], str]] = {
        "refusals": lambda value: share(value, 1),
        "invalid_json": lambda value: share(value, 1),
        "repetition": lambda value: share(value, 1),
        "error_rate": lambda value: share(value, 2),
        "retrieval_score": lambda value: f"{value:.2f}",
        "language_mix": lambda value: f"{value:.2f}",
    }
    return writers.get(signal, lambda value: say("overview.tokens", tokens=count(value)))


def signed(value: float, write: Callable[[Any], str]) -> str:
    """Write a difference with its sign; a share as percentage points."""
    sign = "+" if value >= 0 else "−"
    if write is share or write(0.5).endswith("%"):
        return f"{sign}{points(abs(value))[1:]}"
    return f"{sign}{write(abs(value))}"
