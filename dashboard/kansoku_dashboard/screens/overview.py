"""Overview: is something wrong, what changed, how bad, for whom."""

import streamlit as st

from kansoku_dashboard import state
from kansoku_dashboard.words import say


def show() -> None:
    """Draw the screen."""
    st.title(say("overview.title"), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        state.choose()
