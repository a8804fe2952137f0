"""Alerts."""

import streamlit as st

from kansoku_dashboard.words import say


def show() -> None:
    """Draw the screen."""
    st.title(say("alerts.title"), anchor=False)
