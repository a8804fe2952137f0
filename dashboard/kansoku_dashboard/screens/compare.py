"""Two traces side by side: figures, lanes on one scale, what differs by step, and the open spans."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from kansoku_collector.store.read import trace as store
from kansoku_collector.store.read.trace import Located
from kansoku_dashboard import board, clock, data, steps, waterfall, words
from kansoku_dashboard.durations import duration
from kansoku_dashboard.screens import amounts, facts, messages, span
from kansoku_dashboard.text import visible
from kansoku_dashboard.waterfall.pack import group
from kansoku_dashboard.waterfall.tree import MISSING, Tree
from kansoku_dashboard.words import say

SIDES = ("left", "right")
MOST_STEPS = 50


@dataclass(frozen=True, slots=True)
class Pair:
    """Two traces made ready to draw, kept in the session."""

    key: tuple[str, str, str]
    trees: tuple[Tree, Tree]
    data: tuple[str, str]


def show(left: Located, right: Located) -> None:
    """Draw the two traces; the first is the one that the reader came from."""
    pair = _pair(left, right)
    with st.container(horizontal=True, vertical_alignment="center", key="compare_header"):
        st.subheader(say("compare.title"), anchor=False, width="content")
        st.button(say("compare.swap"), icon=":material/swap_horiz:", type="tertiary", on_click=_swap)
        st.button(say("compare.close"), icon=":material/close:", type="tertiary", on_click=_close)
    columns = st.columns(2, gap="small")
    chosen = []
    for column, side, located, place in zip(columns, SIDES, (left, right), (0, 1), strict=True):
        with column, st.container(border=True, key=f"compare_{side}"):
            tree = pair.trees[place]
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{say(f'compare.{side}')} · {facts.title(tree)}**", width="content")
                st.caption(
                    f"{clock.written(located.start, clock.SECONDS)} · {located.trace_id[:8]}", width="content"
                )
            with st.container(horizontal=True, gap="xsmall"):
                facts.chips(tree, data.ask(store.feedback, located))
            key = f"compare_{side}_{located.trace_id}"
            result = waterfall.draw(pair.data[place], key=key, on_select=_nothing)
            chosen.append(str(result.selected or facts.first(tree)))
    st.markdown(f"**{say('compare.steps')}**")
    draw_steps(steps.steps(*pair.trees))
    for column, side, located, opened in zip(
        st.columns(2, gap="small"), SIDES, (left, right), chosen, strict=True
    ):
        with column, st.container(border=True, key=f"compare_span_{side}"), data.panel(say("trace.span")):
            _span(located, opened, side)


def draw_steps(found: list[steps.Step]) -> None:
    """Draw the steps as a table; numbers are text, so that unknown stays a word."""
    text: Any = st.column_config.TextColumn
    shown = found[:MOST_STEPS]
    rows: dict[str, list[str]] = {
        "name": [visible(" ".join(step.name.split())) for step in shown],
        "kind": [say(f"trace.kind.{group(step.operation)}") for step in shown],
    }
    configuration = {"name": text(say("traces.name"), width=220), "kind": text(say("compare.kind"), width=90)}
    for name, write in (("spans", _spans), ("time", _time), ("tokens", _tokens), ("cost", _cost)):
        for side in SIDES:
            rows[f"{name}_{side}"] = [write(getattr(step, side)) for step in shown]
            heading = f"{say(f'compare.{name}')} · {say(f'compare.{side}')}"
            configuration[f"{name}_{side}"] = text(heading, width=110, alignment="right")
    rows["difference"] = [_difference(step) for step in shown]
    configuration["difference"] = text(say("compare.difference"), width=120, alignment="right")
    st.dataframe(rows, column_config=configuration, hide_index=True, key="compare_steps",
                 row_height=35, height=board.table_height(len(shown)), alt=say("compare.steps"))  # fmt: skip
    if len(found) > MOST_STEPS:
        st.caption(say("table.top", shown=MOST_STEPS, count=len(found)))


def _span(located: Located, chosen: str, side: str) -> None:
    found = None if chosen.startswith(MISSING) else data.ask(store.span, located, chosen)
    if found is None:
        st.info(say("trace.unknown_span", id=messages.label(chosen.removeprefix(MISSING), 80)))
        return
    span.heading(found)
    span.content(found, key=f"{side}_")


def _pair(left: Located, right: Located) -> Pair:
    key = (left.trace_id, right.trace_id, words.language())
    kept: Pair | None = st.session_state.get("_compared")
    if kept and kept.key == key:
        return kept
    one, two = (waterfall.grow(data.fresh(store.spans, located)) for located in (left, right))
    longest = max(one.length_ns, two.length_ns)
    texts = [
        waterfall.encode(tree, trace_id=located.trace_id, selected=facts.first(tree), length_ns=longest)
        for tree, located in ((one, left), (two, right))
    ]
    made = Pair(key, (one, two), (texts[0], texts[1]))
    st.session_state["_compared"] = made
    return made


def _swap() -> None:
    here, other = st.query_params["trace"], st.query_params["with"]
    st.query_params["trace"], st.query_params["with"] = other, here


def _close() -> None:
    st.query_params.pop("with", None)


def _nothing() -> None:
    """Let the choice alone: it is read from the component."""


def _spans(total: steps.Sum) -> str:
    failed = f" ✕ {total.errors}" if total.errors else ""
    return f"{total.spans:,}{failed}" if total.spans else "–"


def _time(total: steps.Sum) -> str:
    return duration(total.seconds) if total.spans else "–"


def _tokens(total: steps.Sum) -> str:
    return f"{total.tokens:,}" if total.tokens else "–"


def _cost(total: steps.Sum) -> str:
    return amounts.cost(total.cost_usd, known=False, unpriced=total.unpriced)


def _difference(step: steps.Step) -> str:
    if not (step.left.spans and step.right.spans):
        return say("compare.only_left" if step.left.spans else "compare.only_right")
    if abs(step.difference) < 0.0005:
        return "±0"
    arrow = "▲ +" if step.difference > 0 else "▼ −"
    return f"{arrow}{duration(abs(step.difference))}"
