"""Trace the connections of `mistralai` on which words are heard, or spoken, while they are said.

What comes of a connection ends more than once: with each end that the vendor counts, a call has ended.
"""

import functools
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from types import ModuleType
from typing import Any

from kansoku.calls.reader import Answer, Reader, Request
from kansoku.guard import guard
from kansoku.instruments import openai_extras as extras
from kansoku.instruments import openai_shape as shape
from kansoku.instruments import patch
from kansoku.instruments.mistral_other import SpeechReader, TranscriptionReader
from kansoku.instruments.open_turns import Line, Turn
from kansoku.instruments.openai_shape import get, text_of

_ENDS = frozenset({"transcription.done", "speech.audio.done"})
_ERROR = "error"


def read_origin(connection: Any, local_provider: str) -> tuple[str, str, int]:  # noqa: ARG001 - Mistral's own
    """Return provider, host and port of a connection."""
    request = getattr(getattr(connection, "_websocket", None), "request", None)
    host, _, port = str((getattr(request, "headers", None) or {}).get("Host") or "").partition(":")
    return "mistral_ai", host, (int(port) if port.isdigit() else 443) if host else 0


class _HearReader(TranscriptionReader):
    """Reads what was heard: the event that ends it, behind the pieces that came before."""

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:  # noqa: ARG002 - sound is sent bit by bit
        """Read the model's name."""
        return super().request(arguments, False)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the end, or the pieces where there was none."""
        last = chunks[-1] if chunks else None
        if text_of(last, "type") in _ENDS:
            return self.response(last, capture)
        answer = self.response({"text": "".join(text_of(chunk, "text") for chunk in chunks)}, capture)
        extras.add_failure(answer, get(last, "error"))
        return answer


class _SpeakReader(SpeechReader):
    """Reads what was spoken: its size, and the event that ends it."""

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the end, if there was one."""
        answer = super().fold(chunks[1:], capture)
        if capture and chunks[0]:
            part = {"type": "blob", "modality": "audio", "mime_type": "audio/*", "size": chunks[0]}
            answer.messages = [{"role": "assistant", "parts": [part], "finish_reason": ""}]
        extras.add_failure(answer, get(chunks[-1], "error"))
        return answer


_TARGETS: dict[str, tuple[str, Reader]] = {
    "mistralai.extra.realtime.connection": ("RealtimeConnection", _HearReader(read_origin)),
    "mistralai.extra.realtime.speech": ("RealtimeSpeechConnection", _SpeakReader(read_origin)),
}


def start() -> None:
    """Trace the connections that are read from now on."""
    for module in _TARGETS:
        patch.when_imported(module, _patch)


def stop() -> None:
    """Put the client's own methods back."""
    for module, (name, _) in _TARGETS.items():
        patch.forget(module)
        for owner in patch.classes(sys.modules.get(module), (name,)):
            patch.restore(owner, "events")


def _patch(module: ModuleType) -> None:
    name, reader = _TARGETS[module.__name__]
    for owner in patch.classes(module, (name,)):
        patch.replace(owner, "events", functools.partial(_wrap, reader=reader))


def _wrap(original: Callable[..., Any], reader: Reader) -> Callable[..., Any]:
    @functools.wraps(original)
    async def events(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        turns = _Turns(reader, self)
        async with aclosing(original(self, *args, **kwargs)) as source:
            try:
                async for event in source:
                    turns.see(event)
                    yield event
            except GeneratorExit:
                turns.close()
                raise
            except BaseException as error:
                turns.close(error)
                raise
            turns.close()

    return events


class _Turns:
    """What comes of one connection, up to the next end."""

    def __init__(self, reader: Reader, connection: Any) -> None:
        self._reader = reader
        self._connection = connection
        self._line = Line(connection, {})
        self._turn: Turn | None = None

    @guard
    def see(self, event: Any) -> None:
        """Keep what an event says, of sound its size; end the call that it ends."""
        kind = text_of(event, "type")
        if kind.endswith(".delta"):
            if (turn := self._open()) is not None:
                turn.sounded("", shape.decoded_size(get(event, "audio_data")))
                if text := text_of(event, "text"):
                    turn.kept.append({"text": text})
        elif (kind in _ENDS or kind == _ERROR) and self._open() is not None:
            self._end(event)

    @guard
    def close(self, error: BaseException | None = None) -> None:
        """End what is under way: the connection is closed, or is lost with an exception."""
        if self._turn is not None:
            self._end(None, error)

    def _open(self) -> Turn | None:
        if self._turn is None:
            model = text_of(getattr(self._connection, "_session", None), "model")
            self._turn = self._line.begin(self._reader, {"model": model, "stream": True})
        return self._turn

    def _end(self, event: Any, error: BaseException | None = None) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            kept = turn.kept if isinstance(self._reader, _HearReader) else [turn.sounds.get("", 0)]
            chunks = kept if event is None else [*kept, event]
            turn.end(chunks, error, early=event is None and error is None)
