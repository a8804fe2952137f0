"""Tell what the messages of a batch used: each when its result is read, and in a process once.

A batch is made within a day and fetched as a file, a result a line; only its results have tokens, at half the
price. A result without a message (it failed, expired, was cancelled) is not billed and not told.
"""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from kansoku import semconv
from kansoku.calls.call import begin
from kansoku.calls.reader import Answer
from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.instruments.anthropic_messages import MessagesReader
from kansoku.instruments.fetched import Known, watch
from kansoku.instruments.openai_shape import get, text_of

_MODULES = ("anthropic.resources.messages.batches", "anthropic.resources.beta.messages.batches")
_CLASSES = ("Batches", "AsyncBatches")
_told = Known()  # messages that are on a span of this process


class _BatchReader(MessagesReader):
    """Reads the message of a result."""

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a Message; servers that do not name the tier have one for batches."""
        answer = super().response(response, capture)
        answer.attributes.setdefault(semconv.RESPONSE_TIER, "batch")
        return answer


def start(origin: Any) -> None:
    """Trace the results that are read from now on."""
    for module in _MODULES:
        patch.when_imported(module, functools.partial(_patch, _BatchReader(origin)))


def stop() -> None:
    """Put the client's own methods back."""
    for module in _MODULES:
        patch.forget(module)
        for owner in patch.classes(sys.modules.get(module), _CLASSES):
            patch.restore(owner, "results")


def _patch(reader: _BatchReader, module: ModuleType) -> None:
    for owner in patch.classes(module, _CLASSES):
        wrap = _wrap_async if owner.__name__.startswith("Async") else _wrap
        patch.replace(owner, "results", functools.partial(wrap, reader=reader))


def _wrap(original: Callable[..., Any], reader: _BatchReader) -> Callable[..., Any]:
    @functools.wraps(original)
    def results(self: Any, *args: Any, **kwargs: Any) -> Any:
        decoder = original(self, *args, **kwargs)
        _follow(reader, self, args, kwargs, decoder)
        return decoder

    return results


def _wrap_async(original: Callable[..., Any], reader: _BatchReader) -> Callable[..., Any]:
    @functools.wraps(original)
    async def results(self: Any, *args: Any, **kwargs: Any) -> Any:
        decoder = await original(self, *args, **kwargs)
        _follow(reader, self, args, kwargs, decoder)
        return decoder

    return results


def _follow(reader: Any, resource: Any, args: Any, kwargs: Any, decoder: Any) -> None:
    """See what a decoder yields."""
    batch = args[0] if args else kwargs.get("message_batch_id")
    watch(decoder, functools.partial(_tell, reader, resource, batch))


@guard
def _tell(reader: _BatchReader, resource: Any, batch: Any, line: Any) -> None:
    """Tell the message of a result, unless it was told."""
    message = get(get(line, "result"), "message")
    name = text_of(message, "id")
    if message is None or not name or name in _told:
        return
    call = begin(reader, resource, {"model": text_of(message, "model")})
    if call is None:
        return
    _told.add(name)
    given = {semconv.BATCH_ID: batch, semconv.BATCH_REQUEST_ID: text_of(line, "custom_id")}
    # By the first, a collector tells it from a second call where another process fetches it, too.
    call.note({semconv.FETCHED: True, **{key: value for key, value in given.items() if value}})
    call.answer(message)
