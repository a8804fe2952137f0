"""Links from screen to screen that carry the filters onward."""

from typing import Any

import streamlit as st

from kansoku_dashboard import state


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
