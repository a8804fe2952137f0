"""Pydantic AI traces itself with OpenTelemetry; this switches that on, for programs that have not done so.

The spans of its model calls are plain steps where a client below is traced, and are billed where none is:
`kansoku.described`.
"""

import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args, get_type_hints

from kansoku import runtime
from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.spans import provider as providers

_MODULE = "pydantic_ai"
_SETTINGS = "pydantic_ai.models.instrumented"
# Whoever can be instrumented as a whole: module -> class.
_OWNERS = {
    "pydantic_ai.agent": "Agent",
    "pydantic_ai.embeddings": "Embedder",
    "pydantic_ai.images": "ImageGenerator",
}
_DEFAULT = "_instrument_default"
_ours: list[Any] = []  # the settings that are in use because of us, the newest last


def start() -> None:
    """Switch tracing on, unless the program has its own settings."""
    patch.when_imported(_MODULE, _begin)


def stop() -> None:
    """Switch off what was switched on here."""
    patch.forget(_MODULE)
    for module in _OWNERS:
        patch.forget(module)
        for owner in _owner(module):
            if _is_ours(owner):
                owner.instrument_all(False)
    _ours.clear()


def _begin(_: ModuleType) -> None:
    settings = _make_settings()
    if settings is None:
        return
    _ours.append(settings)
    for module in _OWNERS:
        patch.when_imported(module, _switch_on)


@guard
def _switch_on(module: ModuleType) -> None:
    for owner in _owner(module.__name__):
        if _ours and (not getattr(owner, _DEFAULT, False) or _is_ours(owner)):
            owner.instrument_all(_ours[-1])


def _owner(module: str) -> Iterator[Any]:
    owner = getattr(sys.modules.get(module), _OWNERS[module], None)
    if hasattr(owner, "instrument_all"):
        yield owner


def _is_ours(owner: Any) -> bool:
    found = getattr(owner, _DEFAULT, None)
    return any(found is settings for settings in _ours)


def _make_settings() -> Any:
    """Return settings for our provider and our choice of content, in the newest format there is."""
    kind = getattr(sys.modules.get(_SETTINGS), "InstrumentationSettings", None)
    if kind is None:
        return None
    running = runtime.current()
    wanted = {
        "tracer_provider": providers.current(),
        "include_content": running is None or running.capture,
        "include_binary_content": False,
        "version": _newest(kind),
    }
    known = inspect.signature(kind).parameters
    return kind(**{name: value for name, value in wanted.items() if name in known and value is not None})


def _newest(kind: Any) -> int | None:
    """Return the newest version of the format of spans; None for the library's own choice."""
    try:
        return int(max(get_args(get_type_hints(kind.__init__)["version"])))
    except (KeyError, NameError, TypeError, ValueError):
        return None
