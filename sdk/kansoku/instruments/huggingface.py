"""Trace the clients of `huggingface_hub` that ask models: by its router, a provider, or one's own server."""

import functools
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from kansoku import semconv
from kansoku.calls.call import Call, begin
from kansoku.calls.reader import Reader
from kansoku.calls.wrapper import wrap_async, wrap_sync
from kansoku.instruments import patch
from kansoku.instruments.huggingface_origin import Asked, find_origin
from kansoku.instruments.huggingface_read import (
    FeatureReader,
    ImageReader,
    SpeechReader,
    TextReader,
)
from kansoku.instruments.openai_chat import ChatReader

_METHODS: Mapping[str, Reader] = {
    "chat_completion": ChatReader(find_origin),  # `client.chat.completions.create` is the same method
    "text_generation": TextReader(find_origin),
    "feature_extraction": FeatureReader(find_origin),
    "text_to_image": ImageReader(find_origin),
    "automatic_speech_recognition": SpeechReader(find_origin),
}
_CLASSES = {
    "huggingface_hub.inference._client": "InferenceClient",
    "huggingface_hub.inference._generated._async_client": "AsyncInferenceClient",
}


def start() -> None:
    """Trace the clients from their import on."""
    for module in _CLASSES:
        patch.when_imported(module, _patch)


def stop() -> None:
    """Put the clients' own methods back."""
    for module, owner in _CLASSES.items():
        patch.forget(module)
        if (kind := getattr(sys.modules.get(module), owner, None)) is not None:
            for name in _METHODS:
                patch.restore(kind, name)


def _patch(module: ModuleType) -> None:
    owner = _CLASSES[module.__name__]
    wrap = wrap_async if owner.startswith("Async") else wrap_sync
    for name, reader in _METHODS.items():
        if (kind := getattr(module, owner, None)) is not None:
            patch.replace(kind, name, functools.partial(wrap, reader=reader, begin=_begin))


def _begin(reader: Reader, client: Any, arguments: Mapping[str, Any]) -> Call | None:
    """Begin a call: which model is asked, and where, follows from the client and the arguments together."""
    asked = Asked.by(client, arguments)
    call = begin(reader, asked, {**arguments, "model": asked.model})
    if call is not None and asked.upstream:
        call.note({semconv.UPSTREAM_PROVIDER: asked.upstream})
    return call
