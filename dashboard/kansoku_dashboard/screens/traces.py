"""The list of traces: filters in the URL, facets, totals, a page of rows, and the way into one trace."""

from functools import partial

import streamlit as st

from kansoku_collector.store.read import facets as facet_questions
from kansoku_collector.store.read import traces as store
from kansoku_collector.store.read.conditions import Filter
from kansoku_collector.store.read.traces import Cursor, Totals, TraceRow
from kansoku_dashboard import board, data, empty, facets, state
from kansoku_dashboard.durations import duration
from kansoku_dashboard.figures.style import count, share
from kansoku_dashboard.paths import ROOM
from kansoku_dashboard.screens import amounts, export, filter_bar, filters, trace_table, views
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import say

PAGE_SIZE = 50
# The parameter of a facet or a condition where the URL says it otherwise.
IN_URL = {"text": "q", "environment": "env"}


def show() -> None:
    """Draw the screen."""
    st.html(ROOM / "screens" / "traces.css")
    filters.unpack()
    live = filter_bar.draw()
    run = st.fragment(listing, run_every=state.REFRESH_SECONDS if live else None)
    if not st.session_state.get("facets", st.query_params.get("facets") != "false"):
        run()
        return
    left, right = st.columns([17, 83], gap="small")
    with right:
        run()
    with left, st.container(key="facet_box"), data.panel(say("traces.facets")):
        choose_facet()


def choose_facet() -> None:
    """Draw the facets of the filter; a click on one is one more condition."""
    wanted = filters.read()
    chosen = {name: filters.value(IN_URL.get(name, name)) for name in facet_questions.NAMES}
    with st.skeleton(height=300):
        found = data.ask(facet_questions.facets, wanted)

    def keep() -> None:
        name, value, _ = st.session_state["facet"]["chosen"]
        parameter = IN_URL.get(name, name)
        if name in facet_questions.NAMES and value:
            filters.put({parameter: str(value)})
        elif name in facet_questions.NAMES:
            filters.clear(parameter)

    facets.draw(facets.encode(found, chosen), key="facet", on_choose=keep)


def listing() -> None:
    """Draw totals, rows and pages of the filter that the URL describes."""
    if st.session_state.pop("_cleared", False):
        st.rerun(scope="app")  # the widgets of the filters stand outside of this fragment
    wanted = filters.read()
    _first_page()
    found: Totals | None = None
    with st.container(horizontal=True, vertical_alignment="center", key="traces_totals"):
        with data.panel(say("nav.traces")):
            found = data.ask(store.totals, wanted)
            totals(found)
        tools(found)
    if found is None:
        return
    if not found.traces:
        nothing(wanted)
        return
    with data.panel(say("traces.table")):
        rows, first = _page(wanted)
        draw_rows(rows)
        turn(rows, first, found.traces)


def tools(found: Totals | None) -> None:
    """Draw order, columns, saved views and export."""
    filter_bar.choice("sort", tuple(store.KEYS), "")
    with st.popover("", icon=":material/view_column:", help=say("traces.columns"), width="content"):
        present = trace_table.chosen(filters.value("cols"))

        def keep() -> None:
            names = [name for name in trace_table.COLUMNS if name in st.session_state["_cols"]]
            if tuple(names) in ((), trace_table.USUAL):
                st.query_params.pop("cols", None)
            else:
                st.query_params["cols"] = ",".join(names)

        st.multiselect(say("traces.columns"), trace_table.COLUMNS, default=present, key="_cols",
                       on_change=keep, format_func=trace_table.title, width=360)  # fmt: skip
        st.toggle(say("traces.show_facets"), value=True, key="facets", bind="query-params",
                  on_change=lambda: st.session_state.update(_cleared=True))  # fmt: skip
    views.draw()
    if found and found.traces:
        download(found.traces)


def download(number: int) -> None:
    """Offer all traces of the filter as a file; it is made when it is asked for."""
    wanted, order = filters.read(), filters.sort()
    with st.popover("", icon=":material/download:", help=say("traces.export"), width="content"):
        most = min(number, store.MAX_EXPORT)
        st.caption(say("traces.export_count", count=f"{most:,}"))
        if number > most:
            st.caption(say("traces.export_cut", all=f"{number:,}"))
        for name, (write, mime) in export.FORMATS.items():
            st.download_button(
                say(f"traces.export_{name}"),
                data=partial(_file, write, wanted, order),
                file_name=f"traces.{name}",
                mime=mime,
                key=f"export_{name}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
            )


def _file(write: export.Write, wanted: Filter, order: store.Sort) -> bytes:
    return write(data.fresh(store.export, wanted, sort=order))


def turn(rows: list[TraceRow], first: int, all_of_them: int) -> None:
    """Say which rows these are and offer the neighbouring pages; the place stands in the URL."""
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="right", key="pages"
    ):
        last = first + len(rows) - 1
        if not rows:
            st.caption(say("traces.no_more"), width="content")
        else:
            of = f"{max(all_of_them, last):,}"
            st.caption(say("traces.rows", first=f"{first:,}", last=f"{last:,}", count=of), width="content")
        steps: tuple[tuple[str, str, bool, dict[str, str]], ...] = (
            ("first", "first_page", first > 1, {}),
            ("previous", "chevron_left", first > 1, _place("before", rows[:1], first - PAGE_SIZE)),
            (
                "next",
                "chevron_right",
                last < all_of_them and bool(rows),
                _place("after", rows[-1:], last + 1),
            ),
        )
        for name, icon, possible, place in steps:
            st.button("", icon=f":material/{icon}:", help=say(f"traces.{name}_page"), key=f"turn_{name}",
                      disabled=not possible, on_click=_go, args=(place,), type="tertiary")  # fmt: skip


def totals(found: Totals) -> None:
    """Draw what the whole filter adds up to."""
    st.markdown(f"**{say('traces.total_traces', count=f'{found.traces:,}')}**", width="content")
    if not found.traces:
        return
    parts = [amounts.cost(found.cost_usd, known=bool(found.tokens), unpriced=found.unpriced_calls)]
    parts.append(say("traces.total_tokens", count=count(found.tokens) if found.tokens else "–"))
    parts.append(say("traces.total_time", p50=duration(found.p50_seconds), p95=duration(found.p95_seconds)))
    if found.failed:
        parts.append(
            say("traces.total_failed", count=f"{found.failed:,}", share=share(found.failed / found.traces))
        )
    st.caption(plain(" · ".join(parts)), width="stretch")


def draw_rows(rows: list[TraceRow]) -> None:
    """Draw the rows; a click on one opens it."""
    board.table(
        "traces",
        trace_table.frame(rows, filters.carried()),
        "trace",
        [{"trace": row.trace_id} | filters.packed() for row in rows],
        column_config=trace_table.columns(),
        column_order=trace_table.chosen(filters.value("cols")),
        height=board.table_height(len(rows), 17),
        alt=say("traces.table"),
    )


def nothing(wanted: Filter) -> None:
    """Say why the list is empty: which filter hides how many, or that there is no data."""
    if not wanted.active():
        st.info(say("traces.none_at_all"), icon=":material/inbox:")
        empty.unless_filled(wanted.scope.project)
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
            st.button(label, key=f"without_{name}", icon=":material/close:", on_click=_drop, args=(name,))


def _drop(name: str) -> None:
    filters.clear(IN_URL.get(name, name))
    st.session_state["_cleared"] = True


def _page(wanted: Filter) -> tuple[list[TraceRow], int]:
    """Return the rows of the page that the URL names, and the number of its first row in the whole list."""
    order, places = filters.sort(), {}
    for name in ("after", "before"):
        key, _, trace_id = st.query_params.get(name, "").partition("~")
        try:
            places[name] = Cursor(float(key), trace_id) if trace_id else None
        except ValueError:
            places[name] = None
    if places["after"]:
        places["before"] = None
    asked = st.query_params.get("row", "1")
    first = max(1, int(asked)) if asked.isdigit() and len(asked) < 10 and any(places.values()) else 1
    rows = data.ask(store.page, wanted, sort=order, size=PAGE_SIZE, **places)
    return rows, first


def _place(name: str, edge: list[TraceRow], row: int) -> dict[str, str]:
    if not edge or row <= 1:
        return {}
    return {name: f"{edge[0].key!r}~{edge[0].trace_id}", "row": str(row)}


def _go(place: dict[str, str]) -> None:
    for name in ("after", "before", "row"):
        st.query_params.pop(name, None)
    for name, value in place.items():
        st.query_params[name] = value


def _first_page() -> None:
    """Go back to the first page when the filter is another one; the passing of time is none."""
    now = {name: filters.value(name) for name in (*state.FILTERS, "range", *filters.NAMES) if name != "cols"}
    if st.session_state.get("_wanted", now) != now:
        _go({})
    st.session_state["_wanted"] = now
