"""What routers, gateways and older servers of the API add to it, or count in their own way."""

import asyncio
import json
from typing import Any

import openai
import pytest
from support.vendor import Vendor, sse

from kansoku import semconv

ASK: Any = [{"role": "user", "content": "いつ"}]
USAGE = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.reasoning.output_tokens")


@pytest.fixture
def client(vendor: Vendor, spans: Any) -> Any:
    """Give a client of a server on loopback, traced."""
    with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1", max_retries=0) as made:
        yield made


def body(usage: Any = None, **said: Any) -> dict[str, Any]:
    """Return a completion."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **said}}
    return {"id": "c", "object": "chat.completion", "model": "m-1", "choices": [choice], "usage": usage}


def chunk(**delta: Any) -> dict[str, Any]:
    """Return a chunk of a stream."""
    choices = [{"index": 0, "delta": delta, "finish_reason": None}]
    return {"id": "c", "object": "chat.completion.chunk", "model": "m-1", "choices": choices}


def counts(sent: int, answered: int, total: int, **details: Any) -> dict[str, Any]:
    """Return a usage."""
    return {"prompt_tokens": sent, "completion_tokens": answered, "total_tokens": total, **details}


@pytest.mark.parametrize(
    ("total", "answered", "thought", "expected"),
    [
        (160, 60, 40, (100, 60, 40)),  # among the answer's tokens
        (200, 60, 40, (100, 100, 40)),  # beside them
        (400, 10, 290, (100, 300, 290)),  # beside them, and more of them
        (110, 10, 11, (100, 10, 10)),  # counted twice over: the total decides
        (0, 10, 30, (100, 30, 30)),  # no total says anything
    ],
)
def test_thoughts_are_in_the_answers_tokens_wherever_a_server_counts_them(
    total: int,
    answered: int,
    thought: int,
    expected: tuple[int, int, int],
    client: Any,
    vendor: Any,
    spans: Any,
) -> None:
    """The sum of all says whether they are among the answer's."""
    usage = counts(100, answered, total, completion_tokens_details={"reasoning_tokens": thought})
    vendor.answer(body(usage, content="火"))
    client.chat.completions.create(model="m", messages=ASK)
    found = spans.attributes()
    assert tuple(found[name] for name in USAGE) == expected


def test_cached_images_are_counted_once(client: Any, vendor: Any, spans: Any) -> None:
    """They are among the cached tokens and among those of images; the sum stays the server's."""
    details = {"cached_tokens": 900, "image_tokens": 800, "audio_tokens": 50}
    vendor.answer(body(counts(1000, 5, 1005, prompt_tokens_details=details), content="火"))
    client.chat.completions.create(model="m", messages=ASK)
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == 1000
    assert found["gen_ai.usage.cache_read.input_tokens"] == 900


@pytest.mark.parametrize(
    "extra",
    [
        {"reasoning": {"max_tokens": 512}},
        {"thinking": {"type": "enabled", "budget_tokens": 512}},
        {"thinking_budget": 512, "enable_thinking": True},
    ],
)
def test_the_tokens_that_may_be_thought_are_told(extra: Any, client: Any, vendor: Any, spans: Any) -> None:
    """As OpenRouter, Anthropic and Qwen call them; OpenAI has words for it alone."""
    vendor.answer(body(content="火"))
    client.chat.completions.create(model="m", messages=ASK, extra_body=extra)
    assert spans.attributes()["kansoku.request.thinking.budget_tokens"] == 512


@pytest.mark.parametrize("extra", [{"reasoning_effort": "high"}, {"reasoning": {"effort": "high"}}])
def test_the_effort_asked_of_a_router_is_told(extra: Any, client: Any, vendor: Any, spans: Any) -> None:
    """It has a field of its own for it, which the client passes on."""
    vendor.answer(body(content="火"))
    client.chat.completions.create(model="m", messages=ASK, extra_body=extra)
    assert spans.attributes()["gen_ai.request.reasoning.level"] == "high"


@pytest.mark.parametrize("stream", [False, True])
def test_an_image_that_a_model_made_is_told_by_size(
    stream: bool, client: Any, vendor: Any, spans: Any
) -> None:
    """It comes beside the text, whole or in a stream; its data stays out."""
    images = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]
    vendor.answer(
        sse(chunk(content="火"), chunk(content="", images=images))
        if stream
        else body(content="火", images=images)
    )
    result = client.chat.completions.create(model="m", messages=ASK, stream=stream)
    if stream:
        list(result)
    assert spans.messages()[0]["parts"] == [
        {"type": "text", "content": "火"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3},
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_a_function_call_of_old_has_no_identifier(stream: bool, client: Any, vendor: Any, spans: Any) -> None:
    """None is told, not an empty one."""
    given = {"name": "find", "arguments": '{"ward": "北区"}'}
    pieces = [{"name": "find", "arguments": ""}, {"arguments": '{"ward": '}, {"arguments": '"北区"}'}]
    whole = body(content=None, function_call=given)
    vendor.answer(sse(*(chunk(function_call=piece) for piece in pieces)) if stream else whole)
    result = client.chat.completions.create(model="m", messages=ASK, stream=stream)
    if stream:
        list(result)
    (part,) = spans.messages()[0]["parts"]
    assert part == {"type": "tool_call", "id": None, "name": "find", "arguments": {"ward": "北区"}}


@pytest.mark.parametrize("name", ["find", "show"])
def test_whole_calls_without_number_and_identifier_stay_apart(
    name: str, client: Any, vendor: Any, spans: Any
) -> None:
    """A server sends each in one piece; what begins after a whole call is another, also of the same tool."""
    calls = [
        {
            "index": 0,
            "id": "",
            "type": "function",
            "function": {"name": word, "arguments": json.dumps({"n": n})},
        }
        for n, word in enumerate(["find", name])
    ]
    vendor.answer(sse(*(chunk(tool_calls=[call]) for call in calls)))
    list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    parts = spans.messages()[0]["parts"]
    assert [(part["name"], part["arguments"]) for part in parts] == [("find", {"n": 0}), (name, {"n": 1})]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("written", ["0312345678", "[1, 2]", "select 1"])
def test_the_input_of_a_custom_tool_stays_the_text_that_it_is(
    written: str, stream: bool, client: Any, vendor: Any, spans: Any
) -> None:
    """A telephone number is no number, and brackets are no list: this tool takes free text."""
    call = {"index": 0, "id": "t", "type": "custom", "custom": {"name": "dial", "input": written}}
    more = {"index": 0, "custom": {"input": written[4:]}}
    begun = {**call, "custom": {"name": "dial", "input": written[:4]}}
    pieces = sse(chunk(tool_calls=[begun]), chunk(tool_calls=[more]))
    vendor.answer(pieces if stream else body(tool_calls=[call], content=None))
    result = client.chat.completions.create(model="m", messages=ASK, stream=stream)
    if stream:
        list(result)
    assert spans.messages()[0]["parts"] == [
        {"type": "tool_call", "id": "t", "name": "dial", "arguments": written}
    ]


def test_a_function_beside_an_empty_custom_tool_is_a_function(client: Any, vendor: Any, spans: Any) -> None:
    """Snowflake sends both, and fills in one."""
    call = {"id": "t", "type": "function", "custom": {"name": "", "input": ""}}
    function = {"name": "find", "arguments": '{"ward": "北"}'}
    vendor.answer(body(tool_calls=[{**call, "function": function}], content=""))
    client.chat.completions.create(model="m", messages=ASK)
    assert spans.messages()[0]["parts"][-1] == {
        "type": "tool_call",
        "id": "t",
        "name": "find",
        "arguments": {"ward": "北"},
    }


@pytest.mark.parametrize(
    ("said", "dollars"),
    [
        ({"cost": 0.25}, 0.25),
        ({"cost_in_usd_ticks": 37_756_000}, 0.0037756),
        ({"cost": {"input_tokens_cost": 0.1, "request_cost": 0.005, "total_cost": 0.105}}, 0.105),
        ({"cost": {"total_cost": None}}, None),
    ],
)
def test_what_a_server_says_that_it_charges_is_told(
    said: dict[str, Any], dollars: float | None, client: Any, vendor: Any, spans: Any
) -> None:
    """In dollars, in parts of them as xAI has it, or as a sum of parts."""
    vendor.answer(body(counts(10, 5, 15, **said), content="火"))
    client.chat.completions.create(model="m", messages=ASK)
    assert spans.attributes().get("gen_ai.usage.cost") == dollars


@pytest.mark.parametrize("where", ["server_tool_use", "server_tool_use_details"])
@pytest.mark.parametrize("stream", [False, True])
def test_searches_and_caches_for_an_hour_are_counted_behind_a_router(
    stream: bool, where: str, client: Any, vendor: Any, spans: Any
) -> None:
    """What Anthropic bills apart is told apart in the usage of a router, too."""
    split = {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30}
    details = {"cached_tokens": 10, "cache_creation_tokens": 50, "cache_creation_token_details": split}
    searches = {where: {"web_search_requests": 2, "tool_calls_executed": 2}}
    usage = counts(100, 5, 105, prompt_tokens_details=details, **searches)
    if stream:
        vendor.answer(sse(chunk(content="火"), {**chunk(), "choices": [], "usage": usage}))
        list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    else:
        vendor.answer(body(usage, content="火"))
        client.chat.completions.create(model="m", messages=ASK)
    found = spans.attributes()
    assert found["gen_ai.usage.input_tokens"] == 100
    assert found[semconv.CACHE_WRITE_TOKENS] == 50
    assert found[semconv.CACHE_WRITE_1H_TOKENS] == 30
    assert found[semconv.WEB_SEARCHES] == 2


def test_videos_that_a_router_takes_are_told_by_type_and_size(client: Any, vendor: Any, spans: Any) -> None:
    """Their links as they are; OpenAI itself takes none."""
    linked = {"type": "video_url", "video_url": {"url": "https://e.org/a.mp4"}}
    inside = {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,QUJD"}}
    asked: Any = [{"role": "user", "content": [linked, inside]}]
    vendor.answer(body(content="火"))
    client.chat.completions.create(model="m", messages=asked)
    assert spans.messages("gen_ai.input.messages")[0]["parts"] == [
        {"type": "uri", "modality": "video", "uri": "https://e.org/a.mp4"},
        {"type": "blob", "modality": "video", "mime_type": "video/mp4", "size": 3},
    ]


def test_images_that_a_tool_gave_are_told_beside_its_words(client: Any, vendor: Any, spans: Any) -> None:
    """By type and size; texts alone are one text."""
    text = {"type": "text", "text": "Here."}
    drawn = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
    asked: Any = [
        {"role": "tool", "tool_call_id": "a", "content": [text, text]},
        {"role": "tool", "tool_call_id": "b", "content": [text, drawn]},
    ]
    vendor.answer(body(content="火"))
    client.chat.completions.create(model="m", messages=asked)
    told = [m["parts"][0]["response"] for m in spans.messages("gen_ai.input.messages")]
    image = {"type": "blob", "modality": "image", "mime_type": "image/png", "size": 3}
    assert told == ["Here.\nHere.", [{"type": "text", "content": "Here."}, image]]


@pytest.mark.parametrize("later", [False, True])
def test_what_a_stream_used_that_a_router_broke_off_is_counted(
    later: bool, client: Any, vendor: Any, spans: Any
) -> None:
    """The client makes an exception of the chunk that says it, and gives it to nobody."""
    error = {"error": {"code": 400, "message": "Token limit reached"}}
    first = {**chunk(content="火曜"), "choices": [{"index": 0, "delta": {"content": "火曜"}}]}
    first["choices"][0]["finish_reason"] = "length"
    vendor.answer(sse(first, {**chunk(content=""), **error, "usage": counts(43, 10, 53)}))

    async def ask() -> None:
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1") as asking:
            async for _ in await asking.chat.completions.create(model="m", messages=ASK, stream=True):
                pass

    def run() -> None:
        if later:
            asyncio.run(ask())
        else:
            list(client.chat.completions.create(model="m", messages=ASK, stream=True))

    with pytest.raises(openai.APIError, match="Token limit"):
        run()
    found = spans.attributes()
    assert (found[USAGE[0]], found[USAGE[1]]) == (43, 10)
    assert found["error.type"] == "APIError"
    assert found["gen_ai.response.finish_reasons"] == ("length",)
    assert "kansoku.usage.estimated" not in found


@pytest.mark.parametrize("numbered", [False, True])
def test_calls_that_begin_beside_each_other_without_a_number_stay_apart(
    numbered: bool, client: Any, vendor: Any, spans: Any
) -> None:
    """Their place is their number, for the pieces that follow: with it, or in the same places."""
    begun = [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": '{"at": '}}
        for name in ("f", "g")
    ]
    rest: list[dict[str, Any]] = [{"function": {"arguments": f"{number}}}"}} for number in (1, 2)]
    if numbered:
        rest = [{**rest[1], "index": 1}, {**rest[0], "index": 0}]
    vendor.answer(sse(chunk(tool_calls=begun), chunk(tool_calls=rest)))
    list(client.chat.completions.create(model="m", messages=ASK, stream=True))
    assert [(part["id"], part["arguments"]) for part in spans.messages()[0]["parts"]] == [
        ("call_f", {"at": 1}),
        ("call_g", {"at": 2}),
    ]


def response(*items: dict[str, Any], **said: Any) -> dict[str, Any]:
    """Return a response."""
    named = {"id": "r", "object": "response", "model": "m-1", "status": "completed", "created_at": 1}
    return {**named, "output": list(items), "usage": {"input_tokens": 3, "output_tokens": 1}, **said}


SEARCH = {
    "type": "custom_tool_call", "id": "ctc_1", "call_id": "xs_call_1", "name": "x_keyword_search",
    "input": '{"query": "収集日"}', "status": "completed",
}  # fmt: skip
TEXT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "火"}]}


@pytest.mark.parametrize("left", [False, True])
def test_a_search_of_x_is_no_call_that_the_program_has_to_make(
    left: bool, client: Any, vendor: Any, spans: Any
) -> None:
    """It looks like one of a custom tool, but nobody defined a tool of that name."""
    told = response(SEARCH, TEXT, tools=[{"type": "x_search"}])
    if left:  # a stream that has no last event
        events: list[dict[str, Any]] = [{"type": "response.created", "response": {**told, "output": []}}]
        events += [
            {"type": "response.output_item.done", "output_index": place, "item": item}
            for place, item in enumerate((SEARCH, TEXT))
        ]
        vendor.answer(sse(*events, done=False))
        list(client.responses.create(model="m", input="いつ", stream=True))
    else:
        vendor.answer(told)
        client.responses.create(model="m", input="いつ")
    found = spans.attributes()
    parts = spans.messages()[0]["parts"]
    assert parts[0] == {
        "type": "server_tool_call",
        "id": "xs_call_1",
        "name": "x_keyword_search",
        "arguments": {"query": "収集日"},
    }
    assert found["kansoku.usage.x_search.requests"] == 1
    assert left or found["gen_ai.response.finish_reasons"] == ("stop",)


def test_a_custom_tool_beside_a_search_of_x_is_called(client: Any, vendor: Any, spans: Any) -> None:
    """The program defined it."""
    tools = [{"type": "x_search"}, {"type": "custom", "name": "x_keyword_search"}]
    vendor.answer(response(SEARCH, tools=tools))
    client.responses.create(model="m", input="いつ")
    assert spans.messages()[0]["parts"][0]["type"] == "tool_call"
    assert spans.attributes()["gen_ai.response.finish_reasons"] == ("tool_calls",)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"server_side_tool_usage_details": {"web_search_calls": 2, "x_search_calls": 1, "mcp_calls": 0}},
            (2, 1),
        ),
        ({"tool_calls_details": {"search_web": {"invocation": 3, "cost_usd": 0.003}}}, (3, None)),
    ],
)
def test_tools_that_a_seller_ran_are_counted_as_its_usage_says(
    said: Any, expected: Any, client: Any, vendor: Any, spans: Any
) -> None:
    """What is listed may be less, or the steps of one search."""
    steps = [{"type": "web_search_call", "id": f"ws_{n}", "status": "completed"} for n in range(5)]
    usage = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4, **said}
    vendor.answer(response(*steps, TEXT, usage=usage))
    client.responses.create(model="m", input="いつ")
    found = spans.attributes()
    counted = found.get("kansoku.usage.web_search.requests"), found.get("kansoku.usage.x_search.requests")
    assert counted == expected
    assert "kansoku.usage.mcp.requests" not in found
