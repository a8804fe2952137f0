"""What one websocket to OpenAI's responses tells: each request that is sent through it is a call."""

from typing import Any

from kansoku.guard import guard
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.open_turns import Line, Turn
from kansoku.instruments.openai_realtime_read import realtime_origin
from kansoku.instruments.openai_responses import ResponsesReader
from kansoku.instruments.openai_shape import get

_READER = ResponsesReader(realtime_origin)
_LAST = frozenset({"response.completed", "response.incomplete", "response.failed", "error"})
_OF_THE_SOCKET = ("type", "event_id", "stream_id")
# What a response says of its own request, where that was not seen.
_ECHOED = (
    *("model", "instructions", "max_output_tokens", "previous_response_id", "reasoning", "service_tier"),
    *("temperature", "text", "tool_choice", "tools", "top_p"),
)


class ResponsesSocket:
    """Follows one connection; requests run beside each other in lanes, one at a time in each."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._turns: dict[str, Turn | None] = {}  # by lane

    def hear(self, event: Any) -> None:
        """Take what the server says."""
        kind, lane = shape.text_of(event, "type"), shape.text_of(event, "stream_id")
        if kind == "response.created" and lane not in self._turns:
            # The successor of a steered response, or one that the client's own lanes have asked for.
            response = get(event, "response")
            asked = {name: value for name in _ECHOED if (value := get(response, name)) is not None}
            self._turns[lane] = self._line.begin(_READER, asked)
        elif kind == "error" and lane not in self._turns and len(self._turns) == 1:
            lane = next(iter(self._turns))  # of the connection, which does one thing
        turn = self._turns.get(lane)
        if turn is not None:
            turn.heard()
            turn.kept.append(event)
        if kind in _LAST and lane in self._turns:
            del self._turns[lane]
            if turn is not None:
                turn.end(turn.kept)

    def say(self, event: Any) -> None:
        """Take what the program says: a request begins a call."""
        if get(event, "type") != "response.create":
            return
        fields = shape.flat(event)
        lane = shape.text_of(fields, "stream_id")
        asked = {k: v for k, v in fields.items() if v is not None and k not in _OF_THE_SOCKET}
        self._turns[lane] = self._line.begin(_READER, asked)

    @guard
    def close(self, error: BaseException | None = None) -> None:
        """End what is under way: the connection is closed, or is lost with an exception."""
        turns, self._turns = self._turns, {}
        for turn in turns.values():
            if turn is not None:
                turn.end(turn.kept, error, early=error is None)
