"""Start."""

import streamlit as st

from kansoku_dashboard.words import say


def show() -> None:
    """Draw the screen."""
    st.title(say("start.title"), anchor=False)
