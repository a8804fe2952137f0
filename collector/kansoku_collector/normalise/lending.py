"""What the billed description of a call leaves out and a further description of it says.

A framework knows what it was asked for, the client beneath it what the vendor answered. The row that is
billed is the one that people look at, so it takes over what it lacks; what it says itself is never changed.
"""

from kansoku_collector.model import Span

_ANSWER = ("response_model", "response_id", "system_fingerprint", "finish_reasons")
_GROUPS = (  # what belongs together is taken together
    *((name,) for name in ("provider", "request_model", *_ANSWER, "tool_definitions")),
    ("input_messages", "system_instructions", "input_text"),
    ("output_messages", "output_text"),
)
_SIDES = (  # of the usage: what no part has, and the parts
    ("input_fresh", ("cache_read", "cache_write_5m", "cache_write_1h", "audio_in", "image")),
    ("output_visible", ("reasoning", "audio_out")),
)


def lend(source: Span, billed: Span) -> None:
    """Fill what `billed` lacks from `source`, which describes the same call."""
    for group in _GROUPS:
        if not getattr(billed, group[0]) and getattr(source, group[0]):
            for name in group:
                setattr(billed, name, getattr(source, name) or getattr(billed, name))
    billed.parameters = source.parameters | billed.parameters
    billed.streaming = billed.streaming or source.streaming
    if billed.time_to_first_token is None:
        billed.time_to_first_token = source.time_to_first_token
    for rest, parts in _SIDES:
        _lend_parts(source, billed, rest, parts)


def _lend_parts(source: Span, billed: Span, rest: str, parts: tuple[str, ...]) -> None:
    """Take over how one side of the usage is divided, where both say how much it is and one says no more."""
    told, known = (sum(getattr(span, part) for part in parts) for span in (source, billed))
    agreed = all(getattr(billed, part) in (0, getattr(source, part)) for part in parts)
    if told > known and agreed and getattr(billed, rest) + known == getattr(source, rest) + told:
        for name in (rest, *parts):
            setattr(billed, name, getattr(source, name))
