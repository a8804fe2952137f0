"""The panels of the Overview: ask, prepare, draw."""

from dataclasses import replace
from datetime import datetime

import streamlit as st

from kansoku_collector.store.read import beside, grid, incidents, overview, slices, votes
from kansoku_collector.store.read import drift as drift_questions
from kansoku_collector.store.scope import Period
from kansoku_dashboard import board, clock, data, drift_cell, links, movers, movers_table, sentences, words
from kansoku_dashboard.figures import cost as cost_figure
from kansoku_dashboard.figures import drift as drift_figure
from kansoku_dashboard.figures import feedback as feedback_figure
from kansoku_dashboard.figures import latency as latency_figure
from kansoku_dashboard.figures import spark
from kansoku_dashboard.figures.backdrop import Backdrop
from kansoku_dashboard.figures.style import Figure, colours, count, money, share
from kansoku_dashboard.state import View
from kansoku_dashboard.tiles import Stretch, Tile, tiles
from kansoku_dashboard.words import say


def alert_line(view: View) -> None:
    """Draw the open incidents as sentences, or that there are none and since when data arrives."""
    found = data.ask(incidents.open_incidents, view.scope.project)
    if not found:
        health = data.ask(overview.health, view.scope.project)
        st.caption(f":material/check_circle: {say('alerts.none')} · {last_span(health)}")
        return
    now = clock.now()
    with st.container(key="alert_line", border=True, horizontal=True, vertical_alignment="center"):
        label = say("alerts.one") if len(found) == 1 else say("alerts.many", count=len(found))
        st.badge(label, icon=":material/notifications_active:", color="red")
        said = [sentences.sentence(one, words.language(), clock.zone(), now) for one in found[:2]]
        more = [say("alerts.more", count=len(found) - 2)] if len(found) > 2 else []
        st.markdown("  ·  ".join(said + more), width="stretch")
        links.tab("traces", say("alerts.traces"), sentences.way(found[0], now), key="alert_traces")


def last_span(health: overview.Health) -> str:
    """Say how long ago the last span came."""
    if health.last is None:
        return say("start.empty")
    passed = max(0, round((clock.now() - health.last).total_seconds()))
    unit, size = ("s", 1) if passed < 120 else ("min", 60) if passed < 7200 else ("h", 3600)
    ago = say(f"start.ago_{unit}", number=passed // size)
    return say("start.last_span", ago=ago)


def tile_row(view: View) -> None:
    """Draw the six tiles."""
    period = view.period()
    now, earlier = stretches(view)
    first = data.ask(overview.health, view.scope.project).first
    before = earlier if first and first <= period.previous().start + period.length / 20 else None
    behind = backdrop(view, period, [])
    hidden = [
        behind.hidden(row.time) or bool(first and row.time + behind.width <= first) for row in now.series
    ]
    with st.container(key="tiles"):
        columns = st.columns(6, gap="small")
        for column, tile in zip(columns, tiles(now, before, hidden), strict=True):
            with column:
                _tile(tile, view)
        if now.totals.estimated:
            kept = share(1 - now.totals.estimated / max(1, now.totals.requests), 0)
            st.caption(f":material/percent: {say('overview.sampled', kept=kept)}")


def _tile(tile: Tile, view: View) -> None:
    name = tile.name
    if name in ("requests", "errors") and overview.counts_calls(view.scope):
        name = f"{name}_of_calls"
    with st.container(border=True, height=158, key=f"tile_{tile.name}", gap=None):
        st.metric(
            say(f"tiles.{name}"),
            tile.value,
            delta=tile.delta or say("tiles.no_previous"),
            delta_color=tile.colour,
            delta_arrow="off" if tile.delta.startswith("±") or not tile.delta else "auto",
            delta_description=say("tiles.previous", range=view.range_name) if tile.delta else None,
            help=say(f"tiles.{name}_help"),
        )
        if line := spark.html(tile.spark, tile.tone):
            st.html(line)


def stretches(view: View) -> tuple[Stretch, Stretch]:
    """Ask for all that the tiles show of the period, and of the one before it."""
    period = view.period()
    totals = data.ask(beside.totals, view.scope, period)
    series = data.ask(beside.series, view.scope, period)
    thumbs = data.ask(beside.thumbs, view.scope, period)
    now = Stretch(totals.now, series.now, thumbs.now)
    return now, Stretch(totals.before, series.before, thumbs.before)


def cost(view: View) -> None:
    """Draw cost by model, and say what has no price."""
    period = view.period()
    rows = data.ask(overview.cost_by_model, view.scope, period)
    known = data.ask(overview.dimensions, view.scope.project).models
    behind = backdrop(view, period, grid.Grid.of(period).times())
    made = cost_figure.stack(
        rows, behind, colours([*known, *(row.model for row in rows)]), say("overview.other")
    )
    # Of the period to the minute, as the tile: the first bar begins before it.
    sums = data.ask(beside.totals, view.scope, period).now
    note = ""
    if sums.unpriced_calls:
        unpriced, calls = sums.unpriced_calls, sums.calls
        floor = money(sums.cost) if calls > unpriced else say("overview.unknown_cost")
        models = sums.unpriced_models
        key = "overview.unpriced_one" if models == 1 else "overview.unpriced"
        note = say(key, cost=floor, models=models, calls=count(unpriced), share=share(unpriced / calls, 0))
    _chart("cost", made, note, say("overview.cost_alt", cost=money(sums.cost)))


def latency(view: View) -> None:
    """Draw the three percentiles."""
    period = view.period()
    rows = data.ask(beside.series, view.scope, period).now
    behind = backdrop(view, period, [row.time for row in rows])
    note = say("overview.of_calls") if overview.counts_calls(view.scope) else say("overview.of_requests")
    _chart("latency", latency_figure.percentiles(rows, behind), note, say("overview.latency_alt"))


def feedback(view: View) -> None:
    """Draw the share of thumbs up."""
    period = view.period()
    rows = data.ask(beside.thumbs, view.scope, period).now.series
    buckets = grid.Grid.of(period, votes.POINTS)
    behind = replace(backdrop(view, period, [row.time for row in rows]), width=buckets.width)
    given = sum(row.votes for row in rows)
    behind = replace(behind, nothing=say("overview.few_votes" if given else "overview.no_votes"))
    made = feedback_figure.liked(rows, behind, say("overview.liked"), say("overview.votes"))
    note = say("overview.votes_given", votes=count(given)) if given else say("overview.no_votes")
    _chart("feedback", made, note, say("overview.feedback_alt"))


def drift(view: View) -> None:
    """Draw the drift strip with the changes in words."""
    period = view.period()
    cells = data.ask(drift_questions.drift_strip, view.scope, period)
    names = {signal: say(f"signals.{signal}") for signal in drift_questions.SIGNALS}
    behind = backdrop(view, period, sorted({cell.time for cell in cells}))
    reference = next((cell.reference for cell in cells if cell.reference != "none"), "none")
    if reference == "none":
        behind = replace(behind, nothing=say("overview.reference_none"))
    made = drift_figure.strip(cells, behind, names, lambda cell: drift_cell.hover(cell, names, behind))
    _chart("drift", made, say(f"overview.reference_{reference}"), say("overview.drift_alt"))


def moved(view: View) -> None:
    """Draw the table of what changed."""
    period = view.period()
    found = data.ask(slices.slices, view.scope, period)
    with st.container(border=True, key="panel_movers"):
        board.heading("overview", "movers", say("overview.movers_note", range=view.range_name))
        rows = movers.movers(found.now, found.before, of_calls=overview.counts_calls(view.scope))
        if rows:
            movers_table.draw(rows)
        else:
            st.caption(say("overview.no_movers"))


def backdrop(view: View, period: Period, times: list[datetime]) -> Backdrop:
    """Return what lies behind the charts of this view: gaps, changes of version, the reader's clock."""
    changes = data.ask(drift_questions.version_changes, view.scope, period)
    return Backdrop(
        times,
        grid.Grid.of(period).width,
        period.end,
        data.ask(overview.gaps, view.scope.project, period),
        changes,
        clock.zone(),
        say("overview.no_data"),
        say("overview.nothing"),
        {kind: say(f"overview.changed_{kind}") for kind in ("model", "prompt", "release")},
        say("overview.day_format"),
    )


def _chart(name: str, figure: Figure, note: str, alt: str) -> None:
    with st.container(border=True, key=f"panel_{name}", gap=None):
        board.heading("overview", name, note)
        board.plot(name, figure, alt)
