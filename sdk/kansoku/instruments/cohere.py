"""Trace the `cohere` client: chats, embeddings, rankings, labels, pages, sound, completions; also async."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

from kansoku.calls.reader import Reader
from kansoku.calls.wrapper import wrap_async, wrap_sync
from kansoku.instruments import patch
from kansoku.instruments.cohere_chat import ChatReader
from kansoku.instruments.cohere_classify import ClassifyReader
from kansoku.instruments.cohere_generate import GenerateReader
from kansoku.instruments.cohere_old import OldChatReader
from kansoku.instruments.cohere_other import EmbedReader, RerankReader
from kansoku.instruments.cohere_parse import ParseReader
from kansoku.instruments.cohere_raw import streams, whole_answers, wrap_stream
from kansoku.instruments.cohere_shape import read_origin
from kansoku.instruments.openai_audio import TranscriptionReader

_CHAT, _OLD_CHAT = ChatReader(read_origin), OldChatReader(read_origin)
_EMBED, _RERANK = EmbedReader(read_origin), RerankReader(read_origin)
_GENERATE, _HEAR = GenerateReader(read_origin), TranscriptionReader(read_origin)
_NEW: dict[str, Reader] = {
    "chat": _CHAT,
    "chat_stream": _CHAT,
    "embed": _EMBED,
    "rerank": _RERANK,
    "parse": ParseReader(read_origin),
}
_OLD: dict[str, Reader] = {
    "chat": _OLD_CHAT,
    "chat_stream": _OLD_CHAT,
    "rerank": _RERANK,
    "classify": ClassifyReader(read_origin),
    "generate": _GENERATE,
    "generate_stream": _GENERATE,
}
_RAW_NEW, _RAW_OLD = whole_answers(_NEW) | streams(_NEW), whole_answers(_OLD) | streams(_OLD)
_RAW_HEAR = whole_answers({"create": _HEAR})
# Module -> class -> method -> reader. `Client.embed` cuts its texts into several requests, as one call.
_TARGETS: dict[str, dict[str, dict[str, Reader]]] = {
    "cohere.v2.client": {"V2Client": _NEW, "AsyncV2Client": _NEW},
    "cohere.base_client": {"BaseCohere": _OLD, "AsyncBaseCohere": _OLD},
    "cohere.audio.transcriptions.client": {
        "TranscriptionsClient": {"create": _HEAR},
        "AsyncTranscriptionsClient": {"create": _HEAR},
    },
    "cohere.client": {"Client": {"embed": _EMBED}, "AsyncClient": {"embed": _EMBED}},
    # What `with_raw_response` gives.
    "cohere.v2.raw_client": {"RawV2Client": _RAW_NEW, "AsyncRawV2Client": _RAW_NEW},
    "cohere.raw_base_client": {"RawBaseCohere": _RAW_OLD, "AsyncRawBaseCohere": _RAW_OLD},
    "cohere.audio.transcriptions.raw_client": {
        "RawTranscriptionsClient": _RAW_HEAR,
        "AsyncRawTranscriptionsClient": _RAW_HEAR,
    },
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
    for owner, name, wrap in _methods(module.__name__):
        patch.replace(owner, name, wrap)


def _methods(module: str) -> Iterator[tuple[Any, str, Callable[[Any], Any]]]:
    loaded = sys.modules.get(module)
    if module == "cohere.client" and "cohere.base_client" not in sys.modules:
        return  # before 5: another client, whose classes have these names
    for owner_name, methods in _TARGETS[module].items():
        owner = getattr(loaded, owner_name, None)
        if owner is None:
            continue
        for name, reader in methods.items():
            if name.endswith("_stream") and "Raw" in owner_name:
                yield owner, name, partial(wrap_stream, reader=reader)
                continue
            # The streaming methods are generators, asynchronous ones too: nothing is awaited to get one.
            streamed = name.endswith("_stream")
            later = owner_name.startswith("Async") and not streamed
            yield owner, name, partial(wrap_async if later else wrap_sync, reader=reader, streams=streamed)
