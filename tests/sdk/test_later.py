"""What is read in the background is what was said at the time, whatever the program did meanwhile."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import kansoku
from kansoku import guard
from kansoku.spans.tracer import Ids, Provider

ASK: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "ごみの収集日は？"}]
TOOL = {"type": "function", "function": {"name": "find", "description": "d", "parameters": {"a": {"b": 1}}}}


class Waiting(SpanProcessor):
    """Keeps ended spans without looking at them, as the queue does."""

    reads_later = True

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span."""
        self.spans.append(span)


def start(provider: TracerProvider) -> None:
    """Start the SDK with nothing but its instruments on a provider."""
    kansoku.init(endpoint="http://127.0.0.1:42099", api_key="ksk_test", tracer_provider=provider)


def stop() -> None:
    """Take the SDK down; fail if it has swallowed a fault of its own."""
    kansoku.uninstrument()
    kansoku.shutdown(timeout=5)
    assert not guard.failures


@pytest.fixture
def later() -> Iterator[list[ReadableSpan]]:
    """Start the SDK on a provider of its own kind, whose only reader reads when the test does."""
    guard.failures.clear()
    provider, waiting = Provider(shutdown_on_exit=False, id_generator=Ids()), Waiting()
    start(provider)
    # In place of ours, which would send them away.
    provider._active_span_processor._span_processors = (waiting,)
    yield waiting.spans
    stop()


def at_once(use: Callable[[], Any]) -> list[dict[str, Any]]:
    """Return what the spans say that `use` makes where everything is read at the call's end."""
    memory, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    start(provider)
    use()
    stop()
    return [said(span) for span in memory.get_finished_spans()]


def said(span: ReadableSpan) -> dict[str, Any]:
    """Return what a span says, without ids and times."""
    clocked = ("time", "tokens_per_second")
    attributes = {k: v for k, v in (span.attributes or {}).items() if not any(word in k for word in clocked)}
    return {
        "name": span.name,
        "kind": span.kind,
        "status": (span.status.status_code, span.status.description),
        "attributes": attributes,
        "events": len(span.events),
    }


QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("chat.json", {"temperature": 0.2, "user": "u", "stop": "。", "seed": 7}),
    "tools": ("chat.json", {"tools": [TOOL], "tool_choice": "auto"}),
    "json": ("chat.json", {"response_format": {"type": "json_object"}}),
    "stream": ("chat_stream.sse", {"stream": True, "stream_options": {"include_usage": True}}),
    "stream of tools": ("chat_stream_tools.sse", {"stream": True, "tools": [TOOL]}),
    "stream without usage": ("chat_stream_no_usage.sse", {"stream": True}),
    "tool call": ("chat_tools.json", {}),
    "refused": ("rate_limit.json", {}),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_span_read_later_says_what_one_read_at_once_says(
    model: Any, later: list[ReadableSpan], question: str
) -> None:
    """Copies lose nothing: both ways of reading tell the same of every kind of call."""
    file, arguments = QUESTIONS[question]

    def ask() -> None:
        client = model(file, 429 if question == "refused" else 200).client()
        try:
            answer = client.chat.completions.create(model="gpt-4o-mini", messages=ASK, **arguments)
        except Exception:  # noqa: BLE001 - what the vendor refuses has a span, too
            return
        if arguments.get("stream"):
            list(answer)

    ask()
    found = [said(span) for span in later]
    stop()
    assert found == at_once(ask)
    assert found[0]["attributes"]["gen_ai.request.model"] == "gpt-4o-mini"


@pytest.mark.parametrize("parts", [False, True])
def test_messages_that_the_program_changes_afterwards_are_told_as_they_were(
    model: Any, later: list[ReadableSpan], parts: bool
) -> None:
    """A loop that appends to its list of messages, or reuses one, does not rewrite what it asked before."""
    asked: Any = {"role": "user", "content": [{"type": "text", "text": "first"}] if parts else "first"}
    messages = [asked]
    model("chat.json").client().chat.completions.create(model="gpt-4o-mini", messages=messages)
    messages.append({"role": "user", "content": "second"})
    if parts:
        asked["content"][0]["text"] = "changed"
    else:
        asked["content"] = "changed"
    attributes: Any = later[0].attributes
    assert "first" in attributes["gen_ai.input.messages"]
    assert "second" not in attributes["gen_ai.input.messages"]
    assert "changed" not in attributes["gen_ai.input.messages"]


def test_an_answer_that_the_program_changes_afterwards_is_told_as_it_was(
    model: Any, later: list[ReadableSpan]
) -> None:
    """Text and usage of an answer belong to the program once it has it; the span keeps its own."""
    answer = model("chat.json").client().chat.completions.create(model="gpt-4o-mini", messages=ASK)
    sent = answer.usage.prompt_tokens
    answer.choices[0].message.content = "changed"
    answer.choices[0].finish_reason = "length"
    answer.usage.prompt_tokens = 999_999
    answer.usage.prompt_tokens_details.cached_tokens = 999_999
    answer.usage = None
    answer.choices = []
    attributes: Any = later[0].attributes
    assert "火曜日" in attributes["gen_ai.output.messages"]
    assert attributes["gen_ai.usage.input_tokens"] == sent
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)


def test_a_second_reader_gets_the_whole_span_when_it_ends(model: Any) -> None:
    """Where somebody else reads the provider's spans too, nothing is left for later."""
    guard.failures.clear()
    seen: list[dict[str, Any]] = []

    class Reading(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            seen.append(dict(span.attributes or {}))

    provider = Provider(shutdown_on_exit=False, id_generator=Ids())
    start(provider)
    provider.add_span_processor(Reading())
    model("chat.json").client().chat.completions.create(model="gpt-4o-mini", messages=ASK)
    stop()
    assert "火曜日" in seen[0]["gen_ai.output.messages"]


def test_an_ended_span_stays_as_it_is(later: list[ReadableSpan], model: Any) -> None:
    """Whoever holds on to the span of a call cannot change it after its end, nor end it again."""
    from opentelemetry import trace

    held: list[trace.Span] = []

    class Holding(SpanProcessor):
        reads_later = True

        def on_start(self, span: Any, parent_context: Any = None) -> None:  # noqa: ARG002
            held.append(span)

        def on_end(self, span: ReadableSpan) -> None:
            later.append(span)

    from kansoku.spans import provider

    current: Any = provider.current()
    current._active_span_processor._span_processors = (Holding(),)
    model("chat.json").client().chat.completions.create(model="gpt-4o-mini", messages=ASK)
    ended = later[0].end_time
    held[0].set_attribute("late", True)
    held[0].set_status(StatusCode.ERROR)
    held[0].end(ended + 1 if ended else 1)
    assert len(later) == 1
    assert later[0].end_time == ended
    assert "late" not in (later[0].attributes or {})
    assert later[0].status.status_code is StatusCode.UNSET
