"""The widgets of the filters: a bar for the usual ones, a popover for the rest, a chip for each."""

from typing import Any

import streamlit as st

from kansoku_dashboard import clock, state
from kansoku_dashboard.screens import filters, messages
from kansoku_dashboard.waterfall.pack import group
from kansoku_dashboard.words import say

STEPS = {"cost": 0.01, "seconds": 1.0, "tokens": 100, "score": 0.1}

PAIRS = (
    ("operation", "feedback"),
    ("session", "user"),
    ("tag", "release"),
    ("min_cost", "max_cost"),
    ("min_seconds", "max_seconds"),
    ("min_tokens", "max_tokens"),
    ("min_score", "max_score"),
    ("score", "unpriced"),
)


def draw() -> bool:
    """Draw the bar and the chips; return whether the list refreshes itself."""
    with st.container(horizontal=True, vertical_alignment="center", key="traces_bar"):
        st.text_input(say("traces.search"), key="q", bind="query-params", icon=":material/search:",
                      placeholder=say("traces.search"), label_visibility="collapsed", width=250)  # fmt: skip
        choice("status", filters.STATUSES, "any_status")
        view = state.choose(between=filters.between() is not None)
        more()
    chips()
    return view.live


def more() -> None:
    """Draw the filters that are used less, behind one button that says how many are on."""
    hidden = [name for name in filters.HIDDEN if filters.value(name)]
    label = say("traces.filters_on", count=len(hidden)) if hidden else say("traces.filters")
    with st.popover(label, icon=":material/tune:", width="content"), st.container(key="more_filters"):
        for pair in PAIRS:
            for column, name in zip(st.columns(2), pair, strict=True):
                with column:
                    _field(name)


def _field(name: str) -> None:
    label = say(f"traces.{name}")
    tied: dict[str, Any] = {"key": name, "bind": "query-params"}
    if name == "feedback":
        choice(name, filters.VOTES, "any_feedback", visible=True)
    elif name == "operation":
        nothing = say("traces.any_operation")
        st.selectbox(label, filters.OPERATIONS, index=None, placeholder=nothing, **tied)
    elif name == "unpriced":
        st.toggle(label, **tied)
    elif name in filters.TEXTS:
        st.text_input(label, **tied)
    elif name in filters.SCORES:
        step = STEPS["score"]
        st.number_input(label, value=None, step=step, format="%g", placeholder=say("traces.any"), **tied)
    elif name.endswith("tokens"):
        st.number_input(label, 0, step=STEPS["tokens"], format="%d", **tied)
    else:
        st.number_input(label, 0.0, step=STEPS[name.partition("_")[2]], format="%g", **tied)


def chips() -> None:
    """Draw each filter that is on but out of sight, to be taken off by a click."""
    hidden = [name for name in filters.HIDDEN if filters.value(name)]
    between = filters.between()
    if not hidden and not between:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="traces_chips", gap="xsmall"):
        if between:
            start, end = (clock.written(moment) for moment in (between.start, between.end))
            _chip("from", say("traces.between", start=start, end=end), ("from", "to"))
        for name in hidden:
            _chip(name, f"{say(f'traces.{name}')}: {_worded(name)}", (name,))
        if len(hidden) > 1:
            st.button(say("traces.reset"), type="tertiary", key="reset", on_click=_clear, args=(hidden,))


def choice(name: str, options: tuple[str, ...], nothing_chosen: str, *, visible: bool = False) -> None:
    """Draw a choice whose value, not its label in some language, stands in the URL."""
    present = filters.value(name)
    key = f"_{name}"
    # The URL decides: a facet, a chip or a saved view may have changed it since the widget was drawn.
    st.session_state[key] = present if present in options else options[0]

    def keep() -> None:
        chosen = st.session_state[key]
        if chosen and chosen != options[0]:
            st.query_params[name] = chosen
        else:
            st.query_params.pop(name, None)

    st.selectbox(
        say(f"traces.{name}"),
        options,
        key=key,
        format_func=lambda option: say(f"traces.{name}_{option}" if option else f"traces.{nothing_chosen}"),
        on_change=keep,
        label_visibility="visible" if visible else "collapsed",
        width="stretch" if visible else 150,
    )


def _chip(name: str, label: str, names: tuple[str, ...]) -> None:
    st.button(label, icon=":material/close:", key=f"chip_{name}", on_click=_clear, args=(names,))


def _clear(names: tuple[str, ...] | list[str]) -> None:
    for name in names:
        filters.clear(name)


def _worded(name: str) -> str:
    value = filters.value(name)
    if name == "feedback":
        return say(f"traces.feedback_{value}") if value in filters.VOTES else messages.label(value, 40)
    if name == "operation":
        return f"{messages.label(value, 40)} ({say(f'trace.kind.{group(value)}')})"
    return say("traces.yes") if name == "unpriced" else messages.label(value, 40)
