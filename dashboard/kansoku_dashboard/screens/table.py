"""Rows of the list of traces as a table on the screen and as CSV."""

import csv
from io import StringIO
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from kansoku_collector.store.read.traces import TraceRow
from kansoku_dashboard import clock
from kansoku_dashboard.figures.style import seconds
from kansoku_dashboard.screens import amounts, messages
from kansoku_dashboard.words import say

EXCERPT = 160
# What a spreadsheet takes for the start of a formula; Japanese Excel reads the full-width forms too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\u2212")

CSV_COLUMNS = (
    "time", "trace_id", "name", "input", "output", "models", "seconds", "calls", "input_tokens",
    "output_tokens", "cost_usd", "unpriced_calls", "errors", "likes", "dislikes", "session_id", "user_id",
    "service", "environment", "tags",
)  # fmt: skip


def frame(rows: list[TraceRow], carried: dict[str, str]) -> dict[str, list[Any]]:
    """Return the columns of the table; the links take along the parameters `carried`."""
    return {
        "time": [row.start.astimezone(clock.zone()) for row in rows],
        "name": [_one_line(row.name) or ("" if row.rooted else say("waterfall.missing")) for row in rows],
        "text": [excerpt(row) for row in rows],
        "models": [", ".join(row.models) for row in rows],
        "duration": [seconds(row.seconds) for row in rows],
        "tokens": [amounts.tokens(row.input_tokens + row.output_tokens, calls=row.calls) for row in rows],
        "cost": [_cost(row) for row in rows],
        "errors": [f"✕ {row.errors}" if row.errors else "" for row in rows],
        "votes": [amounts.votes(row.likes, row.dislikes) for row in rows],
        "session": [row.session_id for row in rows],
        "user": [row.user_id for row in rows],
        "id": [f"/trace?{urlencode(carried | {'trace': row.trace_id})}" for row in rows],
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
        "id": st.column_config.LinkColumn(say("traces.id"), width=82, display_text=r"trace=(\w{8})"),
    }


def excerpt(row: TraceRow) -> str:
    """Return input → output on one line."""
    return " → ".join(part for part in (_one_line(row.input), _one_line(row.output)) if part)


def export(rows: list[TraceRow]) -> bytes:
    """Return the rows as CSV for a spreadsheet: exact numbers, UTF-8 with its mark, no cell a formula."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        cost = "unpriced" if row.unpriced_calls and not row.cost_usd else f"{row.cost_usd:f}"
        values = {
            "time": row.start.isoformat(),
            "cost_usd": cost,
            "models": " ".join(row.models),
            "tags": " ".join(row.tags),
        }
        writer.writerow(inert(values.get(name, getattr(row, name, ""))) for name in CSV_COLUMNS)
    return out.getvalue().encode("utf-8-sig")


def inert(value: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would compute."""
    if isinstance(value, str) and value.lstrip(" \u3000\ufeff").startswith(FORMULA):
        return f"'{value}"
    return value


def _cost(row: TraceRow) -> str:
    known = bool(row.input_tokens or row.output_tokens)
    return amounts.cost(row.cost_usd, known=known, unpriced=row.unpriced_calls)


def _one_line(text: str) -> str:
    line = messages.visible(" ".join(messages.fold(text).split()))
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1]}…"
