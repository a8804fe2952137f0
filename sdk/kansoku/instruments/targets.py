"""A table of a client's methods and their readers, patched when their modules are loaded."""

import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from kansoku.calls.reader import Reader
from kansoku.calls.wrapper import wrap_async, wrap_sync
from kansoku.instruments import patch, stainless

# Module -> class -> method -> reader. Classes whose names begin with Async have coroutine methods.
Table = Mapping[str, Mapping[str, Mapping[str, Reader]]]


def both(name: str, **methods: Reader) -> dict[str, Mapping[str, Reader]]:
    """Return a class and its asynchronous twin, for a table."""
    return {name: methods, f"Async{name}": methods}


class Targets:
    """The methods of one client; what a version of the client does not have is skipped."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._packages = {name.partition(".resources.")[0] for name in table if ".resources." in name}

    def start(self) -> None:
        """Trace the methods from now on, or from the import of their modules on."""
        for module in self._table:
            patch.when_imported(module, self._patch)
        for package in self._packages:
            stainless.start(package)

    def stop(self) -> None:
        """Put the client's own methods back."""
        for module in self._table:
            patch.forget(module)
            for owner, name, _ in self._methods(module):
                patch.restore(owner, name)
        for package in self._packages:
            stainless.stop(package)

    def _patch(self, module: ModuleType) -> None:
        for owner, name, reader in self._methods(module.__name__):
            wrap = wrap_async if owner.__name__.startswith("Async") else wrap_sync
            patch.replace(owner, name, lambda original, wrap=wrap, reader=reader: wrap(original, reader))  # type: ignore[misc]

    def _methods(self, module: str) -> Iterator[tuple[Any, str, Reader]]:
        loaded = sys.modules.get(module)
        for owner_name, methods in self._table[module].items():
            owner = getattr(loaded, owner_name, None)
            if owner is not None:
                yield from ((owner, name, reader) for name, reader in methods.items())
