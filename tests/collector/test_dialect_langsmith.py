"""LangSmith's runs to the canonical row."""

import json

import pytest
from tests.collector.conftest import START_NS
from tests.collector.test_normalise import NOW_MS, buckets, raw, row

from kansoku_collector.model import Event
from kansoku_collector.normalise import normalise

REQUEST = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "観測とは?"}],
    "temperature": 0.2,
    "max_completion_tokens": 9,
    "tools": [{"type": "function", "function": {"name": "get_weather"}}],
}
USAGE = {
    "input_tokens": 100,
    "output_tokens": 20,
    "total_tokens": 120,
    "input_token_details": {"cache_read": 30},
    "output_token_details": {"reasoning": 5},
}
BUCKETS = {"input_fresh": 70, "cache_read": 30, "output_visible": 15, "reasoning": 5}


def run(kind="llm", given=None, answered=None, **more):
    """Return the attributes of a run; dots of names are written as __."""
    attributes = {"langsmith.span.kind": kind, "langsmith.trace.name": "run", "gen_ai.operation.name": "chat"}
    if given is not None:
        attributes["gen_ai.prompt"] = json.dumps(given)
    if answered is not None:
        attributes["gen_ai.completion"] = json.dumps(answered)
    return attributes | {name.replace("__", "."): value for name, value in more.items()}


def test_a_wrapped_call_is_read_from_its_own_objects():
    """Request and response of the OpenAI wrapper give content, parameters, tools and identity."""
    answer = {
        "id": "chatcmpl-1",
        "model": "gpt-4o-mini-2024-07-18",
        "system_fingerprint": "fp_1",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "It watches."}}
        ],
        "usage_metadata": USAGE,
    }
    span = row(
        run(given=REQUEST, answered=answer, gen_ai__system="openai", langsmith__request__streaming=True)
    )
    assert (span.dialect, span.operation, span.billed, span.provider) == ("langsmith", "chat", True, "openai")
    assert (span.request_model, span.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert (span.response_id, span.system_fingerprint, span.finish_reasons) == (
        "chatcmpl-1",
        "fp_1",
        ["stop"],
    )
    assert span.parameters == {"temperature": "0.2", "max_tokens": "9"}
    assert json.loads(span.tool_definitions) == REQUEST["tools"]
    assert (span.input_text, span.output_text, span.streaming) == ("観測とは?", "It watches.", True)
    assert buckets(span) == BUCKETS


def test_usage_is_read_from_the_metadata_and_not_from_the_repr():
    """The token details among the attributes are Python's repr; the metadata's JSON has the same counts."""
    attributes = run(
        gen_ai__usage__input_tokens=100,
        gen_ai__usage__output_tokens=20,
        gen_ai__usage__total_tokens=120,
        gen_ai__usage__input_token_details="{'cache_read': 30}",
    )
    assert buckets(row(attributes)) == {"input_fresh": 100, "output_visible": 20}
    attributes["langsmith.metadata.usage_metadata"] = json.dumps(USAGE)
    span = row(attributes)
    assert (buckets(span), span.metadata) == (BUCKETS, {})


def test_thoughts_beside_the_output_are_added():
    """Where the total shows that reasoning is not in the output, it is added to it."""
    usage = USAGE | {"output_tokens": 15}
    assert buckets(row(run(langsmith__metadata__usage_metadata=json.dumps(usage)))) == BUCKETS


def test_a_stated_cost_is_kept():
    """The program may state what a call cost, in total or in parts."""
    for cost in ({"total_cost": 0.5}, {"input_cost": 0.2, "output_cost": 0.3}):
        span = row(run(langsmith__metadata__usage_metadata=json.dumps(USAGE | cost)))
        assert span.attributes["kansoku.cost.stated_usd"] == "0.5"


def test_langchain_messages_lose_their_constructors():
    """Serialised messages, generations and their metadata are the same call as any other."""

    def built(name, **fields):
        return {"lc": 1, "type": "constructor", "id": ["langchain", "messages", name], "kwargs": fields}

    message = built(
        "AIMessage",
        content=[
            {"type": "text", "text": "Hello."},
            {"type": "tool_use", "id": "c", "name": "f", "input": {}},
        ],
        tool_calls=[{"type": "tool_call", "id": "c", "name": "f", "args": {"a": 1}}],
        response_metadata={
            "model_name": "gpt-4o-mini-2024-07-18",
            "id": "chatcmpl-1",
            "finish_reason": "stop",
        },
        usage_metadata=USAGE,
        id="lc_run--1",
    )
    span = row(
        run(
            given={
                "messages": [
                    [built("SystemMessage", content="Be brief."), built("HumanMessage", content="Hi")]
                ]
            },
            answered={"generations": [[{"text": "", "message": message}]]},
            langsmith__metadata__ls_model_name="gpt-4o-mini",
            langsmith__metadata__ls_provider="openai",
        )
    )
    assert [m["role"] for m in json.loads(span.input_messages)] == ["system", "user"]
    parts = json.loads(span.output_messages)[0]["parts"]
    assert [part["type"] for part in parts] == ["text", "tool_call"]
    assert parts[1]["arguments"] == {"a": 1}
    assert (span.response_id, span.response_model) == ("chatcmpl-1", "gpt-4o-mini-2024-07-18")
    assert (span.finish_reasons, buckets(span)) == (["tool_calls"], BUCKETS)


@pytest.mark.parametrize("kind", ["chain", "prompt", "parser", "retriever", "tool"])
def test_only_model_runs_are_billed(kind):
    """A chain that repeats its model's usage, or calls itself chat, is not a call."""
    span = row(
        run(kind, gen_ai__usage__input_tokens=100, langsmith__metadata__usage_metadata=json.dumps(USAGE))
    )
    assert (span.billed, span.usage_source) == (False, "none")


def test_tools_and_retrievers_have_their_own_columns():
    """A tool message's words are the result; documents lose LangChain's wrapping."""
    message = {"type": "tool", "content": "sunny", "tool_call_id": "c"}
    tool = row(run("tool", {"city": "Oslo"}, {"output": message}, gen_ai__tool__name="get_weather"))
    assert (tool.tool_name, tool.tool_arguments, tool.tool_result) == (
        "get_weather",
        '{"city":"Oslo"}',
        "sunny",
    )
    page = {"page_content": "one", "type": "Document", "metadata": {"doc_id": "d1", "score": 0.5}}
    found = row(run("retriever", {"query": "何?"}, {"output": [page]}))
    assert (found.operation, found.retrieval_query) == ("retrieval", "何?")
    document = json.loads(found.documents)[0]
    assert (document["id"], document["score"], document["content"]) == ("d1", 0.5, "one")


def test_the_application_s_notes_are_told_from_the_sdk_s():
    """Session, user and tags get their columns; what the SDK notes of itself stays an attribute."""
    span = row(
        run(
            langsmith__metadata__thread_id="t-1",
            langsmith__metadata__user_id="u-1",
            langsmith__metadata__tenant="acme",
            langsmith__metadata__LANGSMITH_PROJECT="shop",
            langsmith__metadata__lc_hub_repo="faq",
            langsmith__metadata__lc_hub_commit_hash="abc",
            langsmith__span__tags="vip, seq:step:2, beta",
        )
    )
    assert (span.session_id, span.user_id, span.tags) == ("t-1", "u-1", ["vip", "beta"])
    assert (span.metadata, span.prompt_name, span.prompt_version) == ({"tenant": "acme"}, "faq", "abc")
    assert span.attributes["langsmith.metadata.LANGSMITH_PROJECT"] == "shop"


def test_an_error_has_its_class_and_its_words():
    """The event says Exception and holds a traceback; the row names what was raised."""
    told = "RateLimitError('Error code: 429')\n\nTraceback (most recent call last):\n  File ..."
    event = Event("exception", START_NS, {"exception.type": "Exception", "exception.message": told})
    found = raw(run(given=REQUEST), [event])
    found.status_code = 2
    span = normalise(found, "default", NOW_MS)[0]
    assert (span.status, span.error_type, span.error_message) == (
        "error",
        "RateLimitError",
        "Error code: 429",
    )


def test_a_program_s_own_span_is_read_by_the_conventions():
    """LangSmith's kind and notes may stand on a span with the conventions' names, flattened or not."""
    attributes = {
        "langsmith.span.kind": "LLM",
        "langsmith.metadata.user_id": "u-1",
        "gen_ai.system": "OpenAI",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "Hi",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "Hello.",
        "gen_ai.usage.prompt_tokens": 10,
        "gen_ai.usage.completion_tokens": 2,
    }
    span = row(attributes)
    assert (span.dialect, span.operation, span.billed, span.provider) == ("langsmith", "chat", True, "openai")
    assert (span.input_text, span.output_text, span.user_id) == ("Hi", "Hello.", "u-1")
    assert buckets(span) == {"input_fresh": 10, "output_visible": 2}


def test_usage_that_is_noted_on_each_choice_counts_once():
    """LangChain gives every choice the usage of the whole answer, and LangSmith adds them up."""
    usage = {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}
    choice = {"text": "Nine.", "message": {"lc": 1, "kwargs": {"content": "Nine.", "usage_metadata": usage}}}
    span = row(
        {
            "langsmith.span.kind": "llm",
            "gen_ai.completion": json.dumps({"generations": [[choice, choice]]}),
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 3,
            "langsmith.metadata.usage_metadata": json.dumps({"input_tokens": 14, "output_tokens": 6}),
        }
    )
    assert buckets(span) == {"input_fresh": 7, "output_visible": 3}


def test_javascripts_run_that_failed_is_an_error_and_its_reasons_are_a_list():
    """JavaScript's SDK records the failure as an event only, and joins the reasons of choices with commas."""
    run = {
        "langsmith.span.kind": "llm",
        "gen_ai.prompt": "{}",
        "gen_ai.response.finish_reasons": "stop, length",
    }
    failure = Event(
        "exception", START_NS, {"exception.type": "Error", "exception.message": "Error: 429 slow"}
    )
    span = row(run, [failure], scope="langsmith")
    assert (span.status, span.error_message) == ("error", "Error: 429 slow")
    assert span.finish_reasons == ["stop", "length"]
