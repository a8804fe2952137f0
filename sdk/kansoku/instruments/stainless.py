"""Count the retries inside of clients that were generated as openai's was: anthropic, groq and more."""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from kansoku import semconv
from kansoku.calls import call
from kansoku.instruments import patch

_OWNERS = ("SyncAPIClient", "AsyncAPIClient")
_RETRIES = ("_sleep_for_retry", "_retry_request")  # the second in versions that lack the first


def start(package: str) -> None:
    """Count the retries of a package's calls from now on."""
    patch.when_imported(f"{package}._base_client", _patch)


def stop(package: str) -> None:
    """Put the package's own methods back."""
    module = f"{package}._base_client"
    patch.forget(module)
    for owner in patch.classes(sys.modules.get(module), _OWNERS):
        for name in _RETRIES:
            patch.restore(owner, name)


def _patch(module: ModuleType) -> None:
    for owner in patch.classes(module, _OWNERS):
        name = next((name for name in _RETRIES if name in vars(owner)), None)
        if name is not None:
            patch.replace(owner, name, _counted)


def _counted(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that counts; what it returns may be a coroutine, and is passed on as it is."""

    @functools.wraps(original)
    def retry(*args: Any, **kwargs: Any) -> Any:
        attributes = call.under_way()
        if attributes is not None:
            attributes[semconv.HTTP_RESEND_COUNT] = attributes.get(semconv.HTTP_RESEND_COUNT, 0) + 1
        return original(*args, **kwargs)

    return retry
