"""The evidence of a found change: its course, its parts, and calls from before and since to read."""

from collections.abc import Sequence

import streamlit as st

from kansoku_collector.store.read.evidence import Evidence, Example, Move, Split, example_texts
from kansoku_dashboard import board, clock, data, findings, links, state, words
from kansoku_dashboard.figures import finding as figures
from kansoku_dashboard.figures.backdrop import Backdrop
from kansoku_dashboard.figures.style import share
from kansoku_dashboard.screens import drift_texts, messages
from kansoku_dashboard.text import plain
from kansoku_dashboard.words import say

MOST_MOVES = 4
MOST_PARTS = 6
MOST_EXAMPLES = 2


def draw(evidence: Evidence, key: str, project: str) -> None:
    """Draw everything that a finding rests on."""
    tongue, zone = words.language(), clock.zone()
    st.caption(plain(findings.interval(evidence, tongue, zone)))
    if evidence.silent:
        st.markdown(f":material/warning: {say('found.silent')}")
    left, right = st.columns([11, 9], gap="small")
    with left:
        _moves(evidence, key)
    with right:
        if evidence.split:
            _parts(evidence.split, key)
        if evidence.news:
            named = ", ".join(f"**{messages.label(text, 60)}**" for text in evidence.news)
            st.markdown(say("found.news", names=named))
    _examples(evidence, key, project)


def _moves(evidence: Evidence, key: str) -> None:
    tongue = words.language()
    for number, move in enumerate(evidence.moves[:MOST_MOVES]):
        st.markdown(
            f"**{plain(findings.label(move, tongue))}**  {plain(findings.write_change(move, tongue))}"
            f"  :gray[{plain(_strength(move))}]"
        )
        if move.points and not number:
            _course(move, f"{key}_{number}")
    if len(evidence.moves) > MOST_MOVES:
        st.caption(say("found.more_moves", count=len(evidence.moves) - MOST_MOVES))


def _strength(move: Move) -> str:
    reached = "> 10⁹" if move.evidence >= 1e9 else f"{move.evidence:,.0f}"
    return say("found.strength", evidence=reached, threshold=f"{move.threshold:,.0f}")


def _course(move: Move, key: str) -> None:
    tongue = words.language()
    behind = Backdrop(
        [point.time for point in move.points],
        figures.width_of(move),
        clock.now(),
        zone=clock.zone(),
        nothing=say("overview.nothing"),
        day_format=say("overview.day_format"),
    )
    made = figures.course(move, behind, lambda value: findings.write_value(move.unit, value, tongue))
    alt = say("found.course_alt", what=findings.label(move, tongue))
    board.plot(f"course_{key}", made, alt)


def _parts(split: Split, key: str) -> None:
    """Draw what made the change up, the largest part first; with the way to the first call that had it."""
    tongue = words.language()
    st.markdown(f"**{say('found.parts')}**  :gray[{plain(split.text_ja if tongue == 'ja' else split.text)}]")
    for number, part in enumerate(split.parts[:MOST_PARTS]):
        with st.container(
            horizontal=True, vertical_alignment="center", gap="xsmall", key=f"part_{key}_{number}"
        ):
            of = findings.part_share(part.amount, split.before, split.now)
            st.badge(share(of, 0), color="gray")
            st.markdown(plain(part.text_ja if tongue == "ja" else part.text), width="stretch")
            if part.first:
                links.tab("trace", say("found.first"), _to(part.first), key=f"part_open_{key}_{number}")
    if len(split.parts) > MOST_PARTS:
        st.caption(say("found.more_parts", count=len(split.parts) - MOST_PARTS))


def _examples(evidence: Evidence, key: str, project: str) -> None:
    sides = (("before", evidence.before[:MOST_EXAMPLES]), ("now", evidence.after[:MOST_EXAMPLES]))
    if not any(rows for _, rows in sides):
        return
    texts = data.attempt(example_texts, project, _all(sides)) or {}
    for column, (side, rows) in zip(st.columns(2, gap="small"), sides, strict=True):
        with column:
            st.markdown(f"**{say(f'drift.{side}')}**")
            for number, row in enumerate(rows):
                _example(row, texts.get((row.trace_id, row.span_id)), f"{key}_{side}_{number}")


def _all(sides: Sequence[tuple[str, Sequence[Example]]]) -> tuple[Example, ...]:
    return tuple(row for _, rows in sides for row in rows)


def _example(row: Example, texts: tuple[str, str] | None, key: str) -> None:
    with st.container(border=True, key=f"example_{key}", gap="xsmall"):
        with st.container(
            horizontal=True,
            vertical_alignment="center",
            horizontal_alignment="distribute",
            key=f"about_{key}",
        ):
            st.caption(findings.moment(row.time, clock.zone()), width="content")
            links.tab("trace", say("quality.open"), _to(row), key=f"found_open_{key}")
        if texts is None:
            st.caption(say("found.forgotten"))
            return
        for name, text in zip(("input", "output"), texts, strict=True):
            if text:
                drift_texts.said(name, text, key)


def _to(example: Example) -> dict[str, str]:
    return state.carried() | {"trace": example.trace_id, "span": example.span_id}
