"""Overview: is something wrong, what changed, how bad, for whom."""

import streamlit as st

from kansoku_dashboard import board, panels

HEIGHT = 120  # of what stands where a panel is not drawn yet


def show() -> None:
    """Draw the screen, or how to send the first span where there is none."""
    view = board.head("overview")
    if view is None:
        return
    board.panel("overview", "alerts", panels.alert_line, view, height=HEIGHT)
    board.panel("overview", "tiles", panels.tile_row, view, height=HEIGHT)
    left, right = st.columns(2)
    with left:
        board.panel("overview", "cost", panels.cost, view, height=HEIGHT)
    with right:
        board.panel("overview", "latency", panels.latency, view, height=HEIGHT)
    left, right = st.columns([3, 2])
    with left:
        board.panel("overview", "drift", panels.drift, view, height=HEIGHT)
    with right:
        board.panel("overview", "feedback", panels.feedback, view, height=HEIGHT)
    board.panel("overview", "movers", panels.moved, view, height=HEIGHT)
