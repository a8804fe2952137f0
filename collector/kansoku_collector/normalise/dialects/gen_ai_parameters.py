"""Parameters of a request under the names of the conventions, and under those of their packages."""

from struct import Struct

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.values import decode, dump, load

_PARAMETERS = {
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "choice.count": "n",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "reasoning.level": "reasoning_effort",
    "reasoning.effort": "reasoning_effort",  # Azure's agents
    "reasoning_effort": "reasoning_effort",
    "candidate_count": "n",
    "embedding.dimensions": "dimensions",  # Spring AI
}
_NOT_PARAMETERS = frozenset({"id", "trace_level", "message_count"})  # vLLM, SGLang, Bifrost
_NUMBERS = frozenset(
    {
        *("temperature", "top_p", "top_k", "max_tokens", "max_output_tokens", "seed"),
        *("frequency_penalty", "presence_penalty", "choice.count", "embedding.dimensions"),
    }
)
_FOUR = Struct("f")
_LARGEST = 1e9  # more has no place in four bytes with every digit
_DIGITS = 12  # nobody sets a parameter to more


def read_parameters(left: Attributes, span: Span) -> None:
    """Store the parameters of a request by their usual names."""
    for key in [key for key in left if key.startswith(s.REQUEST)]:
        name, value = key.removeprefix(s.REQUEST), left.pop(key)
        if value is None:
            continue
        if name in _NOT_PARAMETERS:
            left[key] = value
            continue
        if name == "stop_sequences":
            value = load(value)
        elif type(value) is str and name in _NUMBERS:  # Azure's agents, and the oldest OpenLIT
            value = decode(value)
        elif type(value) is float:
            value = _short(value)
        span.parameters[_PARAMETERS.get(name, name)] = dump(value)
    if (dimensions := left.pop(s.EMBEDDING_DIMENSIONS, None)) is not None:
        span.parameters["dimensions"] = dump(dimensions)


def _short(value: float) -> float:
    """Return a number of four bytes as it was written: 0.4, which .NET and Go send as 0.4000000059604645."""
    if len(repr(value)) <= _DIGITS or abs(value) > _LARGEST or _FOUR.unpack(_FOUR.pack(value))[0] != value:
        return value
    return float(f"{value:.7g}")
