"""The tree of a trace and what the waterfall draws: any shape of parents, any length of time."""

import json
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kansoku_collector.store.read.trace import SpanRow
from kansoku_dashboard import waterfall
from kansoku_dashboard.screens import facts
from kansoku_dashboard.waterfall import tree as trees
from kansoku_dashboard.waterfall.pack import pack, price
from kansoku_dashboard.waterfall.path import critical_path
from kansoku_dashboard.waterfall.tree import MISSING, grow, idle, merge

MS = 1_000_000


def row(span_id, parent="", start=0, duration=100, **values):
    """Return a span; times are milliseconds."""
    return SpanRow(
        span_id,
        parent,
        values.pop("name", span_id),
        values.pop("operation", "chain"),
        start * MS,
        duration * MS,
        **values,
    )


ids = st.integers(0, 12).map(str)
anything = st.lists(
    st.builds(
        row, ids, st.one_of(st.just(""), ids, st.just("gone")), st.integers(-50, 10_000), st.integers(0, 5000)
    )
)


@given(anything)
def test_every_span_appears_exactly_once_whatever_the_parents(spans):
    """Missing, own, circular and doubled parents lose nothing and repeat nothing."""
    nodes = grow(spans).nodes
    shown = [node.span.span_id for node in nodes if not node.missing]
    assert sorted(shown) == sorted({span.span_id for span in spans})


@given(anything)
def test_rows_stand_below_their_parent_and_inside_the_time_of_the_trace(spans):
    """What the component relies on: parents first, depth by one, times from 0 to the length."""
    grown = grow(spans)
    for place, node in enumerate(grown.nodes):
        assert node.parent < place
        assert node.depth == (grown.nodes[node.parent].depth + 1 if node.parent >= 0 else 0)
        assert 0 <= node.start_ns <= node.end_ns <= grown.length_ns
        assert 0 <= node.self_ns <= node.duration_ns
        if node.parent >= 0:
            assert grown.nodes[node.parent].start_ns - node.start_ns <= trees.SKEW_TOLERANCE_NS
    assert sum(node.children for node in grown.nodes) == sum(node.parent >= 0 for node in grown.nodes)


@given(anything)
def test_whatever_the_tree_it_can_be_drawn(spans):
    """The data is JSON with one value a row in every column."""
    data = json.loads(waterfall.encode(grow(spans), trace_id="t", selected=""))
    columns = [values for name, values in data["rows"].items() if name != "missing"]
    assert len({len(values) for values in columns}) == 1


def test_children_stand_under_their_parent_by_start():
    """The order of arrival does not matter."""
    nodes = grow([row("c", "a", 50), row("b", "a", 10), row("a"), row("d", "b", 20)]).nodes
    assert [(node.span.span_id, node.depth) for node in nodes] == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]


def test_children_of_a_missing_parent_hang_together_under_a_stand_in():
    """A running trace has no root yet; its children must not look like separate requests."""
    grown = grow([row("b", "gone", 10, 20), row("c", "gone", 40, 60)])
    assert [node.span.span_id for node in grown.nodes] == [f"{MISSING}gone", "b", "c"]
    assert grown.nodes[0].missing
    assert grown.nodes[0].duration_ns == 90 * MS
    assert grown.nodes[0].self_ns == 0
    assert not grown.rooted


def test_a_circle_of_parents_is_cut_at_its_earliest_span():
    """A circle has no top; without a cut its spans would vanish."""
    nodes = grow([row("a", "b", 10), row("b", "a", 5), row("self", "self", 30)]).nodes
    assert [(node.span.span_id, node.depth, node.cycle) for node in nodes] == [
        ("b", 0, True),
        ("a", 1, False),
        ("self", 0, True),
    ]


def test_a_wrong_clock_is_set_right_for_the_whole_branch_and_said():
    """A child cannot start before its parent; without the shift three seconds of nothing would be drawn."""
    grown = grow([row("a", "", 1000, 100), row("b", "a", -2000, 50), row("c", "b", -1990, 10)])
    assert [(node.start_ns // MS, node.shift_ns // MS) for node in grown.nodes] == [
        (0, 0),
        (0, 3000),
        (10, 3000),
    ]
    assert grown.length_ns == 100 * MS
    assert "+3,000.0" in pack(grown, trace_id="t", selected="")["notes"]["1"]


def test_less_than_a_millisecond_proves_no_wrong_clock():
    """Senders that write milliseconds cut the rest off."""
    early = SpanRow("b", "a", "b", "chain", 999_500, MS)
    assert [node.shift_ns for node in grow([row("a", "", 1), early]).nodes] == [0, 0]


def test_own_time_leaves_out_what_children_cover_once():
    """Two children side by side cover their stretch once; one that runs on covers nothing after the end."""
    nodes = grow(
        [row("a", "", 0, 100), row("b", "a", 10, 40), row("c", "a", 30, 40), row("d", "a", 90, 500)]
    ).nodes
    assert [node.self_ns // MS for node in nodes] == [30, 40, 40, 500]


def test_a_chain_of_thousands_is_no_recursion():
    """Agents that call themselves reach depths where recursion ends a program."""
    nodes = grow([row("0"), *(row(str(n), str(n - 1)) for n in range(1, 5000))]).nodes
    assert nodes[-1].depth == 4999


def test_merge_joins_what_touches_and_clips_what_stands_out():
    """The basis of own time and idle time."""
    assert merge([(5, 9), (0, 3), (3, 4), (8, 20)], 1, 10) == [(1, 4), (5, 10)]


def test_idle_time_is_where_only_containers_run():
    """A poll every half hour leaves two hours mostly empty: the component offers to leave that out."""
    spans = [row("a", "", 0, 7200_000), row("b", "a", 0, 10_000), row("c", "a", 3600_000, 10_000)]
    assert idle(grow(spans)) == [(10_000 * MS, 3600_000 * MS), (3610_000 * MS, 7200_000 * MS)]
    assert len(pack(grow(spans), trace_id="t", selected="")["gaps"]) == 2
    busy = [row("a", "", 0, 100), row("b", "a", 0, 60)]
    assert pack(grow(busy), trace_id="t", selected="")["gaps"] == []


def bars(spans):
    """Return by title the parts of the bars above the tree: label and amount."""
    packed = pack(grow(spans), trace_id="t", selected="")
    return {bar["title"]: [(p["label"], p["amount"]) for p in bar["parts"]] for bar in packed["bars"]}


def test_shares_are_of_the_time_worked_and_of_the_money_spent():
    """Two bars answer: where did the time go, and where the money."""
    spans = [
        row("a", "", 0, 100),
        row("b", "a", 0, 60, operation="chat", cost_usd=Decimal("0.03"), cost_source="computed", billed=True),
        row("c", "a", 60, 20, operation="embeddings", cost_usd=Decimal("0.01"), cost_source="computed"),
    ]
    assert bars(spans) == {
        "Time": [("llm 60%", "60 ms"), ("embeddings 20%", "20 ms"), ("chain 20%", "20 ms")],
        "Cost": [("llm 75%", "$0.0300"), ("embeddings 25%", "$0.0100")],
    }


def test_without_a_known_cost_there_is_no_bar_of_money():
    """A bar of nothing would say that everything was free."""
    assert list(bars([row("a", cost_source="unpriced", billed=True)])) == ["Time"]


def path_of(spans):
    """Return the critical path as (name, from, to) in milliseconds."""
    tree = grow(spans)
    return [
        (tree.nodes[place].span.span_id, start // MS, end // MS) for place, start, end in critical_path(tree)
    ]


def test_the_critical_path_is_what_the_end_waited_for():
    """Of two that ran side by side only the later one held things up; between children the parent worked."""
    spans = [
        row("root", "", 0, 100),
        row("quick", "root", 10, 20),
        row("slow", "root", 10, 50),
        row("inner", "slow", 20, 30),
        row("last", "root", 70, 20),
    ]
    assert path_of(spans) == [
        ("root", 0, 10),
        ("slow", 10, 20),
        ("inner", 20, 50),
        ("slow", 50, 60),
        ("root", 60, 70),
        ("last", 70, 90),
        ("root", 90, 100),
    ]


def test_what_outlives_its_parent_counts_only_while_the_parent_waited():
    """A task that was sent off and forgotten is on nobody's path."""
    spans = [row("root", "", 0, 50), row("child", "root", 10, 20), row("stray", "child", 15, 500)]
    assert path_of(spans)[-1] == ("root", 30, 50)
    assert ("stray", 15, 30) in path_of(spans)


@given(anything)
def test_the_critical_path_covers_the_top_span_once(spans):
    """Segments follow one another without overlap, whatever the tree."""
    tree = grow(spans)
    path = critical_path(tree)
    for before, after in pairwise(path):
        assert before.start_ns < before.end_ns
        assert abs(before.end_ns - after.start_ns) <= trees.SKEW_TOLERANCE_NS
    if path:
        assert path[-1].end_ns == max(node.end_ns for node in tree.nodes if node.parent < 0)


def test_the_critical_path_of_a_chain_of_thousands_is_no_recursion():
    """A runaway agent is when the path is wanted."""
    chain = [row(str(n), str(n - 1) if n else "", n, 20_000 - 2 * n) for n in range(5000)]
    assert len(critical_path(grow(chain))) == 9999


def test_an_unknown_price_is_a_word_and_no_call_has_no_price():
    """$0.00 for an unknown price is a lie that adds up."""
    assert price(row("a", cost_source="unpriced", billed=True)) == "unpriced"
    assert price(row("a")) == ""
    assert "0.00" not in price(row("a", cost_source="computed", billed=True))


def test_the_component_puts_foreign_text_in_as_text():
    """One innerHTML would make every prompt a script."""
    from importlib.resources import files

    folder = files("kansoku_dashboard.waterfall")
    source = "".join((folder / name).read_text() for name in ("waterfall.js", "scale.js"))
    for door in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "http:",
        "https:",
    ):
        assert door not in source


def test_a_call_that_counted_no_token_is_not_one_of_unknown_usage(monkeypatch):
    """The header of a trace says what its span says: 0 tokens, and a dash only where nobody counted."""
    said: list[str] = []
    monkeypatch.setattr(facts.st, "badge", lambda text, **_: said.append(text))
    facts.chips(grow([row("a", billed=True, tokens=0, cost_source="computed")]), [])
    facts.chips(grow([row("a", billed=True, tokens=None)]), [])
    assert [text.strip("\\") for text in said] == [
        "100 ms",
        "$0",
        "0 tokens",
        "100 ms",
        "–",
        "tokens unknown",
    ]
