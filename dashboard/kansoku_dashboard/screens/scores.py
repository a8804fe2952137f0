"""Scores by evaluator: every score with its spread, and one of them over time."""

from dataclasses import replace

import streamlit as st

from kansoku_collector.store.read import quality, quality_texts
from kansoku_collector.store.read.grid import Grid
from kansoku_dashboard import board, data, panels
from kansoku_dashboard.figures import quality as figures
from kansoku_dashboard.state import View
from kansoku_dashboard.text import visible
from kansoku_dashboard.words import say


def draw(view: View) -> None:
    """Draw the panel."""
    period = view.period()
    with st.container(border=True, key="panel_quality_scores", gap="small"):
        rows = data.ask(quality_texts.scores, view.scope, period)
        board.heading("quality", "scores", say("quality.scores_note") if rows else "")
        if not rows:
            st.caption(say("quality.no_scores"))
            return
        chosen = rows[0]
        if len(rows) > 1:
            known = {f"{row.name}·{row.source}": row for row in rows}
            titles = {code: _title(row) for code, row in known.items()}
            chosen = known[board.pick("shown_score", titles, say("quality.score"), width=380, bare=True)]
        found = data.ask(
            quality_texts.score_over_time, view.scope, period, name=chosen.name, source=chosen.source
        )
        behind = panels.backdrop(view, period, [row.time for row in found])
        behind = replace(
            behind, width=Grid.of(period, quality.POINTS).width, nothing=say("quality.few_scores")
        )
        made = figures.score(found, behind, _title(chosen), say("quality.score_hover"))
        board.plot("quality_scores", made, say("quality.scores_alt"))
        _table(rows)


def _title(score: quality_texts.Score) -> str:
    return f"{visible(score.name)} · {say(f'quality.source_{score.source}')}"


def _table(rows: list[quality_texts.Score]) -> None:
    columns = {
        "score": [visible(row.name) for row in rows],
        "source": [say(f"quality.source_{row.source}") for row in rows],
        "values": [f"{row.values:,}" for row in rows],
        "mean": [_mean(row) for row in rows],
        "p10": [f"{row.p10:.3g}" for row in rows],
        "median": [f"{row.median:.3g}" for row in rows],
        "range": [f"{row.lowest:.3g} – {row.highest:.3g}" for row in rows],
    }
    st.dataframe(
        {say(f"quality.column_{name}"): values for name, values in columns.items()},
        hide_index=True,
        height=board.table_height(len(rows), 5),
        row_height=35,
        key="quality_scores",
        # A long name must not push the figures out of sight.
        column_config={say("quality.column_score"): st.column_config.TextColumn(width=130)},
        alt=say("quality.scores_table_alt"),
    )


def _mean(row: quality_texts.Score) -> str:
    """Write a mean with the half width of its 95 % interval."""
    if row.spread is None:
        return f"{row.mean:.3g}"
    return f"{row.mean:.3g} ± {figures.Z * row.spread / row.values**0.5:.2g}"
