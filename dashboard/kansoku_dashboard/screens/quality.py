"""Quality and feedback: outcomes of the calls, likes, scores, two prompts compared, what people wrote."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime

import streamlit as st

from kansoku_collector.store.read import beside, overview, quality
from kansoku_collector.store.read.grid import Grid
from kansoku_collector.store.scope import Period
from kansoku_dashboard import board, change, data, panels
from kansoku_dashboard.change import MIN_VOTES
from kansoku_dashboard.durations import points
from kansoku_dashboard.figures import quality as figures
from kansoku_dashboard.figures.backdrop import Backdrop
from kansoku_dashboard.figures.quality import Rated
from kansoku_dashboard.figures.style import ALARM, OTHER, PALETTE, WARN, colours, share
from kansoku_dashboard.screens import duel, remarks, scores
from kansoku_dashboard.state import View
from kansoku_dashboard.words import say

MOST_LINES = 3  # areas of more lie over each other
MOST_ROWS = 6
CHOICES = ("all", *quality.SPLITS)
OUTCOMES = {"answered": PALETTE[2], "fallbacks": WARN, "refusals": PALETTE[4], "failed": ALARM,
            "wrong": PALETTE[0]}  # fmt: skip


def show() -> None:
    """Draw the screen, or how to send the first span where there is none."""
    view = board.head("quality")
    if view is None:
        return
    board.panel("quality", "figures", _figures, view, height=110)
    board.choice("split", board.worded("quality", "split", CHOICES), say("quality.split"))
    left, right = st.columns([3, 2])
    with left:
        board.panel("quality", "liked", _liked, view)
    with right:
        board.panel("quality", "beside", _beside, view)
    left, right = st.columns([3, 2])
    with left:
        board.panel("quality", "outcomes", _outcomes, view)
    with right:
        board.panel("quality", "scores", scores.draw, view)
    board.panel("quality", "duel", duel.draw, view)
    board.panel("quality", "remarks", remarks.draw, view)


def _figures(view: View) -> None:
    """Draw the rates of the whole range together, each with its interval."""
    period = view.period()
    now = data.ask(quality.outcomes, view.scope, period)
    first = data.ask(overview.health, view.scope.project).first
    known = bool(first and first <= period.previous().start + period.length / 20)
    before = data.ask(quality.outcomes, view.scope, period.previous()) if known else None
    likes = data.ask(beside.thumbs, view.scope, period)
    likes_before = likes.before.total if known else (0, 0)
    with st.container(key="tiles"):
        columns = st.columns(len(OUTCOMES) + 1, gap="small")
        for column, name in zip(columns, OUTCOMES, strict=False):
            with column:
                _tile(name, _share(now, name), _share(before, name) if before else (0, 0), view)
        with columns[-1]:
            _tile("liked", likes.now.total, likes_before, view)


def _tile(name: str, now: tuple[int, int], before: tuple[int, int], view: View) -> None:
    """Draw one rate; its change is coloured when the two-proportion z-test says so."""
    hits, of = now
    enough = of >= MIN_VOTES
    changed = change.rate(hits, of, *before) if enough else change.Change(None, None)
    good = name in ("answered", "liked")
    step = "" if changed.difference is None else points(changed.difference, 2)
    step = f"±{step[1:]}" if step and not step.strip("+-0. pt") else step
    low, high = change.wilson(hits, of) if enough else (0.0, 1.0)
    st.metric(
        say(f"quality.tile_{name}"),
        share(hits / of) if enough else "–",
        delta=step or say("tiles.no_previous"),
        delta_color=("normal" if good else "inverse") if changed.significant else "off",
        delta_arrow="auto" if step and not step.startswith("±") else "off",
        delta_description=say("tiles.previous", range=view.range_name) if step else None,
        help=say(f"quality.tile_{name}_help"),
        border=True,
    )
    noun = say(f"quality.noun_{_noun(name)}")
    text = say("quality.interval", low=share(low), high=share(high), of=f"{of:,}", noun=noun)
    st.caption(text if enough else say("quality.too_few", of=f"{of:,}", noun=noun))


def _share(found: quality.Outcomes, name: str) -> tuple[int, int]:
    """Return how many of how many an outcome is: wrong of judged traces, the others of calls that ended."""
    return getattr(found, name), found.rated if name == "wrong" else found.ended


def _noun(name: str) -> str:
    return {"wrong": "rated", "liked": "votes"}.get(name, "calls")


def _split() -> str:
    return board.chosen_of("split", CHOICES)


def _liked(view: View) -> None:
    """Draw the like rate over time: of all, or of the values with the most votes."""
    period, chosen = view.period(), _split()
    split = next((name for name in quality.SPLITS if name == chosen), None)
    times = Grid.of(period, quality.POINTS).times()
    if split:
        rows = data.ask(quality.liked_over_time, view.scope, period, split)
        series, total = _series(rows, times), len({row.name for row in rows})
    else:
        found = data.ask(beside.thumbs, view.scope, period).now.series
        series, total = {say("quality.all"): [Rated(*row) for row in found]}, 1
    given = any(rate.of for rates in series.values() for rate in rates)
    words = say("overview.few_votes" if given else "overview.no_votes")
    behind = replace(_backdrop(view, period, times), nothing=words)
    made = figures.over_time(series, behind, _colours(view, chosen, list(series)), say("quality.hover"))
    note = say("quality.liked_note")
    if total > len(series):
        note = say("quality.liked_top", shown=len(series), count=total)
    board.chart("quality", "liked", made, note)


def _series(rows: list[quality.LikedThen], times: list[datetime]) -> dict[str, list[Rated]]:
    """Return the values with the most votes, a place for each bucket."""
    found: dict[str, dict[datetime, Rated]] = defaultdict(dict)
    for row in rows:
        found[row.name][row.time] = Rated(row.time, row.likes, row.votes)
    ranked = sorted(found, key=lambda name: (-sum(row.of for row in found[name].values()), name))
    return {
        name: [found[name].get(time, Rated(time, 0, 0)) for time in times] for name in ranked[:MOST_LINES]
    }


def _beside(view: View) -> None:
    """Draw the like rates of the values side by side."""
    period = view.period()
    with st.container(border=True, key="panel_quality_beside", gap=None):
        chosen = _split()
        split: quality.Split = next((name for name in quality.SPLITS if name == chosen), "prompt")
        board.heading("quality", "beside", say("quality.beside_note", by=say(f"quality.split_{split}")))
        rows = data.ask(quality.liked_by, view.scope, period, split)
        total = data.ask(beside.thumbs, view.scope, period).now.total
        shown = [(row.name, row.likes, row.votes) for row in rows][:MOST_ROWS]
        if total[1]:
            shown = [(say("quality.all"), *total), *shown]
        made = figures.side_by_side(
            shown,
            _colours(view, split, [name for name, *_ in shown]),
            say("quality.hover"),
            say("overview.no_votes"),
            few=say("quality.few"),
        )
        board.plot("quality_beside", made, say("quality.beside_alt"))
        if len(rows) > MOST_ROWS:
            st.caption(say("quality.beside_top", shown=MOST_ROWS, count=len(rows)))


def _colours(view: View, split: str, names: list[str]) -> dict[str, str]:
    """Return the colour of each value: a model has here the colour that it has everywhere."""
    known = data.ask(overview.dimensions, view.scope.project)
    everything = {"model": known.models, "prompt": known.prompts}.get(split, [])
    own = say("quality.all")
    given = colours([*everything, *(name for name in names if name != own)])
    return given | {own: PALETTE[2] if split not in quality.SPLITS else OTHER}


def _outcomes(view: View) -> None:
    """Draw what became of the calls over time, and how many of the judged answers were wrong."""
    period = view.period()
    rows = data.ask(quality.outcomes_over_time, view.scope, period)
    names = {name: say(f"quality.tile_{name}") for name in OUTCOMES}
    series = {names[name]: [Rated(time, *_share(found, name)) for time, found in rows] for name in OUTCOMES}
    above = {names[name]: series.pop(names[name]) for name in ("answered", "wrong")}
    behind = _backdrop(view, period, [time for time, _ in rows])
    shades = {names[name]: colour for name, colour in OUTCOMES.items()}
    made = figures.outcomes(above, series, behind, shades, say("quality.hover"))
    board.chart("quality", "outcomes", made, say("quality.outcomes_note"))


def _backdrop(view: View, period: Period, times: list[datetime]) -> Backdrop:
    return replace(panels.backdrop(view, period, times), width=Grid.of(period, quality.POINTS).width)
