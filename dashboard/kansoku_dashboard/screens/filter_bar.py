"""The widgets of the filters: a bar for the usual ones, a popover for the rest, a chip for each."""

import streamlit as st

from kansoku_dashboard import state
from kansoku_dashboard.screens import filters, messages
from kansoku_dashboard.waterfall.pack import group
from kansoku_dashboard.words import say

STEPS = {"cost": 0.01, "seconds": 1.0, "tokens": 100, "score": 0.1}


def draw() -> bool:
    """Draw the bar and the chips; return whether the list refreshes itself."""
    with st.container(horizontal=True, vertical_alignment="center", key="traces_bar"):
        st.text_input(say("traces.search"), key="q", bind="query-params", icon=":material/search:",
                      placeholder=say("traces.search"), label_visibility="collapsed", width=250)  # fmt: skip
        choice("status", filters.STATUSES, "any_status")
        view = state.choose()
        more()
    chips()
    return view.live


def more() -> None:
    """Draw the filters that are used less, behind one button that says how many are on."""
    hidden = [name for name in filters.HIDDEN if filters.value(name)]
    label = say("traces.filters_on", count=len(hidden)) if hidden else say("traces.filters")
    with st.popover(label, icon=":material/tune:", width="content"), st.container(key="more_filters"):
        left, right = st.columns(2)
        with left:
            st.selectbox(say("traces.operation"), filters.OPERATIONS, index=None, key="operation",
                         bind="query-params", placeholder=say("traces.any_operation"))  # fmt: skip
            choice("feedback", filters.VOTES, "any_feedback", visible=True)
        for place, name in enumerate(filters.TEXTS):
            (left, right)[place < 2].text_input(say(f"traces.{name}"), key=name, bind="query-params")
        for name in filters.AMOUNTS:
            side = left if name.startswith("min") else right
            whole = name.endswith("tokens")
            side.number_input(
                say(f"traces.{name}"),
                0 if whole else 0.0,
                step=STEPS[name.partition("_")[2]],
                format="%d" if whole else "%g",
                key=name,
                bind="query-params",
            )
        for side, name in zip((left, right), filters.SCORES, strict=True):
            side.number_input(
                say(f"traces.{name}"), value=None, step=STEPS["score"], format="%g", key=name,
                bind="query-params", placeholder=say("traces.any"),
            )  # fmt: skip
        st.toggle(say("traces.unpriced"), key="unpriced", bind="query-params")


def chips() -> None:
    """Draw each filter that is on but out of sight, to be taken off by a click."""
    hidden = [name for name in filters.HIDDEN if filters.value(name)]
    chosen = filters.period()
    between = bool(filters.value("from"))
    if not hidden and not between:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="traces_chips", gap="xsmall"):
        if between:
            start, end = (f"{moment:%Y-%m-%d %H:%M} UTC" for moment in (chosen.start, chosen.end))
            _chip("from", say("traces.between", start=start, end=end), ("from", "to"))
        for name in hidden:
            _chip(name, f"{say(f'traces.{name}')}: {_worded(name)}", (name,))
        if len(hidden) > 1:
            st.button(say("traces.reset"), type="tertiary", key="reset", on_click=_clear, args=(hidden,))


def choice(name: str, options: tuple[str, ...], nothing_chosen: str, *, visible: bool = False) -> None:
    """Draw a choice whose value, not its label in some language, stands in the URL."""
    present = filters.value(name)
    key = f"_{name}"

    def keep() -> None:
        chosen = st.session_state[key]
        if chosen and chosen != options[0]:
            st.query_params[name] = chosen
        else:
            st.query_params.pop(name, None)

    st.selectbox(
        say(f"traces.{name}"),
        options,
        index=options.index(present) if present in options else 0,
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
