"""Tell what responses used that OpenAI made in the background: only who fetches one learns it.

The call that asks for such a response says that it is queued. Fetching it is no call of a model, and is done
as often as it takes; the first time that it is there, complete and with its tokens, is a span.
"""

import functools
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from kansoku.call import begin
from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.instruments.openai_responses import ResponsesReader
from kansoku.instruments.openai_shape import get, text_of
from kansoku.reader import Answer
from kansoku.wrapper import wrap_async, wrap_sync

_MODULES = ("openai.resources.responses.responses", "openai.resources.beta.responses.responses")
_CLASSES = ("Responses", "AsyncResponses")
_DONE = frozenset({"completed", "incomplete", "failed", "cancelled"})
_MOST = 4096
_told: "OrderedDict[str, None]" = OrderedDict()  # whose tokens are on a span of this process


class BackgroundReader(ResponsesReader):
    """Reads responses; what one used in the background is told once, however often it is fetched."""

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a Response."""
        answer = super().response(response, capture)
        if answer.usage is not None and get(response, "background") is True:
            if answer.id in _told:
                answer.usage = None
            _remember(answer.id)
        return answer


def start(reader: BackgroundReader) -> None:
    """Trace responses that are fetched from now on."""
    for module in _MODULES:
        patch.when_imported(module, functools.partial(_patch, reader))


def stop() -> None:
    """Put the client's own methods back."""
    for module in _MODULES:
        patch.forget(module)
        for owner in _owners(sys.modules.get(module)):
            patch.restore(owner, "retrieve")


def _patch(reader: BackgroundReader, module: ModuleType) -> None:
    for owner in _owners(module):
        wrap = _wrap_async if owner.__name__.startswith("Async") else _wrap_sync
        patch.replace(owner, "retrieve", functools.partial(wrap, reader))


def _owners(module: ModuleType | None) -> Iterator[Any]:
    return (owner for name in _CLASSES if (owner := getattr(module, name, None)) is not None)


def _wrap_sync(reader: BackgroundReader, original: Callable[..., Any]) -> Callable[..., Any]:
    followed = wrap_sync(original, reader, streams=True)

    @functools.wraps(original)
    def retrieve(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("stream") is True:  # goes on with a stream that broke off, from an event on
            return followed(self, *args, **kwargs)
        response = original(self, *args, **kwargs)
        _tell(reader, self, response)
        return response

    return retrieve


def _wrap_async(reader: BackgroundReader, original: Callable[..., Any]) -> Callable[..., Any]:
    followed = wrap_async(original, reader, streams=True)

    @functools.wraps(original)
    async def retrieve(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("stream") is True:
            return await followed(self, *args, **kwargs)
        response = await original(self, *args, **kwargs)
        _tell(reader, self, response)
        return response

    return retrieve


@guard
def _tell(reader: BackgroundReader, resource: Any, response: Any) -> None:
    """Make a span of a response that is there for the first time."""
    if get(response, "background") is not True or get(response, "status") not in _DONE:
        return
    if get(response, "usage") is None or text_of(response, "id") in _told:
        return
    call = begin(reader, resource, {"model": text_of(response, "model"), "background": True})
    if call is not None:
        call.answer(response)


def _remember(name: str) -> None:
    if name:
        _told[name] = None
    if len(_told) > _MOST:
        _told.popitem(last=False)
