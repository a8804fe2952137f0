"""The tracer provider that we sit on: a given one, the program's own, or one of ours, which gives way."""

import threading
from collections.abc import Mapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from kansoku import runtime
from kansoku.guard import swallow

_used: Any = None
_processor: SpanProcessor | None = None
_own: TracerProvider | None = None


def attach(
    processor: SpanProcessor, given: TracerProvider | None, resource: Mapping[str, str], sampler: Any = None
) -> TracerProvider:
    """Put a processor on the given provider, else on the one that the program has set, else on a new one."""
    global _used, _processor, _own  # noqa: PLW0603 - a provider can neither be replaced nor lose a processor
    provider: Any = given or settled()
    if provider is None:
        provider = _own = _make(resource, sampler)
        trace.set_tracer_provider(provider)
        _give_way_later()
    _used, _processor = provider, processor
    used: TracerProvider = provider
    used.add_span_processor(processor)
    return used


def current() -> TracerProvider | None:
    """Return the provider that our processor sits on."""
    used: TracerProvider | None = _used
    return used


def settled() -> Any:
    """Return the provider that is set for the whole process, or None while there is none."""
    provider = trace.get_tracer_provider()
    return provider if hasattr(provider, "add_span_processor") else None


def _make(resource: Mapping[str, str], sampler: Any = None) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - a given provider has one

    from kansoku.spans.tracer import Ids, Provider  # noqa: PLC0415

    # Without shutdown_on_exit: the SDK's own way out may wait for half a minute.
    return Provider(
        resource=Resource.create(dict(resource)), sampler=sampler, shutdown_on_exit=False, id_generator=Ids()
    )


def _give_way_later() -> None:
    """Let a provider that the program sets after us take our place, as if we had not been there.

    OpenTelemetry allows one provider and refuses the second, which would be the program's own.
    """
    original: Any = getattr(trace, "_set_tracer_provider", None)
    if original is None or hasattr(original, "__kansoku_original__"):
        return

    def set_theirs(provider: Any, *args: Any, **kwargs: Any) -> None:
        ours = _own
        if ours is None or provider is ours or trace.get_tracer_provider() is not ours:
            original(provider, *args, **kwargs)
            return
        try:
            from opentelemetry.util._once import Once  # noqa: PLC0415 - only here

            trace._TRACER_PROVIDER = None
            trace._TRACER_PROVIDER_SET_ONCE = Once()
        except Exception as error:  # noqa: BLE001 - the border: then they get OpenTelemetry's own answer
            swallow("provider.give_way", error)
        original(provider, *args, **kwargs)
        try:
            _share(ours, provider)
        except Exception as error:  # noqa: BLE001 - the border
            swallow("provider.share", error)

    set_theirs.__kansoku_original__ = original  # type: ignore[attr-defined]
    setattr(trace, "_set_tracer_provider", set_theirs)  # noqa: B010 - it has no public place


def _share(ours: Any, theirs: Any) -> None:
    """Show us the spans of their provider, and them the spans of tracers that ours has given out."""
    global _used, _own  # noqa: PLW0603
    if trace.get_tracer_provider() is not theirs or not hasattr(theirs, "add_span_processor"):
        return
    _own = None
    ours.add_span_processor(_Forward(theirs))
    if _used is not ours or _processor is None:
        return
    theirs.add_span_processor(_Once(_processor))
    _used = theirs
    running = runtime.current()
    if running is not None:
        runtime.use(running._replace(tracer=theirs.get_tracer("kansoku")))


_forwarding = threading.local()


class _Once(SpanProcessor):
    """Our processor on their provider: what ours hands over to theirs, it has seen already."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._processor = processor

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:
        """Pass a span on that starts."""
        if not getattr(_forwarding, "now", False):
            self._processor.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass a span on that ends."""
        if not getattr(_forwarding, "now", False):
            self._processor.on_end(span)

    def shutdown(self) -> None:
        """Send what is queued."""
        self._processor.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what is queued; False when the time was too short."""
        return self._processor.force_flush(timeout_millis)


class _Forward(SpanProcessor):
    """Hands spans to whatever processors another provider has at that moment."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:
        """Pass a span on that starts."""
        self._pass_on("on_start", span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass a span on that ends."""
        self._pass_on("on_end", span)

    def _pass_on(self, what: str, *arguments: Any) -> None:
        if (others := self._others()) is not None:
            _forwarding.now = True
            try:
                getattr(others, what)(*arguments)
            finally:
                _forwarding.now = False

    def _others(self) -> Any:
        found = getattr(self._provider, "_active_span_processor", None)
        return found or getattr(getattr(self._provider, "provider", None), "_active_span_processor", None)
