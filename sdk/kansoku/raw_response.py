"""Follow what `with_raw_response` and `with_streaming_response` return: responses yet to be parsed."""

import functools
import json
import weakref
from collections.abc import Callable
from typing import Any

from kansoku.guard import swallow
from kansoku.recording import Recording, Streamed
from kansoku.stream import follow, is_stainless

# Set by the clients' with_raw_response and with_streaming_response, in every client of this family.
RAW_RESPONSE_HEADER = "X-Stainless-Raw-Response"


def follow_raw(response: Any, call: Streamed) -> Any:
    """Trace a raw response: read it when the caller parses it, end the call when it is closed or dropped."""
    if type(response).__name__ == "LegacyAPIResponse" and not getattr(response, "_stream", False):
        # The body is here already, and parse() keeps its result: the caller's own parse() costs nothing then.
        call.answer(response.parse())
        return response
    if _is_read(response):
        call.answer(json.loads(response.http_response.content))  # parse() may be a coroutine
        return response
    recording = Recording(call)
    unread = weakref.finalize(response, recording.end, early=True)
    response.parse = _parse_and_follow(response.parse, call, recording, unread)
    if callable(getattr(response, "close", None)):
        streams = getattr(response, "_is_sse_stream", getattr(response, "_stream", True))
        # Not the response itself: one that is dropped goes at once, and its connection with it.
        http = None if streams else getattr(response, "http_response", None)
        response.close = _close_and_end(response.close, call, recording, unread, http)
    return response


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
    call: Streamed,
    recording: Recording,
    unread: "weakref.finalize[..., Any]",
    http: Any,
) -> Callable[..., Any]:
    """Return a `close` that ends the call; `http` is the response of one that does not stream."""

    @functools.wraps(close)
    def traced(*args: Any, **kwargs: Any) -> Any:
        try:
            # Read without being parsed: by `read`, `text` or `json`.
            if unread.alive and (body := getattr(http, "_content", None)) is not None:
                call.answer(json.loads(body))
        except Exception as error:  # noqa: BLE001 - the border: a body of any kind, and it is to be closed
            if not isinstance(error, ValueError):
                swallow("stream.raw", error)
        recording.end(early=True)
        return close(*args, **kwargs)

    return traced
