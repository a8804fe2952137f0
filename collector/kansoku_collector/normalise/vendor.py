"""Facts that OpenInference leaves inside the vendor's own request and response objects."""

import re
from collections.abc import Iterator
from typing import Any

from kansoku_collector.normalise.operations import PROVIDERS
from kansoku_collector.normalise.terms import NAMES
from kansoku_collector.values import text

_MODEL = ("model", "model_name", "model_version", "modelVersion")
_FAKE = "__fake_id__"
_ID = ("id", "response_id", "responseId")


def response_facts(response: Any) -> dict[str, str]:
    """Return id, model, system_fingerprint, tier, status and streaming; keys without a value are left out."""
    found: dict[str, str] = {}
    if isinstance(response, dict) and response.get("object") == "response":
        found["status"] = _status(response)
    for node in _candidates(response):
        if node.get("object") == "response":  # LangChain keeps the object in its message's metadata
            found.setdefault("status", _status(node))
        _put(found, "model", node, _MODEL)
        _put(found, "id", node, _ID)
        _put(found, "system_fingerprint", node, ("system_fingerprint",))
        _put(found, "tier", node, NAMES)
        if isinstance(usage := node.get("usage"), dict):  # Anthropic's
            _put(found, "tier", usage, NAMES)
        if node.get("type") == "AIMessageChunk":  # LangChain merges the chunks of a stream into one of these
            found["streaming"] = "true"
    return found


def _status(response: dict[str, Any]) -> str:
    """Return why a Responses object ended: what cut it short, else that it is complete."""
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return text(reason or response.get("status"))


def _put(found: dict[str, str], name: str, node: dict[str, Any], keys: tuple[str, ...]) -> None:
    if name not in found:
        value = next((text(node[key]) for key in keys if isinstance(node.get(key), str)), "")
        if value and value != _FAKE:
            found[name] = _once(value)


def _once(value: str) -> str:
    """Return a text once that was put together from the same of several chunks, as LangChain does."""
    if value[:8] not in value[8:]:  # as nearly always
        return value
    period = (value + value).find(value, 1)
    return value[:period] if 8 <= period < len(value) else value


def _candidates(response: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects that may carry a response's identity, the surest first."""
    if not isinstance(response, dict):
        return
    message = generation(response)
    if message is None:
        yield response
        yield from _sources(response.get("output"))
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


def _sources(output: Any) -> Iterator[dict[str, Any]]:
    """Yield where the items of an answer came from: the Agents SDK notes it beside ids of its own making."""
    for item in output if isinstance(output, list) else []:
        if isinstance(item, dict) and isinstance(item.get("provider_data"), dict):
            yield {"id": item["provider_data"].get("response_id")}


def generation(response: dict[str, Any]) -> dict[str, Any] | None:
    """Return the first message of a LangChain result, unwrapped, or None when it is not one."""
    node: Any = response.get("generations")
    while isinstance(node, list) and node:
        node = node[0]
    if not isinstance(node, dict):
        return None
    message = node.get("message")
    if isinstance(message, dict) and isinstance(message.get("kwargs"), dict):
        path = message.get("id")  # the last step is the class, which JavaScript's messages say nowhere else
        kind = path[-1] if isinstance(path, list) and path else None
        return {"type": kind, **message["kwargs"]}
    return message if isinstance(message, dict) else {}


# How LiteLLM and its like name a vendor in front of a model.
_ROUTES = {
    **{
        name: PROVIDERS.get(name, name)
        for name in (
            *("openai", "anthropic", "cohere", "groq", "deepseek", "perplexity", "ollama"),
            *("azure", "bedrock", "vertex_ai", "mistral", "xai", "watsonx"),
        )
    },
    **{"text-completion-openai": "openai", "gemini": "gcp.gemini"},
}
# A vendor's name and a dot, after a region's or none.
_BEDROCK = re.compile(
    r"(?:(?:us|eu|apac|jp|au|global|us-gov)\.)?(?:anthropic|amazon|meta|ai21|cohere|mistral|deepseek|qwen)\.\w"
)
_FAMILIES = (
    (("text-embedding-004", "text-embedding-005", "gemini", "models/gemini"), "gcp.gemini"),
    (
        ("gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-", "text-davinci", "davinci", "ft:gpt-"),
        "openai",
    ),
    (("whisper-1", "tts-1", "dall-e-"), "openai"),
    (("claude",), "anthropic"),
    (("mistral", "ministral", "codestral", "pixtral", "open-mi", "magistral"), "mistral_ai"),
    (("command", "embed-english", "embed-multilingual", "rerank-"), "cohere"),
    (("deepseek-",), "deepseek"),
    (("grok-",), "x_ai"),
    (("sonar",), "perplexity"),
)


def is_embedding_model(model: str) -> bool:
    """Tell whether a model's name says that it embeds."""
    return "embed" in model.lower() or model.lower().startswith("voyage-")


def seller_of(provider: str, model: str) -> str:
    """Return who sold a call of Claude: Anthropic's client asks Bedrock as well, which many do not tell."""
    return "aws.bedrock" if provider == "anthropic" and _BEDROCK.match(model) else provider


def provider_of(model: str) -> str:
    """Return the provider that a model's name tells, for senders that do not say it; "" when it does not."""
    prefix, _, name = model.lower().rpartition("/")
    if prefix in _ROUTES:
        return _ROUTES[prefix]
    if _BEDROCK.match(model.lower()):
        return "aws.bedrock"
    name = name if prefix in ("openrouter", "litellm_proxy") else model.lower()
    return next((provider for prefixes, provider in _FAMILIES if name.startswith(prefixes)), "")
