"""Write an exception on a span."""

import traceback
from contextvars import ContextVar

from opentelemetry import trace

from kansoku import runtime, semconv
from kansoku.content import cut
from kansoku.spans import clock

_FRAMES = 64
# The exception described last, as (trace, identity): what passes several spans is described on the first.
_told: ContextVar[tuple[int, int]] = ContextVar("kansoku-told", default=(0, 0))


def record_error(target: trace.Span, error: BaseException, capture: bool | None = None) -> None:
    """Write an exception on a span: status and error.type; words and traceback only with content.

    `capture` says so, else the running SDK's setting: messages of exceptions quote prompts, keys and files.
    """
    if capture is None:
        running = runtime.current()
        capture = running is None or running.capture
    target.set_attribute(semconv.ERROR_TYPE, type(error).__qualname__)
    code = getattr(error, "status_code", None) or getattr(error, "code", None)  # google: code
    if not isinstance(code, int):
        code = getattr(getattr(error, "response", None), "status_code", None)
    if not isinstance(code, int):  # together 1; pinecone 7, and aiohttp
        code = getattr(error, "http_status", None) or getattr(error, "status", None)
    if isinstance(code, int) and 100 <= code < 600:
        target.set_attribute(semconv.HTTP_STATUS, code)
    if not capture:
        target.set_status(trace.StatusCode.ERROR)
        return
    target.set_status(trace.StatusCode.ERROR, cut(str(error), 2048))
    # On the innermost span alone: what passes a thousand levels has one traceback, not a thousand.
    known = target.get_span_context().trace_id, id(error)
    if _told.get() != known:
        _told.set(known)
        target.add_event("exception", _describe(error), timestamp=clock.now())


def _describe(error: BaseException) -> dict[str, str]:
    """Return the attributes of an exception event; of a deep stack the innermost frames."""
    lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-_FRAMES)
    return {
        "exception.type": type(error).__qualname__,
        "exception.message": cut(str(error), 2048),
        "exception.stacktrace": cut("".join(lines), 32_768),
    }
