"""Read LlamaIndex's classes, messages, nodes and responses; nothing of LlamaIndex is imported."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from kansoku.calls.reader import Answer, Request
from kansoku.content import plain
from kansoku.instruments import openai_shape as shape
from kansoku.instruments.framework import read_parameters
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_tokens import read_usage
from kansoku.usage import Usage

# Base class -> what its instances are; the first that is found among the ancestors counts.
_ROLES = {
    "BaseLLM": "llm",
    "MultiModalLLM": "llm",
    "BaseEmbedding": "embedding",
    "BaseRetriever": "retriever",
    "BaseImageRetriever": "retriever",
    "BaseNodePostprocessor": "postprocessor",
    "BaseSynthesizer": "synthesizer",
    "BaseQueryEngine": "query_engine",
    "BaseChatEngine": "chat_engine",
    "BaseTool": "tool",
    "BaseWorkflowAgent": "agent",
    "AgentWorkflow": "agent",
    "Workflow": "workflow",
    "IngestionPipeline": "pipeline",
}
_PROVIDERS = {
    "openai": "openai",
    "azure": "azure.ai.openai",
    "anthropic": "anthropic",
    "bedrock": "aws.bedrock",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "groq": "groq",
    "huggingface": "huggingface",
    "mistral": "mistral_ai",
    "ollama": "local",
    "perplexity": "perplexity",
    "vertex": "gcp.vertex_ai",
}


def role(instance: Any) -> str:
    """Return what an object is to LlamaIndex; "" for anything else."""
    kind: Any = type(instance)
    return "" if instance is None else _role(kind)


@functools.lru_cache(maxsize=512)
def _role(kind: Any) -> str:
    for ancestor in kind.__mro__:
        if ancestor.__module__.startswith(("llama_index.", "workflows.")) and ancestor.__name__ in _ROLES:
            return _ROLES[ancestor.__name__]
    return ""


@functools.lru_cache(maxsize=512)
def provider(class_name: str) -> str:
    """Return the provider that the name of a model's class speaks of; "" when it does not say."""
    name = class_name.lower().replace("_", "")
    return next((found for word, found in _PROVIDERS.items() if word in name), "")


def read_message(message: Any) -> dict[str, Any]:
    """Return a ChatMessage in the GenAI shape."""
    role_name = str(getattr(get(message, "role"), "value", get(message, "role")) or "user")
    extra = get(message, "additional_kwargs") or {}
    blocks = get(message, "blocks") or ()
    if role_name in ("tool", "function"):
        text = "\n".join(str(get(block, "text")) for block in blocks if get(block, "text") is not None)
        part = {"type": "tool_call_response", "id": extra.get("tool_call_id") or "", "response": text}
        return {"role": "tool", "parts": [part]}
    parts: list[dict[str, Any]] = [_part(block) for block in blocks]
    if not any(part["type"] == "tool_call" for part in parts):
        parts += [found for call in extra.get("tool_calls") or () if (found := _tool_call(call)) is not None]
    return {"role": {"chatbot": "assistant", "model": "assistant"}.get(role_name, role_name), "parts": parts}


def _part(block: Any) -> dict[str, Any]:
    kind = get(block, "block_type")
    if kind == "text":
        return {"type": "text", "content": get(block, "text") or ""}
    if kind == "thinking":
        return {"type": "reasoning", "content": get(block, "content") or ""}
    if kind == "tool_call":
        arguments = shape.as_object(get(block, "tool_kwargs"))
        identity = {"id": get(block, "tool_call_id") or "", "name": get(block, "tool_name") or ""}
        return {"type": "tool_call", **identity, "arguments": plain(arguments)}
    if kind in ("image", "audio", "video", "document"):
        return _media(block, kind)
    return {"type": str(kind or "unknown")}


def _media(block: Any, kind: str) -> dict[str, Any]:
    if url := get(block, "url") or get(block, "path"):
        return shape.link_or_blob(str(url), kind)
    data = get(block, "data" if kind == "document" else kind)
    mime_type = get(block, f"{kind}_mimetype") or (
        f"audio/{get(block, 'format') or '*'}" if kind == "audio" else ""
    )
    size = len(data) if isinstance(data, bytes) else 0
    return {"type": "blob", "modality": kind, "mime_type": mime_type, "size": size}


def _tool_call(call: Any) -> dict[str, Any] | None:
    function = get(call, "function")
    if function is None:
        return None
    arguments = shape.as_object(get(function, "arguments"))
    return {
        "type": "tool_call",
        "id": get(call, "id") or "",
        "name": get(function, "name") or "",
        "arguments": arguments,
    }


def read_request(
    model: Mapping[str, Any], arguments: Mapping[str, Any], asked: Any, capture: bool
) -> Request:
    """Read a call: what the model says of itself, what it was called with, and messages or a prompt."""
    given = {**model, **(model.get("additional_kwargs") or {}), **arguments}
    name = next(
        (given[key] for key in ("model", "model_name", "model_id") if isinstance(given.get(key), str)), ""
    )
    request = Request("" if name == "unknown" else name, read_parameters(given))
    if capture:
        if isinstance(asked, str):
            request.messages = [{"role": "user", "parts": [{"type": "text", "content": asked}]}]
        elif isinstance(asked, Sequence):
            request.messages = [read_message(message) for message in asked]
    return request


def read_answer(response: Any, capture: bool) -> Answer:
    """Read a ChatResponse or a CompletionResponse; `raw` is what the vendor's client gave."""
    raw = get(response, "raw")
    choice = next(iter(get(raw, "choices") or ()), None)
    finish = shape.finish_reason(get(choice, "finish_reason") or get(raw, "stop_reason"))
    answer = Answer(
        model=_word(get(raw, "model")),
        id=_word(get(raw, "id")),
        finish_reasons=[finish] if finish else [],
        usage=_usage(get(raw, "usage")) or _usage(get(response, "additional_kwargs")),
    )
    if capture:
        message = get(response, "message")
        text = {"role": "assistant", "parts": [{"type": "text", "content": get(response, "text") or ""}]}
        answer.messages = [{**(text if message is None else read_message(message)), "finish_reason": finish}]
    return answer


def _usage(usage: Any) -> Usage | None:
    read = get(usage, "cache_read_input_tokens") if usage else None
    written = get(usage, "cache_creation_input_tokens") if usage else None
    if read is None and written is None:
        return read_usage(usage or None)
    return Usage(  # Anthropic counts cached tokens apart from the input
        input_fresh=get(usage, "input_tokens") or 0,
        cache_read=read or 0,
        cache_write_5m=written or 0,
        output_visible=get(usage, "output_tokens") or 0,
    )


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def read_nodes(nodes: Any, capture: bool) -> list[dict[str, Any]]:
    """Return found nodes as documents: id, score, and text."""
    return [_document(node, capture) for node in nodes]


def _document(scored: Any, capture: bool) -> dict[str, Any]:
    node = get(scored, "node") or scored
    found: dict[str, Any] = {"id": str(get(node, "id_") or "")}
    if (score := get(scored, "score")) is not None:
        found["score"] = float(score)
    if capture and (text := get(node, "text") or get(get(node, "text_resource"), "text")) is not None:
        found["content"] = text
    return found


def query_text(query: Any) -> str:
    """Return the words of a query, which may be text or a QueryBundle."""
    return query if isinstance(query, str) else str(get(query, "query_str") or "")


def readable(value: Any) -> Any:  # noqa: PLR0911 - one return a type
    """Return what JSON can hold of an input or output: an answer's text rather than its object."""
    if value is None or isinstance(value, str):
        return value
    kind = type(value)
    if kind is dict:
        return {str(key): readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [readable(item) for item in value[:200]]
    if get(value, "blocks") is not None and get(value, "role") is not None:
        return read_message(value)
    if get(value, "query_str") is not None:
        return get(value, "query_str")
    if get(value, "node") is not None:
        return _document(value, capture=True)
    if kind.__name__ in ("Response", "AgentChatResponse"):
        return get(value, "response")
    if "Streaming" in kind.__name__ or hasattr(kind, "__next__") or hasattr(kind, "__anext__"):
        return f"<{kind.__name__}>"  # reading it would take it from its consumer
    if kind.__name__ == "ToolOutput":
        return "\n".join(str(get(block, "text")) for block in get(value, "blocks") or ())
    if kind.__name__ == "StopEvent":
        return readable(getattr(value, "result", None))
    if kind.__name__ == "AgentOutput":
        return {"response": readable(get(value, "response")), "tool_calls": plain(get(value, "tool_calls"))}
    data = getattr(value, "_data", None)
    return readable(data) if isinstance(data, dict) and data else plain(value, 3)
