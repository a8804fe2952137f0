"""Trace Google's Live API: each turn in a connection is a call. Session and messages stay as they are."""

import contextlib
import functools
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from types import FrameType, ModuleType
from typing import Any

from kansoku import runtime
from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.instruments.google_live_callers import tells_itself
from kansoku.instruments.google_live_read import LiveReader
from kansoku.instruments.google_live_session import Talk
from kansoku.instruments.open_turns import Line, is_loss, loss_of

_MODULE = "google.genai.live"
_OURS = "_kansoku"
_NORMAL = 1000  # the code of a connection that was closed in order


def start(origin: Any) -> None:
    """Trace connections that are opened from now on."""
    patch.when_imported(_MODULE, functools.partial(_patch, LiveReader(origin)))


def stop() -> None:
    """Put the client's own methods back."""
    patch.forget(_MODULE)
    module = sys.modules.get(_MODULE)
    for owner in patch.classes(module, ("AsyncLive",)):
        patch.restore(owner, "connect")
    for owner in patch.classes(module, ("AsyncSession",)):
        for name in ("_receive", "close", *_SAID):
            patch.restore(owner, name)


def _patch(reader: LiveReader, module: ModuleType) -> None:
    for owner in patch.classes(module, ("AsyncLive",)):
        patch.replace(owner, "connect", functools.partial(_connect, reader))
    for owner in patch.classes(module, ("AsyncSession",)):
        patch.replace(owner, "_receive", _receive)
        patch.replace(owner, "close", _close)
        for name, say in _SAID.items():
            patch.replace(owner, name, functools.partial(_send, say))


def _connect(reader: LiveReader, original: Callable[..., Any]) -> Callable[..., Any]:
    @contextlib.asynccontextmanager
    async def connected(self: Any, line: Line, args: Any, kwargs: Any) -> AsyncIterator[Any]:
        async with original(self, *args, **kwargs) as session:
            talk = _follow(session, line, reader)
            try:
                yield session
            finally:
                if talk is not None:
                    talk.close()

    @functools.wraps(original)
    def connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        line = _line(self, kwargs, sys._getframe(1))
        return original(self, *args, **kwargs) if line is None else connected(self, line, args, kwargs)

    return connect


@guard
def _line(resource: Any, arguments: Mapping[str, Any], caller: FrameType) -> Line | None:
    """Return where a connection begins; None for one that is not to be traced."""
    if runtime.current() is None or tells_itself(caller):
        return None
    return Line(resource, arguments)


@guard
def _follow(session: Any, line: Line, reader: LiveReader) -> Talk | None:
    name = getattr(session, "session_id", None)
    talk = Talk(line, reader, name if isinstance(name, str) else "")
    session.__dict__[_OURS] = talk
    weakref.finalize(session, talk.close)  # of one that is dropped without being closed
    return talk


def _receive(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def receive(self: Any) -> Any:
        talk = self.__dict__.get(_OURS)
        try:
            message = await original(self)
        except Exception as error:
            _lose(talk, error)
            raise
        if talk is not None:
            talk.hear(message)
        return message

    return receive


@guard
def _lose(talk: Talk | None, error: Exception) -> None:
    if talk is None:
        return
    if is_loss(error):  # of older versions
        talk.close(loss_of(error))
    elif (code := vars(error).get("code")) is not None:  # the vendor's word, or that of the connection
        talk.close(None if code == _NORMAL else error)


def _close(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def close(self: Any) -> Any:
        talk = self.__dict__.get(_OURS)
        if talk is not None:
            talk.close()
        return await original(self)

    return close


def _send(say: Callable[[Talk, Mapping[str, Any]], None], original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        talk = self.__dict__.get(_OURS)
        if talk is not None:
            say(talk, kwargs)
        return await original(self, *args, **kwargs)

    return send


_SAID: dict[str, Callable[[Talk, Mapping[str, Any]], None]] = {
    "send_client_content": lambda talk, given: talk.say_content(
        given.get("turns"), bool(given.get("turn_complete", True))
    ),
    "send_realtime_input": Talk.say_realtime,
    "send_tool_response": lambda talk, given: talk.say_results(given.get("function_responses")),
    "send": lambda talk, given: talk.say_any(given.get("input"), bool(given.get("end_of_turn"))),
}
