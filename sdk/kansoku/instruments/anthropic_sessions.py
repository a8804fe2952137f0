"""Tell what a managed agent of Anthropic's used: each request to its model when its end is streamed, once.

The agent runs at the vendor: a program starts a session, sends events and reads those that come of it. Which
model an agent has, the session alone says.
"""

import functools
import sys
from collections import OrderedDict
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from kansoku import semconv
from kansoku.calls.call import begin
from kansoku.calls.reader import Answer
from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.instruments.anthropic_messages import MessagesReader
from kansoku.instruments.fetched import Known, watch, wrap_result, wrap_result_async
from kansoku.instruments.openai_shape import get, listed, text_of

_SESSIONS = "anthropic.resources.beta.sessions.sessions"
_EVENTS = "anthropic.resources.beta.sessions.events"
# Of an agent that works for another, which has a thread, a model and a stream of its own.
_THREADS = "anthropic.resources.beta.sessions.threads.threads"
_THREADS_EVENTS = "anthropic.resources.beta.sessions.threads.events"
_OWNERS = {
    _SESSIONS: ("Sessions", "AsyncSessions"),
    _EVENTS: ("Events", "AsyncEvents"),
    _THREADS: ("Threads", "AsyncThreads"),
    _THREADS_EVENTS: ("Events", "AsyncEvents"),
}
_METHODS = {
    _SESSIONS: ("create", "retrieve"),
    _EVENTS: ("stream",),
    _THREADS: ("retrieve", "list"),
    _THREADS_EVENTS: ("stream",),
}
_END = "span.model_request_end"
# Event -> the block that it would be in a message; the program runs those of the last kind alone.
_CALLS = {
    "agent.tool_use": "server_tool_use",
    "agent.mcp_tool_use": "mcp_tool_use",
    "agent.custom_tool_use": "tool_use",
}
_ASKS = frozenset({"user.message", "agent.thread_message_received"})  # the second: of another agent's
_MOST = 4096
_told = Known()  # ends of requests that are on a span of this process


class _Agent(NamedTuple):
    """The agent of a session or of a thread."""

    name: str
    model: str


_agents: OrderedDict[str, _Agent] = OrderedDict()  # by session or thread


class _RequestReader(MessagesReader):
    """Reads a request of an agent to its model as the message that came of it."""

    def response(self, response: Any, capture: bool) -> Answer:
        """Read what was put together from events."""
        answer = super().response(response, capture)
        if response["is_error"]:
            answer.failure = "model_request_error"
        return answer


def start(origin: Any) -> None:
    """Trace the sessions that are streamed from now on."""
    for module in (_SESSIONS, _THREADS):
        patch.when_imported(module, functools.partial(_patch, _remember))
    for module in (_EVENTS, _THREADS_EVENTS):
        patch.when_imported(module, functools.partial(_patch_stream, _RequestReader(origin)))


def stop() -> None:
    """Put the client's own methods back."""
    for module, names in _OWNERS.items():
        patch.forget(module)
        for owner in patch.classes(sys.modules.get(module), names):
            for method in _METHODS[module]:
                patch.restore(owner, method)


def _patch(tell: Callable[[Any, Any], None], module: ModuleType) -> None:
    for owner in patch.classes(module, _OWNERS[module.__name__]):
        later = owner.__name__.startswith("Async")
        wrap = wrap_result_async if later else wrap_result
        for method in _METHODS[module.__name__]:
            if not (
                later and method == "list"
            ):  # which is awaited by nobody, and asks when it is looped over
                patch.replace(owner, method, functools.partial(wrap, tell=tell))


@guard
def _remember(resource: Any, session: Any) -> None:
    """Remember the agent of a session or of a thread, or of each thread of a page."""
    for thread in listed(session, "data"):
        _remember(resource, thread)
    agent = get(session, "agent")
    model = get(agent, "model")
    name = model if isinstance(model, str) else text_of(model, "id")
    if (key := text_of(session, "id")) and name:
        _agents[key] = _Agent(text_of(agent, "name"), name)
        if len(_agents) > _MOST:
            _agents.popitem(last=False)


def _patch_stream(reader: _RequestReader, module: ModuleType) -> None:
    for owner in patch.classes(module, _OWNERS[module.__name__]):
        wrap = _wrap_async if owner.__name__.startswith("Async") else _wrap
        patch.replace(owner, "stream", functools.partial(wrap, reader=reader))


def _wrap(original: Callable[..., Any], reader: _RequestReader) -> Callable[..., Any]:
    @functools.wraps(original)
    def stream(self: Any, *args: Any, **kwargs: Any) -> Any:
        events = original(self, *args, **kwargs)
        _see(reader, self, events, args, kwargs)
        return events

    return stream


def _wrap_async(original: Callable[..., Any], reader: _RequestReader) -> Callable[..., Any]:
    @functools.wraps(original)
    async def stream(self: Any, *args: Any, **kwargs: Any) -> Any:
        events = await original(self, *args, **kwargs)
        _see(reader, self, events, args, kwargs)
        return events

    return stream


@guard
def _see(reader: _RequestReader, resource: Any, events: Any, args: Any, kwargs: Any) -> None:
    first = args[0] if args else None
    thread = kwargs.get("thread_id") or (first if "session_id" in kwargs else None)
    session = kwargs.get("session_id") or first
    watch(events, _Session(reader, resource, str(session or ""), str(thread or "")).see)


class _Session:
    """The events of a session, or of a thread of one, since the last request that ended."""

    def __init__(self, reader: _RequestReader, resource: Any, name: str, thread: str) -> None:
        self._reader = reader
        self._resource = resource
        self._name = name
        self._thread = thread
        self._asked: list[dict[str, Any]] = []
        self._said: list[Any] = []

    @guard
    def see(self, event: Any) -> None:
        """Keep what an event says, and tell the request that it ends."""
        kind = text_of(event, "type")
        if kind == _END:
            self._tell(event)
            self._asked, self._said = [], []
        elif kind == "agent.message":
            self._said += listed(event, "content")
        elif kind in _ASKS:
            self._asked.append({"role": "user", "content": listed(event, "content")})
        elif kind in _CALLS:
            called = {name: get(event, name) for name in ("id", "name", "input")}
            self._said.append({**called, "type": _CALLS[kind], "server_name": get(event, "mcp_server_name")})

    def _tell(self, end: Any) -> None:
        name = text_of(end, "id")
        if not name or name in _told or (usage := get(end, "model_usage")) is None:
            return
        agent = _agents.get(self._thread or self._name, _Agent("", ""))
        call = begin(self._reader, self._resource, {"model": agent.model, "messages": self._asked})
        if call is None:
            return
        _told.add(name)
        # By the first, a collector tells it from a second request where another process reads it, too.
        call.note({semconv.FETCHED: True, semconv.CONVERSATION_ID: self._name})
        if agent.name:
            call.note({semconv.AGENT_NAME: agent.name})
        waits = any(get(block, "type") == "tool_use" for block in self._said)
        call.answer(
            {
                "id": name,
                "content": self._said,
                "stop_reason": "tool_use" if waits else None,
                "usage": usage,
                "is_error": get(end, "is_error") is True,
            }
        )
