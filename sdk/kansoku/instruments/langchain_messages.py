"""Read LangChain's messages, documents and results of models; nothing of LangChain is imported."""

from collections.abc import Mapping, Sequence
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import plain
from kansoku.instruments import openai_shape as shape
from kansoku.instruments import openai_tokens
from kansoku.instruments.framework import read_parameters
from kansoku.instruments.openai_chat import read_tool
from kansoku.instruments.openai_shape import get
from kansoku.usage import Usage

_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant", "HumanMessageChunk": "user",
          "SystemMessageChunk": "system", "ToolMessageChunk": "tool", "function": "tool"}  # fmt: skip
# `ls_provider` -> provider as OpenTelemetry names it; what is not here is taken as it is.
_PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "google_anthropic_vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "ollama": "local",
    "xai": "x_ai",
    "moonshot": "moonshot_ai",
}
_FINISH = {
    "end_turn": "stop",
    "complete": "stop",
    "completed": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "tool_use": "tool_calls",
    "tool_call": "tool_calls",
    "safety": "content_filter",
    "refusal": "content_filter",
}
_CALLS = frozenset({"tool_use", "tool_call", "tool_call_chunk", "function_call", "input_json_delta"})
_DEPTH = 6


def read_message(message: Any) -> dict[str, Any]:
    """Return a message in the GenAI shape."""
    kind = get(message, "type") or "user"
    role = get(message, "role") if kind in ("chat", "ChatMessageChunk") else _ROLES.get(kind, kind)
    if role == "tool":
        response = _text(get(message, "content"))
        part = {"type": "tool_call_response", "id": get(message, "tool_call_id") or "", "response": response}
        return {"role": "tool", "parts": [part]}
    parts = _parts(message)
    for call in get(message, "tool_calls") or ():
        parts.append(_call(call, call.get("args")))
    for call in get(message, "invalid_tool_calls") or ():
        parts.append(_call(call, shape.as_object(call.get("args"))))
    found: dict[str, Any] = {"role": role or "user", "parts": parts}
    if name := get(message, "name"):
        found["name"] = name
    return found


def _call(call: Any, arguments: Any) -> dict[str, Any]:
    return {
        "type": "tool_call",
        "id": call.get("id") or "",
        "name": call.get("name") or "",
        "arguments": plain(arguments),
    }


def _parts(message: Any) -> list[dict[str, Any]]:
    content = get(message, "content")
    extra = get(message, "additional_kwargs") or {}
    parts: list[dict[str, Any]] = []
    if isinstance(reasoning := extra.get("reasoning_content"), str) and reasoning:
        parts.append({"type": "reasoning", "content": reasoning})
    if isinstance(content, str):
        if content:
            parts.append({"type": "text", "content": content})
    elif isinstance(content, list | tuple):
        parts += [part for block in content if (part := _part(block)) is not None]
    if isinstance(refusal := extra.get("refusal"), str) and refusal:
        parts.append({"type": "text", "content": refusal, "refusal": True})
    return parts


def _part(block: Any) -> dict[str, Any] | None:
    kind = get(block, "type") if isinstance(block, Mapping) else None
    if kind in _CALLS:
        return None  # among the message's tool calls
    if kind in ("thinking", "reasoning"):
        said = block.get("thinking") or block.get("reasoning")
        return {
            "type": "reasoning",
            "content": said if isinstance(said, str) else _text(block.get("summary")),
        }
    if kind == "tool_result":
        response = _text(block.get("content"))
        return {"type": "tool_call_response", "id": block.get("tool_use_id") or "", "response": response}
    if kind in ("image", "audio", "video", "document") or (kind == "file" and "file" not in block):
        return _media(block, "document" if kind == "file" else str(kind))
    if kind == "image_url" and isinstance(block.get("image_url"), str):
        return shape.link_or_blob(block["image_url"], "image")
    return shape.read_parts([block])[0]


def _media(block: Mapping[str, Any], modality: str) -> dict[str, Any]:
    source = block.get("source") if isinstance(block.get("source"), Mapping) else block
    mime_type = source.get("mime_type") or source.get("media_type") or ""  # type: ignore[union-attr]
    if url := get(source, "url"):
        return shape.link_or_blob(url, modality)
    if file_id := get(source, "file_id"):
        return {"type": "file", "file_id": file_id}
    return shape.blob(modality, mime_type, get(source, "base64") or get(source, "data"))


def _text(content: Any) -> Any:
    """Return content as text if it is nothing but text."""
    if isinstance(content, str) or content is None:
        return content or ""
    if not isinstance(content, list | tuple):
        return plain(content)
    parts = [part for block in content if (part := _part(block)) is not None]
    if all(part.get("type") == "text" for part in parts):
        return "\n".join(part["content"] for part in parts)
    return parts


def readable(value: Any, depth: int = _DEPTH) -> Any:  # noqa: PLR0911 - one return a type
    """Return what JSON can hold of a run's input or output: messages as messages, documents as documents."""
    kind = type(value)
    if kind is str or value is None:
        return value
    if depth <= 0:
        return plain(value, 1)
    if kind is dict:
        return (
            {str(key): readable(item, depth - 1) for key, item in value.items()}
            if _small(value)
            else plain(value)
        )
    if kind is list or kind is tuple:
        return [readable(item, depth - 1) for item in value] if _small(value) else plain(value)
    if hasattr(kind, "model_fields"):
        if "content" in kind.model_fields and "type" in kind.model_fields:
            return read_message(value)
        if "page_content" in kind.model_fields:
            return {"id": value.id, "content": value.page_content, "metadata": plain(value.metadata)}
        if callable(getattr(value, "to_messages", None)):
            return [read_message(message) for message in value.to_messages()]
    elif kind.__module__.startswith("langgraph.") and hasattr(value, "__dataclass_fields__"):
        fields = {name: getattr(value, name, None) for name in value.__dataclass_fields__}
        return {name: readable(item, depth - 1) for name, item in fields.items() if item}
    return plain(value)


def _small(value: Any) -> bool:
    return len(value) <= 200


def read_document(document: Any, capture: bool) -> dict[str, Any]:
    """Return a found document: id, score where the retriever gives one, content."""
    metadata = get(document, "metadata") or {}
    found: dict[str, Any] = {}
    named = get(document, "id") or next(
        (metadata[k] for k in ("id", "_id", "doc_id") if metadata.get(k)), None
    )
    if named is not None:
        found["id"] = str(named)
    for key in ("score", "relevance_score", "_score", "similarity", "similarity_score"):
        score = metadata.get(key)
        if score is not None:
            try:
                found["score"] = float(score)
            except (TypeError, ValueError):
                continue
            break
    if capture:
        found["content"] = get(document, "page_content")
        if isinstance(source := metadata.get("source"), str):
            found["source"] = source
    return found


def read_request(
    parameters: Mapping[str, Any], metadata: Mapping[str, Any], messages: Sequence[Any], capture: bool
) -> Request:
    """Read a call of a model: invocation parameters, LangChain's metadata of it, and messages or a prompt."""
    model = next(
        (
            name
            for name in (
                metadata.get("ls_model_name"),
                *(parameters.get(key) for key in ("model", "model_name", "model_id")),
            )
            if isinstance(name, str)
        ),
        "",
    )
    request = Request(model, read_parameters(parameters))
    for key, name in (("ls_temperature", semconv.TEMPERATURE), ("ls_max_tokens", semconv.MAX_TOKENS)):
        if isinstance(value := metadata.get(key), int | float):
            request.attributes.setdefault(name, value)
    if capture:
        request.messages = [
            {"role": "user", "parts": [{"type": "text", "content": m}]}
            if isinstance(m, str)
            else read_message(m)
            for m in messages
        ]
        tools = parameters.get("tools") or parameters.get("functions")
        if isinstance(tools, list | tuple):
            request.tools = [read_tool(tool) for tool in tools]
    return request


def read_provider(metadata: Mapping[str, Any]) -> str:
    """Return the provider as OpenTelemetry names it."""
    name = metadata.get("ls_provider")
    return _PROVIDERS.get(name, name) if isinstance(name, str) else ""


def read_answer(result: Any, capture: bool) -> Answer:
    """Read an LLMResult: the generations of one call."""
    generations = [item for listed in get(result, "generations") or () for item in listed]
    overall = get(result, "llm_output") or {}
    messages = [get(generation, "message") for generation in generations]
    first = next((message for message in messages if message is not None), None)
    said = {**overall, **(get(first, "response_metadata") or {})}
    answer = Answer(
        model=_word(said, "model_name", "model", "model_id"),
        id=_word(said, "id", "response_id") or _own_id(first),
        finish_reasons=[
            reason for g, m in zip(generations, messages, strict=True) if (reason := _finish(g, m))
        ],
        usage=read_usage(get(first, "usage_metadata"))
        or openai_tokens.read_usage(overall.get("token_usage") or overall.get("usage")),
    )
    if fingerprint := _word(said, "system_fingerprint"):
        answer.attributes[semconv.SYSTEM_FINGERPRINT] = fingerprint
    if tier := _word(said, "service_tier"):
        answer.attributes[semconv.SERVICE_TIER] = tier
    if capture:
        answer.messages = [_output(g, m) for g, m in zip(generations, messages, strict=True)]
    return answer


def read_usage(usage: Any) -> Usage | None:
    """Return the token counts of a message's `usage_metadata`, None when there are none."""
    if not usage or (usage.get("input_tokens") is None and usage.get("output_tokens") is None):
        return None
    into = usage.get("input_token_details") or {}
    out = usage.get("output_token_details") or {}
    hour = into.get("ephemeral_1h_input_tokens") or 0
    minutes = into.get("ephemeral_5m_input_tokens") or 0
    return Usage.from_inclusive(
        usage.get("input_tokens") or 0,
        usage.get("output_tokens") or 0,
        cache_read=into.get("cache_read") or 0,
        cache_write=max(into.get("cache_creation") or 0, minutes + hour),
        cache_write_1h=hour,
        reasoning=out.get("reasoning") or 0,
        audio_in=into.get("audio") or 0,
        audio_out=out.get("audio") or 0,
        image=into.get("image") or 0,
    )


def _word(said: Mapping[str, Any], *names: str) -> str:
    return next((said[name] for name in names if isinstance(said.get(name), str)), "")


def _own_id(message: Any) -> str:
    found = get(message, "id")
    return "" if not isinstance(found, str) or found.startswith(("run-", "lc_run-")) else found


def _finish(generation: Any, message: Any) -> str:
    for said in (get(generation, "generation_info"), get(message, "response_metadata")):
        if said:
            word = shape.finish_reason(
                _word(said, "finish_reason", "stop_reason", "done_reason", "stopReason", "status")
            ).lower()
            if word:
                return _FINISH.get(word, word)
    return ""


def _output(generation: Any, message: Any) -> dict[str, Any]:
    if message is None:
        found = {"role": "assistant", "parts": [{"type": "text", "content": get(generation, "text") or ""}]}
    else:
        found = read_message(message)
    return {**found, "finish_reason": _finish(generation, message)}
