"""Trace the `openai` client, every version from 1.0 on, and with it every server that speaks its API."""

import ipaddress
import sys
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

from kansoku.call import Reader, wrap_async, wrap_sync
from kansoku.instruments import patch
from kansoku.instruments.openai_chat import ChatReader
from kansoku.instruments.openai_other import CompletionReader, EmbeddingReader
from kansoku.instruments.openai_responses import ResponsesReader

# Host, or its ending -> provider as OpenTelemetry names it.
_HOSTS = {
    "api.openai.com": "openai",
    ".openai.azure.com": "azure.ai.openai",
    ".cognitiveservices.azure.com": "azure.ai.openai",
    ".services.ai.azure.com": "azure.ai.inference",
    ".inference.ai.azure.com": "azure.ai.inference",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "-aiplatform.googleapis.com": "gcp.vertex_ai",
    ".amazonaws.com": "aws.bedrock",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.fireworks.ai": "fireworks",
    "api.cerebras.ai": "cerebras",
    "openrouter.ai": "openrouter",
    "router.huggingface.co": "huggingface_router",
    ".novita.ai": "novita",
}
_PRIVATE_ENDINGS = (".local", ".internal", ".localhost", ".lan", ".home.arpa", ".test", ".svc")


@lru_cache(maxsize=256)
def find_provider(host: str, local_provider: str) -> str:
    """Return the provider behind a host; loopback and private hosts serve models of one's own."""
    host = host.lower().strip("[]")
    if is_private(host):
        return local_provider
    for ending, provider in _HOSTS.items():
        if host == ending or (ending[0] in ".-" and host.endswith(ending)):
            return provider
    return "openai"  # as the conventions have it: whoever speaks the API and is not known


def is_private(host: str) -> bool:
    """Tell whether a host is on this machine or in a private network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_ENDINGS)
    return address.is_loopback or address.is_private or address.is_link_local or address.is_unspecified


@lru_cache(maxsize=256)
def _origin(url: Any, azure: bool, local_provider: str) -> tuple[str, str, int]:
    host = str(url.host)
    provider = "azure.ai.openai" if azure else find_provider(host, local_provider)
    return provider, host, int(url.port or (80 if url.scheme == "http" else 443))


def read_origin(resource: Any, local_provider: str) -> tuple[str, str, int]:
    """Return provider, host and port that a resource of the client talks to."""
    client = resource._client
    return _origin(client.base_url, "Azure" in type(client).__name__, local_provider)


# Module -> class -> methods; what a version of the client does not have is skipped.
_CHAT = ChatReader(read_origin)
_TARGETS: dict[str, tuple[Reader, dict[str, tuple[str, ...]]]] = {
    "openai.resources.chat.completions": (
        _CHAT,
        {"Completions": ("create", "parse"), "AsyncCompletions": ("create", "parse")},
    ),
    "openai.resources.beta.chat.completions": (
        _CHAT,
        {"Completions": ("parse",), "AsyncCompletions": ("parse",)},
    ),
    "openai.resources.responses": (
        ResponsesReader(read_origin),
        {"Responses": ("create", "parse"), "AsyncResponses": ("create", "parse")},
    ),
    "openai.resources.embeddings": (
        EmbeddingReader(read_origin),
        {"Embeddings": ("create",), "AsyncEmbeddings": ("create",)},
    ),
    "openai.resources.completions": (
        CompletionReader(read_origin),
        {"Completions": ("create",), "AsyncCompletions": ("create",)},
    ),
}


def start() -> None:
    """Trace the client from now on, or from its import on."""
    for module in _TARGETS:
        patch.when_imported(module, _patch)


def stop() -> None:
    """Put the client's own methods back."""
    for module in _TARGETS:
        patch.forget(module)
        for owner, name, _ in _methods(module):
            patch.restore(owner, name)


def _patch(module: ModuleType) -> None:
    reader = _TARGETS[module.__name__][0]
    for owner, name, wrap in _methods(module.__name__):
        patch.replace(owner, name, lambda original, wrap=wrap: wrap(original, reader))  # type: ignore[misc]


def _methods(module: str) -> list[tuple[Any, str, Callable[..., Any]]]:
    """Return (class, method name, wrapper) of what a loaded module has."""
    loaded = sys.modules.get(module)
    found: list[tuple[Any, str, Callable[..., Any]]] = []
    for owner_name, names in _TARGETS[module][1].items():
        owner = getattr(loaded, owner_name, None)
        wrap = wrap_async if owner_name.startswith("Async") else wrap_sync
        found += [(owner, name, wrap) for name in names if owner is not None]
    return found
