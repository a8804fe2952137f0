"""One choice of a streamed chat completion, put together from its chunks."""

from collections.abc import Mapping
from typing import Any

from kansoku.content import to_json
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_message import call_id, call_kind, image_part, streamed_reasoning
from kansoku.instruments.openai_shape import get

NOTHING: Mapping[str, Any] = {}
_WHOLE = 1 << 30
_USUAL = frozenset({"role", "content", "refusal", "tool_calls", "function_call"})  # fields of a delta
_WORDS = frozenset({"role", "content"})  # all that most deltas have


class Choice:
    """A choice, growing."""

    __slots__ = (
        *("audio", "by_index", "cited", "finish", "images", "logprobs"),
        *("reasoning", "refusal", "spoken", "text", "tools"),
    )

    def __init__(self) -> None:
        self.finish = ""
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.spoken: list[str] = []
        self.audio = 0  # bytes
        self.cited: list[dict[str, Any]] = []
        self.images: list[Any] = []
        self.logprobs: list[Any] = []
        self.tools: list[dict[str, Any]] = []
        self.by_index: dict[Any, dict[str, Any]] = {}

    def add(self, choice: Mapping[str, Any]) -> None:
        """Add what one chunk says about this choice."""
        if finish := choice.get("finish_reason"):
            self.finish = shape.finish_reason(finish)
        if logprobs := choice.get("logprobs"):
            self.logprobs += shape.logprobs(logprobs)
        delta: Any = choice.get("delta")
        if not delta:
            return
        said, extra = delta, None
        if not isinstance(delta, dict):
            said, extra = getattr(delta, "__dict__", NOTHING), getattr(delta, "__pydantic_extra__", None)
        elif not _USUAL.issuperset(delta):
            extra = delta
        if text := said.get("content"):
            self._add_content(text)
        if extra is None and _WORDS.issuperset(said):
            return
        self._add_others(said, extra)

    def _add_others(self, said: Mapping[str, Any], extra: Any) -> None:
        """Add what a delta has besides a text: its fields, and those that its client does not know."""
        # Clients of other vendors have it as a field of their own; with openai's it is an extra one.
        if extra or "reasoning" in said or "reasoning_content" in said or "reasoning_details" in said:
            self.reasoning.append(streamed_reasoning(said, extra))
        if extra and extra is not said:
            said = {**said, **extra}  # old clients know neither tools nor refusals
        if isinstance(calls := said.get("tool_calls"), list | tuple):
            # Calls that begin beside each other without a number have that of their place.
            several = type(calls) is list and len(calls) > 1
            for place, call in enumerate(calls):
                self._add_tool(call, place if several else None)
        if (refusal := said.get("refusal")) and type(refusal) is str:
            self.refusal.append(refusal)
        if function := said.get("function_call"):
            self._add_tool({"index": 0, "function": function})
        if audio := (extra or said).get("audio"):
            self._add_audio(audio)
        if isinstance(images := (extra or said).get("images"), list | tuple):
            self.images += [image_part(image) for image in images]
        if extra and "annotations" in extra:
            self.cited += shape.citations(extra)

    def _add_content(self, content: Any) -> None:
        if type(content) is str:
            self.text.append(content)
            return
        for part in shape.read_parts(content):
            if part["type"] in ("text", "reasoning"):
                (self.text if part["type"] == "text" else self.reasoning).append(part["content"])

    def _add_tool(self, call: Any, place: int | None = None) -> None:
        index, called = get(call, "index"), get(call, "id")
        index = place if index is None else index
        function = get(call, "function")
        free = function is None
        if free:
            function = get(call, "custom")
        name = get(function, "name") or ""
        given = get(function, "arguments") or get(function, "input") or ""
        tool = self.by_index.get(index)
        # Some servers number every call 0, or none at all: another id is another call.
        if tool is None or (called and tool["id"] and tool["id"] != called) or (index is None and called):
            tool = self._begin_tool(index, called)
        elif name and given and not called and not tool["id"] and _is_whole(tool["text"]):
            tool = self._begin_tool(index, called)  # nor has it an id: one that begins after a whole one
        tool["id"] = tool["id"] or called or tool["id"]
        tool["free"] = tool["free"] or free
        if name != tool["name"]:  # some repeat it with every piece
            tool["name"] += name
        tool["text"].append(given if isinstance(given, str) else to_json(given, _WHOLE))

    def _begin_tool(self, index: Any, called: Any) -> dict[str, Any]:
        tool = self.by_index[index] = {"id": called, "name": "", "text": [], "free": False}
        self.tools.append(tool)
        return tool

    def _add_audio(self, audio: Any) -> None:
        if said := get(audio, "transcript"):
            self.spoken.append(said)
        self.audio += shape.decoded_size(get(audio, "data"))

    def message(self) -> dict[str, Any]:
        """Return the whole message in the GenAI shape."""
        parts: list[dict[str, Any]] = []
        if reasoning := _joined(self.reasoning):
            parts.append({"type": "reasoning", "content": reasoning})
        if text := _joined(self.text) or _joined(self.spoken):
            cited = {"citations": self.cited} if self.cited else {}
            parts.append({"type": "text", "content": text, **cited})
        if self.refusal:
            parts.append({"type": "text", "content": "".join(self.refusal), "refusal": True})
        if self.audio:
            parts.append({"type": "blob", "modality": "audio", "mime_type": "audio/*", "size": self.audio})
        parts += self.images
        for tool in self.tools:
            if tool["name"] or tool["id"]:
                text = "".join(tool["text"])
                arguments = text if tool["free"] else shape.as_object(text)
                kind, called = call_kind(tool["id"]), call_id(tool["id"])
                parts.append({"type": kind, "id": called, "name": tool["name"], "arguments": arguments})
        return {"role": "assistant", "parts": parts, "finish_reason": self.finish}


def _is_whole(pieces: list[str]) -> bool:
    """Tell whether the arguments of a call are complete: an object that can be read."""
    return isinstance(shape.as_object("".join(pieces) or None), dict)


def _joined(pieces: list[str]) -> str:
    """Return a text in one piece; of a character that was sent in two halves, both make it again."""
    text = "".join(pieces)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
