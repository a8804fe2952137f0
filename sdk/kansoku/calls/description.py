"""What a call says of itself when it has ended, made where its span is read."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Description(NamedTuple):
    """Attributes of a span, and whether its call failed, in which `words`."""

    attributes: dict[str, Any]
    failed: bool = False
    words: str | None = None


Describe = Callable[[], Description]
NOTHING_SAID = Description({})
