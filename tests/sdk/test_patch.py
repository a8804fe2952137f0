"""Patching: at once or on import, undone on request, and never in the way of an import."""

import sys
from pathlib import Path
from typing import Any

import pytest

from kansoku import guard
from kansoku.instruments import patch


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a module that can be imported once."""
    name = "kansoku_test_client"
    (tmp_path / f"{name}.py").write_text("class Client:\n    def call(self):\n        return 'original'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def louder(original: Any) -> Any:
    """Wrap a method."""

    def wrapped(self: Any) -> str:
        return str(original(self)).upper()

    return wrapped


def test_a_module_is_patched_when_it_is_imported(module: str) -> None:
    """Nothing is imported by waiting; the import does what was waited for, once."""
    patch.when_imported(module, lambda loaded: patch.replace(loaded.Client, "call", louder))
    assert module not in sys.modules
    loaded = __import__(module)
    assert loaded.Client().call() == "ORIGINAL"
    patch.when_imported(module, lambda again: patch.replace(again.Client, "call", louder))
    assert loaded.Client().call() == "ORIGINAL"
    patch.restore(loaded.Client, "call")
    assert loaded.Client().call() == "original"
    patch.restore(loaded.Client, "call")


def test_an_import_waited_for_no_longer_is_left_alone(module: str) -> None:
    """After forget() the module is imported as it is."""
    patch.when_imported(module, lambda loaded: patch.replace(loaded.Client, "call", louder))
    patch.forget(module)
    assert __import__(module).Client().call() == "original"


def test_a_patch_that_fails_does_not_fail_the_import(module: str) -> None:
    """The program gets its module; the fault is counted."""

    def broken(loaded: Any) -> None:
        raise RuntimeError("a fault of ours")

    patch.when_imported(module, broken)
    assert __import__(module).Client().call() == "original"
    assert guard.failures.pop(f"patch.{module}") == 1


def test_a_missing_module_stays_missing() -> None:
    """Waiting for what is not installed changes no error."""
    patch.when_imported("kansoku_no_such_module", lambda _: None)
    with pytest.raises(ModuleNotFoundError):
        __import__("kansoku_no_such_module")
    patch.forget("kansoku_no_such_module")


def test_somebody_elses_wrapper_is_not_removed(module: str) -> None:
    """If another library wrapped our wrapper, restore() leaves both in place."""
    client = __import__(module).Client
    patch.replace(client, "call", louder)
    ours = client.call
    client.call = theirs = lambda self: ours(self) + "!"
    patch.restore(client, "call")
    assert client.call is theirs
    patch.replace(client, "no_such_method", louder)
    assert not hasattr(client, "no_such_method")
