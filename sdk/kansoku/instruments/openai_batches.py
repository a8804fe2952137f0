"""Tell what a batch of OpenAI's used: when it is fetched after its end, and in a process once.

The answers are in a file, which is the program's to read, and may be of any size; the batch itself has the
tokens of all of them, as one sum. So a batch is one span, at half the price.
"""

import functools
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from kansoku import semconv
from kansoku.calls.call import begin
from kansoku.calls.reader import Answer, Request
from kansoku.guard import guard
from kansoku.instruments import openai_shape as shape
from kansoku.instruments import openai_tokens, patch
from kansoku.instruments.fetched import Known, wrap_result, wrap_result_async
from kansoku.instruments.openai_chat import Origin
from kansoku.instruments.openai_shape import get, text_of

_MODULE = "openai.resources.batches"
_CLASSES = ("Batches", "AsyncBatches")
_ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
# What requests to an endpoint are; to all others, chats.
_OPERATIONS = {
    "/v1/embeddings": "embeddings",
    "/v1/completions": "text_completion",
    "/v1/moderations": "moderation",
}
_told = Known()  # batches that are on a span of this process


class _BatchReader:
    """Reads a batch as one answer."""

    def __init__(self, origin: Origin, operation: str) -> None:
        self.origin = origin
        self.operation = operation

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:  # noqa: ARG002 - it has no content
        """Read what the batch was made with: what was asked is in a file."""
        return Request(shape.model_name(arguments))

    def response(self, response: Any, capture: bool) -> Answer:  # noqa: ARG002
        """Read a Batch."""
        answer = Answer(
            model=text_of(response, "model"),
            id=text_of(response, "id"),
            usage=openai_tokens.read_usage(get(response, "usage")),
            attributes={semconv.RESPONSE_TIER: "batch", semconv.BATCH_ID: text_of(response, "id")},
        )
        if answered := openai_tokens.count(get(response, "request_counts"), "completed"):
            answer.attributes[semconv.BATCH_REQUESTS] = answered
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the only response there is."""
        return self.response(chunks[-1], capture)


def start(origin: Origin) -> None:
    """Trace the batches that are fetched from now on."""
    patch.when_imported(_MODULE, functools.partial(_patch, origin))


def stop() -> None:
    """Put the client's own methods back."""
    patch.forget(_MODULE)
    for owner in patch.classes(sys.modules.get(_MODULE), _CLASSES):
        patch.restore(owner, "retrieve")


def _patch(origin: Origin, module: ModuleType) -> None:
    for owner in patch.classes(module, _CLASSES):
        wrap = wrap_result_async if owner.__name__.startswith("Async") else wrap_result
        patch.replace(owner, "retrieve", functools.partial(wrap, tell=functools.partial(_tell, origin)))


@guard
def _tell(origin: Origin, resource: Any, batch: Any) -> None:
    """Tell a batch that has ended and used something, unless it was told."""
    name = text_of(batch, "id")
    if text_of(batch, "status") not in _ENDED or not name or name in _told:
        return
    if not openai_tokens.count(get(batch, "usage"), "total_tokens"):
        return  # nothing came of it, or its server does not count
    operation = _OPERATIONS.get(text_of(batch, "endpoint"), "chat")
    call = begin(_BatchReader(origin, operation), resource, {"model": text_of(batch, "model")})
    if call is not None:
        _told.add(name)
        call.note({semconv.FETCHED: True})  # by this, a collector tells it from a second batch
        call.answer(batch)
