"""The collector's pages: generated ones are up to date, and what they tell to type works."""

import ast
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support import stores

from kansoku_cli.__main__ import _parser
from kansoku_collector.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "collector").glob("*.md"))
GENERATED = runpy.run_path(str(ROOT / "docs" / "generate.py"))["PAGES"]


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    """`make docs` would change nothing."""
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == GENERATED[name]()


def test_the_pages_name_every_setting_and_no_other() -> None:
    """A variable in the text exists, so nobody sets one that nothing reads."""
    known = {f"KANSOKU_{name}".upper() for name in Settings.model_fields}
    settings = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for page in PAGES:
        named = set(re.findall(r"\bKANSOKU_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
        assert all(name in known or f"`{name}`" in settings for name in named), page


def blocks(page: Path, marked: str = "") -> list[str]:
    """Return the shell of a page; `marked` is a remark before the block."""
    text = page.read_text(encoding="utf-8")
    return re.findall(re.escape(marked) + r"```sh\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_exist_with_these_options(page: Path) -> None:
    """Every `kansoku` line is one that the command line would take."""
    for block in blocks(page):
        assert subprocess.run(["sh", "-n"], input=block, text=True, check=False).returncode == 0, block
        for line in re.sub(r"\\\n", " ", block).splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["kansoku"] and words[1] not in ("up", "demo"):
                assert _parser().parse_args(words[1:]).command


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_what_a_page_tells_to_type_is_taken(page: Path) -> None:
    """Also in blocks that are no shell, beside what a command prints."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^(?: {4}|\$ )?kansoku (.*)$", text, re.MULTILINE):
        words = shlex.split(line, comments=True)
        if words[0] not in ("up", "demo"):
            assert _parser().parse_args(words).command


def test_the_page_of_questions_lists_what_the_screens_ask() -> None:
    """Whoever looks for a slow question finds its module there."""
    listed = set(
        re.findall(r"`(\w+)`", (ROOT / "docs" / "collector" / "queries.md").read_text(encoding="utf-8"))
    )
    asked = {name for path in (ROOT / "dashboard").rglob("*.py") for name in questions(path)}
    assert len(asked) > 40
    assert asked - listed == set()


def questions(path: Path) -> set[str]:
    """Return the questions of the store that a module of the dashboard hands to `data`."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    modules = {
        name.asname or name.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "kansoku_collector.store.read"
        for name in node.names
    }
    return {
        argument.attr
        for node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("data.")
        for argument in node.args
        if isinstance(argument, ast.Attribute) and ast.unparse(argument.value) in modules
    }


def test_the_runbook_can_be_followed(tmp_path: Path) -> None:
    """The blocks that are marked run one after the other on an embedded store, and its copy is healthy."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    stores.prepare(data / "clickhouse")
    program = tmp_path / "bin" / "kansoku"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m kansoku_cli "$@"\n')
    program.chmod(0o755)
    marked = blocks(ROOT / "docs" / "collector" / "operations.md", "<!-- run -->\n")
    assert len(marked) == 2
    environment = os.environ | {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "DATA": str(data),
        "BACKUP": str(backup),
        "KANSOKU_DATA": str(data),
        "KANSOKU_JOURNAL_MAX_BYTES": "1000",
        "KANSOKU_GATEWAY_PORT": "1",
    }
    for block in marked:
        found = subprocess.run(
            ["sh", "-e"], input=block, text=True, capture_output=True, env=environment, check=False
        )
        assert "!!" not in found.stdout.replace("!!  disk", ""), found.stdout
        assert found.returncode == 0 or "!!  disk" in found.stdout, found.stdout + found.stderr
    assert "shop" in found.stdout
    assert "30*" in found.stdout
    assert "400*" in found.stdout
