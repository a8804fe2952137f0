"""Tracy (JetBrains) of Anthropic's calls: flattened messages whose content is the JSON of the request.

It passes on the vendor's own counts, whose input leaves caches out.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.normalise.counters import include_caches
from kansoku_collector.values import load

_TYPE = "gen_ai.output.type"
_MESSAGE = "message"  # the type of the vendor's response, where the conventions say what was asked for
_PROMPT, _COMPLETION = "gen_ai.prompt.", "gen_ai.completion."
_SYSTEM = f"{_PROMPT}system."
_CALL = {".tool.call.id": "id", ".tool.name": "name", ".tool.arguments": "arguments"}


def is_tracy(left: Attributes) -> bool:
    """Tell whether Tracy wrote flattened messages of Anthropic's, by what it calls their type."""
    return left.get(_TYPE) == _MESSAGE


def restore(left: Attributes) -> None:
    """Give flattened messages, instructions and calls the names that others have, the input its caches."""
    include_caches(left)
    told = [left.pop(key) for key in sorted(left) if key.startswith(_SYSTEM)]
    if system := [words for words in told if words != "text"]:
        left.setdefault(s.SYSTEM_INSTRUCTIONS, system)
    for key in [key for key in left if key.startswith((_PROMPT, _COMPLETION))]:
        if key.startswith(_PROMPT) and key.endswith(".content"):
            left[key] = load(left[key])
        for leaf, name in _CALL.items():
            if key.startswith(_COMPLETION) and key.endswith(leaf):
                left[f"{key.removesuffix(leaf)}.tool_calls.0.{name}"] = left.pop(key)
                break
