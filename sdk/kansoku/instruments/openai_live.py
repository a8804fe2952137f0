"""What one connection to OpenAI's live API tells: a session, paid by the second, and what others do for it.

A session is one call: it hears and speaks at once, and has no turns. Responses and decisions that it
delegates are calls of other models, at their prices.
"""

from collections.abc import Callable, Mapping
from typing import Any

from kansoku import runtime, semconv
from kansoku.calls.reader import Answer, Request
from kansoku.guard import guard
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.fetched import Known
from kansoku.instruments.open_turns import Line, Turn
from kansoku.instruments.openai_chat import Origin
from kansoku.instruments.openai_decisions import DecisionReader
from kansoku.instruments.openai_items import input_item
from kansoku.instruments.openai_realtime_read import realtime_origin, sound
from kansoku.instruments.openai_responses import ResponsesReader
from kansoku.instruments.openai_shape import get

_FINISH = {"close_requested": "stop", "content": "content_filter"}
_LAST = frozenset({"response.completed", "response.incomplete", "response.failed"})
_followed = Known()  # sessions that have a span: a program may be connected to one twice


class _SessionReader:
    """Reads a session: its settings, and what was said and counted until its end."""

    operation = "chat"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the settings that a session began with."""
        session = arguments.get("session")
        parameters = {"voice": get(get(get(session, "audio"), "output"), "voice")}
        request = Request(shape.model_name(arguments), shape.read_parameters(parameters, capture))
        request.attributes |= _names(arguments)
        request.attributes[semconv.OUTPUT_TYPE] = "speech"
        if capture:
            request.instructions = shape.text_of(session, "instructions")
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read what is told of a session."""
        return self.fold([response], capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read what is told of a session."""
        told = chunks[0]
        finish = _FINISH.get(told["reason"], told["reason"])
        answer = Answer(model=told["model"], finish_reasons=[finish] if finish else [])
        if told["seconds"] is not None:
            answer.attributes[semconv.AUDIO_SECONDS] = float(told["seconds"])
        if capture and told["parts"]:
            answer.messages = [{"role": "assistant", "parts": told["parts"], "finish_reason": finish}]
        return answer


class _InSession:
    """A reader of calls that a session makes."""

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read what is known of a call that the vendor made itself."""
        own = {name: value for name, value in arguments.items() if name not in ("session_id", "messages")}
        request: Request = super().request(own, capture)  # type: ignore[misc]
        request.attributes |= _names(arguments)
        return request


class _DelegatedReader(_InSession, ResponsesReader):
    """Reads responses that a session delegated."""


class _DecisionReader(_InSession, DecisionReader):
    """Reads decisions that a session delegated."""


_SESSION, _RESPONSE, _DECISION = (
    _SessionReader(realtime_origin),
    _DelegatedReader(realtime_origin),
    _DecisionReader(realtime_origin),
)


class LiveSession:
    """Follows one connection."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._session: Any = {}
        self._turn: Turn | None = None
        self._begun = False
        self._seconds: Any = None
        self._dialogue: list[dict[str, Any]] = []  # messages of one text each, by turns
        self._sent = 0  # bytes of sound
        self._delegated: dict[str, Turn | None] = {}  # responses, by delegation

    def hear(self, event: Any) -> None:
        """Take what the server says; most of it is passed over."""
        kind = getattr(event, "type", None)
        action = _HEARD_OF.get(kind) if type(kind) is str else None
        if action is not None:
            action(self, event)

    def say(self, event: Any) -> None:
        """Take what the program says: of sound the size."""
        if get(event, "type") == "session.input_audio.append":
            self._sent += shape.decoded_size(get(event, "audio"))

    @guard
    def close(self, error: BaseException | None = None) -> None:
        """End what is under way: the connection is closed, or is lost with an exception."""
        delegated, self._delegated = self._delegated, {}
        for turn in delegated.values():
            if turn is not None:
                turn.end(turn.kept, error, early=error is None)
        self._end("", error)

    def _started(self, event: Any) -> None:
        if self._begun:
            self.close()  # a connection that was made anew has another session
        self._session = get(event, "session") or {}
        self._begin()

    def _updated(self, event: Any) -> None:
        self._session = get(event, "session") or self._session

    def _counted(self, event: Any) -> None:
        self._begin()
        self._seconds = get(get(event, "usage"), "seconds")

    def _closed(self, event: Any) -> None:
        self._updated(event)
        self._counted(event)
        self._end(shape.text_of(event, "reason"))

    def _heard(self, event: Any) -> None:
        self._add("user", event)

    def _said(self, event: Any) -> None:
        if self._turn is not None:
            self._turn.heard()
        self._add("assistant", event)

    def _sounded(self, event: Any) -> None:
        if self._turn is not None:
            self._turn.sounded("", shape.decoded_size(get(event, "delta")))

    def _add(self, role: str, event: Any) -> None:
        """Add a piece of what was said; it belongs to what the same one said before."""
        running = runtime.current()
        if running is None or not running.capture:
            return
        words = shape.text_of(event, "delta")
        if self._dialogue and self._dialogue[-1]["role"] == role:
            self._dialogue[-1]["parts"][0]["content"] += words
        else:
            self._dialogue.append({"role": role, "parts": [{"type": "text", "content": words}]})

    def _delegates(self, event: Any) -> None:
        inner, place = get(event, "event"), shape.text_of(event, "delegation_id")
        kind = shape.text_of(inner, "type")
        if kind == "response.created":
            self._delegated[place] = self._begin_response(get(inner, "response"))
        turn = self._delegated.get(place)
        if turn is None:
            return
        if kind.endswith(".delta"):
            turn.heard()
        turn.kept.append(inner)
        if kind in _LAST:
            turn.end(turn.kept)
            del self._delegated[place]

    def _decided(self, event: Any) -> None:
        inner = get(event, "event")
        if get(inner, "type") == "decision.completed":
            decision = get(inner, "decision")
            turn = self._line.begin(_DECISION, {"model": shape.text_of(decision, "model")}, self._id())
            if turn is not None:
                turn.end([decision])

    def _id(self) -> str:
        return shape.text_of(self._session, "id") or shape.text_of(self._line.arguments, "session_id")

    def _begin(self) -> None:
        if self._begun or (name := self._id()) in _followed:
            return
        self._begun = True
        if name:
            _followed.add(name)
        model = shape.text_of(self._session, "model")
        self._turn = self._line.begin(_SESSION, {"model": model, "session": self._session}, name)

    def _begin_response(self, response: Any) -> Turn | None:
        config = get(get(self._session, "delegation"), "responses")
        names = ("model", "instructions", "max_output_tokens", "reasoning", "service_tier", "tools")
        asked = {name: value for name in names if (value := get(config, name)) is not None}
        asked.setdefault("model", shape.text_of(response, "model"))
        return self._line.begin(_RESPONSE, asked, self._id())

    def _end(self, reason: str, error: BaseException | None = None) -> None:
        turn, self._turn, self._begun = self._turn, None, False
        dialogue, self._dialogue = self._dialogue, []
        sent, self._sent = self._sent, 0
        seconds, self._seconds = self._seconds, None
        if turn is None:
            return
        kind = shape.text_of(get(get(self._session, "audio"), "format"), "type") or "audio/*"
        spoken = [number for number, message in enumerate(dialogue) if message["role"] == "assistant"]
        parts = dialogue.pop(spoken[-1])["parts"] if spoken else []
        size = turn.sounds.get("", 0)
        before = [input_item(item) for item in shape.listed(self._session, "input")]
        turn.given = [*before, *dialogue, *([{"role": "user", "parts": [sound(kind, sent)]}] if sent else [])]
        turn.grown = bool(turn.given)
        told = {
            "model": shape.text_of(self._session, "model"),
            "seconds": seconds,
            "reason": reason,
            "parts": [*parts, *([sound(kind, size)] if size else [])],
        }
        turn.end([told], error, early=not reason and error is None)


def _names(arguments: Mapping[str, Any]) -> dict[str, Any]:
    session = arguments.get("session_id")
    return {semconv.SESSION_ID: session} if session else {}


_HEARD_OF: dict[str, Callable[[LiveSession, Any], None]] = {
    "session.started": LiveSession._started,
    "session.updated": LiveSession._updated,
    "session.usage.updated": LiveSession._counted,
    "session.closed": LiveSession._closed,
    "session.input_transcript.delta": LiveSession._heard,
    "session.output_transcript.delta": LiveSession._said,
    "session.output_audio.delta": LiveSession._sounded,
    "response.event": LiveSession._delegates,
    "decision.event": LiveSession._decided,
}
