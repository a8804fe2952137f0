"""Order the spans of a trace as a tree that can be drawn, whatever the parents say."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from kansoku_collector.store.read.trace import SpanRow

MISSING = "missing:"  # prefix of the id of a stand-in
SKEW_TOLERANCE_NS = 1_000_000  # some senders write milliseconds; less than one proves no wrong clock


@dataclass(slots=True)
class Node:
    """A row of the waterfall: a span, or a stand-in for a parent that has not arrived.

    `start_ns` counts from the start of the trace; `shift_ns` is what set an evidently wrong clock right.
    """

    span: SpanRow
    depth: int
    parent: int  # place of the parent in the list, -1 at the top
    start_ns: int
    shift_ns: int = 0
    children: int = 0
    self_ns: int = 0
    missing: bool = False
    cycle: bool = False

    @property
    def duration_ns(self) -> int:
        """How long the span took."""
        return self.span.duration_ns

    @property
    def end_ns(self) -> int:
        """Where the span ends, from the start of the trace."""
        return self.start_ns + self.span.duration_ns


@dataclass(slots=True)
class Tree:
    """The rows of a trace from top to bottom, and the time that they cover."""

    nodes: list[Node] = field(default_factory=list)
    length_ns: int = 0

    @property
    def rooted(self) -> bool:
        """Tell whether a span without a parent has arrived."""
        return any(not node.missing and not node.span.parent_span_id for node in self.nodes)

    def place(self, span_id: str) -> int | None:
        """Return the place of a span in `nodes`."""
        return next((i for i, node in enumerate(self.nodes) if node.span.span_id == span_id), None)


def grow(spans: Iterable[SpanRow]) -> Tree:
    """Return every span exactly once, children under their parent by start.

    Children of a parent that is not there hang under a stand-in for it; a circle of parents is cut at its
    earliest span. A child that starts before its parent was timed by another clock: it and all below it move
    to the parent's start, and say so.
    """
    known: dict[str, SpanRow] = {}
    for span in spans:
        known.setdefault(span.span_id, span)
    children: dict[str, list[SpanRow]] = defaultdict(list)
    tops: list[SpanRow] = []
    for span in known.values():
        parent = span.parent_span_id
        if parent:
            children[parent if parent in known else MISSING + parent].append(span)
        else:
            tops.append(span)
    stand_ins = {key: _stand_in(key, below) for key, below in children.items() if key.startswith(MISSING)}
    tops.extend(stand_ins.values())
    walk = _Walk(children)
    for top in sorted(tops, key=_order):
        walk.down(top, missing=top.span_id in stand_ins)
    left = [span for span in known.values() if span.span_id not in walk.places]
    for span in sorted(left, key=_order):
        if span.span_id not in walk.places:
            walk.down(span, cycle=True)
    return _measured(walk.nodes)


class _Walk:
    """A descent that visits each span once; without recursion, for chains may be thousands deep."""

    def __init__(self, children: dict[str, list[SpanRow]]) -> None:
        self.children = {key: sorted(below, key=_order, reverse=True) for key, below in children.items()}
        self.nodes: list[Node] = []
        self.places: dict[str, int] = {}

    def down(self, top: SpanRow, *, missing: bool = False, cycle: bool = False) -> None:
        """Append `top` and everything below it."""
        stack = [(top, -1)]
        while stack:
            span, parent = stack.pop()
            if span.span_id in self.places:
                continue
            above = self.nodes[parent] if parent >= 0 else None
            shift = _shift(span, above)
            node = Node(span, above.depth + 1 if above else 0, parent, span.start_ns + shift, shift)
            self.places[span.span_id] = here = len(self.nodes)
            self.nodes.append(node)
            if above:
                above.children += 1
            else:
                node.missing, node.cycle = missing, cycle
            stack.extend((child, here) for child in self.children.get(span.span_id, ()))


def _shift(span: SpanRow, above: Node | None) -> int:
    if above is None:
        return 0
    # The parent's own correction holds for its children too: they ran beside it.
    late = above.start_ns - (span.start_ns + above.shift_ns)
    return above.shift_ns + (late if late > SKEW_TOLERANCE_NS else 0)


def _stand_in(key: str, below: list[SpanRow]) -> SpanRow:
    start = min(span.start_ns for span in below)
    end = max(span.start_ns + span.duration_ns for span in below)
    return SpanRow(key, "", key.removeprefix(MISSING), "other", start, end - start)


def _order(span: SpanRow) -> tuple[int, int, str]:
    return span.start_ns, -span.duration_ns, span.span_id


def _measured(nodes: list[Node]) -> Tree:
    if not nodes:
        return Tree()
    origin = min(node.start_ns for node in nodes)
    below: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for node in nodes:
        node.start_ns -= origin
        if node.parent >= 0:
            below[node.parent].append((node.start_ns, node.end_ns))
    for place, node in enumerate(nodes):
        inner = merge(below[place], node.start_ns, node.end_ns) if node.children else ()
        covered = sum(end - start for start, end in inner)
        node.self_ns = 0 if node.missing else node.duration_ns - covered
    return Tree(nodes, max(node.end_ns for node in nodes))


def merge(stretches: Iterable[tuple[int, int]], low: int, high: int) -> list[tuple[int, int]]:
    """Return the union of `stretches` inside `low` to `high`, as disjoint stretches in order."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        start, end = max(start, low), min(end, high)  # noqa: PLW2901 - the clipped pair replaces the raw one
        if end <= start:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def idle(tree: Tree, *, least: float = 0.02) -> list[tuple[int, int]]:
    """Return the stretches in which nothing but containers ran, each at least `least` of the trace long.

    A span with children waits for them; work is what the spans without children do.
    """
    busy = merge(((n.start_ns, n.end_ns) for n in tree.nodes if not n.children), 0, tree.length_ns)
    edges = [0, *(edge for stretch in busy for edge in stretch), tree.length_ns]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [(start, end) for start, end in gaps if end - start >= max(1, least * tree.length_ns)]
