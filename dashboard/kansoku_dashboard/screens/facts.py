"""The figures of a whole trace: its name, how long it took, what it cost, how it was liked."""

from collections.abc import Sequence
from decimal import Decimal

import streamlit as st

from kansoku_collector.model import Feedback
from kansoku_dashboard.durations import duration
from kansoku_dashboard.screens import amounts, messages
from kansoku_dashboard.text import plain
from kansoku_dashboard.waterfall.tree import Tree
from kansoku_dashboard.words import say


def title(tree: Tree) -> str:
    """Return the name of the trace, safe inside Markdown."""
    tops = [node for node in tree.nodes if node.parent < 0]
    # The true root, else the stand-in for it, else what a circle of parents left.
    tops.sort(key=lambda node: (bool(node.span.parent_span_id), not node.missing))
    if not tops or tops[0].missing:
        return say("waterfall.missing")
    return messages.label(tops[0].span.name) or say("waterfall.unnamed")


def took(tree: Tree) -> float:
    """Return how long the trace took: its root, or from the first start to the last end."""
    roots = [node.duration_ns for node in tree.nodes if not node.missing and not node.span.parent_span_id]
    return (max(roots) if roots else tree.length_ns) / 1e9


def first(tree: Tree) -> str:
    """Return the span to open first: an error without a failed child, the deepest cause; else the top."""
    failed = {place for place, node in enumerate(tree.nodes) if node.span.status == "error"}
    causes = failed - {tree.nodes[place].parent for place in failed}
    received = (place for place, node in enumerate(tree.nodes) if not node.missing)
    place = min(causes or received, default=0)
    return tree.nodes[place].span.span_id if tree.nodes else ""


def chips(tree: Tree, given: Sequence[Feedback]) -> None:
    """Draw the figures as badges."""
    spans = [node.span for node in tree.nodes if not node.missing]
    calls = [item for item in spans if item.billed]
    unpriced = sum(item.cost_source == "unpriced" for item in spans)
    used = sum(item.tokens or 0 for item in calls)
    told = any(item.tokens is not None for item in calls)  # a vendor may well count none
    cost = sum((item.cost_usd for item in spans), Decimal(0))
    errors = sum(item.status == "error" for item in spans)
    st.badge(duration(took(tree)), icon=":material/schedule:", color="gray")
    if calls or cost:
        said = amounts.cost(cost, known=told, unpriced=unpriced)
        st.badge(plain(said), icon=":material/payments:", color="orange" if unpriced else "gray")
        label = say("trace.tokens", count=f"{used:,}") if told else say("trace.tokens_unknown")
        st.badge(label, icon=":material/token:", color="gray")
    if errors:
        st.badge(say("trace.errors", count=errors), icon=":material/error:", color="red")
    votes = [item.value >= 0.5 for item in given if item.name == "like" and item.value is not None]
    if likes := votes.count(True):
        st.badge(_counted("trace.liked", likes), icon=":material/thumb_up:", color="green")
    if dislikes := votes.count(False):
        st.badge(_counted("trace.disliked", dislikes), icon=":material/thumb_down:", color="orange")


def _counted(key: str, number: int) -> str:
    return f"{say(key)} {number}" if number > 1 else say(key)
