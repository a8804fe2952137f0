"""How much of the content is recorded: `full`, `metadata` or `off`, also written as a switch."""

from typing import Any

_LEVELS = {
    **dict.fromkeys(("full", "true", "1", "yes", "on", "t", "y", ""), "full"),
    "metadata": "metadata",
    **dict.fromkeys(("off", "false", "0", "no", "f", "n", "none"), "off"),
}


def level_of(value: Any) -> str:
    """Return the level that a value means; what is none comes back as it is, in small letters."""
    word = str(value).strip().lower()
    return _LEVELS.get(word, word)
