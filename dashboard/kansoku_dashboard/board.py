"""What the screens of charts share: the head, panels that draw on their own, a chart in its frame."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib import import_module

import streamlit as st

from kansoku_collector.store.read import overview
from kansoku_dashboard import data, empty, state
from kansoku_dashboard.figures.style import Figure
from kansoku_dashboard.words import say

# Streamlit imports them when first needed: in several panels at once, and they cannot bear that.
for name in ("pandas", "plotly.graph_objs"):
    import_module(name)


def head(section: str) -> state.View | None:
    """Draw title, filters and range; None, after saying how to send a span, where there is none yet."""
    with st.container(
        key="head", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.title(say(f"nav.{section}"), anchor=False, width="content")
        with st.container(
            key="controls", horizontal=True, vertical_alignment="center", horizontal_alignment="right"
        ):
            view = state.choose()
    with data.panel(say(f"nav.{section}")):
        if data.ask(overview.health, view.scope.project).last is not None:
            return view
        empty.first_span(view.scope.project)
    return None


def panel(
    section: str, name: str, draw: Callable[[state.View], None], view: state.View, *, height: int = 260
) -> None:
    """Draw a panel on its own: beside the others, alone when it is retried, again and again when live."""

    def run() -> None:
        waiting = nullcontext() if view.live else st.skeleton(height=height)
        with data.panel(say(f"{section}.{name}")), waiting:
            draw(view)

    st.fragment(run, run_every=view.refresh, parallel=True, key=f"{section}_{name}")()


def heading(section: str, name: str, note: str = "") -> None:
    """Write the name of a panel and, in grey, what it shows."""
    title = f"**{say(f'{section}.{name}')}**"
    st.markdown(f"{title}  :gray[{note}]" if note else title)


def chart(section: str, name: str, figure: Figure, note: str = "") -> None:
    """Draw a figure under its heading; its words for who cannot see it are `<section>.<name>_alt`."""
    with st.container(border=True, key=f"panel_{section}_{name}", gap=None):
        heading(section, name, note)
        st.plotly_chart(
            figure,
            key=f"chart_{section}_{name}",
            config={"displayModeBar": False, "scrollZoom": False},
            alt=say(f"{section}.{name}_alt"),
        )


def choice(section: str, name: str, options: Sequence[str]) -> str:
    """Draw a choice among a few, and return it; its value, not its label in some language, is in the URL."""
    key = f"_{name}"

    def keep() -> None:
        if (chosen := st.session_state[key]) and chosen != options[0]:
            st.query_params[name] = chosen
        else:
            st.query_params.pop(name, None)

    return str(
        st.segmented_control(
            say(f"{section}.{name}"),
            options,
            default=chosen_of(name, options),
            required=True,
            format_func=lambda option: say(f"{section}.{name}_{option}"),
            key=key,
            on_change=keep,
            label_visibility="collapsed",
        )
    )


def chosen_of(name: str, options: Sequence[str]) -> str:
    """Return what the URL says of a choice, its first option where it says nothing that can be chosen."""
    present = st.query_params.get(name, "")
    return present if present in options else options[0]
