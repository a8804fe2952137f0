"""Rows of the list of traces as a table on the screen."""

from typing import Any

import streamlit as st

from kansoku_collector.store.read.traces import TraceRow
from kansoku_dashboard import clock, links
from kansoku_dashboard.durations import duration
from kansoku_dashboard.screens import amounts, messages
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

EXCERPT = 160
# The columns in their order; the reader may take some away and add others.
COLUMNS = (
    "time", "name", "text", "models", "duration", "tokens", "cost", "errors", "votes", "session", "user",
    "service", "environment", "release", "tags", "spans", "calls", "input_tokens", "output_tokens", "id",
)  # fmt: skip
USUAL = (
    "time",
    "name",
    "text",
    "models",
    "duration",
    "tokens",
    "cost",
    "errors",
    "votes",
    "session",
    "user",
    "id",
)


def chosen(given: str) -> tuple[str, ...]:
    """Return the columns that a comma-separated list names, in the table's order; the usual ones for none."""
    names = set(given.split(","))
    return tuple(name for name in COLUMNS if name in names) or USUAL


def frame(rows: list[TraceRow], carried: dict[str, str]) -> dict[str, list[Any]]:
    """Return the columns of the table; the links take along the parameters `carried`."""
    return {
        "time": [row.start.astimezone(clock.zone()) for row in rows],
        "name": [_one_line(row.name) or ("" if row.rooted else say("waterfall.missing")) for row in rows],
        "text": [excerpt(row) for row in rows],
        "models": [", ".join(row.models) for row in rows],
        "duration": [duration(row.seconds) for row in rows],
        "tokens": [amounts.tokens(row.input_tokens + row.output_tokens, calls=row.calls) for row in rows],
        "cost": [_cost(row) for row in rows],
        "errors": [f"✕ {row.errors}" if row.errors else "" for row in rows],
        "votes": [amounts.votes(row.likes, row.dislikes) for row in rows],
        "session": [row.session_id for row in rows],
        "user": [row.user_id for row in rows],
        "service": [row.service for row in rows],
        "environment": [row.environment for row in rows],
        "release": [row.release for row in rows],
        "tags": [", ".join(row.tags) for row in rows],
        "spans": [f"{row.spans:,}" for row in rows],
        "calls": [f"{row.calls:,}" for row in rows],
        "input_tokens": [amounts.tokens(row.input_tokens, calls=row.calls) for row in rows],
        "output_tokens": [amounts.tokens(row.output_tokens, calls=row.calls) for row in rows],
        "id": [links.address("trace", carried | {"trace": row.trace_id}) for row in rows],
    }


def columns() -> dict[str, Any]:
    """Return how each column is shown; numbers are text, to the right, so that unknown stays a word."""
    text = st.column_config.TextColumn
    return {
        "time": st.column_config.DatetimeColumn(say("traces.time"), format="MM-DD HH:mm:ss", width=114),
        "name": text(say("traces.name"), width=130),
        "text": text(say("traces.text"), width=310),
        "models": text(say("traces.models"), width=150),
        "duration": text(say("traces.duration"), width=80, alignment="right"),
        "tokens": text(say("traces.tokens"), width=76, alignment="right"),
        "cost": text(say("traces.cost"), width=80, alignment="right"),
        "errors": text(say("traces.errors"), width=58),
        "votes": text(say("traces.votes"), width=72),
        "session": text(say("traces.session"), width=92),
        "user": text(say("traces.user"), width=72),
        "service": text(say("state.service"), width=110),
        "environment": text(say("state.env"), width=96),
        "release": text(say("traces.release"), width=80),
        "tags": text(say("traces.tags"), width=110),
        "spans": text(say("traces.spans"), width=62, alignment="right"),
        "calls": text(say("traces.calls"), width=62, alignment="right"),
        "input_tokens": text(say("traces.input_tokens"), width=84, alignment="right"),
        "output_tokens": text(say("traces.output_tokens"), width=84, alignment="right"),
        "id": st.column_config.LinkColumn(say("traces.id"), width=82, display_text=r"trace=(\w{8})"),
    }


def title(name: str) -> str:
    """Return the heading of a column."""
    return str(columns()[name]["label"])


def excerpt(row: TraceRow) -> str:
    """Return input → output on one line."""
    return " → ".join(part for part in (_one_line(row.input), _one_line(row.output)) if part)


def _cost(row: TraceRow) -> str:
    known = bool(row.input_tokens or row.output_tokens)
    return amounts.cost(row.cost_usd, known=known, unpriced=row.unpriced_calls)


def _one_line(text: str) -> str:
    line = visible(" ".join(messages.fold(text).split()))
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1]}…"
