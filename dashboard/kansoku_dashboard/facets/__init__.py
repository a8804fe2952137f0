"""The facets of the list of traces: a Streamlit component in plain JavaScript, without a build."""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import streamlit as st

from kansoku_collector.store.read.facets import Facet
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

_FOLDER = files(__name__)
_component = st.components.v2.component(
    "kansoku_facets",
    css=(_FOLDER / "facets.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "facets.js").read_text(encoding="utf-8"),
)


def encode(found: Mapping[str, Sequence[Facet]], chosen: Mapping[str, str]) -> str:
    """Return the component's data as JSON text; properties without a value are left out."""
    groups = [
        {
            "name": name,
            "title": say(f"traces.facet.{name}"),
            "chosen": chosen.get(name, ""),
            "values": [
                {"value": value, "label": _label(name, value), "count": f"{traces:,}", "size": traces}
                for value, traces in values
            ],
        }
        for name, values in found.items()
        if values
    ]
    words = {name: say(f"traces.{name}") for name in ("facets", "facet_on", "facet_off")}
    return json.dumps({"groups": groups, "words": words}, ensure_ascii=False, separators=(",", ":"))


def draw(data: str, *, key: str, on_choose: Callable[[], None]) -> Any:
    """Draw the facets; `.chosen` is `[property, value, …]` of a click, the value empty to take it off."""
    return _component(key=key, data=data, on_chosen_change=on_choose)


def _label(name: str, value: str) -> str:
    if name == "status" and value in ("ok", "error"):
        return say(f"traces.status_{value}")
    return visible(" ".join(value.split()))
