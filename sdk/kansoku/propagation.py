"""Traces that go on in another process: W3C Trace Context in and out of HTTP, and into threads.

    requests.post(url, json=body, headers=kansoku.inject({}))     # the calling service

    with kansoku.continue_trace(request.headers):                 # the called one
        answer(question)

A trace id that comes from outside is taken as it is: call `continue_trace` for callers that you know.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from opentelemetry import context as otel_context
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from kansoku import semconv
from kansoku.guard import guard, swallow
from kansoku.spans.attached import attach, detach
from kansoku.stamps import context, stamps

F = TypeVar("F", bound=Callable[..., Any])
_Headers = TypeVar("_Headers", bound=MutableMapping[str, str])
Headers = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
_W3C = TraceContextTextMapPropagator()
_BAGGAGE = "baggage"
# What `inject(..., who=True)` sends: baggage key -> argument of context().
_CARRIED = {
    semconv.SESSION_ID: "session_id",
    semconv.USER_ID: "user_id",
    semconv.PROMPT_NAME: "prompt_name",
    semconv.PROMPT_VERSION: "prompt_version",
    semconv.EXPERIMENT: "experiment",
}


def inject(headers: _Headers, *, who: bool = False) -> _Headers:
    """Add `traceparent` (and `tracestate`) of the current span to `headers` and return them.

    `who` adds session, user, prompt and experiment of `kansoku.context()` as W3C baggage: only for services
    of your own, since it tells the receiver who your user is.
    """
    _inject(headers, who)
    return headers


@guard
def _inject(headers: MutableMapping[str, str], who: bool) -> None:
    _W3C.inject(headers)
    if not who:
        return
    known = stamps()
    carried = [f"{key}={quote(str(known[key]), safe='')}" for key in _CARRIED if key in known]
    if carried:
        before = [headers[_BAGGAGE]] if headers.get(_BAGGAGE) else []
        headers[_BAGGAGE] = ",".join([*before, *carried])


@contextlib.contextmanager
def continue_trace(headers: Headers) -> Iterator[None]:
    """Make the caller's span the parent of what starts inside; headers are a mapping or pairs, as in ASGI."""
    token = None
    who: dict[str, str] = {}
    try:
        found = _lower(headers)
        token = attach(_joined(found))
        who = _read_baggage(found.get(_BAGGAGE, ""))
    except Exception as error:  # noqa: BLE001 - the border: a request with odd headers is served
        swallow("propagation.continue_trace", error)
    try:
        with context(**who):  # type: ignore[arg-type]  # only names of _CARRIED
            yield
    finally:
        if token is not None:
            detach(token)


def _joined(headers: Mapping[str, str]) -> otel_context.Context:
    """Return the context to go on in: the caller's, or the present one where that has the caller's trace.

    A server's own span may be open (FastAPI's, an instrumentor's): what starts inside belongs under it.
    """
    here = otel_context.get_current()
    there = _W3C.extract(headers, otel_context.Context())
    inside, outside = (get_current_span(one).get_span_context() for one in (here, there))
    if not outside.is_valid or inside.trace_id == outside.trace_id:
        return here
    return _W3C.extract(headers, here)


def carry(function: F) -> F:
    """Return `function` bound to the current trace, to be run in a thread, a timer or a callback.

    threading.Thread(target=kansoku.carry(work)).start()

    Executors need no help: `concurrent.futures.ThreadPoolExecutor` carries the context of `submit` by itself.
    """
    here = otel_context.get_current()

    @wraps(function)
    def carried(*args: Any, **kwargs: Any) -> Any:
        token = attach(here)
        try:
            return function(*args, **kwargs)
        finally:
            detach(token)

    return carried  # type: ignore[return-value]


def _lower(headers: Headers) -> dict[str, str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {_text(name).lower(): _text(value) for name, value in pairs}


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _read_baggage(header: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in header[:8192].split(","):
        key, equals, value = entry.partition(";")[0].partition("=")
        if equals and (argument := _CARRIED.get(key.strip())):
            found[argument] = unquote(value.strip())
    return found
