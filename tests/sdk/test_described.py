"""Two spans that describe one call: which is noted, and what is left of the outer one."""

from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from kansoku import semconv
from kansoku.calls import described
from kansoku.calls.call_watch import note_call

CALL = {"gen_ai.operation.name": "chat"}


def marked(attributes: dict[str, Any], operation: str, scope: str = "theirs", **provider: Any) -> bool:
    """Tell whether a span with these attributes is noted as described by a call inside."""
    tracer = TracerProvider(shutdown_on_exit=False, **provider).get_tracer(scope)
    with tracer.start_as_current_span("outer", attributes=attributes) as span:
        note_call(context.get_current(), operation)
        return semconv.DESCRIBED in (getattr(span, "attributes", None) or {})


@pytest.mark.parametrize(
    ("attributes", "operation", "expected"),
    [
        (CALL, "chat", True),
        (CALL, "generate_content", True),
        (CALL, "embeddings", False),
        ({"gen_ai.operation.name": "embeddings"}, "embeddings", True),
        ({"gen_ai.operation.name": "invoke_agent"}, "chat", False),
        ({"openinference.span.kind": "LLM"}, "chat", True),
        ({"openinference.span.kind": "EMBEDDING"}, "embeddings", True),
        ({"openinference.span.kind": "CHAIN"}, "chat", False),
        ({"llm.request.type": "completion"}, "text_completion", True),
        ({"http.request.method": "POST"}, "chat", False),
        ({}, "chat", False),
    ],
)
def test_only_a_span_of_the_same_call_is_noted(
    attributes: dict[str, Any], operation: str, expected: bool
) -> None:
    """An agent, a request or another kind of call around a call stays what it is."""
    assert marked(attributes, operation) is expected


def test_spans_of_our_own_are_never_noted() -> None:
    """Ours know by themselves whether a client below has described their call."""
    assert not marked(CALL, "chat", scope="kansoku")


def test_spans_that_record_nothing_are_left_alone() -> None:
    """Neither a span that was not sampled nor one of another process has room for a note."""
    assert not marked(CALL, "chat", sampler=ALWAYS_OFF)
    remote = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=True))
    described.mark(trace.set_span_in_context(remote), "chat")
    described.mark(context.Context(), "chat")


def test_a_step_says_nothing_of_the_call() -> None:
    """Tokens, cost, model and messages go, in every dialect; who, where and what happened stay."""
    kept = {"session.id": "s", "error.type": "E", "tag.tags": ("a",), "gen_ai.agent.name": "guide"}
    said = {
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.request.model": "m",
        "gen_ai.response.id": "r",
        "gen_ai.prompt.0.content": "q",
        "gen_ai.completion.0.content": "a",
        "gen_ai.input.messages": "[]",
        "llm.token_count.prompt": 10,
        "llm.input_messages.0.message.content": "q",
        "llm.usage.total_tokens": 15,
        "llm.request.type": "chat",
        "openinference.span.kind": "LLM",
        "input.value": "q",
        "operation.cost": 0.1,
        "kansoku.described": True,
    }
    events = [SimpleNamespace(name="gen_ai.choice"), SimpleNamespace(name="exception")]
    span = SimpleNamespace(attributes={**kept, **said, **CALL}, events=events, name="chat m")
    step = described.as_step(span)
    expected = {"kansoku.kind": "chain", "gen_ai.operation.name": "invoke_workflow"}
    assert step.attributes == {**kept, **expected}
    assert [event.name for event in step.events] == ["exception"]
    assert step.name == "chat m"
    assert len(span.attributes) == len(kept) + len(said) + 1


def test_other_spans_pass_as_they_are() -> None:
    """A call that nothing describes, and a span without attributes, are not touched."""
    for attributes in (CALL, {}, None):
        span = SimpleNamespace(attributes=attributes)
        assert described.as_step(span) is span
