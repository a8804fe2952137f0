"""What the screens are made of: the head, panels that draw on their own, cards, charts, choices, tables."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, Literal
from urllib.parse import urlencode

import streamlit as st

from kansoku_collector.store.read import overview
from kansoku_dashboard import canvas, data, empty, links, state
from kansoku_dashboard.figures.lean import lean
from kansoku_dashboard.figures.style import Figure
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import say

ROW = 35  # pixels

# Streamlit imports it when first needed: in several panels at once, and it cannot bear that.
import_module("pandas")


def head(
    section: str, *, filters: tuple[str, ...] = state.FILTERS, live: bool = True, month: str = ""
) -> state.View | None:
    """Draw title, filters and range; None, after saying how to send a span, where there is none yet."""
    title = say(f"nav.{section}")
    view = bar(title, filters=filters, live=live, month=month)
    with data.panel(title):
        if data.ask(overview.health, view.scope.project).last is not None:
            return view
        empty.first_span(view.scope.project)
    return None


def bar(title: str, *, filters: tuple[str, ...] = (), live: bool = True, month: str = "") -> state.View:
    """Draw title, filters and range, and return what is chosen."""
    with st.container(
        key="head", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.title(title, anchor=False, width="content")
        with st.container(
            key="controls", horizontal=True, vertical_alignment="center", horizontal_alignment="right"
        ):
            return state.choose(filters=filters, live=live, month=month)


def panel(
    section: str, name: str, draw: Callable[[state.View], None], view: state.View, *, height: int = 260
) -> None:
    """Draw a panel of a view: beside the others, alone when it is retried, again and again when live."""
    piece(
        f"{section}_{name}", say(f"{section}.{name}"), lambda: draw(view), height=height, every=view.refresh
    )


def piece(
    key: str, title: str, draw: Callable[[], None], *, height: int = 120, every: int | None = None
) -> None:
    """Draw something on its own: a skeleton first, its own sentence and Retry where the store fails."""

    def run() -> None:
        waiting = st.skeleton(height=height) if every is None else nullcontext()
        with data.panel(title), waiting:
            draw()

    st.fragment(run, run_every=every, parallel=True, key=key)()


def heading(section: str, name: str, note: str = "") -> None:
    """Write the name of a panel and, in grey, what it shows."""
    title = f"**{say(f'{section}.{name}')}**"
    st.markdown(f"{title}  :gray[{note}]" if note else title)


def chart(section: str, name: str, figure: Figure, note: str = "") -> None:
    """Draw a figure under its heading; its words for who cannot see it are `<section>.<name>_alt`."""
    with st.container(border=True, key=f"panel_{section}_{name}", gap=None):
        heading(section, name, note)
        plot(f"{section}_{name}", figure, say(f"{section}.{name}_alt"))


def plot(key: str, figure: Figure, alt: str) -> None:
    """Draw a figure with the words for who cannot see it."""
    canvas.draw(lean(figure), key=f"chart_{key}", alt=alt)


def chosen_of(name: str, options: Sequence[str]) -> str:
    """Return what the URL says of a choice, its first option where it says nothing that can be chosen."""
    present = st.query_params.get(name, "")
    return present if present in options else options[0]


def worded(section: str, name: str, options: Sequence[str]) -> dict[str, str]:
    """Return options with their words, `<section>.<name>_<option>`."""
    return {option: say(f"{section}.{name}_{option}") for option in options}


def card(key: str, title: str, note: str = "") -> AbstractContextManager[Any]:
    """Return the frame of a panel with its title and a note, which is escaped."""
    frame = st.container(border=True, key=f"panel_{key}", gap="xsmall")
    with frame:
        st.markdown(f"**{title}**  :gray[{plain(note)}]" if note else f"**{title}**")
    return frame


def choice(name: str, options: Mapping[str, str], label: str, *, present: str = "") -> str:
    """Draw a choice among `options`, and return which; its code and not its word stands in the URL."""
    first = next(iter(options))
    present = present or st.query_params.get(name, first)
    key = f"_choice_{name}_{'_'.join(options)}"  # other screens have choices of the same name

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


def pick(name: str, options: Mapping[str, str], label: str, *, width: int, bare: bool = False) -> str:
    """Draw a list to choose from, and return which; its code and not its word stands in the URL."""
    codes = list(options)
    key = f"_pick_{name}"

    def keep() -> None:
        if st.session_state[key] == codes[0]:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = st.session_state[key]

    chosen = st.selectbox(
        label,
        codes,
        index=codes.index(chosen_of(name, codes)),
        format_func=options.__getitem__,
        key=key,
        on_change=keep,
        width=width,
        label_visibility="collapsed" if bare else "visible",
    )
    return str(chosen or codes[0])


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
