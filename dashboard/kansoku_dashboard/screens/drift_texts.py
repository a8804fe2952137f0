"""Texts from before and since a change: as text, with what they are and the way to their trace."""

from collections.abc import Sequence

import streamlit as st

from kansoku_collector.store.read.drift_detail import Example
from kansoku_collector.store.scope import Period
from kansoku_dashboard import clock, links, state
from kansoku_dashboard.figures.style import count
from kansoku_dashboard.screens import messages
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

SHOWN = 320  # characters of a text on the page
ICONS = {"input": ":material/person:", "output": ":material/smart_toy:", "error": ":material/error:"}


def draw(side: str, rows: Sequence[Example], period: Period) -> None:
    """Draw the examples of one side, `before` or `now`."""
    zone = clock.zone()
    start, end = (moment.astimezone(zone) for moment in (period.start, period.end))
    st.markdown(f"**{say(f'drift.{side}')}**  :gray[{start:%m-%d %H:%M} – {end:%m-%d %H:%M}]")
    if not rows:
        st.caption(say("drift.no_texts"))
    for number, row in enumerate(rows):
        _example(row, f"{side}_{number}")


def _example(row: Example, key: str) -> None:
    with st.container(border=True, key=f"example_{key}", gap="xsmall"):
        with st.container(
            horizontal=True,
            vertical_alignment="center",
            horizontal_alignment="distribute",
            key=f"about_{key}",
        ):
            moment = row.time.astimezone(clock.zone())
            parts = [f"{moment:%m-%d %H:%M}", messages.label(row.model, 40), messages.label(row.prompt, 40)]
            if row.tokens:
                parts.append(say("overview.tokens", tokens=count(row.tokens)))
            if row.language:
                parts.append(messages.label(row.language, 8))
            st.caption(" · ".join(part for part in parts if part), width="content")
            way = state.carried() | {"trace": row.trace_id, "span": row.span_id}
            links.tab("trace", say("quality.open"), way, key=f"example_open_{key}")
        for name in ("input", "output", "error"):
            if text := getattr(row, name):
                said(name, text, key)


def said(name: str, text: str, key: str) -> None:
    """Draw a text as text, cut, with a sign of whose it is."""
    with st.container(horizontal=True, gap="xsmall", key=f"example_{name}_{key}"):
        st.markdown(ICONS[name], width="content")
        folded = visible(messages.fold(text))
        st.text(folded if len(folded) <= SHOWN else f"{folded[: SHOWN - 1]}…", width="stretch")
