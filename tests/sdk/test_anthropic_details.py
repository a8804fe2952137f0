"""What Anthropic says of an answer beside its content: whether it was fast, and why it was refused."""

import asyncio
import json
from typing import Any

import anthropic
import pytest
from support.vendor import Reply, Vendor, sse

MODEL = "claude-opus-5"
ASK: Any = {"model": MODEL, "max_tokens": 300, "messages": [{"role": "user", "content": "いつ"}]}
USAGE = {"input_tokens": 1000, "output_tokens": 100, "service_tier": "standard"}
REFUSED = {"type": "refusal", "category": "cyber", "explanation": "No."}


def message(**fields: Any) -> dict[str, Any]:
    """Return a message as the API sends it."""
    content = [{"type": "text", "text": "火曜日"}]
    named = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": content}
    return {**named, "stop_reason": "end_turn", "stop_sequence": None, "usage": USAGE, **fields}


def streamed(usage: dict[str, Any], **ending: Any) -> Reply:
    """Return the same as a stream."""
    block = {"type": "text", "text": ""}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message(usage=usage), "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "火曜日"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", **ending}, "usage": usage},
        {"type": "message_stop"},
    ]
    return sse(*((each["type"], each) for each in told), done=False)


def ask(client: anthropic.Anthropic, *, stream: bool) -> None:
    """Ask and read the answer."""
    answer = client.beta.messages.create(**ASK, speed="fast", stream=stream)
    if stream:
        for _ in answer:
            pass


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("said", "tier", "dollars"),
    [
        ({"speed": "fast"}, "fast", 0.015),
        ({"speed": "standard"}, "standard", 0.0075),
        ({"speed": "fast", "service_tier": "priority"}, "priority", None),
    ],
)
def test_fast_mode_has_prices_of_its_own(
    start: Any,
    vendor: Vendor,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, str],
    tier: str,
    dollars: float | None,
    stream: bool,
) -> None:
    """An answer in fast mode costs what the list says of fast mode; one that was slowed down does not."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "anthropic")
    spans = start()
    usage = {**USAGE, **said}
    vendor.answer(streamed(usage) if stream else message(usage=usage))
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        ask(client, stream=stream)
    found = spans.attributes()
    assert found["kansoku.response.service_tier"] == tier
    assert found.get("kansoku.cost.usd") == dollars


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_says_what_for(vendor: Vendor, spans: Any, stream: bool) -> None:
    """The category of a refusal is on the span, whole and streamed."""
    ending = {"stop_reason": "refusal", "stop_details": REFUSED}
    vendor.answer(streamed(USAGE, **ending) if stream else message(**ending))

    async def ask_later() -> None:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=vendor.url) as client:
            answer = await client.messages.create(**ASK, stream=stream)
            if stream:
                async for _ in answer:
                    pass

    asyncio.run(ask_later())
    found = spans.attributes()
    assert found["kansoku.response.block_reason"] == "cyber"
    assert found["gen_ai.response.finish_reasons"] == ("content_filter",)


def stream_of(spans: Any, vendor: Vendor, *events: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a stream of events."""
    vendor.answer(sse(*((each["type"], each) for each in events), done=False))
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        list(client.messages.create(**ASK, stream=True))
    found: dict[str, Any] = spans.attributes()
    return found


def test_a_count_that_a_gateway_fills_with_nothing_stays(vendor: Vendor, spans: Any) -> None:
    """What the beginning said of the question holds, where the end says 0; else the end's word counts."""
    begun = {"input_tokens": 11, "cache_read_input_tokens": 5, "output_tokens": 1}
    ended = {"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 9}
    found = stream_of(
        spans,
        vendor,
        {"type": "message_start", "message": message(content=[], usage=begun)},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": ended},
        {"type": "message_stop"},
    )
    names = ("input_tokens", "cache_read.input_tokens", "output_tokens")
    assert [found[f"gen_ai.usage.{name}"] for name in names] == [16, 5, 9]


def test_a_text_that_a_gateway_did_not_begin_is_told(vendor: Vendor, spans: Any) -> None:
    """Its pieces say what they are pieces of."""
    stream_of(
        spans,
        vendor,
        {"type": "message_start", "message": message(content=[])},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "うむ"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "火"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "曜"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USAGE},
    )
    assert spans.messages()[0]["parts"] == [
        {"type": "reasoning", "content": "うむ"},
        {"type": "text", "content": "火曜"},
    ]


def test_an_error_with_a_good_status_is_a_failure(vendor: Vendor, spans: Any) -> None:
    """A gateway passed on the body alone."""
    vendor.answer({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        client.messages.create(**ASK)
    assert spans.attributes()["error.type"] == "overloaded_error"
    assert spans.one().status.description == "Overloaded"


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_model_used_that_left_the_answer_to_another_is_told_apart(
    stream: bool, vendor: Vendor, spans: Any
) -> None:
    """The counts of the answer are those of the model that gave it; the hand-over names both."""
    asked = {"type": "message", "model": "claude-fable-5", "input_tokens": 50, "output_tokens": 7}
    served = {"type": "fallback_message", "model": MODEL, "input_tokens": 1000, "output_tokens": 100}
    turns = {"type": "message", "model": MODEL, "input_tokens": 4, "output_tokens": 2}
    usage = {**USAGE, "iterations": [asked, turns, served]}
    hop = {"type": "fallback", "from": {"model": "claude-fable-5"}, "to": {"model": MODEL}}
    text = {"type": "text", "text": "火曜日"}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message(content=[])},
        {"type": "content_block_start", "index": 0, "content_block": hop},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": text},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
    ]
    whole = Reply(json.dumps(message(content=[hop, text], usage=usage)).encode())
    vendor.answer(sse(*((each["type"], each) for each in events), done=False) if stream else whole)
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        ask(client, stream=stream)
    found = spans.attributes()
    assert found["kansoku.usage.declined.input_tokens"] == 50
    assert found["kansoku.usage.declined.output_tokens"] == 7
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (1000, 100)
    assert spans.messages()[0]["parts"] == [
        {"type": "fallback", "from": "claude-fable-5", "to": MODEL},
        {"type": "text", "content": "火曜日"},
    ]


def test_a_tool_of_a_server_that_failed_says_so(vendor: Vendor, spans: Any) -> None:
    """As the program's own tools do."""
    result = {"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": True, "content": "away"}
    listing = {"type": "mcp_tool_listing", "mcp_server_name": "city", "tools": []}
    vendor.answer(message(content=[listing, result]))
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        client.beta.messages.create(**ASK)
    assert spans.messages()[0]["parts"] == [
        {"type": "mcp_tool_listing", "server": "city"},
        {"type": "server_tool_call_response", "id": "m1", "response": "away", "is_error": True},
    ]


def test_what_a_model_is_told_about_a_document_is_told(vendor: Vendor, spans: Any) -> None:
    """Its title, and the words that go with it."""
    vendor.answer(message())
    source = {"type": "text", "media_type": "text/plain", "data": "火"}
    document = {"type": "document", "source": source, "title": "Calendar", "context": "Of 2026."}
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        client.messages.create(**{**ASK, "messages": [{"role": "user", "content": [document]}]})
    (part,) = spans.messages("gen_ai.input.messages")[0]["parts"]
    assert part == {"type": "text", "content": "火", "name": "Calendar", "context": "Of 2026."}


def test_a_turn_of_a_thread_names_the_answer_before_it(vendor: Vendor, spans: Any) -> None:
    """The server has what was said before; the request has the new words alone."""
    vendor.answer(message(), message(id="msg_2"))
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        thread = client.beta.messages.thread(model=MODEL, max_tokens=300)
        thread.send({"role": "user", "content": "いつ"})
        with thread.stream({"role": "user", "content": "傘は"}):
            pass
    first, second = (dict(span.attributes) for span in spans.all())
    assert "gen_ai.request.previous_response.id" not in first
    assert second["gen_ai.request.previous_response.id"] == "msg_1"
    assert "傘は" in second["gen_ai.input.messages"]


def test_what_a_stream_begins_with_is_told(vendor: Vendor, spans: Any) -> None:
    """What code at the vendor did before it called a function is in the first event, and nowhere else."""
    ran = {"type": "code_execution_result", "stdout": "火", "stderr": "", "return_code": 0, "content": []}
    content = [
        {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": ran},
        {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {"ward": "北区"}},
    ]
    found = stream_of(
        spans,
        vendor,
        {"type": "message_start", "message": message(content=content, stop_reason="tool_use")},
        {"type": "message_stop"},
    )
    assert [part["type"] for part in spans.messages()[0]["parts"]] == [
        "server_tool_call_response",
        "tool_call",
    ]
    assert spans.messages()[0]["parts"][1]["arguments"] == {"ward": "北区"}
    assert found["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert found["gen_ai.usage.output_tokens"] == 100
    assert "kansoku.usage.estimated" not in found


def test_what_a_stream_goes_on_with_is_beside_what_it_begins_with(vendor: Vendor, spans: Any) -> None:
    """The places of the blocks go on where those of the first event end."""
    stream_of(
        spans,
        vendor,
        {
            "type": "message_start",
            "message": message(content=[{"type": "text", "text": "火"}], stop_reason=None),
        },
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "曜"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USAGE},
    )
    assert [part["content"] for part in spans.messages()[0]["parts"]] == ["火", "曜"]


def test_blocks_with_one_number_are_all_told(vendor: Vendor, spans: Any) -> None:
    """Some gateways give every block the number 0: another one begins where the last ended."""
    call = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}
    given = {"type": "input_json_delta", "partial_json": '{"ward": "北区"}'}
    stream_of(
        spans,
        vendor,
        {"type": "message_start", "message": message(content=[], stop_reason=None)},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "調べる"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 0, "content_block": call},
        {"type": "content_block_delta", "index": 0, "delta": given},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": USAGE},
    )
    text, called = spans.messages()[0]["parts"]
    assert (text["content"], called["arguments"]) == ("調べる", {"ward": "北区"})


def test_an_event_without_its_fields_costs_no_more_than_itself(vendor: Vendor, spans: Any) -> None:
    """Some gateways number no block, and send events that say nothing."""
    call = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}
    given = {"type": "input_json_delta", "partial_json": '{"ward": "北区"}'}
    found = stream_of(
        spans,
        vendor,
        {"type": "message_start", "message": message(content=[], stop_reason=None)},
        {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "調べる"}},
        {"type": "content_block_delta", "delta": None},
        {"type": "content_block_start", "content_block": call},
        {"type": "content_block_delta", "delta": given},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": USAGE},
    )
    text, called = spans.messages()[0]["parts"]
    assert (text["content"], called["arguments"]) == ("調べる", {"ward": "北区"})
    assert found["gen_ai.usage.output_tokens"] == USAGE["output_tokens"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("category", "written", "dollars"),
    [("cyber", 0, 0.0), (None, 0, 0.0), ("bio", 0, 0.005), ("cyber", 100, 0.0075)],
)
def test_a_refusal_before_a_word_is_billed_for_some_reasons_alone(
    start: Any,
    vendor: Vendor,
    monkeypatch: pytest.MonkeyPatch,
    category: str | None,
    written: int,
    dollars: float,
    stream: bool,
) -> None:
    """The API counts what it read, and asks for it only then, or where the model had begun to answer."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "anthropic")
    spans = start()
    ending = {"stop_reason": "refusal", "stop_details": {**REFUSED, "category": category}}
    usage = {**USAGE, "output_tokens": written}
    whole = Reply(json.dumps(message(content=[], usage=usage, **ending)).encode())
    begun = {**message(content=[], usage={**usage, "output_tokens": 1}), "stop_reason": None}
    events = (
        {"type": "message_start", "message": begun},
        {"type": "message_delta", "delta": ending, "usage": usage},
        {"type": "message_stop"},
    )
    vendor.answer(sse(*((str(each["type"]), each) for each in events), done=False) if stream else whole)
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        ask(client, stream=stream)
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == 1000
    assert found["gen_ai.usage.output_tokens"] == written
    assert found["kansoku.cost.usd"] == dollars
    assert found.get("kansoku.usage.unbilled", False) is (dollars == 0)


@pytest.mark.parametrize(
    ("written", "reason", "dollars"),
    [(7, "cyber", 0.0075 + 0.00085), (0, "cyber", 0.0075), (0, "bio", 0.0075 + 0.0005)],
)
def test_a_model_that_declined_is_paid_for_what_it_said_or_by_its_reason(
    start: Any,
    vendor: Vendor,
    monkeypatch: pytest.MonkeyPatch,
    written: int,
    reason: str,
    dollars: float,
) -> None:
    """Each attempt is billed at the price of the model that made it, beside that of the answer."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "anthropic")
    spans = start()
    asked = {"type": "message", "model": "claude-fable-5", "input_tokens": 50, "output_tokens": written}
    served = {"type": "fallback_message", "model": MODEL, "input_tokens": 1000, "output_tokens": 100}
    hop = {
        "type": "fallback",
        "from": {"model": "claude-fable-5"},
        "to": {"model": MODEL},
        "trigger": {"type": "refusal", "category": reason},
    }
    content = [hop, {"type": "text", "text": "火曜日"}]
    vendor.answer(message(content=content, usage={**USAGE, "iterations": [asked, served]}))
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        client.beta.messages.create(**ASK)
    found = spans.attributes()
    assert found["kansoku.cost.usd"] == pytest.approx(dollars)
    assert found["kansoku.usage.declined.input_tokens"] == 50


@pytest.mark.parametrize(("place", "dollars"), [("us", 0.00825 + 0.02), ("global", 0.0075 + 0.02)])
def test_an_answer_that_is_made_in_the_us_costs_a_tenth_more(
    start: Any, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, place: str, dollars: float
) -> None:
    """Where one asks the vendor for that; its searches cost the same everywhere."""
    monkeypatch.setenv("KANSOKU_LOCAL_PROVIDER", "anthropic")
    spans = start()
    searched = {"server_tool_use": {"web_search_requests": 2}}
    vendor.answer(message(usage={**USAGE, **searched, "inference_geo": place}))
    with anthropic.Anthropic(api_key="k", base_url=vendor.url) as client:
        client.messages.create(**ASK)
    assert spans.attributes()["kansoku.cost.usd"] == pytest.approx(dollars)
