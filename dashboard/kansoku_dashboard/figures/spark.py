"""The small line in a tile: few points, honest gaps."""

from collections.abc import Sequence

POINTS = 42


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
