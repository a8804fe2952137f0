"""Trace the `voyageai` client: embeddings of texts, of contexts and of images, and reranking."""

import functools
import sys
from contextvars import ContextVar
from functools import lru_cache
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from kansoku import semconv
from kansoku.calls.call import under_way
from kansoku.calls.reader import Reader
from kansoku.calls.wrapper import wrap_async, wrap_sync
from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.instruments.voyage_read import EmbedReader, RerankReader


def read_origin(resource: Any, local_provider: str) -> tuple[str, str, int]:  # noqa: ARG001 - Voyage's own client
    """Return provider, host and port of a client."""
    given = resource._params.get("base_url")
    choose = getattr(sys.modules.get("voyageai.util"), "get_default_base_url", None)
    if not given and choose is not None:
        given = choose(resource.api_key)
    return _split(str(given or sys.modules["voyageai"].api_base))  # the last: before clients had an address


@lru_cache(maxsize=64)
def _split(url: str) -> tuple[str, str, int]:
    found = urlsplit(url)
    return "voyageai", found.hostname or "", found.port or (80 if found.scheme == "http" else 443)


_EMBED = EmbedReader(read_origin)
_METHODS: dict[str, Reader] = {
    "embed": _EMBED,
    "contextualized_embed": _EMBED,
    "multimodal_embed": _EMBED,
    "rerank": RerankReader(read_origin),
}
_CLIENTS = {"voyageai.client": ("Client", wrap_sync), "voyageai.client_async": ("AsyncClient", wrap_async)}
# Inside a call, the requests: their answers name the model, and one more than the first is a retry.
_REQUESTS = "voyageai.api_resources.api_resource"


def start() -> None:
    """Trace the client from now on, or from its import on."""
    for module in (*_CLIENTS, _REQUESTS):
        patch.when_imported(module, _patch)


def stop() -> None:
    """Put the client's own methods back."""
    for module, (owner_name, _) in _CLIENTS.items():
        patch.forget(module)
        if (owner := getattr(sys.modules.get(module), owner_name, None)) is not None:
            for name in _METHODS:
                patch.restore(owner, name)
    patch.forget(_REQUESTS)
    if (owner := getattr(sys.modules.get(_REQUESTS), "APIResource", None)) is not None:
        patch.restore(owner, "create")
        patch.restore(owner, "acreate")


def _patch(module: ModuleType) -> None:
    if module.__name__ == _REQUESTS:
        owner = getattr(module, "APIResource", None)
        if owner is not None:
            patch.replace(owner, "create", _listen)
            patch.replace(owner, "acreate", _listen_async)
        return
    owner_name, wrap = _CLIENTS[module.__name__]
    if (owner := getattr(module, owner_name, None)) is not None:
        for name, reader in _METHODS.items():
            patch.replace(owner, name, lambda original, wrap=wrap, reader=reader: wrap(original, reader))  # type: ignore[misc]


# The call whose first request was made last, in this context.
_asking: ContextVar[dict[str, Any] | None] = ContextVar("kansoku_voyage", default=None)


def _listen(original: Any) -> Any:
    inner = original.__func__

    @functools.wraps(inner)
    def create(cls: Any, *args: Any, **kwargs: Any) -> Any:
        _asked()
        try:
            response = inner(cls, *args, **kwargs)
        except BaseException as error:
            _refused(error)
            raise
        _heard(response)
        return response

    return classmethod(create)


def _listen_async(original: Any) -> Any:
    inner = original.__func__

    @functools.wraps(inner)
    async def acreate(cls: Any, *args: Any, **kwargs: Any) -> Any:
        _asked()
        try:
            response = await inner(cls, *args, **kwargs)
        except BaseException as error:
            _refused(error)
            raise
        _heard(response)
        return response

    return classmethod(acreate)


@guard
def _asked() -> None:
    """Count the requests of one call beyond the first."""
    call = under_way()
    if call is not None and call is _asking.get():
        call[semconv.RESEND_COUNT] = call.get(semconv.RESEND_COUNT, 0) + 1
    _asking.set(call)


@guard
def _refused(error: BaseException) -> None:
    call, status = under_way(), getattr(error, "http_status", None)
    if call is not None and isinstance(status, int):
        call[semconv.HTTP_STATUS] = status


@guard
def _heard(response: Any) -> None:
    """Note which model answered: what the client makes of the response does not say it."""
    call = under_way()
    if call is not None:
        _asking.set(None)
        call.pop(semconv.HTTP_STATUS, None)  # of a refusal before
        if isinstance(model := response.get("model"), str):
            call[semconv.RESPONSE_MODEL] = model
