"""Overview: is something wrong, what changed, how bad, for whom."""

from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module

import streamlit as st

from kansoku_collector.store.read import overview as questions
from kansoku_dashboard import data, empty, panels, state
from kansoku_dashboard.words import say

# Streamlit imports them when first needed: in several panels at once, and they cannot bear that.
for name in ("pandas", "plotly.graph_objs"):
    import_module(name)


def show() -> None:
    """Draw the screen, or how to send the first span where there is none."""
    with st.container(
        key="head", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.title(say("overview.title"), anchor=False, width="content")
        with st.container(
            key="controls", horizontal=True, vertical_alignment="center", horizontal_alignment="right"
        ):
            view = state.choose()
    with data.panel(say("overview.title")):
        if data.ask(questions.health, view.scope.project).last is None:
            empty.first_span(view.scope.project)
            return
        _panels(view)


def _panels(view: state.View) -> None:
    fragment("alerts", panels.alert_line, view)
    fragment("tiles", panels.tile_row, view)
    left, right = st.columns(2)
    with left:
        fragment("cost", panels.cost, view)
    with right:
        fragment("latency", panels.latency, view)
    left, right = st.columns([3, 2])
    with left:
        fragment("drift", panels.drift, view)
    with right:
        fragment("feedback", panels.feedback, view)
    fragment("movers", panels.moved, view)


def fragment(name: str, draw: Callable[[state.View], None], view: state.View) -> None:
    """Draw a panel on its own: beside the others, alone when it is retried, again and again when live."""

    def run() -> None:
        waiting = nullcontext() if view.live else st.skeleton(height=120)
        with data.panel(say(f"overview.{name}")), waiting:
            draw(view)

    st.fragment(run, run_every=view.refresh, parallel=True, key=f"overview_{name}")()
