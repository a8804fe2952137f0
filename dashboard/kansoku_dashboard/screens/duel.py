"""Prompt version A against B: the intervals of the differences, and the samples still needed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import streamlit as st

from kansoku_collector.store.read import prompts
from kansoku_collector.store.read.prompts import PromptVersion
from kansoku_dashboard import board, data, proportions
from kansoku_dashboard.durations import duration, points
from kansoku_dashboard.figures import quality as figures
from kansoku_dashboard.figures.style import money, share
from kansoku_dashboard.state import View
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say

MEASURES = ("liked", "errors", "refusals", "fallbacks", "truncated")
BETTER_MORE = ("liked",)


class Pair(NamedTuple):
    """One measure of both versions: hits and samples of each, and the difference."""

    name: str
    first: tuple[int, int]
    second: tuple[int, int]
    difference: proportions.Difference | None


def draw(view: View) -> None:
    """Draw the panel."""
    period = view.period()
    scope = replace(view.scope, prompt_name="", prompt_version="")
    rows = {_name(row): row for row in data.ask(prompts.prompt_versions, scope, period)}
    with st.container(border=True, key="panel_quality_duel"):
        board.heading("quality", "duel", say("quality.duel_note"))
        if len(rows) < 2:
            st.caption(say("quality.one_version" if rows else "quality.no_version"))
            return
        first, second, measure, step = _choose(rows)
        if first == second:
            st.caption(say("quality.same_version"))
            return
        found = pairs(rows[first], rows[second])
        left, right = st.columns([3, 2])
        with left:
            shown = [
                (say(f"quality.measure_{pair.name}"), pair.difference.value, pair.difference.low,
                 pair.difference.high, pair.difference.told)
                for pair in found if pair.difference
            ]  # fmt: skip
            made = figures.differences(
                shown, say("quality.difference_hover"), say("overview.nothing"), points
            )
            board.plot("quality_duel", made, say("quality.duel_alt"))
            _table(found, rows[first], rows[second])
        with right:
            pair = next(pair for pair in found if pair.name == measure)
            verdict(pair)
            _missing(pair, step / 100, [period.end - rows[name].first for name in (first, second)])


def _choose(rows: dict[str, PromptVersion]) -> tuple[str, str, str, float]:
    """Draw the four choices; at first the two latest versions of the prompt with the most calls."""
    names = list(rows)
    calls: dict[str, int] = {}
    for row in rows.values():
        calls[row.name] = calls.get(row.name, 0) + row.calls
    main = max(calls, key=lambda name: (calls[name] if _versions(rows, name) > 1 else -1, name))
    own = [name for name in names if rows[name].name == main]
    second, first = own[0], (own[1] if len(own) > 1 else next(name for name in names if name != own[0]))
    with st.container(horizontal=True, key="duel_choices", vertical_alignment="bottom"):
        chosen = [
            st.selectbox(say(f"quality.version_{key}"), names, index=names.index(usual), width=230,
                         format_func=visible, key=f"version_{key}",
                         bind="query-params")
            for key, usual in (("a", first), ("b", second))
        ]  # fmt: skip
        measure = board.pick(
            "measure", board.worded("quality", "measure", MEASURES), say("quality.measure"), width=200
        )
        step = st.number_input(say("quality.step"), min_value=0.1, max_value=50.0, value=5.0, step=0.5,
                               format="%.1f", key="step", width=200, bind="query-params",
                               help=say("quality.step_help"))  # fmt: skip
    return chosen[0], chosen[1], measure, float(step)


def _versions(rows: dict[str, PromptVersion], name: str) -> int:
    return sum(row.name == name for row in rows.values())


def pairs(first: PromptVersion, second: PromptVersion) -> list[Pair]:
    """Return every measure of both versions."""
    found = []
    for name, one, other in zip(MEASURES, _shares(first), _shares(second), strict=True):
        found.append(Pair(name, one, other, proportions.difference(*one, *other)))
    return found


def _shares(row: PromptVersion) -> tuple[tuple[int, int], ...]:
    """Return hits and samples in the order of `MEASURES`; an answer cannot be cut off if the call failed."""
    return (
        (row.likes, row.votes),
        (row.errors, row.calls),
        (min(row.refusals, row.answers), row.answers),
        (min(row.fallbacks, row.answers), row.answers),
        (min(row.truncated, row.calls - row.errors), row.calls - row.errors),
    )


def _table(found: Sequence[Pair], first: PromptVersion, second: PromptVersion) -> None:
    rows = [
        [say(f"quality.measure_{pair.name}"), _rate(pair.first), _rate(pair.second), _written(pair)]
        for pair in found
    ]
    each = [float(row.cost) / row.calls if row.calls > row.unpriced else None for row in (first, second)]
    known = [
        "≥ " if row.unpriced and cost is not None else ""
        for row, cost in zip((first, second), each, strict=True)
    ]
    rows.append([say("quality.cost_each"), known[0] + money(each[0]), known[1] + money(each[1]), ""])
    rows.append([say("table.p95"), duration(first.p95), duration(second.p95), ""])
    headings = (say("quality.measure"), f"A · {visible(_name(first))}",
                f"B · {visible(_name(second))}", say("quality.difference"))  # fmt: skip
    st.dataframe(
        {heading: [row[place] for row in rows] for place, heading in enumerate(headings)},
        hide_index=True,
        height="content",
        row_height=35,
        key="quality_duel",
        alt=say("quality.duel_table_alt"),
    )


def _rate(pair: tuple[int, int]) -> str:
    hits, of = pair
    return f"{share(hits / of if of else None)}  ({hits:,} / {of:,})"


def _written(pair: Pair) -> str:
    if pair.difference is None:
        return "–"
    found = pair.difference
    return f"{points(found.value)}  ({points(found.low)} … {points(found.high)})"


def verdict(pair: Pair) -> None:
    """Say in one sentence what the interval allows to say."""
    what = say(f"quality.measure_{pair.name}")
    if pair.difference is None:
        st.markdown(say("quality.no_samples", what=what))
        return
    found = pair.difference
    better = (found.value > 0) == (pair.name in BETTER_MORE)
    key = ("better" if better else "worse") if found.told else "undecided"
    icon = {"better": "check_circle", "worse": "error", "undecided": "help"}[key]
    said = say(f"quality.verdict_{key}", what=what, value=points(found.value),
               low=points(found.low), high=points(found.high))  # fmt: skip
    st.markdown(f":material/{icon}: {said}")


def _missing(pair: Pair, step: float, used: Sequence[timedelta]) -> None:
    """Say how many samples of each version a difference of `step` needs, and how long that takes."""
    hits, of = pair.first
    if not of:
        return
    ways = [proportions.needed(hits / of, way) for way in (step, -step)]
    wanted = max((number for number in ways if number), default=None)
    if wanted is None:
        st.markdown(say("quality.impossible", step=points(step)))
        return
    st.markdown(say("quality.needed", step=f"{step * 100:g}", wanted=f"{wanted:,}", rate=share(hits / of)))
    for letter, (_, have), time in zip("AB", (pair.first, pair.second), used, strict=True):
        rest = max(0, wanted - have)
        text = say("quality.have", letter=letter, have=f"{have:,}", wanted=f"{wanted:,}", rest=f"{rest:,}")
        if rest and have:
            text += " · " + say("quality.pace", days=_days(time * (rest / have)))
        st.progress(
            min(1.0, have / wanted),
            text=text if rest else say("quality.enough", letter=letter, have=f"{have:,}"),
        )
    st.caption(say("quality.duel_caveat"))


def _days(time: timedelta) -> str:
    days = time / timedelta(days=1)
    return f"{days:.1f}" if days < 10 else f"{days:,.0f}"


def _name(row: PromptVersion) -> str:
    return f"{row.name}@{row.version}"
