"""Read requests and responses of Mistral's chat, of its agents and of filling in the middle."""

from collections.abc import Callable, Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.openai_chat import output_type, read_tool
from kansoku.instruments.openai_extras import add_logprob, last_text
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_tokens import read_usage

Origin = Callable[[Any, str], tuple[str, str, int]]
_FINISH = {"model_length": "length"}


class ChatReader:
    """Reads `chat.complete` and `chat.stream`."""

    operation = "chat"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        request = Request(shape.model_name(arguments), read_parameters(arguments, capture))
        if capture:
            messages = arguments.get("messages")
            # Any iterable is allowed; reading a generator would take it from the client.
            if isinstance(messages, list | tuple):
                request.messages = [read_message(message) for message in messages]
            tools = arguments.get("tools")
            if isinstance(tools, list | tuple):
                request.tools = [read_tool(tool) for tool in tools]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a ChatCompletionResponse."""
        choices = get(response, "choices") or ()
        answer = _begin(response, get(response, "usage"))
        answer.finish_reasons = [f for c in choices if (f := _finish(get(c, "finish_reason")))]
        add_logprob(answer, [p for c in choices for p in shape.logprobs(get(c, "logprobs"))])
        if capture:
            answer.messages = [
                {
                    "role": "assistant",
                    "parts": _parts(get(choice, "message")),
                    "finish_reason": _finish(get(choice, "finish_reason")),
                }
                for choice in choices
            ]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the events of a stream together."""
        found = [data for event in chunks if (data := get(event, "data")) is not None]
        choices: dict[int, _Folded] = {}
        usage = None
        for chunk in found:
            for choice in get(chunk, "choices") or ():
                choices.setdefault(get(choice, "index") or 0, _Folded()).add(choice)
            usage = get(chunk, "usage") or usage
        answer = _begin(found[-1] if found else None, usage)
        answer.model, answer.id = last_text(found, "model"), last_text(found, "id")
        folded = [choices[index] for index in sorted(choices)]
        answer.finish_reasons = [choice.finish for choice in folded if choice.finish]
        add_logprob(answer, [number for choice in folded for number in choice.logprobs])
        if capture:
            answer.messages = [choice.message() for choice in folded]
        return answer


class AgentReader(ChatReader):
    """Reads `agents.complete` and `agents.stream`, which name an agent instead of a model."""

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        request = super().request(arguments, capture)
        if isinstance(agent := arguments.get("agent_id"), str):
            request.attributes[semconv.AGENT_ID] = agent
        return request


class FillReader(ChatReader):
    """Reads `fim.complete` and `fim.stream`: code before and after what the model writes."""

    operation = "text_completion"

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        request = super().request(arguments, capture)
        if capture:
            texts = [arguments.get("prompt"), arguments.get("suffix")]
            parts = [{"type": "text", "content": text} for text in texts if isinstance(text, str) and text]
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request


class _Folded:
    """One choice of a stream, growing."""

    __slots__ = ("_pieces", "_tools", "finish", "logprobs")

    def __init__(self) -> None:
        self.finish = ""
        self._pieces: list[dict[str, Any]] = []
        self._tools: dict[int, dict[str, Any]] = {}
        self.logprobs: list[Any] = []

    def add(self, choice: Any) -> None:
        """Add what one chunk says about this choice."""
        self.finish = _finish(get(choice, "finish_reason")) or self.finish
        if (likely := get(choice, "logprobs")) is not None:
            self.logprobs += shape.logprobs(likely)
        delta = get(choice, "delta")
        for part in read_content(get(delta, "content")):
            last = self._pieces[-1] if self._pieces else None
            if last is not None and last["type"] == part["type"] and part["type"] in ("text", "reasoning"):
                last["texts"].append(part["content"])
            else:
                self._pieces.append({**part, "texts": [part.get("content") or ""]})
        for number, call in enumerate(get(delta, "tool_calls") or ()):
            self._add_tool(get(call, "index") or number, call)

    def _add_tool(self, index: int, call: Any) -> None:
        named = get(call, "id")
        known = self._tools.get(index)
        if known is not None and named and named not in (known["id"], "null"):
            index = max(self._tools) + 1  # whole calls come one by one, some servers number each of them 0
        tool = self._tools.setdefault(index, {"id": named or "", "name": "", "given": []})
        function = get(call, "function")
        tool["name"] = tool["name"] or get(function, "name") or ""
        tool["given"].append(get(function, "arguments"))

    def message(self) -> dict[str, Any]:
        """Return the whole message in the GenAI shape."""
        parts: list[dict[str, Any]] = []
        for piece in self._pieces:
            texts = piece.pop("texts")
            parts.append({**piece, "content": "".join(texts)} if "content" in piece else piece)
        for _, tool in sorted(self._tools.items()):
            given = tool["given"]
            whole = "".join(given) if all(isinstance(piece, str) for piece in given) else given[-1]
            parts.append(
                {
                    "type": "tool_call",
                    "id": tool["id"],
                    "name": tool["name"],
                    "arguments": shape.as_object(whole),
                }
            )
        return {"role": "assistant", "parts": parts, "finish_reason": self.finish}


def read_parameters(arguments: Mapping[str, Any], capture: bool) -> dict[str, Any]:
    """Return the attributes of a request's parameters; what was not given is left out."""
    found = shape.read_parameters(arguments, capture)
    if isinstance(seed := arguments.get("random_seed"), int):
        found[semconv.SEED] = seed
    if isinstance(effort := arguments.get("reasoning_effort"), str):
        found[semconv.REASONING_LEVEL] = effort
    kind = output_type(arguments)
    if not kind and isinstance(given := get(arguments.get("response_format"), "type"), str):
        kind = "text" if given == "text" else "json"
    if kind:
        found[semconv.OUTPUT_TYPE] = kind
    return found


def read_counts(usage: Any) -> dict[str, Any]:
    """Return what a usage says beside tokens."""
    found: dict[str, Any] = {}
    seconds, cached = get(usage, "prompt_audio_seconds"), get(usage, "num_cached_tokens")
    if isinstance(seconds, int) and seconds:
        found[semconv.AUDIO_SECONDS] = seconds
    if isinstance(cached, int):
        found[semconv.MODEL_CACHED_TOKENS] = cached
    if isinstance(tier := get(usage, "service_tier"), str):
        found[semconv.RESPONSE_TIER] = tier
    return found


def _begin(response: Any, usage: Any) -> Answer:
    """Return an answer with what whole responses and chunks have in common."""
    return Answer(
        model=get(response, "model") or "",
        id=get(response, "id") or "",
        usage=read_usage(usage or None),
        attributes=read_counts(usage),
    )


def _finish(word: Any) -> str:
    return _FINISH.get(word, word.lower()) if isinstance(word, str) else ""


def read_message(message: Any) -> dict[str, Any]:
    """Return a message of a request."""
    role = get(message, "role") or "user"
    if role == "tool":
        content = get(message, "content")
        response = content if isinstance(content, str) else read_content(content)
        part = {"type": "tool_call_response", "id": get(message, "tool_call_id") or "", "response": response}
        return {"role": "tool", "parts": [part]}
    found: dict[str, Any] = {"role": role, "parts": _parts(message)}
    return {**found, "prefix": True} if get(message, "prefix") else found


def _parts(message: Any) -> list[dict[str, Any]]:
    parts = read_content(get(message, "content"))
    for call in get(message, "tool_calls") or ():
        function = get(call, "function")
        parts.append(
            {
                "type": "tool_call",
                "id": get(call, "id") or "",
                "name": get(function, "name") or "",
                "arguments": shape.as_object(get(function, "arguments")),
            }
        )
    return parts


def read_content(content: Any) -> list[dict[str, Any]]:
    """Return the parts of a content: a text, or a list of chunks of several kinds."""
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    return [_part(item) for item in content] if isinstance(content, list | tuple) else []


def _part(item: Any) -> dict[str, Any]:  # noqa: PLR0911 - one return a kind of part
    if isinstance(item, str):
        return {"type": "text", "content": item}
    kind = get(item, "type")
    if kind == "text":
        return {"type": "text", "content": get(item, "text") or ""}
    if kind == "thinking":
        thought = get(item, "thinking") or ()
        texts = [thought] if isinstance(thought, str) else [get(piece, "text") or "" for piece in thought]
        return {"type": "reasoning", "content": "".join(texts)}
    if kind in ("image_url", "document_url"):
        value = get(item, kind)
        url = value if isinstance(value, str) else get(value, "url")
        return shape.link_or_blob(url, "image" if kind == "image_url" else "document")
    if kind == "input_audio":
        value = get(item, "input_audio")
        data = value if isinstance(value, str) else get(value, "data")
        if isinstance(data, str) and data.startswith("http"):
            return {"type": "uri", "modality": "audio", "uri": data[:4096]}
        return shape.blob("audio", "audio/*", data)
    if kind == "file":
        return {"type": "file", "file_id": str(get(item, "file_id") or "")}
    if kind == "tool_file":  # what a tool of the vendor made: an image, a table
        named = {"name": name} if (name := shape.text_of(item, "file_name")) else {}
        return {"type": "file", "file_id": shape.text_of(item, "file_id"), **named}
    if kind == "tool_reference":
        told = {name: shape.text_of(item, name) for name in ("title", "url")}
        return {"type": "reference", **{name: text for name, text in told.items() if text}}
    if kind == "resource_link":
        return shape.link_or_blob(get(item, "uri"), "document")
    if kind == "reference":
        return {"type": "reference", "ids": [str(i) for i in get(item, "reference_ids") or ()]}
    return _rare(item, kind)


def _rare(item: Any, kind: Any) -> dict[str, Any]:
    """Return the part of a chunk of a server's tool, or of one that is newer than the client."""
    if kind == "resource":  # a text or an image, and where it is from
        return {"source": shape.text_of(item, "uri")[:4096], **_part(get(item, "content"))}
    if kind == "UNKNOWN" and isinstance(raw := get(item, "raw"), Mapping):
        return _part(raw)  # newer than the client
    return {"type": str(kind or "unknown")}
