"""MLflow's automatic logging of LiteLLM and LangChain, by themselves and around a client that it logs too."""

import pytest
from tests.collector.test_dialect_mlflow import traced
from tests.collector.test_normalise import buckets

from kansoku_collector.relate.repeats import Repeats

USAGE = {  # LiteLLM's of a call of Claude: OpenAI's counts, which include caches, and Anthropic's names
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {
        "cached_tokens": 30,
        "cache_creation_tokens": 25,
        "cache_creation_token_details": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 10},
    },
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": 25,
}
MESSAGES = [{"role": "user", "content": "Hi"}]


def answer(**more):
    """Return a chat completion."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Nine."}}
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice]} | more


def litellm(call_type="completion", model="claude-sonnet-4-5", given=None, answered=None, **more):
    """Return the row of a call of LiteLLM's."""
    given = {"messages": MESSAGES} if given is None else given
    named = {"litellm_call_id": "c1", "call_type": call_type, "model": model}
    return traced("LLM", given, answered, **named, **more)


def test_litellms_caches_are_counted_once():
    """Its usage has OpenAI's counts, which include caches, and beside them the names by which they do not."""
    span = litellm(answered=answer(model="claude-sonnet-4-5-20250929", usage=USAGE))
    assert buckets(span) == {
        "input_fresh": 45,
        "cache_read": 30,
        "cache_write_5m": 15,
        "cache_write_1h": 10,
        "output_visible": 20,
    }


@pytest.mark.parametrize(
    ("call_type", "model", "operation", "provider"),
    [
        ("completion", "claude-sonnet-4-5", "chat", "anthropic"),
        ("acompletion", "gpt-4o-mini", "chat", "openai"),
        ("embedding", "text-embedding-3-small", "embeddings", "openai"),
        ("rerank", "rerank-v3.5", "rerank", "cohere"),
    ],
)
def test_litellms_calls_say_beside_their_input_what_was_called(call_type, model, operation, provider):
    """Each has the type of a chat, and the model is not in it: embeddings were chats of nobody's."""
    span = litellm(call_type, model)
    assert (span.operation, span.request_model, span.provider) == (operation, model, provider)


def test_a_response_of_litellms_has_the_counts_that_it_was_told():
    """Its own object of the Responses API keeps the total alone, and MLflow's summary no caches."""
    response = {"id": "resp_1", "object": "response", "output": [], "usage": {"total_tokens": 120}}
    told = response | {"usage": {k: v for k, v in USAGE.items() if not k.startswith("cache")}}
    summary = {"input_tokens": 100, "output_tokens": 20}
    span = litellm("responses", answered=response, raw_llm_response=told, mlflow__chat__tokenUsage=summary)
    assert (span.cache_read, span.output_visible) == (30, 20)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    "outer",
    [
        litellm(model="gpt-4o-mini", answered=answer(usage=USAGE)),
        traced(
            "CHAT_MODEL", {"messages": MESSAGES}, answer(usage=USAGE), mlflow__message__format="langchain"
        ),
    ],
    ids=["litellm", "langchain"],
)
def test_a_framework_and_its_client_in_traces_of_their_own_are_one_call(outer, together):
    """`mlflow.autolog` logs both; in threads and coroutines neither is the child, and their scope is one.

    Both were billed.
    """
    inner = traced(
        "CHAT_MODEL",
        {"model": "gpt-4o-mini", "messages": MESSAGES},
        answer(model="gpt-4o-mini-2024-07-18", usage=USAGE),
        mlflow__message__format="openai",
    )
    outer.request_model = outer.request_model or "gpt-4o-mini"
    for number, span in enumerate((outer, inner)):
        span.name, span.trace_id, span.span_id, span.billed = f"call {number}", f"{number}", f"{number}", True
    repeats = Repeats()
    for batch in [[outer, inner]] if together else [[outer], [inner]]:
        repeats.mark(batch)
    assert [span.billed for span in (outer, inner)].count(True) == 1


def test_langchains_counts_are_those_of_the_call_and_not_of_each_choice():
    """It notes them on every one, and MLflow adds them up."""
    message = {"role": "assistant", "content": "Nine."}
    span = traced(
        "CHAT_MODEL",
        {"messages": MESSAGES},
        {"choices": [{"message": message}, {"message": message}]},
        mlflow__message__format="langchain",
        mlflow__chat__tokenUsage={"input_tokens": 200, "output_tokens": 40, "cache_read_input_tokens": 60},
    )
    assert buckets(span) == {"input_fresh": 70, "cache_read": 30, "output_visible": 20}
