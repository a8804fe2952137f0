"""A table of the searches of stores and their readers, patched when their modules are loaded."""

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from kansoku.instruments import patch
from kansoku.instruments.search import Reader, wrap_async, wrap_sync
from kansoku.instruments.targets import Targets

Table = Mapping[str, Mapping[str, Mapping[str, Reader]]]


class Stores(Targets):
    """The searches of one client; coroutine methods are those of classes that say Async in their names."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)  # type: ignore[arg-type] # the same table with readers of searches

    def _patch(self, module: ModuleType) -> None:
        for owner, name, reader in self._methods(module.__name__):
            patch.replace(owner, name, lambda original, o=owner, r=reader: _wrap(o, original, r))  # type: ignore[misc]


def _wrap(owner: Any, original: Any, reader: Any) -> Any:
    asynchronous = "Async" in owner.__name__ or inspect.iscoroutinefunction(original)
    return (wrap_async if asynchronous else wrap_sync)(original, reader)
