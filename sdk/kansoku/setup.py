"""Put the SDK together once, and take it down in bounded time."""

import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.sdk.trace import TracerProvider

from kansoku import runtime, semconv
from kansoku.delivery.codec import FeedbackCodec, SpanCodec
from kansoku.delivery.outbox import Outbox
from kansoku.delivery.receipt import Receipt
from kansoku.delivery.sending import outbox_of
from kansoku.guard import logger, swallow, warn_once
from kansoku.pricing.prices import Prices
from kansoku.settings import Settings, read_settings
from kansoku.spans import provider as providers
from kansoku.spans.processor import Processor
from kansoku.spans.sampling import ChanceSampler, TailSampler

_lock = threading.RLock()
# One a process, also when `init()` is called again: the collector compares their counts with what arrives.
_spans, _feedback = Receipt(), Receipt()


_processor: Processor | None = None


def init(  # noqa: PLR0913 - what every program sets, and nothing else
    *,
    endpoint: str | None = None,
    api_key: str | None = None,
    service_name: str | None = None,
    environment: str | None = None,
    release: str | None = None,
    capture_content: bool | str | None = None,
    mask: str | Sequence[str] | Callable[[str], str] | None = None,
    instrument: bool | list[str] | None = None,
    tracer_provider: TracerProvider | None = None,
) -> None:
    """Start tracing. What is left out is read from KANSOKU_*; nothing that is wrong here stops the program.

    `instrument` is False, or names of clients to trace (default: all that are installed). Spans go through
    `tracer_provider`, else through the provider that the program has set, else through a new one. Calling
    again replaces the settings. `capture_content` is full (True), metadata or off (False); `mask` names what
    is masked (docs/sdk/privacy.md), or is a function from text to text that sees what is left.
    """
    given = {
        "endpoint": endpoint,
        "api_key": api_key,
        "service_name": service_name,
        "environment": environment,
        "release": release,
        "capture_content": capture_content,
        "mask": None if callable(mask) else mask,
        "instrument": None if instrument is True else () if instrument is False else instrument,
    }
    try:
        with _lock:
            settings = read_settings({k: v for k, v in given.items() if v is not None})
            _start(settings, tracer_provider, mask if callable(mask) else None)
    except Exception as error:  # noqa: BLE001 - the border: a program must start without its tracing
        swallow("setup.init", error)
        warn_once("init", "Kansoku could not start and traces nothing: %s: %s", type(error).__name__, error)


def _start(
    settings: Settings, given: TracerProvider | None, mask: Callable[[str], str] | None = None
) -> None:
    shutdown(timeout=min(1.0, settings.exit_timeout))
    if settings.disabled:
        return
    if not settings.api_key.get_secret_value():
        warn_once(
            "api_key", "KANSOKU_API_KEY is not set; a collector that asks for a key will refuse the spans"
        )
    if settings.instrument:
        _load_http()
    processor, provider = _attach(settings, given)
    prices = _prices(settings)
    codec = SpanCodec(
        _resource(settings), max_bytes=settings.batch_bytes, max_field_bytes=settings.max_field_bytes
    )
    # The list prices take 50 ms to load: in the background, not in the first call.
    warm_up = prices.load if settings.instrument else None
    spans = outbox_of(settings, "traces", codec, _spans, mask=mask, warm_up=warm_up)
    processor.sampler = _sampler(settings, spans)
    processor.outbox, processor.exit_timeout = spans, settings.exit_timeout
    runtime.use(
        runtime.Runtime(
            settings=settings,
            tracer=provider.get_tracer("kansoku", _version(), schema_url=semconv.SCHEMA_URL),
            prices=prices,
            spans=spans,
            feedback=outbox_of(settings, "feedback", FeedbackCodec(), _feedback, mask=mask),
            capture=settings.capture_content != "off",
            max_bytes=settings.max_field_bytes,
            local_provider=settings.local_provider,
        )
    )
    from kansoku.instruments import instrument  # noqa: PLC0415 - instruments read the runtime

    if settings.instrument:
        instrument(*settings.instrument)


def _load_http() -> None:
    """Import what the price list imports, here and not in the background thread.

    `openai` 2 looks at every call whether httpx2 is among the loaded modules, and uses it: half of it, if
    another thread is about to import it.
    """
    with contextlib.suppress(ImportError):
        import httpx2  # noqa: F401, PLC0415 - as above


def _attach(settings: Settings, given: TracerProvider | None) -> tuple[Processor, TracerProvider]:
    """Return our processor and the provider that it sits on; the same ones as before where that will do."""
    global _processor  # noqa: PLW0603 - a provider does not lose a processor
    provider = providers.current()
    if _processor is None or provider is None or (given or providers.settled()) not in (None, provider):
        _processor = Processor()
        sampler = ChanceSampler(settings.sample_rate) if settings.sample_rate < 1 else None
        provider = providers.attach(_processor, given, _resource(settings), sampler)
    atexit.unregister(shutdown)
    atexit.register(shutdown)
    _end_with_child()
    return _processor, provider


def _resource(settings: Settings) -> dict[str, str]:
    named = {
        semconv.SERVICE_NAME: settings.service_name,
        semconv.SERVICE_VERSION: settings.release,
        semconv.ENVIRONMENT: settings.environment,
    }
    return {key: value for key, value in named.items() if value}


def _sampler(settings: Settings, spans: Outbox) -> TailSampler | None:
    if settings.sample_rate >= 1:
        return None
    return TailSampler(
        settings.sample_rate,
        settings.sample_slow_seconds,
        spans.put,
        drop=lambda count: spans.receipt.turn_away(semconv.SAMPLED_OUT, count),
    )


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
    """Send what is queued, waiting at most `timeout` seconds; True only if all of it arrived or is spooled.

    False if the time was too short, or if anything was given up since the last flush.
    """
    running = runtime.current()
    if running is None:
        return True
    until = time.monotonic() + timeout
    sent = running.spans.flush(timeout)
    return running.feedback.flush(max(0.0, until - time.monotonic())) and sent


def stats() -> dict[str, Any]:
    """Return what became of this process's spans: started = exported + dropped + spooled + queued.

    `dropped` is by reason; `spooled` is on the disk and not yet sent by this process. `feedback`
    has the same counts of feedback.
    """
    return {"process_id": _spans.process_id, **_spans.as_dict(), "feedback": _feedback.as_dict()}


def shutdown(timeout: float | None = None) -> None:
    """Send what is queued and stop tracing; takes at most `timeout` seconds (KANSOKU_EXIT_TIMEOUT)."""
    running = runtime.current()
    if running is None:
        return
    limit = running.settings.exit_timeout if timeout is None else timeout
    until = time.monotonic() + limit
    if not _lock.acquire(timeout=limit):
        return
    try:
        if runtime.current() is None:
            return
        runtime.use(None)
        if _processor is not None:
            _processor.release()
        boxes = running.spans, running.feedback
        for outbox in boxes:
            outbox.hasten()
        for outbox in boxes:
            outbox.close(max(0.05, until - time.monotonic()))
        if _processor is not None:
            _processor.outbox = None
    finally:
        _lock.release()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()
    for receipt in (_spans, _feedback):
        receipt.unlock()  # also where the queue that counts on it was only being made
    _end_with_child()


def _end_with_child() -> None:
    """Send at the end of a child of multiprocessing or billiard, which may leave by os._exit.

    That calls nothing that was registered for the exit. Such a child is told by a fork, or, where it was
    forked by a server that has not loaded this module (`forkserver`), by `init()`.
    """
    for name in ("multiprocessing", "billiard"):
        if (util := sys.modules.get(f"{name}.util")) is None:
            continue
        try:
            # A child that begins forgets what was to be done at the end; then it runs these.
            util.register_after_fork(shutdown, lambda _, at=util: at.Finalize(None, shutdown, exitpriority=1))
            process = sys.modules.get(f"{name}.process")
            if process is not None and getattr(process, "parent_process", lambda: None)() is not None:
                util.Finalize(None, shutdown, exitpriority=1)
        except Exception as error:  # noqa: BLE001 - the border: a fork must succeed without its tracing
            swallow("setup.fork", error)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
