"""The browser's Back takes off one filter and not the whole investigation: a script that shows nothing."""

from importlib.resources import files

import streamlit as st

_component = st.components.v2.component(
    "kansoku_stepping",
    js=(files(__name__) / "stepping.js").read_text(encoding="utf-8"),
)


def draw() -> None:
    """Let each change of a filter be a step of the browser's history."""
    _component(key="stepping", width="content", height=0)
