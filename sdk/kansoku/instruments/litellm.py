"""Trace LiteLLM: its functions are spans, and the clients that they call below are none."""

import functools
import inspect
import sys
from collections.abc import Callable, Coroutine, Mapping
from types import ModuleType
from typing import Any

from kansoku.calls.reader import Reader
from kansoku.calls.wrapper import wrap_async, wrap_sync
from kansoku.instruments import patch
from kansoku.instruments.cohere_other import RerankReader
from kansoku.instruments.litellm_chat import RoutedChatReader
from kansoku.instruments.litellm_lazy import begun_here
from kansoku.instruments.litellm_native import CONTENT, MESSAGES, NativeReader
from kansoku.instruments.litellm_read import (
    RoutedEmbeddingReader,
    RoutedReader,
    keep_address,
    keep_stream,
    origin,
)
from kansoku.instruments.mistral_other import OcrReader
from kansoku.instruments.openai_audio import SpeechReader, TranscriptionReader
from kansoku.instruments.openai_images import ImageReader
from kansoku.instruments.openai_moderation import ModerationReader
from kansoku.instruments.openai_other import CompletionReader
from kansoku.instruments.openai_responses import ResponsesReader

_CHAT = RoutedChatReader()
_TEXT = RoutedReader(CompletionReader(origin))
_EMBEDDING = RoutedEmbeddingReader()
_RERANK = RoutedReader(RerankReader(origin))
_RESPONSES = RoutedReader(ResponsesReader(origin))
_IMAGE = RoutedReader(ImageReader(origin))
_HEAR, _SPEAK = RoutedReader(TranscriptionReader(origin)), RoutedReader(SpeechReader(origin))
_CHECK = RoutedReader(ModerationReader(origin))
_PAGES = {name: NativeReader(OcrReader(origin), "document") for name in ("ocr", "aocr")}
# Module that defines the functions -> function -> reader; `litellm` itself has each of them, too.
_FUNCTIONS: Mapping[str, Mapping[str, Reader]] = {
    "litellm.main": {
        "completion": _CHAT,
        "acompletion": _CHAT,
        "text_completion": _TEXT,
        "atext_completion": _TEXT,
        "embedding": _EMBEDDING,
        "aembedding": _EMBEDDING,
        "transcription": _HEAR,
        "atranscription": _HEAR,
        "speech": _SPEAK,
        "aspeech": _SPEAK,
        "moderation": _CHECK,
        "amoderation": _CHECK,
    },
    "litellm.images.main": {
        "image_generation": _IMAGE,
        "aimage_generation": _IMAGE,
        "image_edit": _IMAGE,
        "aimage_edit": _IMAGE,
    },
    "litellm.rerank_api.main": {"rerank": _RERANK, "arerank": _RERANK},
    "litellm.responses.main": {
        "responses": _RESPONSES,
        "aresponses": _RESPONSES,
        "compact_responses": _RESPONSES,
        "acompact_responses": _RESPONSES,
    },
    "litellm.llms.anthropic.experimental_pass_through.messages.handler": {"anthropic_messages": MESSAGES},
    "litellm.messages.dispatch": {"anthropic_messages": MESSAGES, "anthropic_messages_handler": MESSAGES},
    "litellm.anthropic_interface.messages": {"acreate": MESSAGES, "create": MESSAGES},
    "litellm.ocr.main": _PAGES,
    "litellm.ocr.dispatch": _PAGES,
    "litellm.google_genai.main": {
        "generate_content": CONTENT,
        "agenerate_content": CONTENT,
        "generate_content_stream": CONTENT,
        "agenerate_content_stream": CONTENT,
    },
}


def start() -> None:
    """Trace the functions from now on."""
    for module in _FUNCTIONS:
        patch.when_imported(module, _patch)


def stop() -> None:
    """Put the library's own functions back."""
    for module in _FUNCTIONS:
        patch.forget(module)
        for owner in _owners(module):
            for name in _FUNCTIONS[module]:
                patch.restore(owner, name)


def _patch(module: ModuleType) -> None:
    for name, reader in _FUNCTIONS[module.__name__].items():
        made: Callable[[Any], Any] = functools.cache(functools.partial(_wrap_function, reader=reader))
        for owner in _owners(module.__name__):
            patch.replace(owner, name, made)  # the same wrapper in both: they are one function to the program


def _owners(module: str) -> list[ModuleType]:
    """Return the modules in which the functions of a module are found."""
    names = dict.fromkeys((module, module.rpartition(".")[0], "litellm"))
    return [sys.modules[name] for name in names if name in sys.modules]


def _wrap_function(original: Callable[..., Any], reader: Reader) -> Callable[..., Any]:
    """Return a function that makes the same call and traces it; its arguments say where it goes."""
    signature = _signature(original)
    names = tuple(signature.parameters)
    streams = original.__name__.endswith("_stream")

    def arguments_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return {**dict(zip(names, args, strict=False)), **kwargs}

    if inspect.iscoroutinefunction(original):

        async def call_later(given: Any, *args: Any, **kwargs: Any) -> Any:
            found = await original(*args, **kwargs)
            keep_address(given)
            return begun_here(keep_stream(found))

        method = wrap_async(_with_self(call_later, signature), reader, streams=streams)

        @functools.wraps(original)
        async def traced_later(*args: Any, **kwargs: Any) -> Any:
            return await method(arguments_of(args, kwargs), *args, **kwargs)

        return traced_later

    def call(given: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        keep_address(given)
        # Its asynchronous twin calls it; where a program took that before it was traced, this is the call.
        return _later(found) if inspect.iscoroutine(found) else begun_here(keep_stream(found))

    method = wrap_sync(_with_self(call, signature), reader, streams=streams)

    @functools.wraps(original)
    def traced(*args: Any, **kwargs: Any) -> Any:
        return method(arguments_of(args, kwargs), *args, **kwargs)

    return traced


async def _later(result: Coroutine[Any, Any, Any]) -> Any:
    return begun_here(keep_stream(await result))


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return a function's signature; `aembedding` and its like hide it, and have that of `embedding`."""
    found = inspect.signature(function)
    if all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in found.parameters.values()):
        twin = getattr(sys.modules[function.__module__], function.__name__.removeprefix("a"), None)
        return inspect.signature(twin) if twin is not None else found
    return found


def _with_self(method: Callable[..., Any], signature: inspect.Signature) -> Callable[..., Any]:
    """Give a method the signature of a function behind its first parameter."""
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    found: Any = method
    found.__signature__ = signature.replace(parameters=[first, *signature.parameters.values()])
    return method
