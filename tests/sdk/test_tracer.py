"""Spans of our own provider say what the SDK's say, and are made its way where anything is unusual."""

import os
import random
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from kansoku.spans.tracer import Ids, Provider, QuickSpan, QuickTracer, start_call


class Word(str):
    """A string that is more than one."""

    __slots__ = ()


def told(provider: TracerProvider, use: Any) -> list[dict[str, Any]]:
    """Return what the spans say that `use` makes, without ids and times."""
    memory = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    use(provider.get_tracer("a library", "1.2", schema_url="https://example.org/schema"))
    found = []
    for span in memory.get_finished_spans():
        parent, context = span.parent, span.context
        said = {
            "name": span.name,
            "kind": span.kind,
            "status": (span.status.status_code, span.status.description),
            "context": (context.trace_flags, context.trace_state, context.is_remote, context.is_valid),
            "parent": parent and (parent.trace_flags, parent.is_remote, parent.is_valid),
            "attributes": {key: (type(value), value) for key, value in (span.attributes or {}).items()},
            "events": [(event.name, dict(event.attributes or {})) for event in span.events],
            "links": [dict(link.attributes or {}) for link in span.links],
            "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
            "scope": span.instrumentation_scope,
            "resource": span.resource,
        }
        found.append(said)
    return found


def both(use: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what the SDK's provider and ours make of the same program."""
    resource = Resource({"service.name": "s"})
    theirs = TracerProvider(resource=resource, shutdown_on_exit=False)
    ours = Provider(resource=resource, shutdown_on_exit=False, id_generator=Ids())
    return told(theirs, use), told(ours, use)


def write_everything(tracer: trace.Tracer) -> None:
    """Make spans with everything that a span may have."""
    given: dict[str, Any] = {
        "text": "t",
        "whole": 1,
        "real": 0.5,
        "yes": True,
        "list": ["a", "b"],
        "nested": {"a": [1, {}]},
    }
    with tracer.start_as_current_span("outer", kind=trace.SpanKind.CLIENT, attributes=given) as outer:
        outer.set_attributes({"text": "again", "words": (Word("a"), "b"), "bytes": b"b", "none": None, "": 1})
        outer.set_attributes({7: "seven", "object": object, "mixed": [1, "a", 0.5], "word": Word("w")})  # type: ignore[dict-item]
        inner = tracer.start_span(
            "inner", start_time=5, links=[trace.Link(outer.get_span_context(), {"l": 1})]
        )
        inner.add_event("event", {"a": [1, 2]}, timestamp=6)
        inner.set_status(trace.StatusCode.ERROR, "words")
        inner.update_name("renamed")
        inner.end(7)
        inner.end(8)
        inner.set_attribute("late", True)
        try:
            with tracer.start_as_current_span("failing", record_exception=False):
                raise ValueError("wrong")
        except ValueError:
            pass
    many = tracer.start_span("many", attributes={f"key{number}": number for number in range(100)})
    many.set_attributes({f"key{number}": -number for number in range(60, 200)})
    many.add_link(outer.get_span_context())
    many.end()


@pytest.mark.parametrize("sampled", [True, False])
@pytest.mark.parametrize("random_id", [0, 2])
def test_spans_say_what_the_sdk_makes_them_say(sampled: bool, random_id: int) -> None:
    """A program's spans are the same with our provider, below a remote parent too, sampled or not."""
    remote = trace.SpanContext(
        1 << 100, 9, True, trace.TraceFlags(sampled | random_id), trace.TraceState([("vendor", "x")])
    )

    def use(tracer: trace.Tracer) -> None:
        write_everything(tracer)
        with trace.use_span(trace.NonRecordingSpan(remote)):
            write_everything(tracer)

    theirs, ours = both(use)
    assert len(theirs) == (8 if sampled else 4)
    assert ours == theirs


@pytest.mark.parametrize("most", ["128", "2"])
def test_the_span_of_a_call_says_what_the_sdk_makes_it_say(
    monkeypatch: pytest.MonkeyPatch, most: str
) -> None:
    """Its attributes become the span's own only where they are clean and few enough."""
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", most)
    odd: dict[str, Any] = {"word": Word("w"), "none": None, "list": ["a"], "": "unnamed"}

    def use(tracer: trace.Tracer) -> None:
        for sampled in (None, True, False):
            where = Context()
            if sampled is not None:
                remote = trace.SpanContext(1 << 100, 9, True, trace.TraceFlags(sampled))
                where = trace.set_span_in_context(trace.NonRecordingSpan(remote), where)
            for given in ({"a": "b", "c": "d"}, {"a": "b", "c": "d", "e": 1}, odd):
                span = start_call(tracer, "chat m", where, dict(given), 5)
                span.set_attributes({"c": "again", "late": 0.5})
                span.end(7)

    theirs, ours = both(use)
    assert len(theirs) == 6
    assert ours == theirs


def test_the_usual_spans_are_made_quickly() -> None:
    """With nothing unusual the spans are ours: else a new version of the SDK has made all of this useless."""
    tracer = Provider(shutdown_on_exit=False, id_generator=Ids()).get_tracer("a")
    assert type(tracer) is QuickTracer
    assert isinstance(tracer.start_span("b"), QuickSpan)


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3"), ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0")],
)
def test_limits_of_the_environment_hold(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Limits that somebody has set count with our provider as with the SDK's."""
    monkeypatch.setenv(name, value)
    theirs, ours = both(write_everything)
    assert ours == theirs


@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF])
def test_another_sampler_is_asked(sampler: Any) -> None:
    """A sampler that is not the usual one decides about every span."""
    tracer = Provider(sampler=sampler, shutdown_on_exit=False, id_generator=Ids()).get_tracer("a")
    assert type(tracer) is not QuickTracer
    assert tracer.start_span("b").is_recording() is (sampler is ALWAYS_ON)


def test_ids_leave_the_programs_random_numbers_alone() -> None:
    """A program that seeded `random` draws the same numbers whether or not spans start in between."""
    tracer = Provider(shutdown_on_exit=False, id_generator=Ids()).get_tracer("a")
    random.seed(7)
    alone = [random.random(), random.random()]
    random.seed(7)
    beside = [random.random()]
    tracer.start_span("b").end()
    assert [*beside, random.random()] == alone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_draws_other_ids() -> None:
    """Parent and child of a fork do not give their spans the same ids."""
    ids = Ids()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, ids.generate_trace_id().to_bytes(16, "big"))
        os._exit(0)
    os.waitpid(child, 0)
    assert int.from_bytes(os.read(reader, 16), "big") != ids.generate_trace_id()
    os.close(reader)
    os.close(writer)
