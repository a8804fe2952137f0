"""The list of traces: filters in the URL, totals, a page of rows, and the way into one trace."""

from typing import Any

import streamlit as st

from kansoku_collector.store.read import traces as store
from kansoku_collector.store.read.traces import Filter, Totals, TraceRow
from kansoku_dashboard import data, links, state
from kansoku_dashboard.figures.style import count, seconds, share
from kansoku_dashboard.paths import ROOM
from kansoku_dashboard.screens import amounts, filters
from kansoku_dashboard.screens.table import columns, export, frame
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import say

PAGE_SIZE = 50
TEXTS = ("session", "user", "tag")


def show() -> None:
    """Draw the screen."""
    st.html(ROOM / "screens" / "traces.css")
    filters.unpack()
    live = bar()
    st.fragment(listing, run_every=state.REFRESH_SECONDS if live else None)()


def bar() -> bool:
    """Draw the filters; return whether the list refreshes itself."""
    with st.container(horizontal=True, vertical_alignment="center", key="traces_bar"):
        st.text_input(say("traces.search"), key="q", bind="query-params", icon=":material/search:",
                      placeholder=say("traces.search"), label_visibility="collapsed", width=260)  # fmt: skip
        _choice("status", filters.STATUSES, "any_status")
        more()
        view = state.choose()
    chosen = filters.period()
    if filters.value("from"):
        with st.container(horizontal=True, vertical_alignment="center"):
            start, end = (f"{moment:%Y-%m-%d %H:%M} UTC" for moment in (chosen.start, chosen.end))
            st.caption(say("traces.between", start=start, end=end))
            if st.button(say("traces.whole_range"), type="tertiary", icon=":material/close:"):
                for name in ("from", "to"):
                    st.query_params.pop(name, None)
                st.rerun()
    return view.live


def more() -> None:
    """Draw the filters that are used less, behind one button that says how many are on."""
    hidden = [name for name in filters.HIDDEN if filters.value(name)]
    label = say("traces.filters_on", count=len(hidden)) if hidden else say("traces.filters")
    with st.popover(label, icon=":material/tune:"):
        for name in TEXTS:
            st.text_input(say(f"traces.{name}"), key=name, bind="query-params")
        _choice("feedback", filters.VOTES, "any_feedback", visible=True)
        left, right = st.columns(2)
        for side, name, step in ((left, "min_cost", 0.01), (right, "min_seconds", 1.0)):
            side.number_input(
                say(f"traces.{name}"), 0.0, step=step, format="%g", key=name, bind="query-params"
            )
        st.toggle(say("traces.unpriced"), key="unpriced", bind="query-params")
        if hidden:
            st.button(say("traces.reset"), icon=":material/close:", on_click=_reset)


def listing() -> None:
    """Draw totals, rows and pages of the filter that the URL describes."""
    wanted, order = filters.read(), filters.sort()
    _first_page()
    found: Totals | None = None
    with st.container(horizontal=True, vertical_alignment="center", key="traces_totals"):
        with data.panel(say("nav.traces")):
            found = data.ask(store.totals, wanted)
            totals(found)
        if found and found.traces:
            _choice("sort", tuple(store.KEYS), "")
    if found is None:
        return
    if not found.traces:
        nothing(wanted)
        return
    pages = -(-found.traces // PAGE_SIZE)
    number = min(_asked_page(), pages)
    with data.panel(say("traces.table")):
        rows = data.ask(store.page, wanted, sort=order, number=number, size=PAGE_SIZE)
        table(rows)
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            turn(pages, number)
            st.download_button(
                say("traces.export"),
                data=lambda: export(rows),
                file_name="traces.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
                type="tertiary",
            )


def turn(pages: int, number: int) -> None:
    """Offer the other pages; the number stands in the URL."""
    # Another filter makes another widget, so that the page of the old one is not kept.
    key = f"_page_{pages}_{st.session_state.get('_filters_changed', 0)}"

    def keep() -> None:
        st.query_params["page"] = str(st.session_state[key])

    st.pagination(pages, default=number, key=key, on_change=keep)


def totals(found: Totals) -> None:
    """Draw what the whole filter adds up to."""
    st.markdown(f"**{say('traces.total_traces', count=f'{found.traces:,}')}**", width="content")
    if not found.traces:
        return
    parts = [amounts.cost(found.cost_usd, known=bool(found.tokens), unpriced=found.unpriced_calls)]
    parts.append(say("traces.total_tokens", count=count(found.tokens) if found.tokens else "–"))
    parts.append(say("traces.total_time", p50=seconds(found.p50_seconds), p95=seconds(found.p95_seconds)))
    if found.failed:
        parts.append(
            say("traces.total_failed", count=f"{found.failed:,}", share=share(found.failed / found.traces))
        )
    st.caption(plain(" · ".join(parts)), width="stretch")


def table(rows: list[TraceRow]) -> None:
    """Draw the rows; a click on one opens it."""
    event: Any = st.dataframe(
        frame(rows, filters.carried()),
        column_config=columns(),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        key=f"table_{st.session_state.get('_table', 0)}",
        height=min(len(rows), 16) * 35 + 38,
        row_height=35,
        alt=say("traces.table"),
    )
    chosen = [row for row, _ in event.selection.cells]
    if chosen and chosen[0] < len(rows):
        # Another key next time: coming back must not open the same trace again.
        st.session_state["_table"] = st.session_state.get("_table", 0) + 1
        target = {"trace": rows[chosen[0]].trace_id} | filters.packed()
        st.switch_page(links.page("trace"), query_params=target)


def nothing(wanted: Filter) -> None:
    """Say why the list is empty: which filter hides how many, or that there is no data."""
    if not wanted.active():
        st.info(say("traces.none_at_all"), icon=":material/inbox:")
        links.link("start", say("traces.first_span"), icon=":material/rocket_launch:")
        return
    st.info(say("traces.none"), icon=":material/filter_alt:")
    hiding = data.attempt(store.loosen, wanted) or {}
    if not hiding:
        st.caption(say("traces.wider"))
        return
    st.caption(say("traces.loosen"))
    with st.container(horizontal=True):
        for name, number in sorted(hiding.items(), key=lambda item: -item[1]):
            label = say("traces.without", name=say(f"traces.filter.{name}"), count=f"{number:,}")
            st.button(label, key=f"without_{name}", icon=":material/close:", on_click=_clear, args=(name,))


# The name of a condition where the URL says it otherwise.
IN_URL = {"text": "q", "environment": "env"}


def _clear(name: str) -> None:
    key = IN_URL.get(name, name)
    if key in st.session_state:
        empty: dict[str, Any] = {"min_cost": 0.0, "min_seconds": 0.0, "unpriced": False}
        st.session_state[key] = empty.get(key, None if key in state.FILTERS else "")
    st.session_state.pop(f"_{key}", None)
    if key in filters.CHOSEN:
        st.query_params.pop(key, None)


def _reset() -> None:
    for name in filters.HIDDEN:
        _clear(name)


def _choice(name: str, options: tuple[str, ...], nothing_chosen: str, *, visible: bool = False) -> None:
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


def _asked_page() -> int:
    asked = st.query_params.get("page", "1")
    return max(1, int(asked)) if asked.isdigit() and len(asked) < 7 else 1


def _first_page() -> None:
    """Go back to page 1 when the filter is another one; the passing of time is none."""
    now = {name: filters.value(name) for name in (*state.FILTERS, "range", *filters.NAMES)}
    before = st.session_state.get("_wanted", now)
    if before != now:
        st.query_params.pop("page", None)
        st.session_state["_filters_changed"] = st.session_state.get("_filters_changed", 0) + 1
    st.session_state["_wanted"] = now
