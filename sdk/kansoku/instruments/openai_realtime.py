"""Trace OpenAI's realtime API: each response in a connection is a call, and so is each transcription.

The connection and its events stay the client's own: what passes is seen where the client parses and sends it.
"""

import functools
import sys
import weakref
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from kansoku import runtime
from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.instruments.open_turns import Line, is_loss, loss_of
from kansoku.instruments.openai_realtime_session import Conversation

_MODULES = (
    "openai.resources.realtime.realtime",
    "openai.resources.beta.realtime.realtime",
    "openai._websocket_connection",  # what newer connections have in common
)
_OURS = "_kansoku"
Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


def start() -> None:
    """Trace connections that are opened from now on."""
    for module in _MODULES:
        patch.when_imported(module, _patch)


def stop() -> None:
    """Put the client's own methods back."""
    for module in _MODULES:
        patch.forget(module)
        for name, methods in _CLASSES.items():
            for owner in patch.classes(sys.modules.get(module), (name,)):
                for method in methods:
                    patch.restore(owner, method)


def _patch(module: ModuleType) -> None:
    for name, methods in _CLASSES.items():
        for owner in patch.classes(module, (name,)):
            for method, wrap in methods.items():
                patch.replace(owner, method, wrap)


def _connect(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        manager = original(self, *args, **kwargs)
        _remember(manager, self, kwargs)
        return manager

    return connect


@guard
def _remember(manager: Any, resource: Any, arguments: Mapping[str, Any]) -> None:
    if runtime.current() is not None:
        manager.__dict__[_OURS] = Line(resource, arguments)


def _enter(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def enter(self: Any) -> Any:
        connection = original(self)
        _follow(self, connection)
        return connection

    return enter


def _enter_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def enter(self: Any) -> Any:
        connection = await original(self)
        _follow(self, connection)
        return connection

    return enter


@guard
def _follow(manager: Any, connection: Any) -> None:
    line = manager.__dict__.get(_OURS)
    if line is not None:
        connection.__dict__[_OURS] = followed = Conversation(line)
        weakref.finalize(connection, followed.close)  # of one that is dropped without being closed


def _parse(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def parse_event(self: Any, data: Any) -> Any:
        event = original(self, data)
        followed = self.__dict__.get(_OURS)
        if followed is not None:
            followed.hear(event)
        return event

    return parse_event


def _receive(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def recv_bytes(self: Any) -> Any:
        try:
            return original(self)
        except Exception as error:
            _lose(self, error)
            raise

    return recv_bytes


def _receive_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def recv_bytes(self: Any) -> Any:
        try:
            return await original(self)
        except Exception as error:
            _lose(self, error)
            raise

    return recv_bytes


@guard
def _lose(connection: Any, error: Exception) -> None:
    followed = connection.__dict__.get(_OURS)
    if followed is not None and is_loss(error):
        followed.close(loss_of(error))


def _send(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def send(self: Any, event: Any) -> Any:
        followed = self.__dict__.get(_OURS)
        if followed is not None:
            followed.say(event)
        return original(self, event)

    return send


def _send_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def send(self: Any, event: Any) -> Any:
        followed = self.__dict__.get(_OURS)
        if followed is not None:
            followed.say(event)
        return await original(self, event)

    return send


def _close(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        followed = self.__dict__.get(_OURS)
        if followed is not None:
            followed.close()
        return original(self, *args, **kwargs)

    return close


def _close_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        followed = self.__dict__.get(_OURS)
        if followed is not None:
            followed.close()
        return await original(self, *args, **kwargs)

    return close


_CLASSES: dict[str, dict[str, Wrap]] = {
    "Realtime": {"connect": _connect},
    "AsyncRealtime": {"connect": _connect},
    "RealtimeConnectionManager": {"__enter__": _enter, "enter": _enter},
    "AsyncRealtimeConnectionManager": {"__aenter__": _enter_async, "enter": _enter_async},
    "RealtimeConnection": {"parse_event": _parse, "recv_bytes": _receive, "send": _send, "close": _close},
    "AsyncRealtimeConnection": {
        "parse_event": _parse,
        "recv_bytes": _receive_async,
        "send": _send_async,
        "close": _close_async,
    },
    "WebSocketConnectionBase": {"close": _close},
    "AsyncWebSocketConnectionBase": {"close": _close_async},
}
