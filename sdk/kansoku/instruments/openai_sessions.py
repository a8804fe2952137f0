"""Tell what an agent that runs at OpenAI used: each of its turns when it has ended, in a process once.

A program starts a session, sends it words and reads the events that come of them, or asks for a turn when it
is over. A turn is as many requests to the model as it took, and has the sum of their tokens. Which model an
agent has, its session says; an agent that it starts itself is told by the call that starts it.
"""

import functools
import sys
from collections import OrderedDict
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from kansoku import semconv
from kansoku.calls.call import begin
from kansoku.calls.reader import Answer, Request
from kansoku.guard import guard
from kansoku.instruments import openai_shape as shape
from kansoku.instruments import patch
from kansoku.instruments.fetched import Known, watch, wrap_result, wrap_result_async
from kansoku.instruments.openai_chat import Origin
from kansoku.instruments.openai_responses import ResponsesReader
from kansoku.instruments.openai_shape import get, text_of

_SESSIONS = "openai.resources.beta.agents.sessions"
_METHODS = {
    f"{_SESSIONS}.sessions": ("Sessions", ("create", "retrieve", "update")),
    f"{_SESSIONS}.events": ("Events", ("stream",)),
    f"{_SESSIONS}.turns.turns": ("Turns", ("retrieve",)),
    f"{_SESSIONS}.subagents.turns.turns": ("Turns", ("retrieve",)),
}
_EVENT = "agent.session."
_ENDED = frozenset({"completed", "failed", "cancelled"})
_MOST = 4096
_told = Known()  # turns that are on a span of this process
_agents: OrderedDict[str, Any] = OrderedDict()  # by session, and by the agent that one starts


class _TurnReader(ResponsesReader):
    """Reads a turn as the response that came of it."""

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read what an agent was made with, and what it was told."""
        request = super().request(arguments, capture)
        if name := text_of(arguments, "name"):
            request.attributes[semconv.AGENT_NAME] = name
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read what was put together of a turn."""
        answer = super().response(response, capture)
        answer.attributes[semconv.BATCH_REQUESTS] = semconv.SEVERAL
        if text_of(response, "status") == "completed":  # whatever it asked the program for meanwhile
            answer.finish_reasons = ["stop"]
            for message in answer.messages:
                message["finish_reason"] = "stop"
        return answer


def start(origin: Origin) -> None:
    """Trace the sessions that are used from now on."""
    for module in _METHODS:
        patch.when_imported(module, functools.partial(_patch, _TurnReader(origin)))


def stop() -> None:
    """Put the client's own methods back."""
    for module, (name, methods) in _METHODS.items():
        patch.forget(module)
        for owner in patch.classes(sys.modules.get(module), (name, f"Async{name}")):
            for method in methods:
                patch.restore(owner, method)


def _patch(reader: _TurnReader, module: ModuleType) -> None:
    name, methods = _METHODS[module.__name__]
    tell = functools.partial(_see, reader)
    for owner in patch.classes(module, (name, f"Async{name}")):
        wrap = wrap_result_async if owner.__name__.startswith("Async") else wrap_result
        for method in methods:
            patch.replace(owner, method, functools.partial(wrap, tell=tell))


@guard
def _see(reader: _TurnReader, resource: Any, result: Any) -> None:
    """Take what a method returns: a session, a turn or a stream of events."""
    kind = text_of(result, "object")
    if kind == "agent.session":
        _remember(text_of(result, "id"), get(result, "agent"))
    elif kind == "agent.session.turn":
        _Turns(reader, resource).tell(result, None)
    elif not kind:
        watch(result, _Turns(reader, resource).see)


def _remember(name: str, agent: Any) -> None:
    """Remember the agent of a session."""
    if name and text_of(agent, "model"):
        _agents[name] = agent
        if len(_agents) > _MOST:
            _agents.popitem(last=False)


class _Turns:
    """The turns of a stream of events that have not ended."""

    def __init__(self, reader: _TurnReader, resource: Any) -> None:
        self._reader = reader
        self._resource = resource
        self._given: dict[str, list[Any]] = {}
        self._said: dict[str, list[Any]] = {}

    @guard
    def see(self, event: Any) -> None:
        """Keep what an event says, and tell the turn that it ends."""
        kind = text_of(event, "type").removeprefix(_EVENT)
        turn = text_of(event, "turn_id")
        if kind == "created":
            session = get(event, "session")
            _remember(text_of(session, "id"), get(session, "agent"))
        elif kind == "turn.item.added" and get(get(event, "item"), "role") == "user":
            self._given.setdefault(turn, []).append(get(event, "item"))
        elif kind == "turn.item.done":
            item = get(event, "item")
            if get(item, "type") == "create_subagent_call":
                _remember(text_of(item, "agent_id"), item)
            self._said.setdefault(turn, []).append(item)
        elif kind.removeprefix("turn.") in _ENDED:
            self.tell(get(event, "turn"), get(event, "usage"))
            self._given.pop(turn, None)
            self._said.pop(turn, None)

    def tell(self, turn: Any, usage: Any) -> None:
        """Tell a turn that has ended and used something, unless it was told."""
        name, session = text_of(turn, "id"), text_of(turn, "session_id")
        used = get(turn, "usage") or usage
        if not name or name in _told or used is None or text_of(turn, "status") not in _ENDED:
            return
        agent = _agents.get(text_of(turn, "agent_id")) or _agents.get(session)
        model = text_of(agent, "model")
        call = begin(self._reader, self._resource, {**_settings(agent), "input": self._given.get(name)})
        if call is None:
            return
        _told.add(name)
        # By the first, a collector tells it from a second turn where another process reads it, too.
        call.note({semconv.FETCHED: True, semconv.CONVERSATION_ID: session})
        status, items = text_of(turn, "status"), self._said.get(name) or []
        told = {"id": name, "model": model, "status": status, "output": items, "usage": used}
        call.answer({**told, "error": get(turn, "error"), "service_tier": get(agent, "service_tier")})


def _settings(agent: Any) -> dict[str, Any]:
    """Return what an agent was made with, as the arguments of a response have it."""
    names = ("model", "name", "instructions", "service_tier", "reasoning", "tools")
    found = {name: value for name in names if (value := get(agent, name)) is not None}
    return {"model": shape.model_name(found), **found}
