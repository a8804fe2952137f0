"""LangChain4j's observations: the conventions' names, but for counts, which have names without a prefix.

Micrometer writes them, under the scope of whichever tracer the program gave it.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.values import rename

MARK = "outcome"  # on each of its spans
_NAMES = {"input_tokens": s.INPUT_TOKENS, "output_tokens": s.OUTPUT_TOKENS}
_OUTCOMES = ("SUCCESS", "ERROR")
_UNSET = "unknown"


def restore(left: Attributes) -> None:
    """Give counts the names of the conventions, and take models away that are not known."""
    if left.get(MARK) not in _OUTCOMES or s.OPERATION not in left:
        return
    rename(left, _NAMES)
    for name in (s.REQUEST_MODEL, s.RESPONSE_MODEL):
        if left.get(name) == _UNSET:
            del left[name]
