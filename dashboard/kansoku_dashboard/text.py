"""Foreign text made safe to stand inside Streamlit's Markdown and in charts, and to be seen as what it is."""

import re

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$:&=^@/])")
_ADDRESS = re.compile(r"(?:https?|ftp|mailto)(?=\\?:)|www(?=\\?\.)|\\?@", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Escape every mark of Markdown, so that data cannot draw images, links, colours or formulas."""
    escaped = _MARKS.sub(r"\\\1", visible(" ".join(text.split())))
    # Streamlit makes links of bare addresses even where they are escaped: a word joiner keeps them apart.
    return _ADDRESS.sub(lambda m: f"{m[0]}\u2060", escaped)


def visible(text: str) -> str:
    """Show what would act unseen: terminal codes as control pictures, direction marks by their number."""

    def show(match: re.Match[str]) -> str:
        code = ord(match[0])
        if code < 0x20:
            return chr(0x2400 + code)
        return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"

    return _CONTROL.sub(show, text.replace("\r\n", "\n"))


def escape(text: str) -> str:
    """Escape what Plotly would read as its own HTML in a name or a hover text."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
