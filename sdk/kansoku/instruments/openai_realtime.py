"""Trace OpenAI's connections that stay open: of the realtime and the live API, and of responses.

The connection and its events stay the client's own: what passes is seen where the client parses and sends it.
"""

import functools
import sys
import weakref
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Protocol

from kansoku import runtime
from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.instruments.open_turns import Line, is_loss, loss_of

_OURS = "_kansoku"
_COMMON = "openai._websocket_connection"  # what newer connections have in common
Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


class Follower(Protocol):
    """Follows one connection; what it raises costs the program nothing."""

    def hear(self, event: Any) -> None:
        """Take what the server says."""

    def say(self, event: Any) -> None:
        """Take what the program says."""

    def close(self, error: BaseException | None = None) -> None:
        """End what is under way: the connection is closed, or is lost with an exception."""


Make = Callable[[Line], Follower]

# Most programs open no such connection: what follows one is loaded with the first.


def _conversation(line: Line) -> Follower:
    from kansoku.instruments.openai_realtime_session import Conversation  # noqa: PLC0415

    return Conversation(line)


def _live_session(line: Line) -> Follower:
    from kansoku.instruments.openai_live import LiveSession  # noqa: PLC0415

    return LiveSession(line)


def _responses_socket(line: Line) -> Follower:
    from kansoku.instruments.openai_responses_socket import ResponsesSocket  # noqa: PLC0415

    return ResponsesSocket(line)


def start() -> None:
    """Trace connections that are opened from now on."""
    for module in _CLASSES:
        patch.when_imported(module, _patch)


def stop() -> None:
    """Put the client's own methods back."""
    for module, classes in _CLASSES.items():
        patch.forget(module)
        for name, methods in classes.items():
            for owner in patch.classes(sys.modules.get(module), (name,)):
                for method in methods:
                    patch.restore(owner, method)


def _patch(module: ModuleType) -> None:
    for name, methods in _CLASSES[module.__name__].items():
        for owner in patch.classes(module, (name,)):
            for method, wrap in methods.items():
                patch.replace(owner, method, wrap)


def _connect(make: Make, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        manager = original(self, *args, **kwargs)
        _remember(manager, make, self, kwargs)
        return manager

    return connect


@guard
def _remember(manager: Any, make: Make, resource: Any, arguments: Mapping[str, Any]) -> None:
    if runtime.current() is not None:
        manager.__dict__[_OURS] = make, Line(resource, arguments)


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
    known = manager.__dict__.get(_OURS)
    if known is not None:
        make, line = known
        connection.__dict__[_OURS] = followed = make(line)
        weakref.finalize(connection, followed.close)  # of one that is dropped without being closed


def _parse(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def parse_event(self: Any, data: Any) -> Any:
        event = original(self, data)
        _hear(self, event)
        return event

    return parse_event


@guard
def _hear(connection: Any, event: Any) -> None:
    followed = connection.__dict__.get(_OURS)
    if followed is not None:
        followed.hear(event)


@guard
def _say(connection: Any, event: Any) -> None:
    followed = connection.__dict__.get(_OURS)
    if followed is not None:
        followed.say(event)


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
        _say(self, event)
        return original(self, event)

    return send


def _send_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def send(self: Any, event: Any) -> Any:
        _say(self, event)
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


def _classes(name: str, make: Make) -> dict[str, dict[str, Wrap]]:
    """Return the classes of a resource that connects, each with the methods to wrap."""
    connect = functools.partial(_connect, make)
    return {
        name: {"connect": connect},
        f"Async{name}": {"connect": connect},
        f"{name}ConnectionManager": {"__enter__": _enter, "enter": _enter},
        f"Async{name}ConnectionManager": {"__aenter__": _enter_async, "enter": _enter_async},
        f"{name}Connection": {"parse_event": _parse, "recv_bytes": _receive, "send": _send, "close": _close},
        f"Async{name}Connection": {
            "parse_event": _parse,
            "recv_bytes": _receive_async,
            "send": _send_async,
            "close": _close_async,
        },
    }


_CLASSES: dict[str, dict[str, dict[str, Wrap]]] = {
    "openai.resources.realtime.realtime": _classes("Realtime", _conversation),
    "openai.resources.beta.realtime.realtime": _classes("Realtime", _conversation),
    "openai.resources.live.live": _classes("Live", _live_session),
    "openai.resources.live.forks": _classes("Forks", _live_session),
    "openai.resources.live.sideband": _classes("Sideband", _live_session),
    "openai.resources.responses.responses": _classes("Responses", _responses_socket),
    "openai.resources.beta.responses.responses": _classes("Responses", _responses_socket),
    _COMMON: {
        "WebSocketConnectionBase": {"close": _close},
        "AsyncWebSocketConnectionBase": {"close": _close_async},
    },
}
