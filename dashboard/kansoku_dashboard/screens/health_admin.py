"""The part of Data health for administrators: retention, keys, journal, storage, versions."""

from importlib.metadata import PackageNotFoundError, version

import streamlit as st

from kansoku_collector.store.migrate import migrations
from kansoku_collector.store.read import storage as questions
from kansoku_collector.store.read.storage import Storage
from kansoku_dashboard import board, collector, condition, data, state
from kansoku_dashboard.condition import Aside, Condition, Journal, Key
from kansoku_dashboard.durations import duration
from kansoku_dashboard.screens import health_rows
from kansoku_dashboard.screens.health_rows import Cells, moment, number, size
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import say


def condition_panels(view: state.View) -> None:
    """Draw what the collector says: one question, and its answer in four panels."""
    try:
        found = condition.read(view.scope.project)
    except collector.UnansweredError as error:
        with st.container(border=True, key="panel_condition"):
            st.markdown(f"**{say('health.condition')}**")
            st.warning(plain(str(error)), icon=":material/cloud_off:")
            st.button(say("data.retry"), key="retry_condition", icon=":material/refresh:")
        return
    left, right = st.columns([2, 3])
    with left, st.container(border=True, key="panel_retention"):
        _retention(found, view.scope.project)
    with right, st.container(border=True, key="panel_keys"):
        board.heading("health", "keys", say("health.keys_note"))
        if found.keys:
            health_rows.table("keys", [_key(key) for key in found.keys])
        else:
            st.caption(say("health.no_keys"))
    left.caption(say("health.collector_version", version=plain(found.version or "–")))
    if found.journal:
        with st.container(border=True, key="panel_journal"):
            _journal(found.journal)


def _retention(found: Condition, project: str) -> None:
    board.heading("health", "retention", say("health.retention_note"))
    if not found.days:
        st.caption(say("health.no_retention"))
        return
    rows: list[Cells] = [
        {
            "kind": say(f"health.kind_{kind}"),
            "days": number(found.days.get(kind)),
            "from": say("health.own" if kind in found.own_days else "health.default"),
        }
        for kind in condition.KINDS
    ]
    health_rows.table("retention", rows)
    st.caption(say("health.retention_how", project=project.replace("`", "")))


def _key(key: Key) -> Cells:
    return {
        "name": key.name,
        "project": key.project,
        "scopes": ", ".join(key.scopes),
        "last_used": moment(key.last_used),
        "until": moment(key.until),
    }


def _journal(found: Journal) -> None:
    board.heading("health", "journal", say("health.journal_note"))
    with st.container(horizontal=True):
        st.metric(say("health.segments"), f"{found.segments:,}", width=180)
        st.metric(say("health.waiting_bytes"), size(found.bytes), width=180)
        st.metric(say("health.lag"), duration(found.lag_seconds) if found.lag_seconds else "0 s", width=180)
        st.metric(say("health.set_aside"), f"{found.set_aside_segments:,}", width=180)
    if not found.set_aside:
        st.caption(f":material/check_circle: {say('health.nothing_aside')}")
        return
    health_rows.table("set_aside", [_aside(one) for one in found.set_aside])
    st.caption(say("health.set_aside_how"))


def _aside(one: Aside) -> Cells:
    return {
        "segment": one.name,
        "state": say(f"health.state_{one.state}"),
        "since": moment(one.since),
        "bytes": size(one.bytes),
        "requests": number(one.requests),
        "lacking": ", ".join(f"{project} {number:,}" for project, number in one.spans.items()) or "–",
        "reason": " · ".join(one.reasons)[:400],
    }


def storage_panel(_: state.View) -> None:
    """Draw what the tables take and how fast they grow, and the version of the schema."""
    found: Storage = data.ask_everywhere("admin", questions.storage)
    applied = data.ask_everywhere("admin", questions.schema)
    with st.container(border=True, key="panel_storage"):
        board.heading("health", "storage", say("health.storage_note", days=questions.DAYS))
        with st.container(horizontal=True):
            st.metric(say("health.on_disk"), size(found.bytes), width=180)
            st.metric(say("health.growth"), _growth(found.daily_bytes), width=200)
            st.metric(say("health.free"), size(found.free) if found.free else "–", width=180)
            st.metric(say("health.lasts"), _lasts(found), width=220)
        if found.tables:
            health_rows.table("tables", [_table(one) for one in found.tables])
        else:
            st.caption(say("health.no_tables"))
    known = [name.removesuffix(".sql") for name, _ in migrations()]
    last = plain(applied[-1]) if applied else "–"
    st.caption(
        say("health.schema", last=last, applied=len(applied), known=len(known), version=plain(_version()))
    )


def _table(one: questions.Table) -> Cells:
    return {
        "table": one.name,
        "bytes": size(one.bytes),
        "rows": number(one.rows),
        "each": size(one.bytes / one.rows) if one.rows else "–",
        "ratio": f"{one.uncompressed / one.bytes:.1f}×" if one.bytes else "–",
        "rows_day": number(one.daily_rows),
        "growth": _growth(one.daily_bytes) if one.daily_bytes is not None else "–",
    }


def _growth(daily: float) -> str:
    return say("health.a_day", size=size(daily)) if daily else "–"


def _lasts(found: Storage) -> str:
    """Write for how long the free room lasts at this growth; what retention removes is not counted on."""
    if not found.free or found.daily_bytes <= 0:
        return "–"
    days = found.free / found.daily_bytes
    return say("health.days_left", days=f"{days:,.0f}") if days < 3650 else say("health.years_left")


def _version() -> str:
    try:
        return version("kansoku")
    except PackageNotFoundError:
        return "–"
