"""The tables of Data health: rows of the store as cells in the reader's language."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import streamlit as st

from kansoku_collector.store.read.arrivals import Arrival, Unpriced
from kansoku_collector.store.read.receipts import Receipt
from kansoku_dashboard import clock, links, sentences
from kansoku_dashboard.durations import duration
from kansoku_dashboard.figures.style import share
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

Cells = dict[str, str]
MOST_ROWS = 200
MOST_AT_ONCE = 14  # a longer table scrolls by itself
NUMBERS = {
    "balance", "bytes", "calls", "days", "each", "gaps", "growth", "last_value", "measurements", "no_price",
    "no_price_share", "no_usage", "points", "ratio", "received", "repeated", "requests", "rows", "rows_day",
    "sent", "series", "silent_for", "spans", "stored", "whole_range",
}  # fmt: skip
RIGHT = st.column_config.TextColumn(alignment="right")


def table(name: str, rows: Sequence[Cells]) -> None:
    """Draw a table whose columns are named by `health.<column>`; say how many rows are left out."""
    shown = [{column: visible(cell) for column, cell in row.items()} for row in rows[:MOST_ROWS]]
    st.dataframe(
        {say(f"health.{column}"): [row[column] for row in shown] for column in shown[0]},
        hide_index=True,
        width="stretch",
        height="content" if len(shown) <= MOST_AT_ONCE else 423,
        column_config={say(f"health.{column}"): RIGHT for column in shown[0] if column in NUMBERS},
        key=f"table_{name}",
        alt=say("health.table_alt", name=say(f"health.{name}")),
    )
    if len(rows) > MOST_ROWS:
        st.caption(say("health.top", shown=MOST_ROWS, count=len(rows)))


def service(row: Arrival, now: datetime) -> Cells:
    """Return the cells of a service."""
    latest = max(row.gaps, key=lambda gap: gap.end) if row.gaps else None
    return {
        "service": row.service or say("health.unnamed"),
        "last": moment(row.last),
        "silent_for": duration(max(60.0, (now - row.last).total_seconds())) if now > row.last else "–",
        "spans": number(row.spans),
        "gaps": number(len(row.gaps)),
        "last_gap": f"{moment(latest.start)} – {moment(latest.end)}" if latest else "–",
    }


def balances(rows: Sequence[Receipt], project: str) -> list[Cells]:
    """Return the cells of all receipts, those with missing spans first."""
    ordered = sorted(rows, key=lambda row: (-row.balance, -row.last_seen.timestamp()))
    return [_balance(row, project) for row in ordered]


def _balance(row: Receipt, project: str) -> Cells:
    return {
        "project": project,
        "process": row.process or say("health.other_senders"),
        "service": row.service or "–",
        # Who does not say what was sent has sent what arrived.
        "sent": number(row.sent if row.process else None),
        "received": number(row.received),
        "stored": number(row.stored),
        "repeated": number(row.repeated),
        "dropped": reasons(row.dropped),
        "given_up": reasons(row.given_up) if row.process else "–",
        "balance": f"✕ {row.balance:,}" if row.balance > 0 else "0",
        "last_seen": moment(row.last_seen),
    }


def unpriced(row: Unpriced) -> Cells:
    """Return the cells of a model without a price."""
    return {
        "model": row.model or say("health.unnamed"),
        "provider": row.provider or "–",
        "calls": number(row.calls),
        "no_price": number(row.unpriced),
        "no_price_share": share(row.unpriced / row.calls) if row.calls else "–",
        "no_usage": number(row.unmetered),
    }


def way_to_unpriced(chosen: str) -> None:
    """Link to the traces in which a call has no price."""
    links.tab(
        "traces", say("health.see_traces"), {"unpriced": "true", "range": chosen}, key="unpriced_traces"
    )


def reasons(counts: Mapping[str, int]) -> str:
    """Write numbers by reason, the largest first; a dash for none."""
    found = sorted(((n, reason) for reason, n in counts.items() if n), key=lambda one: (-one[0], one[1]))
    return ", ".join(f"{reason} {n:,}" for n, reason in found) or "–"


def number(value: float | None) -> str:
    """Write a count with all its digits, so that a balance can be checked; a dash if unknown."""
    return "–" if value is None else f"{value:,.0f}"


def moment(value: datetime | None) -> str:
    """Write a moment as the reader's clock shows it; a dash for none."""
    return sentences.clock(value, clock.zone(), clock.now()) if value else "–"


def size(number: float) -> str:
    """Write a number of bytes: 812 B, 41.2 KB, 3.7 GB."""
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
        if number >= limit * 0.9995:
            return f"{number / limit:.1f} {unit}"
    return f"{number:.0f} B"
