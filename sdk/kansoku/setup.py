"""Put the SDK together once, and take it down in bounded time."""

import atexit
import threading
from collections.abc import Callable
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider

from kansoku import runtime, semconv
from kansoku.guard import logger, swallow, warn_once
from kansoku.outbox import Outbox
from kansoku.prices import Prices
from kansoku.settings import Settings, read_settings
from kansoku.trace import stamps
from kansoku.transport import Transport

_lock = threading.RLock()


class Processor(SpanProcessor):
    """Stamps what `kansoku.context()` holds on every span that starts, and queues every span that ends."""

    def __init__(self) -> None:
        self.outbox: Outbox | None = None
        self.exit_timeout = 0.0

    def on_start(self, span: Span, parent_context: otel_context.Context | None = None) -> None:
        """Add session, user, tags and the like to the span."""
        if found := stamps(parent_context):
            span.set_attributes(found)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span; a full queue drops and counts it."""
        if self.outbox is not None and span.context is not None and span.context.trace_flags.sampled:
            self.outbox.put(span)

    def shutdown(self) -> None:
        """Send what is queued, in bounded time."""
        if self.outbox is not None:
            self.outbox.close(self.exit_timeout)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what is queued; False when the time was too short."""
        return self.outbox is None or self.outbox.flush(timeout_millis / 1000)


_processor: Processor | None = None
_provider: TracerProvider | None = None


def init(
    *,
    endpoint: str | None = None,
    api_key: str | None = None,
    service_name: str | None = None,
    environment: str | None = None,
    release: str | None = None,
    capture_content: bool | None = None,
    instrument: bool | list[str] | None = None,
    tracer_provider: TracerProvider | None = None,
) -> None:
    """Start tracing. What is left out is read from KANSOKU_*; nothing that is wrong here stops the program.

    `instrument` is False, or names of clients to trace (default: all that are installed). Spans go through
    `tracer_provider`, else through the provider that the program has set, else through a new one. Calling
    again replaces the settings.
    """
    given = {
        "endpoint": endpoint,
        "api_key": api_key,
        "service_name": service_name,
        "environment": environment,
        "release": release,
        "capture_content": capture_content,
        "instrument": None if instrument is True else () if instrument is False else instrument,
    }
    try:
        with _lock:
            _start(read_settings({k: v for k, v in given.items() if v is not None}), tracer_provider)
    except Exception as error:  # noqa: BLE001 - the border: a program must start without its tracing
        swallow("setup.init", error)
        warn_once("init", "Kansoku could not start and traces nothing: %s: %s", type(error).__name__, error)


def _start(settings: Settings, given: TracerProvider | None) -> None:
    shutdown(timeout=min(1.0, settings.exit_timeout))
    if settings.disabled:
        return
    if not settings.api_key.get_secret_value():
        warn_once(
            "api_key", "KANSOKU_API_KEY is not set; a collector that asks for a key will refuse the spans"
        )
    provider = _attach(settings, given)
    assert _processor is not None  # noqa: S101 - _attach made it
    transport = _transport(settings)
    prices = _prices(settings)
    spans = Outbox(
        _span_delivery(settings, transport),
        capacity=settings.queue_size,
        batch_size=settings.batch_size,
        delay=settings.batch_seconds,
        name="kansoku-spans",
        # The list prices take 50 ms to load: in the background, not in the first call.
        start=prices.load if settings.instrument else None,
        stop=transport.close,
    )
    from kansoku.feedback import outbox as feedback_outbox  # noqa: PLC0415 - it must not load this module

    _processor.outbox, _processor.exit_timeout = spans, settings.exit_timeout
    from kansoku import __name__ as scope  # noqa: PLC0415

    runtime.use(
        runtime.Runtime(
            settings=settings,
            tracer=provider.get_tracer(scope, _version(), schema_url=semconv.SCHEMA_URL),
            prices=prices,
            spans=spans,
            feedback=feedback_outbox(settings),
            capture=settings.capture_content,
            max_bytes=settings.max_field_bytes,
            local_provider=settings.local_provider,
        )
    )
    from kansoku.instruments import instrument  # noqa: PLC0415 - instruments read the runtime

    if settings.instrument:
        instrument(*settings.instrument)


def _attach(settings: Settings, given: TracerProvider | None) -> TracerProvider:
    """Return the provider that our processor sits on: the given one, the program's own, or a new one."""
    global _processor, _provider  # noqa: PLW0603 - a provider can neither be replaced nor lose a processor
    set_by_program: Any = trace.get_tracer_provider()
    provider = given or (set_by_program if hasattr(set_by_program, "add_span_processor") else None)
    if _processor is not None and _provider is not None and provider in (None, _provider):
        return _provider
    if provider is None:
        provider = _new_provider(settings)
        trace.set_tracer_provider(provider)
    _processor = Processor()
    _provider = provider
    _provider.add_span_processor(_processor)
    atexit.unregister(shutdown)
    atexit.register(shutdown)
    return _provider


def _new_provider(settings: Settings) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - a given provider has one

    # Without shutdown_on_exit: the SDK's own way out may wait for half a minute.
    return TracerProvider(resource=Resource.create(_resource(settings)), shutdown_on_exit=False)


def _resource(settings: Settings) -> dict[str, str]:
    named = {
        semconv.SERVICE_NAME: settings.service_name,
        semconv.SERVICE_VERSION: settings.release,
        semconv.ENVIRONMENT: settings.environment,
    }
    return {key: value for key, value in named.items() if value}


def _transport(settings: Settings) -> Transport:
    return Transport(
        f"{settings.endpoint}/v1/traces",
        api_key=settings.api_key.get_secret_value(),
        content_type="application/x-protobuf",
        timeout=settings.send_timeout,
        retry_seconds=settings.retry_seconds,
        compress=True,
    )


def _span_delivery(settings: Settings, transport: Transport) -> Callable[[list[Any], threading.Event], None]:
    # Laid over the spans' resource here: a provider of the program's own knows nothing of our settings.
    resource = _resource(settings)

    def deliver(spans: list[Any], closing: threading.Event) -> None:
        from kansoku.otlp import encode_requests  # noqa: PLC0415 - this thread's work, not the start's

        for body, count in encode_requests(spans, resource, settings.batch_bytes):
            transport.send(body, count, closing)

    return deliver


def _prices(settings: Settings) -> Prices:
    try:
        return Prices(settings.prices_file)
    except Exception as error:  # noqa: BLE001 - the border: list prices still work
        logger.warning("KANSOKU_PRICES_FILE is not used: %s", error)
        return Prices()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("kansoku")
    except PackageNotFoundError:
        return "0"


def flush(timeout: float = 10.0) -> bool:
    """Send what is queued and wait at most `timeout` seconds; False when they were too few."""
    running = runtime.current()
    if running is None:
        return True
    sent = running.spans.flush(timeout)
    return running.feedback.flush(timeout if sent else 0) and sent


def shutdown(timeout: float | None = None) -> None:
    """Send what is queued and stop tracing; takes at most `timeout` seconds (KANSOKU_EXIT_TIMEOUT)."""
    with _lock:
        running = runtime.current()
        if running is None:
            return
        runtime.use(None)
        limit = running.settings.exit_timeout if timeout is None else timeout
        in_time = running.spans.close(limit)
        running.feedback.close(limit if in_time else 0.1)
