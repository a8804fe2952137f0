"""Kansoku is harmless: in every case of the suite the program sees what it would see without it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the suite is no package: it also runs in other environments
from suite import CASES, Bench, faults


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """Keep one process that forks all others."""
    with Bench() as running:
        yield running


@pytest.mark.parametrize("name", CASES)
def test_the_program_is_as_without_kansoku(name: str, bench: Bench) -> None:
    """Results, exceptions, exit code and memory are those of the program alone."""
    bare, traced = bench.run("none", name), bench.run("kansoku", name)
    assert faults(CASES[name], bare, traced) == []
