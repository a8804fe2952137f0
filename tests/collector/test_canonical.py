"""Messages that are canonical already are read in one go, to the same rows as those that are not."""

import json

import pytest

from kansoku_collector.model import RawSpan, Span
from kansoku_collector.normalise import canonical, normalise

SAID = [
    {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
    {"role": "user", "parts": [{"type": "text", "content": "ｶｲｷﾞ is when?"}]},
    {
        "role": "assistant",
        "parts": [{"type": "tool_call", "name": "find", "arguments": {"q": 1}, "id": "c1"}],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "response": "Monday", "id": "c1"}]},
]
CALLED = [{"role": "assistant", "parts": [SAID[2]["parts"][0]], "finish_reason": "stop"}]
WORDS = [
    {
        "role": "assistant",
        "parts": [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "On."}],
    }
]


@pytest.mark.parametrize("answer", [CALLED, WORDS])
def test_both_readers_make_the_same_row(answer: list[dict[str, object]]) -> None:
    """What the typed reader makes of messages is what the other one makes, which reads parsed values."""
    texts, values = (
        _row({"gen_ai.input.messages": f(SAID), "gen_ai.output.messages": f(answer)})
        for f in (json.dumps, list)
    )
    assert texts == values
    assert texts.input_text == "カイギ is when?"
    assert texts.finish_reasons == (["tool_calls"] if answer is CALLED else [])


@pytest.mark.parametrize(
    "messages",
    [
        '[{"role": "user", "content": "hi"}]',
        '[{"role": "user", "parts": [{"type": "text", "content": 5}]}]',
        '[{"role": "user", "parts": [{"type": "text", "content": "hi", "more": 1}]}]',
        '[{"role": "", "parts": []}]',
        '[{"role": "user", "parts": [{"type": "tool_call", "name": "f", "arguments": "{}"}]}]',
        '[{"role": "user", "parts": [{"type": "text", "content": "\\ud800"}]}]',
        "[]",
        "[not JSON",
    ],
)
def test_every_other_shape_is_left_to_the_reader_of_all_shapes(messages: str) -> None:
    """A message with anything more, less or else than the canonical shape has is not read in one go."""
    assert canonical.read_given(messages) is None
    assert canonical.read_answered(messages) is None


def _row(attributes: dict[str, object]) -> Span:
    ids = ("0" * 31 + "1", "0" * 15 + "1", "")
    known = {"gen_ai.operation.name": "chat", **attributes}
    return normalise(RawSpan(*ids, "chat", 1, 2, 0, "", known, [], [], {}, "", ""), "default", 1)[0]
