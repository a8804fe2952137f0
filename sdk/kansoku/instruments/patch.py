"""Replace methods of a client's classes, now or when its module is imported, and put them back."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from kansoku.guard import swallow

_MARK = "__kansoku_original__"
_waiting: dict[str, list[Callable[[ModuleType], None]]] = {}


def replace(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    """Replace `owner.name` by `wrap(owner.name)`, once, if it is there."""
    original = vars(owner).get(name)
    if original is None or hasattr(original, _MARK):
        return
    wrapper = wrap(original)
    setattr(wrapper, _MARK, original)
    setattr(owner, name, wrapper)


def restore(owner: Any, name: str) -> None:
    """Put the original back, unless somebody has wrapped ours meanwhile."""
    original = getattr(vars(owner).get(name), _MARK, None)
    if original is not None:
        setattr(owner, name, original)


def classes(module: ModuleType | None, names: Sequence[str]) -> list[Any]:
    """Return those of the named classes that a module has; none of one that is not loaded."""
    return [owner for name in names if (owner := getattr(module, name, None)) is not None]


def when_imported(module: str, action: Callable[[ModuleType], None]) -> None:
    """Call `action(module)` now if it is loaded, else when the program imports it."""
    if module in sys.modules:
        action(sys.modules[module])
        return
    _waiting.setdefault(module, []).append(action)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def forget(module: str) -> None:
    """Do nothing when `module` is imported later."""
    _waiting.pop(module, None)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that somebody waits for, as Python would, and adds what to do after loading."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _waiting:
            return None
        for finder in sys.meta_path:
            if finder is not self and (spec := finder.find_spec(fullname, path, target)) is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader)
                return spec
        return None


class _Loader(importlib.abc.Loader):
    """Loads a module with its own loader and then does what was waited for."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for action in _waiting.pop(module.__name__, ()):
            try:
                action(module)
            except Exception as error:  # noqa: BLE001 - the border: the program's import must succeed
                swallow(f"patch.{module.__name__}", error)
