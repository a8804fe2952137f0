"""What passes through one connection to Google's Live API, and the turn under way in it."""

from typing import Any

from kansoku import runtime
from kansoku.guard import guard, swallow
from kansoku.instruments import google_shape as shape
from kansoku.instruments import openai_shape
from kansoku.instruments.google_live_read import LiveReader, Told, sound
from kansoku.instruments.google_shape import get
from kansoku.instruments.open_turns import Line, Turn

_MOST = 256  # messages that wait for a turn
_MEDIA = ("audio", "video", "media")


class Talk:
    """Follows one connection."""

    def __init__(self, line: Line, reader: LiveReader, session: str) -> None:
        self._line = line
        self._reader = reader
        self._session = session
        self._turn: Turn | None = None
        self._told: Told | None = None  # of a turn, also of one that is not traced
        self._asked = False  # whether the turn began with what the program sent, not with the answer
        self._spoken: dict[str, Any] | None = None  # the message of the turn that the user spoke
        self._waiting: list[dict[str, Any]] = []  # messages that no turn has been asked with
        self._words: list[str] = []  # what the user said, as far as it is known
        self._sent: dict[str, int] = {}  # bytes of sound and pictures by media type

    def hear(self, message: Any) -> None:
        """Take what the server says."""
        try:
            self._hear(message)
        except Exception as error:  # noqa: BLE001 - the border: the program gets its message
            swallow("google_live.hear", error)

    @guard
    def say_content(self, turns: Any, whole: bool) -> None:
        """Take contents that the program sends; `whole` if the model is to answer."""
        if turns is not None and _captures():
            self._wait(*shape.read_contents(turns))
        if whole and self._told is None:
            self._begin(asked=True)

    @guard
    def say_realtime(self, given: Any) -> None:
        """Take a piece of sound, a picture, or a text."""
        for name in _MEDIA:
            if (blob := given.get(name)) is not None:
                self._count(blob)
        if (words := given.get("text")) and _captures():
            self._wait({"role": "user", "parts": [{"type": "text", "content": words}]})

    @guard
    def say_results(self, given: Any) -> None:
        """Take what tools gave: it belongs to the turn that called them, if it goes on."""
        listed = given if isinstance(given, list | tuple) else [given]
        parts = [shape.read_part({"function_response": each}) for each in listed] if _captures() else []
        message = {"role": "tool", "parts": parts}
        if self._turn is not None:
            if parts:
                self._turn.given.append(message)
                self._turn.grown = True
        elif self._told is None:
            if parts:
                self._wait(message)
            self._begin(asked=True)

    @guard
    def say_any(self, given: Any, whole: bool) -> None:
        """Take what the older `send` takes: any of these."""
        first = given[0] if isinstance(given, list | tuple) and given else given
        if (chunks := get(given, "media_chunks")) is not None:
            for blob in chunks:
                self._count(blob)
        elif get(given, "data") is not None and get(given, "mime_type") is not None:
            self._count(given)
        elif (results := get(given, "function_responses")) is not None:
            self.say_results(results)
        elif get(first, "response") is not None and get(first, "name") is not None:
            self.say_results(given)
        elif get(given, "turns") is not None or get(given, "turn_complete") is not None:
            self.say_content(get(given, "turns"), bool(get(given, "turn_complete")))
        else:
            self.say_content(given, whole)

    @guard
    def close(self, error: BaseException | None = None) -> None:
        """End the turn under way: the connection is closed, or is lost with an exception."""
        self._waiting, self._words, self._sent = [], [], {}
        self._end(error, early=error is None)

    def _hear(self, message: Any) -> None:
        fields = _fields(message)  # dozens of messages a second, of which most say one thing
        content, usage = fields.get("server_content"), fields.get("usage_metadata")
        said = {} if content is None else _fields(content)
        if said:
            self._hear_content(said)
        if (called := fields.get("tool_call")) is not None:
            told = self._begun()
            told.called = True
            if _captures():
                told.parts += [shape.read_call(call) for call in get(called, "function_calls") or ()]
        if usage is not None:
            self._begun().usage = usage
        if said.get("turn_complete") and self._told is not None:
            self._told.ended = True
            self._told.reason = shape.word(said.get("turn_complete_reason")).upper()
            self._end()

    def _hear_content(self, content: dict[str, Any]) -> None:
        if (heard := content.get("input_transcription")) is not None and (words := get(heard, "text")):
            self._understand(words)
        turn, spoken = content.get("model_turn"), content.get("output_transcription")
        parts = () if turn is None else get(turn, "parts") or ()
        words = None if spoken is None else get(spoken, "text")
        if parts or words:
            told = self._begun()
            told.go_on()
            if self._turn is not None and self._asked:
                self._turn.heard()
            for part in parts:
                self._hear_part(told, part)
            if words and _captures():
                told.parts.append({"type": "text", "content": words})
        if (known := self._told) is not None:
            known.interrupted = known.interrupted or bool(content.get("interrupted"))
            known.grounding = content.get("grounding_metadata") or known.grounding
            known.pages = content.get("url_context_metadata") or known.pages

    def _hear_part(self, told: Told, part: Any) -> None:
        data = _fields(part).get("inline_data")
        if data is not None:
            kind = get(data, "mime_type") or "audio/*"
            told.sounds[kind] = told.sounds.get(kind, 0) + _size(get(data, "data"))
        elif _captures() and (read := shape.read_part(part)) is not None:
            told.parts.append(read)

    def _understand(self, words: str) -> None:
        """Take a piece of what the user said; it may come while the model answers already."""
        if not _captures():
            return
        turn, told = self._turn, self._told
        if turn is None or told is None or told.interrupted:
            self._words.append(words)
            return
        if self._spoken is None:
            self._spoken = {"role": "user", "parts": []}
            turn.given.append(self._spoken)
        parts = self._spoken["parts"]
        if parts and parts[0]["type"] == "text":
            parts[0]["content"] += words
        else:
            parts.insert(0, {"type": "text", "content": words})
        turn.grown = True

    def _wait(self, *messages: dict[str, Any]) -> None:
        self._waiting = [*self._waiting, *messages][-_MOST:]

    def _count(self, blob: Any) -> None:
        kind = get(blob, "mime_type") or "image/*"  # what has none is a picture of PIL
        self._sent[kind] = self._sent.get(kind, 0) + _size(get(blob, "data"))

    def _begun(self) -> Told:
        """Return what is told of the turn under way; it begins where there is none."""
        return self._told or self._begin(asked=False)

    def _begin(self, *, asked: bool) -> Told:
        messages, self._waiting = self._waiting, []
        self._spoken = None
        if _captures() and (self._sent or self._words):
            parts = [{"type": "text", "content": "".join(self._words)}] if self._words else []
            parts += [sound(kind, size) for kind, size in self._sent.items()]
            self._spoken = {"role": "user", "parts": parts}
            messages = [*messages, self._spoken]
        self._words, self._sent = [], {}
        self._asked = asked
        self._turn = self._line.begin(
            self._reader, {**self._line.arguments, "messages": messages}, self._session
        )
        told = self._told = Told()
        return told

    def _end(self, error: BaseException | None = None, *, early: bool = False) -> None:
        turn, self._turn = self._turn, None
        told, self._told = self._told, None
        if turn is not None and told is not None:
            turn.end([told], error, early=early)


def _captures() -> bool:
    running = runtime.current()
    return running is not None and running.capture


def _fields(thing: Any) -> dict[str, Any]:
    """Return the fields of a model of the client: asking for those that are not set takes long."""
    found: dict[str, Any] = thing if type(thing) is dict else getattr(thing, "__dict__", {})
    return found


def _size(data: Any) -> int:
    return len(data) if isinstance(data, bytes | bytearray) else openai_shape.decoded_size(data)
