"""Tell answers of LangChain's own cache, which nobody is billed for, from those of a model."""

import re
from collections.abc import Mapping
from typing import Any

from kansoku.instruments.openai_shape import get

# What LangChain calls a message that its vendor gave no id: after the run that made it.
_OF_RUN = re.compile(r"(?:lc_)?run-{1,2}([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def is_cached(result: Any, run_id: Any) -> bool:
    """Tell whether an LLMResult came from the cache: it costs nothing, or the run of another call made it.

    The cost of zero is told since langchain-core 0.3; before, a cached message still has all of its usage.
    """
    generations = [item for listed in get(result, "generations") or () for item in listed]
    message = get(generations[0], "message") if generations else None
    usage = get(message, "usage_metadata")
    if isinstance(usage, Mapping) and usage.get("total_cost") == 0:
        return True
    found = get(message, "id")
    made_by = _OF_RUN.match(found) if isinstance(found, str) else None
    return made_by is not None and made_by[1] != str(run_id)
