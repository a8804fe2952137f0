"""The table of price versions: which price each model's calls were computed with, and what it says."""

from decimal import Decimal
from typing import Any

import streamlit as st

from kansoku_collector.store.read import spend
from kansoku_collector.store.read.spend import PriceVersion
from kansoku_dashboard import bill, board, clock, data, settings
from kansoku_dashboard.figures.style import money
from kansoku_dashboard.rates import Rates, in_force
from kansoku_dashboard.screens import amounts
from kansoku_dashboard.state import View
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

PRICED = ("computed", "estimated")
COLUMNS = {
    "input": "input_fresh",
    "cache_read": "cache_read",
    "cache_write": "cache_write_5m",
    "output": "output_visible",
}


def draw(view: View) -> None:
    """Draw the versions with their rates, the dearest first."""
    found = data.ask(spend.price_versions, view.scope, view.period())
    with board.card("cost_prices", say("cost.prices"), say("cost.prices_note")):
        if not found:
            st.caption(say("overview.nothing"))
            return
        prices = bill.price_list(settings.current().prices_file)
        rates = [in_force(row, prices) if row.source in PRICED else None for row in found]
        st.dataframe(
            _cells(found, rates),
            column_config=_columns(),
            hide_index=True,
            height=board.table_height(len(found)),
            row_height=35,
            key="cost_prices",
            alt=say("cost.prices_alt"),
        )


def _cells(found: list[PriceVersion], rates: list[Rates | None]) -> dict[str, list[Any]]:
    zone = clock.zone()
    cells: dict[str, list[Any]] = {
        "model": [visible(f"{row.provider}/{row.model}".strip("/")) for row in found],
        "price": [_named(row) for row in found],
    }
    for column, bucket in COLUMNS.items():
        cells[column] = [_dollars(known[bucket] if known else None) for known in rates]
    return cells | {
        "calls": [row.calls for row in found],
        "cost": [
            say("trace.unpriced") if row.source == "unpriced" else money(float(row.cost)) for row in found
        ],
        "first": [row.first.astimezone(zone) for row in found],
        "last": [row.last.astimezone(zone) for row in found],
    }


def _named(row: PriceVersion) -> str:
    """Name a price: its id, or who else says what the call cost."""
    if row.source == "estimated":
        return f"{say('cost.source_estimated')} · {visible(row.price_id)}"
    return visible(row.price_id) if row.source == "computed" else say(f"cost.source_{row.source}")


def _dollars(per_million: Decimal | None) -> str:
    if per_million is None:
        return "–"
    # $0.20 and $1.25, but all digits of $0.0125.
    return f"${per_million:,.2f}" if per_million == round(per_million, 2) else amounts.exact(per_million)


def _columns() -> dict[str, Any]:
    text = st.column_config.TextColumn
    rates = {name: text(say(f"cost.rate_{name}"), width=96, alignment="right") for name in COLUMNS}
    moment = {
        name: st.column_config.DatetimeColumn(say(f"cost.{name}_used"), format="YYYY-MM-DD HH:mm", width=132)
        for name in ("first", "last")
    }
    return {
        "model": text(say("cost.by_model"), width=190),
        "price": text(say("cost.price_id"), width=250),
        **rates,
        "calls": st.column_config.NumberColumn(say("cost.calls"), format="localized", width=80),
        "cost": text(say("cost.tile_cost"), width=90, alignment="right"),
        **moment,
    }
