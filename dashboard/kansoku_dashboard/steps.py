"""What differs between two traces, step by step."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from kansoku_dashboard.waterfall.tree import Tree


@dataclass(slots=True)
class Sum:
    """All spans of one name in one trace; `seconds` is their own time, without that of their children."""

    spans: int = 0
    errors: int = 0
    seconds: float = 0.0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0


@dataclass(slots=True)
class Step:
    """A step by name and operation, with its sums in the two traces."""

    name: str
    operation: str
    left: Sum = field(default_factory=Sum)
    right: Sum = field(default_factory=Sum)

    @property
    def difference(self) -> float:
        """Seconds by which the right trace took longer."""
        return self.right.seconds - self.left.seconds


def steps(left: Tree, right: Tree) -> list[Step]:
    """Return the steps of both traces, those that differ most in time first."""
    found: dict[tuple[str, str], Step] = {}
    for tree, side in ((left, "left"), (right, "right")):
        for key, total in _sums(tree):
            setattr(found.setdefault(key, Step(*key)), side, total)
    return sorted(found.values(), key=lambda step: (-abs(step.difference), step.name, step.operation))


def _sums(tree: Tree) -> Iterable[tuple[tuple[str, str], Sum]]:
    sums: dict[tuple[str, str], Sum] = defaultdict(Sum)
    for node in tree.nodes:
        if node.missing:
            continue
        total = sums[node.span.name, node.span.operation]
        total.spans += 1
        total.errors += node.span.status == "error"
        total.seconds += node.self_ns / 1e9
        total.tokens += (node.span.tokens or 0) if node.span.billed else 0
        total.cost_usd += node.span.cost_usd
        total.unpriced += node.span.cost_source == "unpriced"
    return sums.items()
