"""Follow what `with_raw_response` and `with_streaming_response` return: responses yet to be parsed."""

import functools
import weakref
from collections.abc import Callable
from typing import Any

from kansoku.calls.raw_body import WAYS, Body
from kansoku.calls.recording import Recording, Streamed
from kansoku.calls.sent import Growth
from kansoku.calls.stream import follow, is_stainless
from kansoku.guard import swallow

# Set by the clients' with_raw_response and with_streaming_response, in every client of this family.
RAW_RESPONSE_HEADER = "X-Stainless-Raw-Response"


def follow_raw(response: Any, call: Streamed, growth: Growth | None = None) -> Any:
    """Trace a raw response: read it when the caller parses it, end the call when it is closed or dropped."""
    if type(response).__name__ == "LegacyAPIResponse" and not getattr(response, "_stream", False):
        # The body is here already, and parse() keeps its result: the caller's own parse() costs nothing then.
        call.answer(response.parse())
        return response
    http: Any = getattr(response, "http_response", None)
    if _is_read(response):
        Body(http, call).take(http.content)  # parse() may be a coroutine
        return response
    streams = getattr(response, "_is_sse_stream", getattr(response, "_stream", True))
    recording, body = Recording(call, growth), Body(http, call)
    unread = weakref.finalize(response, _end, call, recording, body, bool(streams))
    response.parse = _parse_and_follow(response.parse, call, recording, unread)
    for way in WAYS:
        if callable(read := getattr(response, way, None)):
            setattr(response, way, body.follow(way, read))
    if callable(getattr(response, "close", None)):
        # Not the response itself: one that is dropped goes at once, and its connection with it.
        response.close = _close_and_end(response.close, recording, body, unread, http)
    return response


def _end(call: Streamed, recording: Recording, body: Body, streams: bool) -> None:
    """End the call of a response that nobody reads any more; one that streams was left early."""
    if body.begun:
        body.end(early=True)
    elif streams:
        recording.end(early=True)
    else:
        call.end()


def _is_read(response: Any) -> bool:
    """Tell whether the whole body of an APIResponse came with it: one of `with_raw_response`, no stream."""
    http = getattr(response, "http_response", None)
    if http is None or getattr(response, "_stream", getattr(response, "_is_sse_stream", True)):
        return False
    return bool(http.is_closed) and http.request.headers.get(RAW_RESPONSE_HEADER) != "stream"


def _parse_and_follow(
    parse: Callable[..., Any], call: Streamed, recording: Recording, unread: "weakref.finalize[..., Any]"
) -> Callable[..., Any]:
    followed: list[Any] = []

    def take(parsed: Any) -> Any:
        try:
            unread.detach()
            if is_stainless(parsed):
                followed.append(follow(parsed, recording))
                return followed[0]
            call.answer(parsed)
        except Exception as error:  # noqa: BLE001 - the border: the caller gets its response
            swallow("stream.raw", error)
        return parsed

    async def take_later(parsed: Any) -> Any:
        return take(await parsed)

    @functools.wraps(parse)
    def traced(*args: Any, **kwargs: Any) -> Any:
        if followed:
            return followed[0]
        parsed = parse(*args, **kwargs)
        return take_later(parsed) if hasattr(parsed, "__await__") else take(parsed)

    return traced


def _close_and_end(
    close: Callable[..., Any],
    recording: Recording,
    body: Body,
    unread: "weakref.finalize[..., Any]",
    http: Any,
) -> Callable[..., Any]:
    """Return a `close` that ends the call, of a response that was not parsed with what was read of it."""

    @functools.wraps(close)
    def traced(*args: Any, **kwargs: Any) -> Any:
        try:
            if unread.alive:
                body.take(getattr(http, "_content", None))  # read by `read`, `text` or `json`
                unread()
            recording.end(early=True)
        except Exception as error:  # noqa: BLE001 - the border: it is to be closed, whatever it holds
            swallow("stream.raw", error)
        return close(*args, **kwargs)

    return traced
