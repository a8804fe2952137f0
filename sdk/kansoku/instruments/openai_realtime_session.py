"""What the events of one realtime connection tell: the session, the conversation, the responses under way."""

from collections import deque
from collections.abc import Callable
from typing import Any

from kansoku import runtime
from kansoku.guard import guard
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.open_turns import Line, Turn
from kansoku.instruments.openai_realtime_read import (
    HeardReader,
    RealtimeReader,
    format_of,
    read_item,
    realtime_origin,
    sound,
)
from kansoku.instruments.openai_shape import get

_MOST = 256  # items that nobody asked about yet, and those whose words may still come
_READER, _HEARD = RealtimeReader(realtime_origin), HeardReader(realtime_origin)


class Conversation:
    """Follows one connection. A thread may send while another receives; each step stands alone."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._session: Any = {}
        self._turns: dict[str, Turn | None] = {}  # by response
        self._hearings: dict[str, Turn | None] = {}  # transcriptions, by item
        self._items: dict[str, dict[str, Any]] = {}  # messages of the user, by item
        self._fresh: deque[dict[str, Any]] = deque(maxlen=_MOST)  # those that no response has been asked with
        self._asked: deque[Any] = deque(maxlen=_MOST)  # requests of which no response has begun
        self._sizes: deque[int] = deque(maxlen=_MOST)  # of the sounds in items that the program made
        self._sent = 0  # bytes of sound since the last item that was made of them
        self._committed: dict[str, int] = {}  # the size of an item that is about to come

    def hear(self, event: Any) -> None:
        """Take what the server says; most of it is passed over."""
        kind = getattr(event, "type", None)
        action = _HEARD_OF.get(kind) if type(kind) is str else None
        if action is not None:
            action(self, event)

    def say(self, event: Any) -> None:
        """Take what the program says; mostly sound, of which the size is counted."""
        kind = event.get("type") if type(event) is dict else get(event, "type")
        if kind == "input_audio_buffer.append":
            self._sent += shape.decoded_size(get(event, "audio"))
        elif kind == "response.create":
            self._asked.append((get(event, "event_id"), get(event, "response")))
        elif kind == "conversation.item.create":
            for part in shape.listed(get(event, "item"), "content"):
                if get(part, "type") == "input_audio":
                    self._sizes.append(shape.decoded_size(get(part, "audio")))

    @guard
    def close(self, error: BaseException | None = None) -> None:
        """End what is under way: the connection is closed, or is lost with an exception."""
        turns, self._turns = self._turns, {}
        hearings, self._hearings = self._hearings, {}
        for known in (self._items, self._fresh, self._asked, self._sizes, self._committed):
            known.clear()  # a connection that is made anew knows nothing of them
        self._sent = 0
        for name, turn in turns.items():
            if turn is not None:
                turn.end([self._told({"id": name}, turn)], error, early=error is None)
        for hearing in hearings.values():
            if hearing is not None:
                hearing.end([], error, early=error is None)

    # What the server says.

    def _opened(self, event: Any) -> None:
        if self._session:
            self.close()
        self._configured(event)  # the program may have spoken before

    def _configured(self, event: Any) -> None:
        self._session = get(event, "session") or {}

    def _added(self, event: Any) -> None:
        running = runtime.current()
        item = get(event, "item")
        name, role = shape.text_of(item, "id"), get(item, "role")
        growing = get(item, "status") == "in_progress" and role != "user"  # of a response
        if running is None or not running.capture or growing or (name and name in self._items):
            return
        size = self._committed.pop(name, 0)
        if not size and self._sizes and _has_sound(item):
            size = self._sizes.popleft()
        message = read_item(item, format_of(self._session, "input"), size)
        self._fresh.append(message)
        if name:
            if len(self._items) >= _MOST:
                del self._items[next(iter(self._items))]
            self._items[name] = message

    def _deleted(self, event: Any) -> None:
        message = self._items.pop(shape.text_of(event, "item_id"), None)
        if message is not None and message in self._fresh:
            self._fresh.remove(message)

    def _commit(self, event: Any) -> None:
        name, size = shape.text_of(event, "item_id"), self._sent
        self._sent = 0
        if len(self._committed) < _MOST:
            self._committed[name] = size
        if self._transcription() is not None:
            self._hearings[name] = self._begin_hearing(size)

    def _cleared(self, _: Any) -> None:
        self._sent = 0

    def _begun(self, event: Any) -> None:
        response = get(event, "response")
        if name := shape.text_of(response, "id"):
            self._turns[name] = self._begin(response)

    def _done(self, event: Any) -> None:
        response = get(event, "response")
        name = shape.text_of(response, "id")
        if name:
            turn = self._turns.pop(name) if name in self._turns else self._begin(response)
            if turn is not None:
                turn.end([self._told(response, turn)])

    def _piece(self, event: Any) -> None:
        turn = self._turns.get(get(event, "response_id"))
        if turn is not None:
            turn.heard()
            turn.kept.append(event)

    def _item(self, event: Any) -> None:
        turn = self._turns.get(get(event, "response_id"))
        if turn is not None:
            turn.kept.append(event)

    def _sound(self, event: Any) -> None:
        turn = self._turns.get(get(event, "response_id"))
        if turn is not None:
            turn.sounded(shape.text_of(event, "item_id"), shape.decoded_size(get(event, "delta")))

    def _hearing(self, event: Any) -> None:
        turn = self._hearings.get(get(event, "item_id"))
        if turn is not None:
            turn.heard()

    def _heard(self, event: Any) -> None:
        name, words = shape.text_of(event, "item_id"), shape.text_of(event, "transcript")
        message = self._items.get(name)
        if message is not None and words:
            _add_words(message, words)
            for other in self._turns.values():
                if other is not None and any(given is message for given in other.given):
                    other.grown = True
        turn = self._hearings.pop(name) if name in self._hearings else self._begin_hearing(0)
        if turn is not None:
            turn.end([event])

    def _refused(self, event: Any) -> None:
        """Forget the request that an error answers; where it does not say which, all of them."""
        name = shape.text_of(get(event, "error"), "event_id")
        kept = [asked for asked in self._asked if asked[0] != name] if name else []
        self._asked.clear()
        self._asked.extend(kept)

    # Calls.

    def _begin(self, response: Any) -> Turn | None:
        asked = self._asked.popleft()[1] if self._asked else None
        messages = list(self._fresh)
        if (given := get(asked, "input")) is not None:
            kind = format_of(self._session, "input")
            messages = [
                self._items.get(shape.text_of(item, "id")) or read_item(item, kind, 0) for item in given
            ]
        if get(asked, "conversation") != "none":
            self._fresh.clear()
        return self._line.begin(
            _READER,
            {
                "model": shape.model_name(self._line.arguments) or shape.text_of(self._session, "model"),
                "session": self._session,
                "asked": asked,
                "response": response,
                "messages": messages,
                **_azure(self._line),
            },
            shape.text_of(self._session, "id"),
        )

    def _told(self, response: Any, turn: Turn) -> dict[str, Any]:
        return {
            "response": response,
            "model": shape.text_of(self._session, "model"),
            "sounds": turn.sounds,
            "format": format_of(self._session, "output"),
            "events": turn.kept,
        }

    def _transcription(self) -> Any:
        told = get(get(get(self._session, "audio"), "input"), "transcription")
        return told if told is not None else get(self._session, "input_audio_transcription")

    def _begin_hearing(self, size: int) -> Turn | None:
        settings = self._transcription()
        parts = [sound(format_of(self._session, "input"), size)]
        return self._line.begin(
            _HEARD,
            {
                "model": shape.text_of(settings, "model"),
                "settings": settings,
                "messages": [{"role": "user", "parts": parts}],
            },
            shape.text_of(self._session, "id"),
        )


def _has_sound(item: Any) -> bool:
    return any(get(part, "type") == "input_audio" for part in shape.listed(item, "content"))


def _add_words(message: dict[str, Any], words: str) -> None:
    """Put what was said before its sound."""
    parts = message["parts"]
    place = next((number for number, part in enumerate(parts) if part["type"] == "blob"), len(parts))
    parts.insert(place, {"type": "text", "content": words})


def _azure(line: Line) -> dict[str, Any]:
    client = line.resource._client
    version = getattr(client, "_api_version", None)
    if version is None:
        return {}
    deployment = getattr(client, "_azure_deployment", None) or shape.model_name(line.arguments)
    return {"deployment": deployment, "api_version": version}


_TRANSCRIPTION = "conversation.item.input_audio_transcription."
_HEARD_OF: dict[str, Callable[[Conversation, Any], None]] = {
    "session.created": Conversation._opened,
    "session.updated": Conversation._configured,
    "transcription_session.created": Conversation._opened,
    "transcription_session.updated": Conversation._configured,
    "conversation.item.created": Conversation._added,
    "conversation.item.added": Conversation._added,
    "conversation.item.deleted": Conversation._deleted,
    "input_audio_buffer.committed": Conversation._commit,
    "input_audio_buffer.cleared": Conversation._cleared,
    f"{_TRANSCRIPTION}delta": Conversation._hearing,
    f"{_TRANSCRIPTION}completed": Conversation._heard,
    f"{_TRANSCRIPTION}failed": Conversation._heard,
    "response.created": Conversation._begun,
    "response.done": Conversation._done,
    "response.output_item.added": Conversation._item,
    "response.output_item.done": Conversation._item,
    "error": Conversation._refused,
    **dict.fromkeys(("response.audio.delta", "response.output_audio.delta"), Conversation._sound),
    **dict.fromkeys(
        (
            "response.text.delta",
            "response.output_text.delta",
            "response.audio_transcript.delta",
            "response.output_audio_transcript.delta",
            "response.function_call_arguments.delta",
        ),
        Conversation._piece,
    ),
}
