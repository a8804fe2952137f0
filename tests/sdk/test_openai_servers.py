"""What servers of the API pass on from other vendors, or say in places of their own."""

import json
from typing import Any

import groq
import httpx
import httpx2
import openai
import pytest
from support.vendor import Vendor, sse

from kansoku import semconv

ASK: Any = [{"role": "user", "content": "いつ"}]
KINDS = ("input_tokens", "cache_read.input_tokens", "cache_write.input_tokens", "output_tokens")


@pytest.fixture
def ask(vendor: Vendor, spans: Any) -> Any:
    """Give a function that asks a server on loopback, and returns the span's attributes."""

    def call(reply: Any, stream: bool = False) -> dict[str, Any]:
        vendor.answer(reply)
        with openai.OpenAI(api_key="sk-test", base_url=f"{vendor.url}/v1", max_retries=0) as client:
            result = client.chat.completions.create(model="m", messages=ASK, stream=stream)
            if stream:
                list(result)
        found: dict[str, Any] = spans.attributes()
        return found

    return call


def body(usage: Any = None, finish: str = "stop", **said: Any) -> dict[str, Any]:
    """Return a completion."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": "火", **said}}
    return {"id": "c", "object": "chat.completion", "model": "m-1", "choices": [choice], "usage": usage}


def chunk(delta: Any, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return a chunk of a stream; `choice` is what the choice has besides."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **fields.pop("choice", {})}
    return {"id": "c", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice], **fields}


def counts(sent: int, answered: int, total: int, **more: Any) -> dict[str, Any]:
    """Return a usage."""
    return {"prompt_tokens": sent, "completion_tokens": answered, "total_tokens": total, **more}


CACHES = {"cache_read_input_tokens": 900, "cache_creation_input_tokens": 100}
QWEN = {"cached_tokens": 0, "cache_creation_input_tokens": 100, "cache_type": "ephemeral"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (counts(10, 5, 1015, **CACHES), (1010, 900, 100, 5)),  # beside the prompt, as Anthropic counts them
        (counts(1010, 5, 1015, **CACHES), (1010, 900, 100, 5)),  # among its tokens, as a proxy may
        (counts(1010, 5, 1015, prompt_tokens_details=QWEN), (1010, 0, 100, 5)),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, **CACHES},
            (1010, 900, 100, 5),
        ),  # no sum, and too many
        (counts(1010, 5, 0, prompt_tokens_details={"cached_tokens": 900}, **CACHES), (1010, 900, 100, 5)),
    ],
)
def test_caches_are_counted_under_the_names_of_other_vendors(
    usage: Any, expected: tuple[int, ...], stream: bool, ask: Any
) -> None:
    """Databricks, gateways and Alibaba keep them; the sum of all says what the prompt's count has of them."""
    last = {**chunk({}), "choices": [], "usage": usage}
    found = ask(sse(chunk({"content": "火"}, "stop"), last) if stream else body(usage), stream)
    assert tuple(found.get(f"gen_ai.usage.{kind}", 0) for kind in KINDS) == expected


def test_a_cache_for_an_hour_is_told_apart_where_a_gateway_says_so(ask: Any) -> None:
    """It costs more to write."""
    found = ask(body(counts(1010, 5, 1015, cache_creation={"ephemeral_1h_input_tokens": 60}, **CACHES)))
    assert found[semconv.CACHE_WRITE_1H_TOKENS] == 60


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("COMPLETE", "stop"),
        ("STOP", "stop"),
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("model_length", "length"),
        ("tool_use", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("sensitive", "content_filter"),
        ("refusal", "content_filter"),
        ("SAFETY", "content_filter"),
        ("model_context_window_exceeded", "length"),
    ],
)
def test_finish_reasons_that_a_server_passes_on_are_the_usual_words(
    word: str, expected: str, stream: bool, ask: Any
) -> None:
    """Behind an API like OpenAI's there may be a model of another vendor with its own."""
    found = ask(sse(chunk({"content": "火"}), chunk({}, word)) if stream else body(finish=word), stream)
    assert found["gen_ai.response.finish_reasons"] == (expected,)


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_that_are_told_as_a_summary_are_read(stream: bool, ask: Any, spans: Any) -> None:
    """So Databricks has it, as parts of the content."""
    thoughts = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": text, "signature": "s"}]}
        for text in ("う", "む")
    ]
    said = {"type": "text", "text": "火"}
    if stream:
        ask(sse(*(chunk({"content": [part]}) for part in (*thoughts, said))), True)
    else:
        ask(
            body(
                content=[{**thoughts[0], "summary": [*thoughts[0]["summary"], *thoughts[1]["summary"]]}, said]
            )
        )
    assert spans.messages()[0]["parts"] == [
        {"type": "reasoning", "content": "うむ"},
        {"type": "text", "content": "火"},
    ]


def test_an_empty_call_beside_an_answer_is_none(ask: Any, spans: Any) -> None:
    """A server fills every field, in an answer as in a stream."""
    empty = {"id": "", "type": "", "function": {"name": "", "arguments": ""}}
    ask(body(tool_calls=[empty]))
    assert spans.messages()[0]["parts"] == [{"type": "text", "content": "火"}]


PAGE = {"title": "ごみ", "url": "https://example.test/a"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"citations": [PAGE["url"]], "search_results": [PAGE]}, [PAGE["url"], "ごみ"]),
        ({"citations": [PAGE["url"]]}, [PAGE["url"], ""]),
        ({"web_search": [{"title": "ごみ", "link": PAGE["url"], "content": "…"}]}, [PAGE["url"], "ごみ"]),
    ],
)
def test_the_pages_that_an_answer_rests_on_are_told(said: Any, expected: Any, stream: bool, ask: Any) -> None:
    """Perplexity, xAI and Z.ai name them beside the answer, in streams with every chunk."""
    reply = sse(chunk({"content": "火"}, **said), chunk({"content": "曜"}, "stop", **said))
    found = ask(reply if stream else body() | said, stream)
    assert json.loads(found[semconv.SEARCH_SOURCES]) == [{"uri": expected[0], "title": expected[1]}]


@pytest.mark.parametrize("stream", [False, True])
def test_what_azure_found_in_ones_own_data_is_told(stream: bool, ask: Any) -> None:
    """It comes with the message, in streams with the first piece of it."""
    context = {
        "citations": [{"content": "…", "title": "ごみ", "url": None, "filepath": "a.pdf"}],
        "intent": "[]",
    }
    reply = sse(chunk({"role": "assistant", "context": context}), chunk({"content": "火"}, "stop"))
    found = ask(reply if stream else body(context=context), stream)
    assert json.loads(found[semconv.SEARCH_SOURCES]) == [{"uri": "a.pdf", "title": "ごみ"}]


def test_searches_of_perplexity_are_counted(ask: Any) -> None:
    """They are paid one by one."""
    assert ask(body(counts(10, 5, 15, num_search_queries=3)))[semconv.WEB_SEARCHES] == 3


def test_what_perplexitys_deep_research_thought_and_read_is_counted(ask: Any) -> None:
    """It is beside the answer's tokens, in no sum, and paid at prices of its own."""
    found = ask(body(counts(33, 11395, 11428, citation_tokens=19028, reasoning_tokens=193947)))
    assert found["gen_ai.usage.output_tokens"] == 11395 + 193947
    assert found["gen_ai.usage.reasoning.output_tokens"] == 193947
    assert found["kansoku.usage.citation_tokens"] == 19028


def test_the_name_of_a_file_that_a_router_read_is_told(ask: Any, spans: Any) -> None:
    """OpenRouter says which of the files it was."""
    ask(body(annotations=[{"type": "file", "file": {"hash": "h", "name": "a.pdf", "content": []}}]))
    assert spans.messages()[0]["parts"][0]["citations"] == [{"type": "file", "name": "a.pdf"}]


def test_an_answer_that_is_a_refusal_of_the_server_is_a_failure(ask: Any, spans: Any) -> None:
    """MiniMax answers 200 and says the rest inside."""
    ask({"id": "c", "choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail"}})
    assert spans.attributes()["error.type"] == "1004"
    assert spans.one().status.description == "login fail"


def test_an_answer_with_a_good_word_of_the_server_is_none(ask: Any) -> None:
    """The same place says that all is well."""
    assert "error.type" not in ask(body() | {"base_resp": {"status_code": 0, "status_msg": ""}})


def test_a_stream_whose_choice_ends_in_an_error_is_a_failure(ask: Any, spans: Any) -> None:
    """A router that lost its provider on the way says so in the choice; usage may come after it."""
    error = {"code": 502, "message": "Provider disconnected"}
    last = {**chunk({}), "choices": [], "usage": counts(10, 1, 11)}
    found = ask(
        sse(chunk({"content": "火"}), chunk({"content": ""}, "error", choice={"error": error}), last), True
    )
    assert (found["error.type"], found["gen_ai.usage.output_tokens"]) == ("502", 1)
    assert spans.one().status.description == "Provider disconnected"


def test_a_stream_that_groq_gives_up_is_a_failure_with_any_client(ask: Any, spans: Any) -> None:
    """It says so in a corner of its own."""
    found = ask(sse(chunk({"content": "火"}), chunk({}, "stop", x_groq={"id": "r", "error": "full"})), True)
    assert (found["error.type"], spans.one().status.description) == ("stream_error", "full")


def test_a_filter_that_looks_while_the_answer_comes_tells_its_verdict(ask: Any) -> None:
    """Azure's asynchronous filter may say nothing of the question."""
    verdict = {"violence": {"filtered": True, "severity": "high"}}
    found = ask(
        sse(
            chunk({"content": "火"}, choice={"content_filter_results": {}}),
            chunk({}, "content_filter", choice={"content_filter_results": verdict}),
        ),
        True,
    )
    assert json.loads(found[semconv.CONTENT_FILTER]) == {"answer": verdict}


SHARES = {
    "models": [
        {"model": "openai/gpt-oss-120b", "usage": counts(1000, 100, 1100)},
        {"model": "llama-3.3-70b-versatile", "usage": counts(2000, 50, 2050)},
        {"model": "openai/gpt-oss-120b", "usage": counts(500, 10, 510)},
    ]
}


BY = pytest.mark.parametrize("by", ["groq", "openai"])


def compound(by: str, stream: bool, **message: Any) -> None:
    """Ask a compound system of Groq's by a client."""
    usage, own = counts(3500, 160, 3660), {"x_groq": {"id": "req_1"}}
    if stream:
        last = {**chunk({}), "choices": [], "usage": usage, "usage_breakdown": SHARES, **own}
        reply = b"".join(sse(chunk({"content": "火", **message}, "stop"), last).pieces or ())
    else:
        reply = json.dumps(body(usage, **message) | {"usage_breakdown": SHARES, **own}).encode()
    kind = {"content-type": "text/event-stream" if stream else "application/json"}
    library: Any = httpx if by == "groq" else httpx2
    there = library.MockTransport(lambda _: library.Response(200, headers=kind, content=reply))
    made: Any = groq.Groq if by == "groq" else openai.OpenAI
    base = "https://api.groq.com" if by == "groq" else "https://api.groq.com/openai/v1"
    with made(api_key="k", base_url=base, http_client=library.Client(transport=there)) as client:
        result = client.chat.completions.create(model="groq/compound", messages=ASK, stream=stream)
        if stream:
            list(result)


@BY
@pytest.mark.parametrize("stream", [False, True])
def test_a_compound_system_costs_what_its_models_cost(spans: Any, by: str, stream: bool) -> None:
    """The system has no price; the answer says which models were asked, and what each used."""
    compound(by, stream)
    found = spans.attributes()
    assert json.loads(found[semconv.USAGE_BY_MODEL]) == {
        "openai/gpt-oss-120b": {"input_tokens": 1500, "output_tokens": 110},
        "llama-3.3-70b-versatile": {"input_tokens": 2000, "output_tokens": 50},
    }
    assert found["gen_ai.usage.input_tokens"] == 3500
    dear = (1500 * 0.15 + 110 * 0.60 + 2000 * 0.59 + 50 * 0.79) / 1e6
    assert found[semconv.COST_USD] == pytest.approx(dear)
    assert found[semconv.PRICE_ID].count("+") == 1


@BY
@pytest.mark.parametrize("stream", [False, True])
def test_tools_of_a_compound_system_are_counted_and_not_free(spans: Any, by: str, stream: bool) -> None:
    """A search is paid besides; without a price for it, the sum of the models would be too little."""
    tools = [{"index": n, "type": kind, "arguments": "{}"} for n, kind in enumerate(("search", "python"))]
    compound(by, stream, executed_tools=tools)
    found = spans.attributes()
    called = [part["type"] for part in spans.messages()[0]["parts"]]
    assert called == ["server_tool_call", "server_tool_call", "text"]
    assert found[semconv.WEB_SEARCHES] == 1
    assert found[semconv.SERVER_TOOL_CALLS.format("code_execution")] == 1
    assert semconv.COST_USD not in found


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["gpt-4o-mini-search-preview-2025-03-11", "gpt-5-search-api-2025-10-14"])
def test_the_search_behind_every_answer_of_some_models_is_counted(
    name: str, stream: bool, model: Any, spans: Any
) -> None:
    """It costs several times what its tokens do, and the usage says nothing of it: they are not the cost."""
    usage = counts(20, 300, 320)
    last = {**chunk({}), "choices": [], "usage": usage, "model": name}
    reply = [{**chunk({"content": "火"}, "stop"), "model": name}, last]
    answers = model(b"".join(sse(*reply).pieces or ()) if stream else {**body(usage), "model": name})
    result = answers.client().chat.completions.create(model=name[:-11], messages=ASK, stream=stream)
    assert len(list(result)) == 2 if stream else result.usage.total_tokens == 320
    found = spans.attributes()
    assert found[semconv.WEB_SEARCHES] == 1
    assert found.get(semconv.COST_USD, 1) > 0.01  # with the search, or none where the list has no price of it
