"""Trace the `mistralai` client, also those for Azure and Google that come with it."""

import sys
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from kansoku.calls.reader import Reader
from kansoku.calls.wrapper import wrap_async, wrap_sync
from kansoku.instruments import mistral_batch_files, mistral_batches, mistral_realtime, patch
from kansoku.instruments.mistral_chat import AgentReader, ChatReader, FillReader
from kansoku.instruments.mistral_conversations import ConversationReader
from kansoku.instruments.mistral_other import (
    EmbeddingReader,
    ModerationReader,
    OcrReader,
    ResponsesReader,
    SpeechReader,
    TranscriptionReader,
)

_PROVIDERS = {"mistralai.azure": "azure.ai.inference", "mistralai.gcp": "gcp.vertex_ai"}
_ROOTS = (
    "mistralai.client",
    "mistralai.azure.client",
    "mistralai.gcp.client",
    "mistralai",
)  # the last: old versions


def read_origin(resource: Any, local_provider: str) -> tuple[str, str, int]:  # noqa: ARG001 - Mistral's own client
    """Return provider, host and port of a client."""
    package = ".".join(type(resource).__module__.split(".")[:2])
    url, _ = resource.sdk_configuration.get_server_details()
    return _split(_PROVIDERS.get(package, "mistral_ai"), str(url))


@lru_cache(maxsize=64)
def _split(provider: str, url: str) -> tuple[str, str, int]:
    found = urlsplit(url)
    return provider, found.hostname or "", found.port or (80 if found.scheme == "http" else 443)


_CHAT, _FILL, _AGENT = ChatReader(read_origin), FillReader(read_origin), AgentReader(read_origin)
_TALK, _HEAR = ConversationReader(read_origin), TranscriptionReader(read_origin)
_CHECK = ModerationReader(read_origin)
_VECTORS = EmbeddingReader(read_origin)
_TALKS = ("start", "append", "restart")
# Module below a root -> class and the readers of its methods; each method has a twin ending in _async.
# `parse` and `parse_stream` make their calls through these.
_TARGETS: dict[str, tuple[str, dict[str, Reader]]] = {
    "chat": ("Chat", {"complete": _CHAT, "stream": _CHAT}),
    "agents": ("Agents", {"complete": _AGENT, "stream": _AGENT}),
    "fim": ("Fim", {"complete": _FILL, "stream": _FILL}),
    "embeddings": ("Embeddings", {"create": _VECTORS}),
    "ocr": ("Ocr", {"process": OcrReader(read_origin)}),
    "transcriptions": ("Transcriptions", {"complete": _HEAR, "stream": _HEAR}),
    "speech": ("Speech", {"complete": SpeechReader(read_origin)}),
    "classifiers": ("Classifiers", {"moderate": _CHECK, "moderate_chat": _CHECK}),
    "responses": ("Responses", {"create": ResponsesReader(read_origin)}),
    "conversations": ("Conversations", {f"{name}{end}": _TALK for name in _TALKS for end in ("", "_stream")}),
}
_MODULES = {f"{root}.{name}": target for root in _ROOTS for name, target in _TARGETS.items()}
_JOBS = mistral_batches.module_names(_ROOTS)
_BATCHED: dict[str, Reader] = {
    "/v1/chat/completions": _CHAT,
    "/v1/fim/completions": _FILL,
    "/v1/embeddings": _VECTORS,
}


def start() -> None:
    """Trace the client from now on, or from the import of its parts on."""
    mistral_batches.start(_JOBS, _BATCHED)
    mistral_batch_files.start(_ROOTS)
    mistral_realtime.start()
    for module in _MODULES:
        patch.when_imported(module, _patch)


def stop() -> None:
    """Put the client's own methods back."""
    mistral_batches.stop(_JOBS)
    mistral_batch_files.stop(_ROOTS)
    mistral_realtime.stop()
    for module in _MODULES:
        patch.forget(module)
        for owner, name, _ in _methods(module):
            patch.restore(owner, name)


def _patch(module: ModuleType) -> None:
    for owner, name, wrap in _methods(module.__name__):
        patch.replace(owner, name, wrap)


def _methods(module: str) -> Iterator[tuple[Any, str, Callable[[Any], Any]]]:
    owner_name, methods = _MODULES[module]
    owner = getattr(sys.modules.get(module), owner_name, None)
    if owner is None:
        return
    for name, reader in methods.items():
        streams = name.endswith("stream")
        yield owner, name, partial(wrap_sync, reader=reader, streams=streams)
        yield owner, f"{name}_async", partial(wrap_async, reader=reader, streams=streams)
