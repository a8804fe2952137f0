"""What the counts of an answer leave out and the vendor bills: rounds of other models, and what was drawn."""

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from support.vendor import Vendor, sse

from kansoku.spans import clock

MODEL = "claude-haiku-4-5"
ASK: Any = {"model": MODEL, "max_tokens": 300, "messages": [{"role": "user", "content": "ごみの収集日は？"}]}
COUNTED = {"input_tokens": 100, "output_tokens": 40}
TURN = {"type": "message", **COUNTED}
ADVICE = {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 7, "output_tokens": 3}
COMPACTED = {"type": "compaction", "input_tokens": 9, "output_tokens": 2, "cache_read_input_tokens": 1}
HAIKU, OPUS = "anthropic/claude-haiku-4-5", "anthropic/claude-opus-4-8"
OWN = (100 * 1 + 40 * 5) / 1e6  # dollars of the answer's own counts


@pytest.fixture
def sold(start: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Start the SDK where calls to this machine have a vendor's prices."""

    def begin(provider: str) -> Any:
        monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", provider)
        spans = start()
        clock.use(lambda: 1_790_000_000_000_000_000)
        return spans

    return begin


def message(*rounds: dict[str, Any]) -> dict[str, Any]:
    """Return a message that took some rounds."""
    return {
        **{"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "stop_reason": "end_turn"},
        "content": [{"type": "text", "text": "火曜日です。"}],
        "usage": {**COUNTED, "iterations": list(rounds)},
    }


def told(whole: dict[str, Any]) -> Any:
    """Return the events of a stream with a message, the counts at its end."""
    usage = whole["usage"]
    begun = {**whole, "content": [], "stop_reason": None, "usage": {"input_tokens": 100, "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": whole["content"][0]},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    ]
    return sse(*((each["type"], each) for each in events), done=False)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("rounds", "dollars", "names"),
    [
        ([TURN], OWN, [HAIKU]),
        ([TURN, ADVICE, TURN], OWN + (7 * 5 + 3 * 25) / 1e6, [HAIKU, OPUS]),
        ([COMPACTED, TURN], OWN + (9 + 0.1 + 2 * 5) / 1e6, [HAIKU]),
        ([{**ADVICE, "model": "claude-unheard-of"}, TURN], OWN, [HAIKU]),
    ],
)
def test_rounds_of_an_advisor_and_of_a_compaction_are_a_part_of_the_cost(
    rounds: list[dict[str, Any]],
    dollars: float,
    names: list[str],
    stream: bool,
    sold: Any,
    vendor: Vendor,
) -> None:
    """Each at its model's price, though no count has them; what has no price is left out."""
    spans = sold("anthropic")
    vendor.answer(told(message(*rounds)) if stream else message(*rounds))
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        for _ in client.beta.messages.create(**ASK, stream=stream):
            pass
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (100, 40)
    assert found["kansoku.cost.usd"] == pytest.approx(dollars)
    assert [name.split("@")[0] for name in found["kansoku.cost.price_id"].split("+")] == names
    # The collector would price the counts alone.
    assert found.get("kansoku.cost.stated_usd") == (None if dollars == OWN else found["kansoku.cost.usd"])


@pytest.mark.parametrize(
    ("drawer", "words", "more"),
    [
        ("gpt-image-1", 0, (40 * 5 + 1000 * 40) / 1e6),
        ("gpt-image-1.5", 400, (40 * 5 + 400 * 10 + 600 * 32) / 1e6),
        ("", 0, 0),
    ],
)
def test_what_was_drawn_for_an_answer_is_a_part_of_its_cost(
    drawer: str, words: int, more: float, sold: Any, vendor: Vendor
) -> None:
    """At the price of the model that drew; where none is named, at none."""
    spans = sold("openai")
    parts = {"text_tokens": words, "image_tokens": 1000 - words}
    used = {"input_tokens": 40, "output_tokens": 1000, "total_tokens": 1040, "output_tokens_details": parts}
    for image in (dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), 0), used):
        vendor.answer(
            {
                **{"id": "resp_1", "object": "response", "created_at": 1, "status": "completed"},
                **{"model": "gpt-5", "output": [], "tool_usage": {"image_gen": image}},
                "tools": [{"type": "image_generation", **({"model": drawer} if drawer else {})}],
                "usage": {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100},
            }
        )
        with openai.OpenAI(api_key="k", base_url=f"{vendor.url}/v1") as client:
            client.responses.create(model="gpt-5", input="傘")
    own = (1000 * 1.25 + 100 * 10) / 1e6
    alone, drawn = (span.attributes for span in spans.all())
    assert alone["kansoku.cost.usd"] == pytest.approx(own)
    assert drawn["kansoku.cost.usd"] == pytest.approx(own + more)
    assert ("kansoku.cost.stated_usd" in alone, "kansoku.cost.stated_usd" in drawn) == (False, more > 0)


def test_a_drawing_that_another_model_wrote_as_text_is_a_part_of_the_cost(sold: Any, vendor: Vendor) -> None:
    """Its model is named with what it used, which no other count has: of a response, and of images."""
    spans = sold("openai")
    used = {"model": "gpt-5-mini", "input_tokens": 40, "output_tokens": 1000, "reasoning_tokens": 600}
    call = {"type": "image_generation_call", "id": "ig", "status": "completed", "result": "AAAA"}
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    named = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5"}
    vendor.answer(
        {**named, "output": [{**call, "svg_usage": used}], "tools": [], "usage": usage},
        {"created": 1, "data": [{"b64_json": "AAAA"}], "svg_usage": used, "usage": usage},
    )
    with openai.OpenAI(api_key="k", base_url=f"{vendor.url}/v1") as client:
        client.responses.create(model="gpt-5", input="傘")
        client.images.generate(model="gpt-image-1", prompt="傘")
    more = (40 * 0.25 + 1000 * 2) / 1e6
    answered, drawn = (span.attributes["kansoku.cost.usd"] for span in spans.all())
    assert answered == pytest.approx((1000 * 1.25 + 100 * 10) / 1e6 + more)
    assert drawn == pytest.approx((1000 * 5 + 100 * 40) / 1e6 + more)
