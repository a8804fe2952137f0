"""The documentation keeps up with the code, and the READMEs with each other."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.ja.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_settings_page_lists_what_the_code_reads() -> None:
    """docs/settings.md is what docs/generate.py would write."""
    generate = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == generate["settings_page"]()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_and_picture_of_a_page_exists(page: Path) -> None:
    """No page names a file that is not there."""
    names = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [name for name in names if not (page.parent / name).exists()]
    assert missing == []


@pytest.mark.parametrize("page", ["README.md", "README.ja.md"])
def test_the_python_of_the_readme_compiles(page: str) -> None:
    """The first program that a newcomer copies is a program."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, page, "exec")
