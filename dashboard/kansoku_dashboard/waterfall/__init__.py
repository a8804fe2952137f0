"""The tree of a trace with its time lanes: a Streamlit component in plain JavaScript, without a build."""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import streamlit as st

from kansoku_dashboard.waterfall.pack import pack
from kansoku_dashboard.waterfall.path import critical_path
from kansoku_dashboard.waterfall.tree import Tree, grow

__all__ = ["critical_path", "draw", "encode", "grow"]

_FOLDER = files(__name__)
_component = st.components.v2.component(
    "kansoku_waterfall",
    css=(_FOLDER / "waterfall.css").read_text(encoding="utf-8"),
    js="\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("scale.js", "waterfall.js")),
)


def encode(tree: Tree, *, trace_id: str, selected: str, length_ns: int = 0) -> str:
    """Return the component's data as JSON text; `selected` is the id of the span that is open at first.

    As text, because Streamlit writes it again on every rerun, and a string costs it less than a structure.
    """
    packed = pack(tree, trace_id=trace_id, selected=selected, length_ns=length_ns)
    return json.dumps(packed, ensure_ascii=False, separators=(",", ":"))


def draw(data: str, *, key: str, on_select: Callable[[], None]) -> Any:
    """Draw the waterfall; `.selected` of the result is the id of the span that the reader chose last.

    The component keeps the choice itself: give it the same data again and nothing is sent.
    """
    return _component(key=key, data=data, on_selected_change=on_select)
