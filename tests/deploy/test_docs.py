"""The documentation keeps up with the code, and the READMEs with each other."""

import importlib
import os
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


@pytest.mark.parametrize("module", ["kansoku.settings", "kansoku_collector.settings"])
def test_every_default_of_the_settings_page_can_be_set_as_it_stands(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever copies a default into the environment changes nothing: it is written as it is read."""
    for name in [name for name in os.environ if name.startswith("KANSOKU_")]:
        monkeypatch.delenv(name)
    code = importlib.import_module(module)
    read = getattr(code, "read_settings", None) or (lambda _: code.Settings())
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    _, sdk, collector, _ = page.split("\n## ")
    usual = read({}).model_dump()
    for name, default in re.findall(
        r"^\| `(\w+)` \| `([^`]+)` \|", sdk if module[7] == "." else collector, re.M
    ):
        monkeypatch.setenv(name, os.path.expanduser(default))  # noqa: PTH111 - as a shell does
    assert read({}).model_dump() == usual


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_and_picture_of_a_page_exists(page: Path) -> None:
    """No page names a file, or a heading of a page, that is not there."""
    missing = [
        f"{name}#{heading}"
        for name, heading in links(page)
        if not (target := page.parent / name if name else page).exists()
        or (heading and heading not in headings(target))
    ]
    assert missing == []


def test_a_page_links_to_every_other_page() -> None:
    """Whoever begins at the README finds everything that is written."""
    linked = {(page.parent / name).resolve() for page in PAGES for name, _ in links(page)}
    assert [page for page in PAGES if page not in linked and not page.name.startswith("README")] == []


def test_no_table_is_torn() -> None:
    """A row behind an empty line is shown as the letters it is made of."""
    torn = []
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        rows = re.findall(r"(?:\A|\n)(?!\|)[^\n]*\n(\|[^\n]*)\n(?!\|[ :|-]+\n)", text)
        torn += [(page.name, row) for row in rows]
    assert torn == []


def links(page: Path) -> list[tuple[str, str]]:
    """Return the file and the heading of each link of a page to this project; either may be empty."""
    return re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8"))


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in found}


@pytest.mark.parametrize("page", ["README.md", "README.ja.md"])
def test_the_python_of_the_readme_compiles(page: str) -> None:
    """The first program that a newcomer copies is a program."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, page, "exec")
