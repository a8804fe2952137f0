"""The Python blocks of a documentation page, run as a reader would run them: in order, in one namespace."""

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    """Return the Python blocks of a page, such as "sdk/openai.md"."""
    return _BLOCK.findall((DOCS / page).read_text("utf-8"))


def run_page(page: str, **names: Any) -> dict[str, Any]:
    """Run every block of a page and return the names that it leaves; `names` are there from the start."""
    found = blocks(page)
    assert found, f"docs/{page} has no python block"
    namespace: dict[str, Any] = {"__name__": "page", **names}
    for number, block in enumerate(found):
        exec(compile(block, f"docs/{page}#{number}", "exec"), namespace)
    return namespace
