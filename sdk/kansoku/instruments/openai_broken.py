"""Read the chunk with which a server breaks a stream off: beside its error it may say what was used.

The clients of this family raise an exception for such a chunk and give it to nobody. OpenRouter tells what it
bills in no other.
"""

from collections.abc import Mapping
from typing import Any

_READS = "__stream__"  # the clients' own loop over events, which has the last one in `data`
_DEEPEST = 32


def last_words(error: BaseException) -> dict[str, Any] | None:
    """Return what the chunk says besides the error that a client made of it; None where it says nothing."""
    trace = error.__traceback__
    for _ in range(_DEEPEST):
        if trace is None:
            break
        if trace.tb_frame.f_code.co_name == _READS:
            data = trace.tb_frame.f_locals.get("data")
            if isinstance(data, Mapping) and data.get("error") and data.get("usage"):
                return {name: value for name, value in data.items() if name != "error"}
        trace = trace.tb_next
    return None
