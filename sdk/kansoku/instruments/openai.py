"""Trace the `openai` client, every version from 1.0 on, and with it every server that speaks its API."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from kansoku.call import Reader, wrap_async, wrap_sync
from kansoku.instruments import patch
from kansoku.instruments.openai_chat import ChatReader
from kansoku.instruments.openai_hosts import read_origin
from kansoku.instruments.openai_other import CompletionReader, EmbeddingReader
from kansoku.instruments.openai_responses import ResponsesReader

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
