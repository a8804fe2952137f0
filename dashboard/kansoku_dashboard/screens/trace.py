"""One trace: what it took, its waterfall, and the span that is open."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

import streamlit as st

from kansoku_collector.model import Feedback
from kansoku_collector.store.read import trace as store
from kansoku_collector.store.read import traces
from kansoku_collector.store.read.trace import Located, SpanRow
from kansoku_dashboard import clock, copied, data, links, roles, waterfall, words
from kansoku_dashboard.paths import ROOM
from kansoku_dashboard.screens import compare, facts, filters, messages, span
from kansoku_dashboard.waterfall.tree import MISSING, Tree
from kansoku_dashboard.words import say

WAIT_SECONDS = 60
RETRY_SECONDS = 3
KEPT_SECONDS = 30
UNFINISHED = timedelta(minutes=10)  # a root that has not arrived by then is not coming


def show() -> None:
    """Draw the trace that the URL names."""
    st.html(ROOM / "screens" / "trace.css")
    trace_id = st.query_params.get("trace", "").strip().lower()
    if not trace_id:
        st.info(say("trace.none_chosen"))
        links.link("traces", say("trace.to_list"), icon=":material/account_tree:", **filters.carried())
        return
    with data.panel(say("nav.trace")):
        located = _look_up(trace_id)
        if located is None:
            waiting(trace_id)
        elif other := st.query_params.get("with", "").strip().lower():
            _compare(located, other)
        else:
            unfinished = datetime.now(UTC) - located.end < UNFINISHED and not _drawn(located).tree.rooted
            st.fragment(body, run_every=RETRY_SECONDS if unfinished else None)(trace_id)


def _look_up(trace_id: str) -> Located | None:
    project = roles.current()
    found = data.ask(store.find, project, trace_id)
    if found is None:
        # The kept answer may be older than the trace.
        found = data.fresh(store.find, project, trace_id)
    return found


def _compare(located: Located, other: str) -> None:
    found = _look_up(other)
    if found is not None and found.trace_id != located.trace_id:
        compare.show(located, found)
        return
    same = found is not None
    reason = say("compare.same") if same else say("trace.unknown", id=messages.label(other, 80))
    st.warning(reason, icon=":material/search_off:")
    if st.button(say("compare.close"), icon=":material/close:"):
        st.query_params.pop("with", None)
        st.rerun()


@st.fragment(run_every=RETRY_SECONDS)
def waiting(trace_id: str) -> None:
    """Say that there is no such trace, and look again for a minute."""
    since = st.session_state.setdefault(f"_since_{trace_id}", monotonic())
    with data.panel(say("nav.trace")):
        if _look_up(trace_id):
            st.rerun(scope="app")
    st.warning(say("trace.unknown", id=messages.label(trace_id, 80)), icon=":material/search_off:")
    if monotonic() - since < WAIT_SECONDS:
        st.caption(say("trace.waiting"))
    else:
        st.caption(say("trace.gave_up"))
        if st.button(say("data.retry"), icon=":material/refresh:"):
            del st.session_state[f"_since_{trace_id}"]
            st.rerun(scope="app")
    links.link("traces", say("trace.to_list"), icon=":material/account_tree:", **filters.carried())


def body(trace_id: str) -> None:
    """Draw header, waterfall and panel; a choice of span reruns only this."""
    located = _look_up(trace_id)
    if located is None:
        st.rerun(scope="app")
        return
    drawn = _drawn(located)
    given = data.ask(store.feedback, located)
    header(located, drawn.tree, given)
    left, right = st.columns([65, 35], gap="small")
    with left, st.container(border=True, key="waterfall_box"):
        chosen = _waterfall(drawn)
    with right, st.container(border=True, key="span_box"), data.panel(say("trace.span")):
        _panel(located, drawn.tree, chosen, given)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A trace made ready to draw, kept in the session: ten thousand spans are not built again at a click."""

    located: Located
    tongue: str
    tree: Tree
    opened: str
    data: str
    made: float


def _drawn(located: Located) -> Drawn:
    kept: Drawn | None = st.session_state.get("_drawn")
    tongue = words.language()
    if kept and (kept.located, kept.tongue) == (located, tongue) and monotonic() - kept.made < KEPT_SECONDS:
        return kept
    # Past the cache, which would pack and unpack ten thousand rows; the session keeps what they became.
    tree = waterfall.grow(data.fresh(store.spans, located))
    same = kept is not None and kept.located.trace_id == located.trace_id
    opened = kept.opened if kept and same else st.query_params.get("span") or facts.first(tree)
    text = waterfall.encode(tree, trace_id=located.trace_id, selected=opened)
    made = Drawn(located, tongue, tree, opened, text, monotonic())
    st.session_state["_drawn"] = made
    return made


def header(located: Located, tree: Tree, given: list[Feedback]) -> None:
    """Draw the steps to the neighbours, name, id, when it began and the figures of the whole trace."""
    trace_id = located.trace_id
    with st.container(horizontal=True, vertical_alignment="center", key="trace_header"):
        links.link("traces", say("trace.back"), icon=":material/list:", **filters.carried())
        for which, (letter, arrow) in enumerate((("K", "arrow_back"), ("J", "arrow_forward"))):
            label = say("trace.next" if which else "trace.previous")
            if st.button(
                "", icon=f":material/{arrow}:", shortcut=letter, help=label, type="tertiary", key=letter
            ):
                _step(trace_id, which)
        st.subheader(facts.title(tree), anchor=False, width="content")
        copied.draw(trace_id, key="trace_id")
        choose_other(trace_id)
        with st.container(horizontal=True, gap="xsmall", width="content", key="trace_chips"):
            began = clock.written(located.start, clock.SECONDS)
            st.badge(began, icon=":material/calendar_today:", color="gray")
            facts.chips(tree, given)
    if not tree.rooted:
        st.caption(f":material/hourglass_top: {say('trace.no_root')}")
    if len(tree.nodes) >= store.MAX_SPANS:
        st.warning(say("trace.too_many", count=f"{store.MAX_SPANS:,}"))


def choose_other(trace_id: str) -> None:
    """Offer to set another trace beside this one: a neighbour in the list, or any by its id."""
    with st.popover(say("compare.with"), icon=":material/compare_arrows:", width="content", type="tertiary"):
        for which, name in enumerate(("previous", "next")):
            if st.button(say(f"compare.{name}"), key=f"compare_{name}", type="tertiary"):
                _set_beside(data.ask(traces.neighbours, filters.read(), trace_id, sort=filters.sort())[which])
        with st.form("compare_form", border=False):
            other = st.text_input(say("compare.id"), key="compare_id", max_chars=400)
            if st.form_submit_button(say("compare.go")):
                # A whole link may be pasted: its id is what looks like one.
                found = re.search(r"[0-9a-f]{32}", other.lower())
                _set_beside(found[0] if found else "")


def _set_beside(other: str) -> None:
    if not other:
        st.toast(say("compare.nobody"))
        return
    st.query_params["with"] = other
    st.rerun(scope="app")


def _step(trace_id: str, which: int) -> None:
    found = data.ask(traces.neighbours, filters.read(), trace_id, sort=filters.sort())[which]
    if not found:
        st.toast(say("trace.last" if which else "trace.first"))
        return
    st.query_params["trace"] = found
    if "span" in st.query_params:
        del st.query_params["span"]
    st.rerun(scope="app")


def _waterfall(drawn: Drawn) -> str:
    key = f"waterfall_{drawn.located.trace_id}"

    def keep() -> None:
        st.query_params["span"] = st.session_state[key]["selected"]

    result = waterfall.draw(drawn.data, key=key, on_select=keep)
    return str(result.selected or drawn.opened)


def _panel(located: Located, tree: Tree, chosen: str, given: list[Feedback]) -> None:
    if chosen.startswith(MISSING):
        st.info(say("waterfall.missing_note", id=messages.label(chosen.removeprefix(MISSING))))
        return
    found = data.ask(store.span, located, chosen)
    if found is None:
        st.info(say("trace.unknown_span", id=messages.label(chosen, 80)))
        return
    place = tree.place(chosen)
    span.show(found, given, root=place is not None and _is_root(tree.nodes[place].span))


def _is_root(row: SpanRow) -> bool:
    return not row.parent_span_id
