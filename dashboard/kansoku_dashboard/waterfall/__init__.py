"""The tree of a trace with its time lanes: a Streamlit component in plain JavaScript, without a build."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import streamlit as st

from kansoku_dashboard.waterfall.pack import pack
from kansoku_dashboard.waterfall.tree import Tree, grow

__all__ = ["draw", "grow", "pack"]

_FOLDER = files(__name__)
_component = st.components.v2.component(
    "kansoku_waterfall",
    css=(_FOLDER / "waterfall.css").read_text(encoding="utf-8"),
    js="\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("scale.js", "waterfall.js")),
)


def draw(tree: Tree, *, trace_id: str, selected: str, key: str, on_select: Callable[[], None]) -> Any:
    """Draw the waterfall; `.selected` of the result is the id of the span that the reader chose last.

    `selected` opens a span at first; after that the component keeps the choice itself, so that its data,
    megabytes for a large trace, stays the same and is not sent again.
    """
    data = pack(tree, trace_id=trace_id, selected=selected)
    return _component(key=key, data=data, on_selected_change=on_select)
