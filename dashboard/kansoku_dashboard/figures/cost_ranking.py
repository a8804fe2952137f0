"""Bars that lie: the first ones of a ranking, each with its figure written out."""

from collections.abc import Sequence

from kansoku_dashboard.figures.backdrop import QUIET
from kansoku_dashboard.figures.style import Figure
from kansoku_dashboard.text import escape

ROW, FONT, LONGEST = 24, 12, 26


def ranking(
    names: Sequence[str], values: Sequence[float], texts: Sequence[str], colour: str, nothing: str = ""
) -> Figure:
    """Return the bars from the first at the top to the last; long names are cut, hover shows them."""
    height = max(120, ROW * len(names) + 20)
    # A bar is placed by its number: two names may be cut to the same beginning.
    places = list(range(len(names)))
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "y": places,
                "x": list(values),
                "text": [escape(text) for text in texts],
                "textposition": "outside",
                "cliponaxis": False,
                "customdata": [
                    f"{escape(name)}: {escape(text)}" for name, text in zip(names, texts, strict=True)
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
                "marker": {"color": colour, "line": {"width": 0}},
                "textfont": {"size": FONT},
                "showlegend": False,
            }
        ],
        "layout": {
            "height": height,
            "margin": {"l": 150, "r": 12, "t": 6, "b": 6, "pad": 6},
            "bargap": 0.35,
            "dragmode": False,
            "xaxis": {"visible": False, "fixedrange": True, "range": [0, max([*values, 0]) * 1.35 or 1]},
            "yaxis": {
                "tickvals": places,
                "ticktext": [escape(_cut(name)) for name in names],
                "range": [len(names) - 0.5, -0.5],
                "fixedrange": True,
                "showgrid": False,
                "zeroline": False,
                "automargin": False,
                "tickfont": {"size": FONT},
            },
            "annotations": [] if names else [_nothing(nothing)],
        },
    }


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _nothing(text: str) -> dict[str, object]:
    return {
        "x": 0.5, "xref": "paper", "y": 0.5, "yref": "paper", "text": text, "showarrow": False,
        "font": {"size": FONT},
        "opacity": QUIET,
    }  # fmt: skip
