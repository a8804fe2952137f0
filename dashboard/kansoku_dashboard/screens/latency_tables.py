"""The tables of Latency: models and steps, the slowest traces, and what failed."""

from typing import Any

import streamlit as st

from kansoku_collector.store.read import errors, speed, traces
from kansoku_collector.store.read.conditions import Filter
from kansoku_dashboard import board, clock, data, links, state
from kansoku_dashboard.durations import duration
from kansoku_dashboard.figures.style import count, share
from kansoku_dashboard.screens import trace_table
from kansoku_dashboard.state import View
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

SLOWEST = 20


def by(view: View) -> None:
    """Draw how long models take, or steps, whichever the reader chose."""
    with st.container(border=True, key="panel_latency_by"):
        with st.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="by_head"
        ):
            board.heading("latency", "by", say("latency.by_note"))
            chosen = board.choice("by", board.worded("latency", "by", ("model", "step")), say("latency.by"))
        if chosen == "step":
            _steps(data.ask(speed.by_step, view.scope, view.period()))
        else:
            _models(data.ask(speed.by_model, view.scope, view.period()))


def _models(rows: list[speed.ModelSpeed]) -> None:
    if not rows:
        st.caption(say("overview.nothing"))
        return
    _table(
        "models",
        {
            "model": [visible(row.model) for row in rows],
            "calls": [f"{row.calls:,}" for row in rows],
            "failed": [share(row.errors / row.calls, 2) for row in rows],
            "p50": [duration(row.p50) for row in rows],
            "p95": [duration(row.p95) for row in rows],
            "p99": [duration(row.p99) for row in rows],
            "first_p50": [duration(row.first_p50) for row in rows],
            "first_p95": [duration(row.first_p95) for row in rows],
            "rate": ["–" if row.rate is None else f"{row.rate:,.0f}" for row in rows],
        },
    )


def _steps(rows: list[speed.Step]) -> None:
    if not rows:
        st.caption(say("overview.nothing"))
        return
    _table(
        "steps",
        {
            "step": [visible(row.name) for row in rows],
            "operation": [row.operation for row in rows],
            "spans": [f"{row.spans:,}" for row in rows],
            "failed": [share(row.errors / row.spans, 2) for row in rows],
            "p50": [duration(row.p50) for row in rows],
            "p95": [duration(row.p95) for row in rows],
            "p99": [duration(row.p99) for row in rows],
        },
    )


def _table(name: str, columns: dict[str, list[Any]]) -> None:
    text, names = st.column_config.TextColumn, ("model", "step", "operation")
    rows = len(next(iter(columns.values())))
    st.dataframe(
        {say(f"latency.column_{column}"): values for column, values in columns.items()},
        hide_index=True,
        width="stretch",
        height=board.table_height(rows),
        row_height=35,
        key=f"latency_{name}",
        column_config={
            say(f"latency.column_{column}"): text(alignment="left" if column in names else "right")
            for column in columns
        },
        alt=say("latency.by_alt"),
    )


def slowest(view: View) -> None:
    """Draw the slowest traces of the range, each a link."""
    with st.container(border=True, key="panel_latency_slowest"):
        with st.container(horizontal=True, horizontal_alignment="distribute", key="slowest_head"):
            board.heading("latency", "slowest", say("latency.slowest_note", count=SLOWEST))
            links.tab("traces", say("latency.all_slow"), state.carried() | {"sort": "duration"},
                      key="latency_traces")  # fmt: skip
        wanted = Filter(view.period(), view.scope)
        rows = data.ask(traces.page, wanted, sort="duration", size=SLOWEST)
        if not rows:
            st.caption(say("overview.nothing"))
            return
        st.dataframe(
            trace_table.frame(rows, state.carried()),
            column_config=trace_table.columns(),
            column_order=("id", "duration", "time", "name", "text", "models", "tokens", "errors"),
            hide_index=True,
            height=board.table_height(len(rows), 8),
            row_height=35,
            key="latency_slowest_rows",
            alt=say("latency.slowest_alt"),
        )


def types(view: View) -> None:
    """Draw the types of errors with the latest of each."""
    with st.container(border=True, key="panel_latency_types"):
        rows = data.ask(errors.errors_by_type, view.scope, view.period())
        board.heading("latency", "types", say("latency.types_note"))
        if not rows:
            st.caption(f":material/check_circle: {say('latency.no_errors')}")
            return
        st.dataframe(
            {say(f"latency.column_{name}"): values for name, values in _errors_table(rows).items()},
            hide_index=True,
            width="stretch",
            height=board.table_height(len(rows), 8),
            row_height=35,
            key="latency_types_rows",
            column_config=_errors_columns(),
            alt=say("latency.types_alt"),
        )


def _errors_table(rows: list[errors.ErrorType]) -> dict[str, list[Any]]:
    return {
        "class": [f"✕ {say(f'latency.class_{row.kind}')}" for row in rows],
        "type": [visible(row.type) or "–" for row in rows],
        "step": [visible(row.step) for row in rows],
        "model": [visible(row.model) for row in rows],
        "errors": [count(row.errors) for row in rows],
        "last": [row.last.astimezone(clock.zone()) for row in rows],
        "message": [visible(" ".join(row.message.split())) for row in rows],
        "trace": [_address(row.trace_id, row.span_id) for row in rows],
    }


def _errors_columns() -> dict[str, Any]:
    column = st.column_config
    return {
        say("latency.column_errors"): column.TextColumn(alignment="right", width=70),
        say("latency.column_last"): column.DatetimeColumn(format="MM-DD HH:mm:ss", width=116),
        say("latency.column_message"): column.TextColumn(width=320),
        say("latency.column_trace"): column.LinkColumn(display_text=r"trace=(\w{8})", width=86),
    }


def _address(trace_id: str, span_id: str) -> str:
    return links.address("trace", state.carried() | {"trace": trace_id, "span": span_id})
