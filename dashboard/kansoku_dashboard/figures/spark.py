"""The small line in a tile: few points, honest gaps."""

from collections.abc import Sequence
from itertools import groupby
from urllib.parse import quote

POINTS = 42
WIDTH, HEIGHT = 200, 40  # of its own units: the style sheet says how large it is
_TOP = 2  # of them are left for the stroke


def thin(values: Sequence[float | None], *, total: bool, points: int = POINTS) -> list[float | None]:
    """Return at most `points` values: sums (`total`) or means; None where nothing was measured."""
    size = max(1, -(-len(values) // points))
    groups = [values[start : start + size] for start in range(0, len(values), size)]
    return [_join(group, total) for group in groups]


def _join(group: Sequence[float | None], total: bool) -> float | None:
    present = [value for value in group if value is not None]
    if not present:
        return None
    # A group of which a part is missing would look like a fall: scale it up to the whole.
    return sum(present) * (len(group) / len(present) if total else 1 / len(present))


def html(values: Sequence[float | None], tone: str) -> str:
    """Return the line as HTML, drawn between its lowest and highest value; "" where there is none.

    A few hundred letters, where a chart would load a library of its own. The drawing is the stencil and the
    ink is the theme's, so that it follows a change of theme.
    """
    present = [value for value in values if value is not None]
    if len(present) < 2:
        return ""
    lowest, height = min(present), max(present) - min(present)
    step = WIDTH / (len(values) - 1)
    points = [
        (place * step, None if value is None else _down((value - lowest) / height if height else 0.5))
        for place, value in enumerate(values)
    ]
    runs = [
        [(across, down) for across, down in run if down is not None]
        for known, run in groupby(points, key=lambda point: point[1] is not None)
        if known
    ]
    line = "".join(_line(run) for run in runs)
    area = "".join(f"{_line(run)}V{HEIGHT}H{run[0][0]:.1f}Z" for run in runs if len(run) > 1)
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">'
        f'<path d="{area}" fill-opacity="0.1"/><path d="{line}" fill="none" stroke="#000" stroke-width="1.75"'
        ' stroke-linejoin="round" stroke-linecap="round" vector-effect="non-scaling-stroke"/></svg>'
    )
    stencil = f"mask-image:url('data:image/svg+xml,{quote(drawing, safe=' =:/')}')"
    return f'<div class="kansoku-spark {tone}" style="{stencil}" aria-hidden="true"></div>'


def _down(share: float) -> float:
    return _TOP + (HEIGHT - 2 * _TOP) * (1 - share)


def _line(run: list[tuple[float, float]]) -> str:
    """Return the path through the points of a run; of a single one, a dot."""
    first, *others = [f"{across:.1f} {down:.1f}" for across, down in run]
    return f"M{first}" + "".join(f"L{point}" for point in others or [first])
