"""Kansoku is harmless: in every case of the suite the program sees what it would see without it."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the suite is no package: it also runs in other environments
from suite import CASES, Bench, faults

# How a program begins: these import the SDK themselves, in the middle of what they do.
IMPORTING = ("start:", "collector: up", "process: fork before")


@pytest.fixture(scope="module")
def benches() -> Iterator[list[Bench]]:
    """Keep the two processes that fork all others: the program alone runs beside the one with the SDK."""
    with ExitStack() as stack:
        yield [stack.enter_context(Bench(ready=adapter)) for adapter in ("", "kansoku")]


@pytest.mark.parametrize("name", CASES)
def test_the_program_is_as_without_kansoku(name: str, benches: list[Bench]) -> None:
    """Results, exceptions, exit code and memory are those of the program alone."""
    if name.startswith(IMPORTING):
        bare, traced = (benches[0].run(adapter, name) for adapter in ("none", "kansoku"))
    else:
        with ThreadPoolExecutor(2) as pool:
            bare, traced = pool.map(Bench.run, benches, ("none", "kansoku"), (name, name))
    assert faults(CASES[name], bare, traced) == []
