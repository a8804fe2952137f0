"""The critical path of a trace: the spans that its end waited for, moment by moment."""

from collections import defaultdict
from typing import NamedTuple

from kansoku_dashboard.waterfall.tree import Tree


class Segment(NamedTuple):
    """A stretch of time in which the span at `place` was what everything waited for."""

    place: int
    start_ns: int
    end_ns: int


def critical_path(tree: Tree) -> list[Segment]:
    """Return the segments in order of time; together they cover the longest top span without a gap.

    It is walked from the end: of the children that had begun, a span waited for the one that ran last;
    what is before that child's start it waited for another, and where none ran it worked itself.
    """
    tops = [place for place, node in enumerate(tree.nodes) if node.parent < 0]
    if not tops:
        return []
    top = max(tops, key=lambda place: (tree.nodes[place].end_ns, tree.nodes[place].duration_ns))
    below = _by_end(tree)
    found: list[Segment] = []
    # (span, the moment until which it is asked for, which of its children are left to look at)
    stack = [[top, tree.nodes[top].end_ns, len(below[top])]]
    while stack:
        place, until, left = stack[-1]
        node = tree.nodes[place]
        child = -1
        while left and child < 0:
            left -= 1
            candidate = tree.nodes[below[place][left]]
            if candidate.start_ns < until and candidate.end_ns > node.start_ns and candidate.duration_ns:
                child = below[place][left]
        if child < 0:
            if until > node.start_ns:
                found.append(Segment(place, node.start_ns, until))
            stack.pop()
            continue
        reached = min(tree.nodes[child].end_ns, until)
        if reached < until:
            found.append(Segment(place, reached, until))
        stack[-1][1:] = [max(node.start_ns, tree.nodes[child].start_ns), left]
        stack.append([child, reached, len(below[child])])
    return found[::-1]


def _by_end(tree: Tree) -> dict[int, list[int]]:
    """Return the children of each span, the one that ended last at the end."""
    below: dict[int, list[int]] = defaultdict(list)
    for place, node in enumerate(tree.nodes):
        if node.parent >= 0:
            below[node.parent].append(place)
    for places in below.values():
        places.sort(key=lambda place: (tree.nodes[place].end_ns, tree.nodes[place].start_ns))
    return below
