"""Facts that OpenInference leaves inside the vendor's own request and response objects."""

from collections.abc import Iterator
from typing import Any

from kansoku_collector.values import text

_MODEL = ("model", "model_name", "model_version", "modelVersion")
_ID = ("id", "response_id", "responseId")


def response_facts(response: Any) -> dict[str, str]:
    """Return id, model, system_fingerprint, status and streaming; keys without a value are left out."""
    found: dict[str, str] = {}
    if isinstance(response, dict) and response.get("object") == "response":
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        found["status"] = text(reason or response.get("status"))
    for node in _candidates(response):
        _put(found, "model", node, _MODEL)
        _put(found, "id", node, _ID)
        _put(found, "system_fingerprint", node, ("system_fingerprint",))
        if node.get("type") == "AIMessageChunk":  # LangChain merges the chunks of a stream into one of these
            found["streaming"] = "true"
    return found


def _put(found: dict[str, str], name: str, node: dict[str, Any], keys: tuple[str, ...]) -> None:
    if name not in found:
        value = next((text(node[key]) for key in keys if isinstance(node.get(key), str)), "")
        if value:
            found[name] = value


def _candidates(response: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects that may carry a response's identity, the surest first."""
    if not isinstance(response, dict):
        return
    message = _generation(response)
    if message is None:
        yield response
        return
    metadata = message.get("response_metadata")
    if isinstance(metadata, dict):
        yield metadata
    yield {
        key: value
        for key, value in message.items()
        if key != "id" or not text(value).startswith(("run-", "lc_run"))
    }
    if isinstance(response.get("llm_output"), dict):
        yield response["llm_output"]


def _generation(response: dict[str, Any]) -> dict[str, Any] | None:
    """Return the first message of a LangChain result, unwrapped, or None when it is not one."""
    node: Any = response.get("generations")
    while isinstance(node, list) and node:
        node = node[0]
    if not isinstance(node, dict):
        return None
    message = node.get("message")
    if isinstance(message, dict) and isinstance(message.get("kwargs"), dict):
        return dict(message["kwargs"])
    return message if isinstance(message, dict) else {}


_FAMILIES = (
    (("text-embedding-004", "text-embedding-005", "gemini", "models/gemini"), "gcp.gemini"),
    (
        ("gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-", "text-davinci", "davinci", "ft:gpt-"),
        "openai",
    ),
    (("claude",), "anthropic"),
    (("mistral", "ministral", "codestral", "pixtral", "open-mi", "magistral"), "mistral_ai"),
    (("command", "embed-english", "embed-multilingual", "rerank-"), "cohere"),
    (("deepseek-",), "deepseek"),
    (("grok-",), "x_ai"),
    (("sonar",), "perplexity"),
)


def provider_of(model: str) -> str:
    """Return the provider that a model's name tells, for senders that do not say it; "" when it does not."""
    name = model.lower()
    return next((provider for prefixes, provider in _FAMILIES if name.startswith(prefixes)), "")
