"""What the Azure client knows of a call: the deployment that it asks, and the version of the API."""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from kansoku import semconv
from kansoku.calls import call
from kansoku.guard import guard
from kansoku.instruments import patch

_MODULE = "openai.lib.azure"


def start() -> None:
    """Note the deployment of calls from now on."""
    patch.when_imported(_MODULE, _patch)


def stop() -> None:
    """Put the client's own method back."""
    patch.forget(_MODULE)
    owner = getattr(sys.modules.get(_MODULE), "BaseAzureClient", None)
    if owner is not None:
        patch.restore(owner, "_build_request")


def _patch(module: ModuleType) -> None:
    owner = getattr(module, "BaseAzureClient", None)
    if owner is not None:
        patch.replace(owner, "_build_request", _noted)


def _noted(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def build(*args: Any, **kwargs: Any) -> Any:
        request = original(*args, **kwargs)
        _note(request)
        return request

    return build


@guard
def _note(request: Any) -> None:
    attributes = call.under_way()
    if attributes is None:
        return
    _, found, after = request.url.path.partition("/deployments/")
    if found:
        attributes[semconv.AZURE_DEPLOYMENT] = after.partition("/")[0]
    if version := request.url.params.get("api-version"):
        attributes[semconv.AZURE_API_VERSION] = version
