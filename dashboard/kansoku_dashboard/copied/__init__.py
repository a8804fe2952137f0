"""A short text with a button that copies it: a Streamlit component in plain JavaScript, without a build.

Streamlit's own block of code does it too, but loads 1.6 MB of syntax highlighting before the page goes on.
"""

import json
from importlib.resources import files

import streamlit as st

from kansoku_dashboard.words import say

_FOLDER = files(__name__)
_component = st.components.v2.component(
    "kansoku_copied",
    css=(_FOLDER / "copied.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "copied.js").read_text(encoding="utf-8"),
)


def draw(text: str, *, key: str) -> None:
    """Draw `text`, which may be anybody's, with the button."""
    shown = {"text": text, "label": say("copied.copy", text=text), "done": say("copied.done")}
    _component(key=key, data=json.dumps(shown, ensure_ascii=False), width="content")
