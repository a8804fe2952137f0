"""Cost by model, service, user, prompt version, operation or bucket of tokens: over time, and as a table."""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple, cast

import streamlit as st

from kansoku_collector.store.read import grid, overview, sessions, spend, tokens
from kansoku_collector.store.read.overview import ModelCost
from kansoku_collector.store.read.spend import Part
from kansoku_collector.store.scope import Dimension
from kansoku_dashboard import bill, board, data, panels, settings
from kansoku_dashboard.figures import cost as cost_figure
from kansoku_dashboard.figures.style import OTHER, PALETTE, colours, count, money, share
from kansoku_dashboard.rates import ANSWERS, UNSPLIT, by_bucket
from kansoku_dashboard.screens import amounts
from kansoku_dashboard.state import View, carried
from kansoku_dashboard.text import visible
from kansoku_dashboard.unit_costs import each
from kansoku_dashboard.words import say

BY = ("model", "service", "user", "prompt", "operation", "bucket")
BUCKETS = (*tokens.BUCKETS, UNSPLIT)
# Input and what is cached of it keep apart from output and its reasoning, in the order of `BUCKETS`.
INKS = (*(PALETTE[place] for place in (0, 2, 5, 3, 6, 7, 1, 4, 6)), OTHER)
MOST = 200
HEIGHT = 342  # as high as the month beside it


class Row(NamedTuple):
    """A row of the table: a value with what it used and cost; `filter` finds its traces, empty for none."""

    name: str
    cost: Decimal
    calls: int
    unpriced: int
    sent: int
    answered: int
    cached: int | None  # of the tokens sent, None where it is not known
    filter: dict[str, str]


def by() -> str:
    """Draw the choice of what the cost is split by, and return it."""
    return board.choice("by", {name: say(f"cost.by_{name}") for name in BY}, say("cost.split"))


def draw(view: View, chosen: str) -> None:
    """Draw the bars over time."""
    with board.card("cost_over_time", say("cost.over_time"), _note(chosen, view)):
        period = view.period()
        times = grid.Grid.of(period).times()
        behind = panels.backdrop(view, period, times)
        if chosen == "user":
            days = grid.floor(period.start, grid.DAY)
            number = -(-(period.end - days) // grid.DAY)
            behind = replace(
                behind, times=[days + place * grid.DAY for place in range(number)], width=grid.DAY, gaps=()
            )
        parts, inks = _parts(view, chosen)
        rows = [ModelCost(one.time, one.name, float(one.cost), one.calls, one.unpriced) for one in parts]
        other = say("cost.other_values", count="{count}")
        made = cost_figure.stack(rows, behind, inks, other)
        made["layout"]["height"] = HEIGHT
        total = sum((one.cost for one in parts), Decimal(0))
        board.plot("cost_over_time", made, say("cost.over_time_alt", cost=money(float(total))))


def _parts(view: View, chosen: str) -> tuple[list[Part], dict[str, str]]:
    """Return what is stacked, under the names of the legend, with their colours."""
    period = view.period()
    if chosen == "bucket":
        prices = bill.price_list(settings.current().prices_file)
        parts = by_bucket(data.ask(spend.metered, view.scope, period), prices)
        named = {bucket: say(f"cost.bucket_{bucket}") for bucket in BUCKETS}
        inks = {named[bucket]: ink for bucket, ink in zip(BUCKETS, INKS, strict=True)}
        return [part._replace(name=named[part.name]) for part in parts], inks
    if chosen == "user":
        parts = data.ask(spend.cost_by_user, view.scope, period)
        parts = [part._replace(name=part.name or say("cost.other_users")) for part in parts]
    else:
        parts = data.ask(spend.cost_over_time, view.scope, period, cast(Dimension, chosen))
        # A span of a container has no model and costs nothing; a call without a prompt version costs as well.
        parts = [part._replace(name=part.name or say("cost.none")) for part in parts]
    known = data.ask(overview.dimensions, view.scope.project).models if chosen == "model" else []
    inks = colours([*known, *(part.name for part in parts)])
    return parts, inks | {say("cost.other_users"): OTHER, say("cost.none"): OTHER}


def _note(chosen: str, view: View) -> str:
    if chosen == "user":
        key = "cost.user_note_filtered" if overview.counts_calls(view.scope) else "cost.user_note"
        return say(key)
    return say("cost.bucket_note") if chosen == "bucket" else ""


def table(view: View, chosen: str) -> None:
    """Draw the values with what they used and cost; a click on one opens its traces."""
    rows, note = _rows(view, chosen), "" if chosen == "bucket" else say("cost.click")
    with board.card("cost_by", say("cost.by_title", what=say(f"cost.by_{chosen}")), note):
        if not rows:
            st.caption(say("overview.nothing"))
            return
        board.table(
            f"cost_by_{chosen}",
            _cells(rows, chosen),
            "traces",
            [board.packed(carried() | row.filter) if row.filter else None for row in rows],
            column_config=_columns(chosen),
            height=board.table_height(len(rows)),
            alt=say("cost.by_alt"),
        )
        if len(rows) >= MOST:
            st.caption(say("cost.top", count=MOST))


def _rows(view: View, chosen: str) -> list[Row]:
    period = view.period()
    if chosen == "bucket":
        return _bucket_rows(view)
    if chosen == "user":
        people = data.ask(sessions.users, view.scope, period, size=MOST)
        return [
            Row(one.user_id, one.cost_usd, one.calls, one.unpriced_calls, one.input_tokens,
                one.output_tokens, None, {"user": one.user_id})
            for one in people
        ]  # fmt: skip
    found = data.ask(tokens.usage_by, view.scope, period, cast(Dimension, chosen), most=MOST)
    rows = []
    for name, used in found:
        answered = sum(getattr(used, bucket) for bucket in ANSWERS)
        sent = sum(getattr(used, bucket) for bucket in tokens.BUCKETS) - answered
        way = {chosen: name} if name else {}
        rows.append(Row(name, used.cost, used.calls, used.unpriced, sent, answered, used.cache_read, way))
    return rows


def _bucket_rows(view: View) -> list[Row]:
    found = data.ask(spend.metered, view.scope, view.period())
    cost: dict[str, Decimal] = defaultdict(Decimal)
    for part in by_bucket(found, bill.price_list(settings.current().prices_file)):
        cost[part.name] += part.cost
    used = {bucket: sum(row.tokens.get(bucket, 0) for row in found) for bucket in BUCKETS}
    rows = []
    for bucket in BUCKETS:
        if used[bucket] or cost[bucket]:
            counted = (0, used[bucket]) if bucket in ANSWERS else (used[bucket], 0)
            rows.append(Row(say(f"cost.bucket_{bucket}"), cost[bucket], 0, 0, *counted, None, {}))
    return sorted(rows, key=lambda row: -row.cost)


def _cells(rows: list[Row], chosen: str) -> dict[str, list[Any]]:
    total = sum((row.cost for row in rows), Decimal(0))
    cells: dict[str, list[Any]] = {
        "name": [visible(row.name) or say("cost.none") for row in rows],
        "cost": [amounts.cost(row.cost, known=_used(row), unpriced=row.unpriced) for row in rows],
        "share": [100 * float(row.cost / total) if total else None for row in rows],
    }
    if chosen == "bucket":
        cells["cost"] = [money(float(row.cost)) if row.cost else "–" for row in rows]
        return cells | {"tokens": [count(row.sent + row.answered) for row in rows]}
    cells |= {
        "calls": [row.calls for row in rows],
        "each": [each(row.cost, row.calls, row.unpriced) if _used(row) else "–" for row in rows],
        "sent": [count(row.sent) for row in rows],
        "answered": [count(row.answered) for row in rows],
        "unpriced": [row.unpriced for row in rows],
    }
    if chosen != "user":
        cells["cached"] = [share(row.cached / row.sent if row.sent and row.cached is not None else None)
                           for row in rows]  # fmt: skip
    return cells


def _used(row: Row) -> bool:
    """Tell whether any usage was told: calls that all failed before an answer cost nothing that is known."""
    return bool(row.sent or row.answered)


def _columns(chosen: str) -> dict[str, Any]:
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "name": text(say(f"cost.by_{chosen}"), width="medium"),
        "cost": text(say("cost.tile_cost"), width=120, alignment="right"),
        "share": st.column_config.ProgressColumn(
            say("cost.share"), format="%.1f%%", min_value=0, max_value=100, width=130
        ),
        "calls": number(say("cost.calls"), format="localized", width=80),
        "each": text(say("cost.each"), width=90, alignment="right"),
        "sent": text(say("cost.sent"), width=100, alignment="right"),
        "answered": text(say("cost.answered"), width=100, alignment="right"),
        "cached": text(say("cost.cached"), width=90, alignment="right"),
        "unpriced": number(say("cost.unpriced_calls"), format="localized", width=100),
        "tokens": text(say("tiles.tokens"), width=90, alignment="right"),
    }
