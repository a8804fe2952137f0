"""Trace."""

import streamlit as st

from kansoku_dashboard.words import say


def show() -> None:
    """Draw the screen."""
    st.title(say("nav.trace"), anchor=False)
