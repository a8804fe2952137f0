"""Two traces side by side: one scale, the steps that differ, both conversations."""

from decimal import Decimal

import pytest
import trace_samples as samples
from charts import given_to

from kansoku_collector.store.read.trace import SpanRow
from kansoku_dashboard.steps import steps
from kansoku_dashboard.waterfall.tree import grow

MS = 1_000_000


def row(span_id, parent="", start=0, duration=100, **values):
    """Return a span; times are milliseconds."""
    name = values.pop("name", span_id)
    operation = values.pop("operation", "chain")
    return SpanRow(span_id, parent, name, operation, start * MS, duration * MS, **values)


def drawn(app):
    """Return the data of the two waterfalls."""
    return given_to(app, "kansoku_waterfall")


def test_steps_are_matched_by_name_and_the_largest_difference_in_time_comes_first():
    """Own time: a parent is not slower because its child is."""
    left = grow([row("a", "", 0, 100), row("b", "a", 0, 60, name="search", operation="retrieval")])
    right = grow(
        [
            row("x", "", 0, 400, name="a"),
            row("y", "x", 0, 200, name="search", operation="retrieval"),
            row("z", "x", 200, 160, name="search", operation="retrieval", status="error"),
        ]
    )
    found = steps(left, right)
    assert [(step.name, step.left.spans, step.right.spans) for step in found] == [
        ("search", 1, 2),
        ("a", 1, 1),
    ]
    assert found[0].difference == pytest.approx(0.3)
    assert found[1].difference == pytest.approx(0.0)
    assert (found[0].left.errors, found[0].right.errors) == (0, 1)


def test_a_step_that_one_trace_lacks_is_shown_and_money_adds_up():
    """What is new is often the answer."""
    call = {"operation": "chat", "billed": True, "tokens": 7, "cost_source": "computed"}
    left = grow(
        [row("a", cost_usd=Decimal("0.1"), **call), row("b", cost_usd=Decimal("0.2"), name="a", **call)]
    )
    (step, new) = sorted(steps(left, grow([row("n")])), key=lambda one: one.name)
    assert (step.left.tokens, step.left.cost_usd, step.right.spans) == (14, Decimal("0.3"), 0)
    assert (new.left.spans, new.right.spans) == (0, 1)


def test_both_traces_stand_on_one_scale_with_their_figures(open_trace):
    """The same length on both lanes is the same time."""
    app = open_trace(samples.ANSWER, **{"with": samples.TOOLS})
    assert not app.exception
    left, right = drawn(app)
    assert left["trace"] == samples.ANSWER
    assert right["trace"] == samples.TOOLS
    assert left["length"] == right["length"] == 9_000_000_000
    table = app.dataframe[0].value.to_dict("records")
    weather = next(entry for entry in table if entry["name"] == "weather")
    assert (weather["spans_left"], weather["spans_right"], weather["difference"]) == (
        "–",
        "1 ✕ 1",
        "only in B",
    )
    shown = [element.value for element in (*app.text, *app.code)]
    assert "ごみの収集日を教えてください。" in shown
    assert '{\n  "city": "大阪"\n}' in shown


def test_a_neighbour_or_a_pasted_link_is_set_beside(open_trace):
    """The list that the reader came from is at hand, and so is a colleague's link."""
    app = open_trace(samples.ANSWER, list="range=1h")
    app.button(key="compare_next").click().run()
    assert app.query_params["with"] in (samples.TOOLS, [samples.TOOLS])
    app = open_trace(samples.ANSWER)
    app.text_input(key="compare_id").set_value(f"https://x.example/trace?trace={samples.HOUSE}&span=1")
    next(button for button in app.button if button.label == "Compare").click().run()
    assert app.query_params["with"] in (samples.HOUSE, [samples.HOUSE])


def test_the_sides_can_be_swapped_and_the_comparison_closed(open_trace):
    """A against B reads the other way round after a click."""
    app = open_trace(samples.ANSWER, **{"with": samples.TOOLS})
    next(button for button in app.button if button.label == "Swap").click().run()
    assert [given["trace"] for given in drawn(app)] == [samples.TOOLS, samples.ANSWER]
    next(button for button in app.button if "Close" in button.label).click().run()
    assert "with" not in app.query_params
    assert len(drawn(app)) == 1


@pytest.mark.parametrize(
    ("other", "said"), [(samples.ANSWER, "compared with itself"), ("f" * 32, "No trace"), ("<b>", "No trace")]
)
def test_what_cannot_be_compared_says_so(open_trace, other, said):
    """A wrong id is told, and the way back is there."""
    app = open_trace(samples.ANSWER, **{"with": other})
    assert not app.exception
    assert said in app.warning[0].value


def test_a_hostile_trace_beside_another_is_as_inert_as_alone(open_trace):
    """No mark of Markdown, no address and no control character reaches the page."""
    import re

    app = open_trace(samples.HOSTILE, **{"with": samples.ANSWER})
    assert not app.exception
    for element in (*app.markdown, *app.caption, *app.error):
        bare = re.sub(r"\\.", "", str(element.value))
        for mark in ("<script", "![", "](", "http:", "www.", "@evil", "\x1b", "\u202e"):
            assert mark not in bare
    assert not app.get("imgs")
