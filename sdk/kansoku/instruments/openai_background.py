"""Tell what responses used that OpenAI made in the background; see `fetched`."""

import functools
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from kansoku.calls.reader import Answer
from kansoku.instruments import patch
from kansoku.instruments.fetched import Known, wrap_fetch, wrap_fetch_async
from kansoku.instruments.openai_responses import ResponsesReader
from kansoku.instruments.openai_shape import get, text_of

_MODULES = ("openai.resources.responses.responses", "openai.resources.beta.responses.responses")
_CLASSES = ("Responses", "AsyncResponses")
_DONE = frozenset({"completed", "incomplete", "failed", "cancelled"})
_told = Known()  # whose tokens are on a span of this process


class BackgroundReader(ResponsesReader):
    """Reads responses; what one used in the background is told once, however often it is fetched."""

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a Response."""
        answer = super().response(response, capture)
        if answer.usage is not None and get(response, "background") is True:
            if answer.id in _told:
                answer.usage = None
            elif answer.id:
                _told.add(answer.id)
        return answer


class _Fetches:
    """Responses of the background, of which this process has not told the tokens."""

    def follows(self, arguments: Mapping[str, Any]) -> bool:
        return arguments.get("stream") is True  # there is none of any other response

    def told(self, response: Any) -> Mapping[str, Any] | None:
        if get(response, "background") is not True or get(response, "status") not in _DONE:
            return None
        if get(response, "usage") is None or text_of(response, "id") in _told:
            return None
        return {"model": text_of(response, "model"), "background": True}


def start(reader: BackgroundReader) -> None:
    """Trace responses that are fetched from now on."""
    for module in _MODULES:
        patch.when_imported(module, functools.partial(_patch, reader))


def stop() -> None:
    """Put the client's own methods back."""
    for module in _MODULES:
        patch.forget(module)
        for owner in patch.classes(sys.modules.get(module), _CLASSES):
            patch.restore(owner, "retrieve")


def _patch(reader: BackgroundReader, module: ModuleType) -> None:
    for owner in patch.classes(module, _CLASSES):
        wrap = wrap_fetch_async if owner.__name__.startswith("Async") else wrap_fetch
        patch.replace(owner, "retrieve", functools.partial(wrap, reader=reader, fetches=_Fetches()))
