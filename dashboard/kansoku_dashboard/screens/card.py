"""What the screens of cost and sessions are made of: a panel of its own, a card with a chart, a choice."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal
from urllib.parse import urlencode

import streamlit as st

from kansoku_dashboard import data, links
from kansoku_dashboard.figures.style import Figure
from kansoku_dashboard.text import plain

ROW = 35  # pixels
CHART = {"displayModeBar": False, "scrollZoom": False}


def piece(key: str, name: str, draw: Callable[[], None], *, height: int = 120) -> None:
    """Draw a panel beside the others: a skeleton first, its own sentence and Retry where the store fails."""

    def run() -> None:
        with data.panel(name), st.skeleton(height=height):
            draw()

    st.fragment(run, parallel=True, key=f"piece_{key}")()


def card(key: str, title: str, note: str = "") -> AbstractContextManager[Any]:
    """Return the frame of a panel with its title and a note, which is escaped."""
    frame = st.container(border=True, key=f"panel_{key}", gap="xsmall")
    with frame:
        st.markdown(f"**{title}**  :gray[{plain(note)}]" if note else f"**{title}**")
    return frame


def chart(key: str, figure: Figure, alt: str) -> None:
    """Draw a figure with the words for who cannot see it."""
    st.plotly_chart(figure, key=f"chart_{key}", config=CHART, alt=alt)


def choice(name: str, options: Mapping[str, str], label: str, *, present: str = "") -> str:
    """Draw a choice among `options`, and return which; its code and not its word stands in the URL."""
    first = next(iter(options))
    present = present or st.query_params.get(name, first)
    key = f"_choice_{name}"

    def keep() -> None:
        if st.session_state[key] == first:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = st.session_state[key]

    chosen = st.segmented_control(
        label,
        list(options),
        default=present if present in options else first,
        required=True,
        format_func=options.__getitem__,
        key=key,
        on_change=keep,
        label_visibility="collapsed",
    )
    return str(chosen or first)


def to_traces(label: str, way: Mapping[str, str], *, icon: str = ":material/account_tree:") -> None:
    """Draw a link to the list of traces with exactly these filters."""
    st.page_link(links.page("traces"), label=label, icon=icon, query_params=packed(way))


def packed(way: Mapping[str, str]) -> dict[str, str]:
    """Return filters as the one parameter from which Traces takes them inside a session."""
    given = urlencode({name: value for name, value in way.items() if value})
    return {"list": given} if given else {}


def table_height(rows: int, most: int = 12) -> int | Literal["content"]:
    """Return the height of a table: all of its rows, or `most` of them with a bar to scroll."""
    return "content" if rows <= most else most * ROW + 38


def table(
    key: str, cells: Any, screen: str, ways: Sequence[Mapping[str, str] | None], **options: Any
) -> None:
    """Draw a table; a click on a row opens `screen` with the query of its place in `ways`, None for none."""
    # Another key after each click: coming back must not open the same row again.
    name = f"table_{key}_{st.session_state.get(key, 0)}"

    def opened() -> None:
        chosen = st.session_state[name].selection
        rows = list(chosen.rows) or [row for row, _ in chosen.cells]
        if rows and rows[0] < len(ways) and ways[rows[0]] is not None:
            st.session_state[key] = st.session_state.get(key, 0) + 1
            links.go(screen, ways[rows[0]] or {})

    st.dataframe(
        cells,
        hide_index=True,
        on_select=opened,
        selection_mode="single-cell",
        key=name,
        row_height=ROW,
        **options,
    )
