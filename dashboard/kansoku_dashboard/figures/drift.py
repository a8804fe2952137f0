"""The drift strip: a row a signal, a cell a stretch of time, as dark as it is far from its reference."""

from collections.abc import Callable, Mapping, Sequence

from kansoku_collector.store.read.drift import SIGNALS, DriftCell, VersionChange
from kansoku_dashboard.figures.backdrop import MARKS, Backdrop, figure, nothing
from kansoku_dashboard.figures.style import Figure
from kansoku_dashboard.text import escape

STRONG = 0.5  # an index at which the colour is full; 0.1 is worth a look, 0.25 is a shift
SCALE = (
    (0.0, "rgba(128,138,155,0.13)"),
    (0.19, "rgba(222,184,110,0.30)"),
    (0.2, "rgba(226,170,80,0.62)"),
    (0.5, "rgba(226,132,62,0.88)"),
    (1.0, "#D9485F"),
)
MOST_LABELS = 2
GLYPHS = {"model": "▼", "prompt": "◆", "release": "●"}
WIDTH = 560  # of the plot on a laptop, in pixels


def strip(
    cells: Sequence[DriftCell],
    backdrop: Backdrop,
    names: Mapping[str, str],
    hover: Callable[[DriftCell], str] = str,
) -> Figure:
    """Return the strip; a cell without enough samples is empty, a drifted one has a dot besides colour."""
    times = sorted({cell.time for cell in cells})
    place = {time: column for column, time in enumerate(times)}
    row = {signal: number for number, signal in enumerate(reversed(SIGNALS))}
    z: list[list[float | None]] = [[None] * len(times) for _ in SIGNALS]
    dots = [[""] * len(times) for _ in SIGNALS]
    texts = [[""] * len(times) for _ in SIGNALS]
    for cell in cells:
        at = (row[cell.signal], place[cell.time])
        z[at[0]][at[1]] = cell.psi
        dots[at[0]][at[1]] = "•" if cell.drifted else ""
        texts[at[0]][at[1]] = hover(cell) if cell.psi is not None else ""
    width = cells[0].width if cells else backdrop.width
    trace = {
        "type": "heatmap",
        "x": [backdrop.x(time + width / 2) for time in times],
        "y": [names[signal] for signal in reversed(SIGNALS)],
        "z": z,
        "zmin": 0,
        "zmax": STRONG,
        "colorscale": [list(step) for step in SCALE],
        "showscale": False,
        "xgap": 1.5,
        "ygap": 5,
        "text": dots,
        "texttemplate": "%{text}",
        "textfont": {"size": 9, "color": "#FFFFFF"},
        "customdata": texts,
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": False,
    }
    made = figure(
        backdrop, [trace], {"showgrid": False, "rangemode": "normal", "nticks": 0, "ticks": ""}, 280
    )
    if times:
        made["layout"]["xaxis"]["range"] = [backdrop.x(times[0]), backdrop.x(times[-1] + width)]
    made["layout"]["hovermode"] = "closest"
    made["layout"]["margin"] |= {"l": 112, "t": 42}
    if all(value is None for line in z for value in line):
        made["layout"]["annotations"] = [nothing(backdrop)]
    made["layout"]["annotations"] += _labels(backdrop)
    return made


def _labels(backdrop: Backdrop) -> list[dict[str, object]]:
    """Name the latest changes above the strip, in words; the model that answers first, then prompts."""
    order = sorted(
        backdrop.changes, key=lambda change: (list(MARKS).index(change.kind), -change.time.timestamp())
    )
    return [
        {
            "x": backdrop.x(change.time),
            "y": 1.0,
            "yref": "paper",
            "yanchor": "bottom",
            "yshift": 4 + 15 * line,
            "xanchor": _anchor(backdrop, change),
            "showarrow": False,
            "text": f'<span style="color:{MARKS[change.kind][0]}">{GLYPHS[change.kind]}</span> '
            + escape(_short(backdrop.sentence(change))),
            "font": {"size": 11},
            "name": "change",  # a narrow chart places it itself
        }
        for line, change in enumerate(order[:MOST_LABELS])
    ]


def _anchor(backdrop: Backdrop, change: VersionChange) -> str:
    """Let the words run to the right of their mark where they fit, else to the left."""
    if not backdrop.times:
        return "left"
    place = (change.time - backdrop.times[0]) / (backdrop.end - backdrop.times[0])
    return "left" if place * WIDTH + 6.2 * len(_short(backdrop.sentence(change))) < WIDTH else "right"


def _short(text: str, most: int = 90) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
