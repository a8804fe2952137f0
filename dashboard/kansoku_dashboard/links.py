"""Ways from screen to screen, with filters."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from kansoku_dashboard import settings, state


def keep(pages: dict[str, Any]) -> None:
    """Remember the screens of this session, so that any screen can link to any other without importing it."""
    st.session_state["_pages"] = pages


def page(name: str) -> Any:
    """Return the screen `name`, for `st.page_link` and `st.switch_page`."""
    return st.session_state["_pages"][name]


def go(name: str, way: Mapping[str, str]) -> None:
    """Open the screen `name` from the callback of a widget, wherever that stands.

    A fragment that changed the screen itself would take the bindings of its widgets along, and the next
    screen could not set a parameter of the same name; one that runs beside others may not change it at all.
    """
    st.session_state["_going"] = (name, dict(way))
    st.rerun(scope="app")


def depart() -> None:
    """Change the screen if a callback has asked for it; at the start of a run of the whole app."""
    if going := st.session_state.pop("_going", None):
        name, way = going
        st.switch_page(page(name), query_params=way)


def link(name: str, label: str, *, icon: str | None = None, **filters: str) -> None:
    """Draw a link to the screen `name` with the present range and filters, and `filters` over them."""
    carried = state.carried() | filters
    st.page_link(page(name), label=label, icon=icon, query_params={k: v for k, v in carried.items() if v})


def address(name: str, way: Mapping[str, str]) -> str:
    """Return the address of the screen `name`, for what is no widget of Streamlit's."""
    return f"{settings.current().base}/{name}?{urlencode(way)}"


def tab(name: str, label: str, way: Mapping[str, str], *, key: str) -> None:
    """Draw a link that opens the screen `name` in a tab of its own, with exactly the filters of `way`.

    Inside one session a parameter follows the widget that it is bound to and not a link; a new tab
    obeys its address.
    """
    own = {key: st.query_params[key] for key in ("lang", "project") if st.query_params.get(key)}
    there = address(name, dict(way) | own)
    st.link_button(label, there, type="tertiary", icon=":material/open_in_new:", key=key)
