"""Turn a tree into what the component draws: columns of plain values, texts already worded."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from kansoku_collector.store.read.trace import SpanRow
from kansoku_dashboard.durations import duration
from kansoku_dashboard.figures.style import colour_of_kind, money, tokens
from kansoku_dashboard.waterfall.path import critical_path
from kansoku_dashboard.waterfall.tree import Node, Tree, idle
from kansoku_dashboard.words import say

IDLE_SHARE = 0.8  # of the trace: from here on the component offers to leave idle time out

GROUPS = {
    "chat": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "embeddings": "embeddings",
    "image": "image",
    "rerank": "rerank",
    "retrieval": "retrieval",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "chain": "chain",
    "guardrail": "guardrail",
    "evaluation": "evaluation",
}

_OPERATION_OF = {kind: operation for operation, kind in reversed(GROUPS.items())} | {"other": "other"}


def group(operation: str) -> str:
    """Return the kind under which an operation is shown; its name is `trace.kind.<kind>`."""
    return GROUPS.get(operation, "other")


def pack(tree: Tree, *, trace_id: str, selected: str, length_ns: int = 0) -> dict[str, Any]:
    """Return the component's data; `selected` is open at first, `length_ns` makes the lanes longer."""
    operations = sorted({node.span.operation for node in tree.nodes})
    gaps, path = idle(tree), critical_path(tree)
    rest = sum(end - start for start, end in gaps) / tree.length_ns if tree.length_ns else 0.0
    return {
        "trace": trace_id,
        "selected": selected,
        "length": max(length_ns, tree.length_ns),
        "kinds": [{"label": _kind(name), "colour": colour_of_kind(name)} for name in operations],
        "bars": [
            {"title": say(f"waterfall.share_of_{name}"), "parts": parts}
            for name, parts in (("time", shares(tree)), ("cost", costs(tree)))
            if parts
        ],
        "path": [figure for segment in path for figure in segment] if len(tree.nodes) > 1 else [],
        "gaps": gaps if rest >= IDLE_SHARE else [],
        "words": {name: say(f"waterfall.{name}") for name in WORDS} | {"count": _count(tree)},
        "notes": {str(place): note for place, node in enumerate(tree.nodes) if (note := _note(node))},
        "errors": [place for place, node in enumerate(tree.nodes) if node.span.status == "error"],
        "rows": _rows(tree, {name: place for place, name in enumerate(operations)}),
    }


WORDS = (
    "span", "tokens", "cost", "fold", "unfold", "fold_all", "unfold_all", "idle", "skipped", "next_error",
    "tree", "error", "path", "on_path", "hours", "minutes", "seconds",
)  # fmt: skip


def _rows(tree: Tree, kinds: dict[str, int]) -> dict[str, list[Any]]:
    nodes = tree.nodes
    return {
        "id": [node.span.span_id for node in nodes],
        "name": [_name(node) for node in nodes],
        "depth": [node.depth for node in nodes],
        "parent": [node.parent for node in nodes],
        "children": [node.children for node in nodes],
        "start": [node.start_ns for node in nodes],
        "duration": [node.duration_ns for node in nodes],
        "kind": [kinds[node.span.operation] for node in nodes],
        "missing": [place for place, node in enumerate(nodes) if node.missing],
        "tokens": [_tokens(node.span) for node in nodes],
        "cost": [price(node.span) for node in nodes],
    }


def shares(tree: Tree) -> list[dict[str, Any]]:
    """Return the part of each kind in the time worked, largest first; a container's own time alone."""
    worked: dict[str, int] = defaultdict(int)
    for node in tree.nodes:
        worked[group(node.span.operation)] += node.self_ns
    return _parts(worked, lambda time: duration(time / 1e9))


def costs(tree: Tree) -> list[dict[str, Any]]:
    """Return the part of each kind in the money spent, largest first; calls without a price are not in it."""
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for node in tree.nodes:
        spent[group(node.span.operation)] += node.span.cost_usd
    return _parts(spent, lambda usd: money(float(usd)))


def _parts(amounts: Mapping[str, Any], write: Callable[[Any], str]) -> list[dict[str, Any]]:
    whole = sum(amounts.values())
    ordered = sorted(((amount, kind) for kind, amount in amounts.items() if amount), reverse=True)
    return [
        {
            "colour": colour_of_kind(_OPERATION_OF[kind]),
            "part": float(amount / whole),
            "label": f"{say(f'trace.kind.{kind}')} {_percent(float(amount / whole))}",
            "amount": write(amount),
        }
        for amount, kind in ordered
    ]


def _percent(part: float) -> str:
    # The rest of a bar must not read as nothing.
    return ">99%" if 0.995 <= part < 1 else "<1%" if part < 0.005 else f"{part:.0%}"


def price(span: SpanRow) -> str:
    """Return what a span cost in words: nothing for what has no price, never $0 for an unknown one."""
    if span.cost_source == "unpriced":
        return say("trace.unpriced")
    if not span.cost_source or (span.cost_usd == Decimal(0) and not span.billed):
        return ""
    return money(float(span.cost_usd))


def _count(tree: Tree) -> str:
    number = sum(not node.missing for node in tree.nodes)
    return say("waterfall.count_one") if number == 1 else say("waterfall.count", count=f"{number:,}")


def _name(node: Node) -> str:
    return say("waterfall.missing") if node.missing else node.span.name or say("waterfall.unnamed")


def _tokens(span: SpanRow) -> str:
    return "" if span.tokens is None or not span.billed else tokens(span.tokens)


def _kind(operation: str) -> str:
    return say(f"trace.kind.{group(operation)}")


def _note(node: Node) -> str:
    if node.missing:
        return say("waterfall.missing_note", id=node.span.name)
    if node.cycle:
        return say("waterfall.cycle_note")
    if node.shift_ns:
        return say("waterfall.skew_note", ms=f"{node.shift_ns / 1e6:+,.1f}")
    return ""
