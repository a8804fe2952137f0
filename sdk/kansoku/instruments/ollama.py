"""Trace Ollama's own client: its classes, and the functions of its module, bound to a client they share."""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from kansoku.instruments import patch
from kansoku.instruments.ollama_read import ChatReader, EmbedReader, GenerateReader
from kansoku.instruments.targets import Targets, both

_METHODS = {
    "chat": ChatReader(),
    "generate": GenerateReader(),
    "embed": EmbedReader(),
    "embeddings": EmbedReader(),
}
_targets = Targets({"ollama._client": both("Client", **_METHODS)})


def start() -> None:
    """Trace the client from now on."""
    _targets.start()
    patch.when_imported("ollama", _patch_functions)


def stop() -> None:
    """Put the client's own methods and functions back."""
    patch.forget("ollama")
    _targets.stop()
    if (module := sys.modules.get("ollama")) is not None:
        for name in _METHODS:
            patch.restore(module, name)


def _patch_functions(module: ModuleType) -> None:
    """Let `ollama.chat` and its like, bound to methods long since, ask the class for its method of today."""
    for name in _METHODS:
        patch.replace(module, name, _bind_late)


def _bind_late(bound: Any) -> Callable[..., Any]:
    @functools.wraps(bound)
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(bound.__self__, bound.__name__)(*args, **kwargs)

    return call
