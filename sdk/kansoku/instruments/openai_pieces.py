"""What each chunk of a streamed chat completion adds to those before it: of most, a few words.

Chunks are a dozen objects each. Kept until they are read, they would cost a program more than all else of its
tracing: in memory that is not used again at once, and in garbage collections. So where a chunk says no more
than a text, the text is kept; of others a copy, which the program cannot change.
"""

from typing import Any, NamedTuple

_WORDS_ALONE = frozenset({"content"})
_PADDING = frozenset({"obfuscation"})  # random letters, which hide the length of a piece
_SILENT: tuple[Any, ...] = (None, "", [])


class Piece(NamedTuple):
    """What a chunk adds to the first choice of a stream where that is not its words."""

    delta: dict[str, Any]


class Pieces:
    """Takes the chunks of one stream as they pass; see `kansoku.recording.Pieces`."""

    __slots__ = ("_around", "_begun", "_beside", "_count", "_kept", "_words")

    def __init__(self) -> None:
        self._kept: list[Any] = []
        self._count = 0
        self._words: list[str] = []  # since the last chunk that is kept
        self._begun = False  # a chunk came that says which model answers
        # What the last such chunk said that the client has no field for: of itself, and of its choice.
        self._around: Any = None
        self._beside: Any = None

    def add(self, chunk: Any) -> None:
        """Keep of a chunk its words, another piece, or a copy of it.

        Thousands pass here, each amid the client's own work: to look at anything costs more than it seems.
        """
        try:
            fields = chunk.__dict__
            choices = fields["choices"]
            if self._begun and len(choices) == 1:
                choice = choices[0]
                inside = choice.__dict__
                if (
                    inside["finish_reason"] is None
                    and inside["logprobs"] is None
                    and not inside["index"]
                    and fields["usage"] is None
                    and choice.__pydantic_extra__ == self._beside
                    and ((extra := chunk.__pydantic_extra__) == self._around or extra.keys() == _PADDING)
                ):
                    delta = inside["delta"]
                    if delta.__pydantic_fields_set__ == _WORDS_ALONE and not delta.__pydantic_extra__:
                        words = delta.__dict__["content"]
                        if type(words) is str:
                            self._words.append(words)
                            return
                    piece = _piece(delta)
                    if piece is not None:
                        self._keep(piece)
                        return
            self._begun = self._begun or bool(choices and fields["model"])
            self._around = chunk.__pydantic_extra__
            self._beside = choices[0].__pydantic_extra__ if choices else None
            self._keep(_copy(chunk))
        except Exception:  # noqa: BLE001 - the border: no chunk as we know it
            self._keep(None if type(chunk) is str else chunk)  # that would pass for words

    def _keep(self, said: Any) -> None:
        if type(said) is str:
            self._words.append(said)
            return
        if self._words:
            self._kept.append("".join(self._words))
            self._count += len(self._words) - 1
            self._words.clear()
        self._kept.append(said)

    def close(self) -> tuple[list[Any], int]:
        """Return what was kept, neighbouring words as one, and of how many chunks."""
        self._keep(None)
        return self._kept[:-1], len(self._kept) - 1 + self._count


def _piece(delta: Any) -> Any:
    """Return what a delta says: a text, or a piece of a tool's arguments; None where it says more."""
    told = {name: value for name, value in _fields(delta).items() if name != "role" and value not in _SILENT}
    if not told:
        return ""
    if len(told) > 1:
        return None
    ((name, value),) = told.items()
    if type(value) is str:
        return value if name == "content" else Piece(told)
    if name == "tool_calls" and len(value) == 1:
        call = _fields(value[0])
        call["function"] = function = _fields(call["function"])
        begun = call.get("id") or call.get("type") or function.get("name")
        if not begun and type(call["index"]) is int and type(function["arguments"]) is str:
            return Piece({"tool_calls": [call]})
    return None


def _copy(chunk: Any) -> dict[str, Any]:
    """Return what a chunk says, as far as a program might change it."""
    copied = _fields(chunk)
    copied["choices"] = choices = [_fields(choice) for choice in copied["choices"]]
    for choice in choices:
        choice["delta"] = _fields(choice["delta"])
    if copied.get("usage") is not None:
        copied["usage"] = _fields(copied["usage"])
    return copied


def _fields(model: Any) -> dict[str, Any]:
    """Return a copy of a model's fields, with those that the client does not know."""
    fields: dict[str, Any] = model.__dict__.copy()
    if extra := model.__pydantic_extra__:
        fields.update(extra)
    return fields
