"""Foreign text made safe to stand inside Streamlit's Markdown."""

import re

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$:&=^@/])")


def plain(text: str) -> str:
    """Escape every mark of Markdown, so that data cannot draw images, links, colours or formulas."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
