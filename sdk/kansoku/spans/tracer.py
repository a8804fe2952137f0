"""Spans of our own provider: OpenTelemetry's, made and filled without its detours.

Every span of a program pays for them: a sampler that always says yes, attributes gone over twice. Wherever
anything is not as usual (limits, another sampler, links, metrics, a version that has other fields), the SDK's
own way is taken. A provider that the program made itself is left as it is.
"""

import os
import threading
from inspect import isfunction
from random import Random
from time import time_ns
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import Tracer, TracerProvider
from opentelemetry.sdk.trace import _Span as StockSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.trace import SpanContext, TraceFlags

from kansoku.calls.described import SPAN

try:
    from opentelemetry.attributes import BoundedAttributes
    from opentelemetry.sdk.trace._tracer_metrics import NoOpTracerMetrics, noop

    from kansoku.spans.quick_span import QuickSpan
except ImportError:  # another version: the SDK's own way
    NoOpTracerMetrics = noop = None  # type: ignore[assignment, misc]

_RANDOM = 2  # the flag that says that a trace id is random
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SAMPLED_RANDOM = TraceFlags(TraceFlags.SAMPLED | _RANDOM)
_STATE = trace.INVALID_SPAN_CONTEXT.trace_state
# What a span of the SDK consists of; one that has more is not made here.
_FINISHED = frozenset(
    {
        "_name", "_context", "_kind", "_instrumentation_info", "_instrumentation_scope", "_parent",
        "_start_time", "_end_time", "_attributes", "_events", "_links", "_resource", "_status",
    }
)  # fmt: skip
_UNDER_WAY = _FINISHED | {
    "_sampler", "_trace_config", "_record_exception", "_set_status_on_exception", "_span_processor",
    "_limits", "_lock", "_record_end_metrics",
}  # fmt: skip
_LAZY = frozenset({"_attributes", "_events", "_links"})
_BOUNDED = frozenset({"_dict", "maxlen", "dropped", "max_value_len", "_lock", "_immutable"})


def start_call(
    tracer: trace.Tracer, name: str, where: otel_context.Context, attributes: dict[str, Any], start_time: int
) -> trace.Span:
    """Start the span of a client's call in a context, with attributes that nobody else changes."""
    if type(tracer) is QuickTracer:
        return tracer.start_call(name, where, attributes, start_time)
    return tracer.start_span(
        name, where, trace.SpanKind.CLIENT, attributes, start_time=start_time, record_exception=False
    )


class Ids(RandomIdGenerator):
    """Draws ids from numbers of its own: a program that seeded `random` must draw what it drew without us."""

    def __init__(self) -> None:
        self._random = Random()  # noqa: S311 - ids are no secrets
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._random.seed)

    def generate_span_id(self) -> int:
        """Return 64 random bits, not all zero."""
        return self._random.getrandbits(64) or self.generate_span_id()

    def generate_trace_id(self) -> int:
        """Return 128 random bits, not all zero."""
        return self._random.getrandbits(128) or self.generate_trace_id()


class Provider(TracerProvider):
    """A provider whose tracers make their spans as below."""

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        """Return a tracer."""
        tracer = super().get_tracer(*args, **kwargs)
        if type(tracer) is Tracer and _is_usual(tracer):
            tracer.__class__ = QuickTracer
        return tracer


class QuickTracer(Tracer):
    """A tracer that records everything its parents do not forbid."""

    _kansoku_kind: "type[QuickSpan] | None" = None

    def start_span(
        self,
        name: str,
        context: Any = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: Any = None,
        links: Any = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """Start a span."""
        where = otel_context.get_current() if context is None else context
        span = None if links else self._begun(name, where, kind, start_time)
        if span is None:
            return self._stock(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        span._record_exception = record_exception
        span._set_status_on_exception = set_status_on_exception
        if attributes:
            span.set_attributes(attributes)
        self.span_processor.on_start(span, parent_context=context)
        return span

    def start_call(
        self, name: str, where: otel_context.Context, attributes: dict[str, Any], start_time: int
    ) -> trace.Span:
        """Start the span of a client's call in a context; the attributes are the span's from now on."""
        span = self._begun(name, where, trace.SpanKind.CLIENT, start_time)
        if span is None:
            return self._stock(name, where, trace.SpanKind.CLIENT, attributes, (), start_time, False, True)
        span._record_exception = False
        span._set_status_on_exception = True
        span.begin(attributes)
        self.span_processor.on_start(span, parent_context=where)
        return span

    def _begun(
        self, name: str, where: otel_context.Context, kind: trace.SpanKind, start_time: int | None
    ) -> "QuickSpan | None":
        """Return a span that is under way; None where the SDK's own way has to be taken."""
        if not self._tracer_config.is_enabled:
            return None
        parent: SpanContext | None = None
        flags, state, trace_id = _SAMPLED_RANDOM, _STATE, 0
        if SPAN in where:
            parent = trace.get_current_span(where).get_span_context()
            if type(parent) is not SpanContext:
                return None
        if parent is not None and parent.is_valid:
            if not parent.trace_flags.sampled:
                return None
            trace_id, state = parent.trace_id, parent.trace_state
            flags = _SAMPLED_RANDOM if parent.trace_flags & _RANDOM else _SAMPLED
        else:
            trace_id, parent = self.id_generator.generate_trace_id(), None
        span: QuickSpan = object.__new__(self._kansoku_kind or self._make_kind())
        span._name = name
        span._context = SpanContext(trace_id, self.id_generator.generate_span_id(), False, flags, state)
        span._kind = kind
        span._parent = parent
        span._resource = self.resource
        span._said = {}
        span._lock = threading.Lock()
        span._start_time = time_ns() if start_time is None else start_time
        return span

    def _stock(self, *arguments: Any) -> trace.Span:
        made: trace.Span = super().start_span(*arguments)
        return made

    def _make_kind(self) -> "type[QuickSpan]":
        """Return a class of spans that holds what all spans of this tracer have alike."""
        alike = {name: value for name, value in vars(_stock_span(self)).items() if name not in _LAZY}
        # A function of a class is bound to its objects; what a span holds is not.
        alike = {name: staticmethod(v) if isfunction(v) else v for name, v in alike.items()}
        alike |= {"_most": self._span_limits.max_span_attributes, "__module__": __name__}
        self._kansoku_kind = type("QuickSpan", (QuickSpan,), alike)
        return self._kansoku_kind


def _stock_span(tracer: Tracer) -> StockSpan:
    return StockSpan(
        name="",
        context=trace.INVALID_SPAN_CONTEXT,
        sampler=tracer.sampler,
        resource=tracer.resource,
        span_processor=tracer.span_processor,
        instrumentation_info=tracer.instrumentation_info,
        limits=tracer._span_limits,
        instrumentation_scope=tracer._instrumentation_scope,
        record_end_metrics=noop,
    )


def _is_usual(tracer: Tracer) -> bool:
    """Tell whether everything of the SDK is as it is known here."""
    if noop is None or tracer.sampler is not DEFAULT_ON or type(tracer.id_generator) is not Ids:
        return False
    if type(tracer._tracer_metrics) is not NoOpTracerMetrics:
        return False
    limits = tracer._span_limits
    if limits.max_span_attribute_length is not None or limits.max_span_attributes == 0:
        return False
    span = _stock_span(tracer)
    finished = span._readable_span()
    return (
        vars(span).keys() == _UNDER_WAY
        and vars(finished).keys() == _FINISHED
        and vars(span._attributes).keys() == _BOUNDED
        and type(span._attributes) is BoundedAttributes
        and hasattr(tracer._tracer_config, "is_enabled")
    )
