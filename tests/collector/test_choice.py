"""Which dialect reads a span, remembered by scope and names."""

import pytest

from kansoku_collector.model import Attributes, Event, RawSpan
from kansoku_collector.normalise.choice import Read, choose
from kansoku_collector.normalise.dialects import claude_code, gen_ai, logfire, openinference, openlit

PENDING = {"logfire.span_type": "pending_span", "openinference.span.kind": "LLM"}
DETAILS = [Event("gen_ai.client.inference.operation.details", 1, {})]


def raw_span(
    attributes: Attributes, *, name: str = "step", scope: str = "", events: list[Event] | None = None
) -> RawSpan:
    """Return a span as it arrived."""
    ids = ("0" * 31 + "1", "0" * 15 + "1", "")
    return RawSpan(*ids, name, 1, 2, 0, "", attributes, events or [], [], {}, scope, "")


@pytest.mark.parametrize(
    ("span", "read"),
    [
        (raw_span({"gen_ai.operation.name": "chat"}), gen_ai.read),
        (raw_span({"gen_ai.operation.name": "chat"}, scope="openlit.otel"), openlit.read),
        (raw_span({"x": 1}), None),
        (raw_span({"x": 1}, name="claude_code.tool"), claude_code.read),
        (raw_span({"x": 1}, events=DETAILS), gen_ai.read),
        (raw_span({"telemetry.sdk.name": "openlit"}), openlit.read),
        (raw_span({"telemetry.sdk.name": "opentelemetry"}), None),
        (raw_span(PENDING), logfire.read),
        (raw_span({**PENDING, "logfire.span_type": "span"}), openinference.read),
    ],
)
def test_a_remembered_choice_is_the_one_made_at_first(span: RawSpan, read: Read | None) -> None:
    """Spans with the same names that differ in what else decides are read by their own dialects."""
    assert choose(span) is read
    assert choose(span) is read


def test_names_without_end_do_not_fill_the_memory() -> None:
    """A sender that makes up names is read like any other, and what is remembered stays bounded."""
    for number in range(5000):
        assert choose(raw_span({"gen_ai.operation.name": "chat", f"made.up.{number}": 1})) is gen_ai.read
    assert choose(raw_span({"made.up": 1})) is None
