"""Ways from screen to screen, with filters."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from kansoku_dashboard import state

BOUND = frozenset({*state.FILTERS, "status", "feedback", "unpriced"})


def keep(pages: dict[str, Any]) -> None:
    """Remember the screens of this session, so that any screen can link to any other without importing it."""
    st.session_state["_pages"] = pages


def page(name: str) -> Any:
    """Return the screen `name`, for `st.page_link` and `st.switch_page`."""
    return st.session_state["_pages"][name]


def link(name: str, label: str, *, icon: str | None = None, **filters: str) -> None:
    """Draw a link to the screen `name` with the present range and filters, and `filters` over them."""
    carried = state.carried() | filters
    st.page_link(page(name), label=label, icon=icon, query_params={k: v for k, v in carried.items() if v})


def button(name: str, label: str, way: Mapping[str, str], *, key: str) -> None:
    """Draw a button that opens the screen `name` with exactly the filters of `way`.

    A parameter that a widget is bound to follows the widget's state and not a link, so the state is set; the
    other parameters go into the address. Not for panels that run in parallel.
    """
    if st.button(
        label, key=key, icon=":material/arrow_forward:", type="tertiary", on_click=_set, args=(way,)
    ):
        free = {parameter: value for parameter, value in way.items() if parameter not in BOUND}
        st.switch_page(page(name), query_params=free)


def _set(way: Mapping[str, str]) -> None:
    for parameter in state.FILTERS:
        st.session_state[parameter] = way.get(parameter)
    for parameter in BOUND - set(state.FILTERS):
        if parameter in way:
            st.session_state[parameter] = True if way[parameter] == "true" else way[parameter]
