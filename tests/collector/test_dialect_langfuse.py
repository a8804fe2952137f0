"""Langfuse's observations to the canonical row."""

import json
from decimal import Decimal

import pytest
from tests.collector.test_normalise import buckets, row

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import pricing
from kansoku_collector.metrics import Metrics

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "観測とは?"}]


def observed(kind="generation", scope="langfuse-sdk", **fields):
    """Return the row of an observation; values that are not text are JSON, as the SDK sends them."""
    attributes = {"langfuse.observation.type": kind}
    for name, value in fields.items():
        key = name.replace("__", ".")
        key = key if key.startswith(("langfuse.", "session.", "user.")) else f"langfuse.observation.{key}"
        plain = isinstance(value, str | int) or key.startswith("langfuse.trace.tags")
        attributes[key] = value if plain else json.dumps(value)
    return row(attributes, scope=scope)


def test_a_stream_that_failed_was_one():
    """JavaScript's wrapper has it among the parameters, and no moment of a first token."""
    assert observed(model__parameters={"stream": True}, level="ERROR").streaming


def test_a_generation_is_a_billed_call():
    """Messages, model, parameters and usage of a generation are those of the call it wraps."""
    span = observed(
        input=MESSAGES,
        output={"role": "assistant", "content": "It watches."},
        model__name="gpt-4o-mini-2024-07-18",
        model__parameters={"temperature": 0.3, "max_tokens": "Infinity", "top_p": 1},
        usage_details={
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    )
    assert (span.dialect, span.operation, span.billed, span.provider) == ("langfuse", "chat", True, "openai")
    assert (span.request_model, span.response_model) == ("gpt-4o-mini-2024-07-18",) * 2
    assert span.parameters == {"temperature": "0.3", "top_p": "1"}
    assert buckets(span) == {"input_fresh": 70, "cache_read": 30, "output_visible": 15, "reasoning": 5}
    assert (span.input_text, span.output_text) == ("観測とは?", "It watches.")
    assert span.attributes == {}


@pytest.mark.parametrize(
    ("usage", "reasoning"),
    [
        (
            {
                "input": 70,
                "output": 15,
                "total": 120,
                "input_cached_tokens": 30,
                "output_reasoning_tokens": 5,
            },
            5,
        ),
        ({"input": 70, "output": 15, "input_cache_read": 30, "output_reasoning": 5}, 5),
        ({"input": 100, "output": 20, "total": 120, "input_cached_tokens": 30, "output_reasoning": 5}, 5),
        ({"input_tokens": 70, "output_tokens": 20, "cache_read_input_tokens": 30}, 0),
    ],
    ids=["disjoint with a total", "disjoint", "the total shows that parts are inside", "Anthropic's own"],
)
def test_usage_in_every_form_fills_the_same_buckets(usage, reasoning):
    """The flat form is disjoint unless its total says otherwise; a vendor's object keeps its rule."""
    found = buckets(observed(usage_details=usage, model__name="m"))
    expected = {"input_fresh": 70, "cache_read": 30, "output_visible": 20 - reasoning, "reasoning": reasoning}
    assert found == {name: count for name, count in expected.items() if count}


def test_cache_writes_that_are_told_twice_count_once():
    """LangChain gives Anthropic's cache writes as a sum and by lifetime."""
    span = observed(
        usage_details={
            "input": 10,
            "output": 20,
            "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": 30,
            "cache_creation_ephemeral_1h_input_tokens": 10,
            "cache_creation_ephemeral_5m_input_tokens": 20,
        }
    )
    assert buckets(span) == {
        "input_fresh": 10,
        "cache_read": 60,
        "cache_write_5m": 20,
        "cache_write_1h": 10,
        "output_visible": 20,
    }


def test_a_stated_cost_is_kept_and_zero_is_none():
    """The parts of `cost_details` add up; a cost of zero says nothing."""
    told = observed(cost_details={"input": 0.00012, "output": 0.00034})
    assert told.attributes["kansoku.cost.stated_usd"] == "0.00046"
    assert observed(cost_details={"total": 0.5, "input": 0.1}).attributes["kansoku.cost.stated_usd"] == "0.5"
    assert "kansoku.cost.stated_usd" not in observed(cost_details={"input": 0, "total": 0}).attributes


def test_the_start_of_the_completion_makes_a_stream():
    """The time, JSON with its quotes, gives the seconds to the first token; an earlier time does not."""
    span = observed(completion_start_time='"2026-09-21T14:13:20.250000Z"')
    assert (span.streaming, span.time_to_first_token) == (True, 0.25)
    assert observed(completion_start_time='"2020-01-01T00:00:00Z"').time_to_first_token is None
    assert observed(completion_start_time='"soon"').streaming is False


def test_a_trace_tells_who_and_which_on_any_span():
    """Session, user, tags, metadata, environment and the like are read on other dialects' spans too."""
    own = {
        "session.id": "s-1",
        "user.id": "u-1",
        "langfuse.trace.tags": ["a", "b"],
        "langfuse.trace.metadata.tier": '"gold"',
        "langfuse.trace.metadata.ls_integration": "langchain",
        "langfuse.environment": "staging",
        "langfuse.release": "1.4.2",
        "langfuse.experiment.name": "try-2",
    }
    for attributes in (
        own,
        own | {"gen_ai.operation.name": "chat"},
        own | {"langfuse.observation.type": "span"},
    ):
        span = row(attributes)
        assert (span.session_id, span.user_id, span.tags) == ("s-1", "u-1", ["a", "b"])
        assert (span.metadata, span.environment, span.release) == ({"tier": "gold"}, "staging", "1.4.2")
        assert span.experiment == "try-2"
    assert row({"langfuse.environment": "default", "langfuse.release": "1"}).environment == ""


def test_a_prompt_and_an_error_are_named():
    """The managed prompt has its name and version; level ERROR is an error whatever the span's status."""
    span = observed(prompt__name="faq", prompt__version=3, level="ERROR", status_message="429 slow down")
    assert (span.prompt_name, span.prompt_version) == ("faq", "3")
    assert (span.status, span.error_message) == ("error", "429 slow down")
    assert observed(level="WARNING", status_message="slow").status == "unset"


def test_steps_are_not_billed():
    """A retriever has documents, a tool its arguments, a span its input; none of them is a call."""
    found = observed("retriever", input="何?", output=[{"id": "d1", "score": 0.8, "content": "one"}])
    assert (found.operation, found.retrieval_query) == ("retrieval", "何?")
    assert json.loads(found.documents) == [{"id": "d1", "score": 0.8, "content": "one"}]
    tool = observed("tool", input={"args": [], "kwargs": {"city": "Oslo"}}, output="sunny")
    assert (tool.operation, tool.tool_name, tool.tool_result) == ("execute_tool", "span", "sunny")
    step = observed("span", input={"question": "何?"}, output="done", usage_details={"input": 5})
    assert (step.operation, step.usage_source, step.output_text) == ("other", "none", "done")
    assert step.attributes["kansoku.input.value"] == '{"question":"何?"}'
    assert not any(span.billed for span in (found, tool, step))


def test_langchain_tools_among_the_messages_are_definitions():
    """The LangChain handler appends the tools to the messages; the notes keep the model that was asked."""
    definition = {"type": "function", "function": {"name": "get_weather"}}
    span = observed(
        input=[*MESSAGES, {"role": "tool", "content": definition}],
        output={
            "role": "assistant",
            "content": "",
            "tool_calls": [{"name": "get_weather", "args": {}, "id": "c"}],
        },
        model__name="gpt-4o-mini-2024-07-18",
        metadata__ls_model_name="gpt-4o-mini",
        metadata__ls_provider="openai",
        metadata__ls_temperature="0.1",
        metadata__tags='["seq:step:2", "vip"]',
        metadata__tenant="acme",
    )
    assert (span.request_model, span.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert json.loads(span.tool_definitions) == [definition]
    assert [m["role"] for m in json.loads(span.input_messages)] == ["system", "user"]
    assert json.loads(span.output_messages)[0]["parts"][0]["name"] == "get_weather"
    assert (span.tags, span.metadata, span.parameters) == (
        ["vip"],
        {"tenant": "acme"},
        {"temperature": "0.1"},
    )


def test_a_streamed_response_keeps_its_identity_in_the_notes():
    """The Responses API's id and status are metadata there; the id of its message is another."""
    span = observed(
        input=MESSAGES,
        output={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "a"}],
        },
        metadata__object='"response"',
        metadata__id='"resp_1"',
        metadata__status='"completed"',
        metadata__temperature="1.0",
    )
    assert (span.response_id, span.finish_reasons, span.output_text) == ("resp_1", ["stop"], "a")
    assert span.metadata == {}
    assert span.attributes["langfuse.observation.metadata.temperature"] == "1.0"


def test_a_stated_cost_goes_before_the_price_list():
    """What the program says that it paid is the cost of the row, also where a price is known."""
    usage = {"input": 1000, "output": 100}
    span = observed(usage_details=usage, model__name="gpt-4o-mini", cost_details={"total": 0.5})
    pricing(Prices(), Metrics())(span)
    assert (span.cost_usd, span.cost_source, span.reported_usd) == (
        Decimal("0.5"),
        "reported",
        Decimal("0.5"),
    )
    listed = observed(usage_details=usage, model__name="gpt-4o-mini")
    pricing(Prices(), Metrics())(listed)
    assert (listed.cost_usd, listed.cost_source) == (Decimal("0.00021"), "computed")


def test_a_program_s_own_span_is_read_by_the_conventions():
    """Langfuse's kind and prompt may stand on a span with the names of the conventions."""
    attributes = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.prompt.name": "faq",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 2,
    }
    span = row(attributes)
    assert (span.dialect, span.operation, span.billed) == ("langfuse", "chat", True)
    assert (span.request_model, span.prompt_name) == ("gpt-4o-mini", "faq")
    assert buckets(span) == {"input_fresh": 10, "output_visible": 2}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"type": "message", "role": "assistant", "status": "completed", "content": "Nine."}, "stop"),
        ([{"type": "function_call", "name": "t", "arguments": "{}", "status": "completed"}], "tool_calls"),
        ([{"type": "message", "role": "assistant", "status": "incomplete", "content": "Ni"}], "length"),
    ],
)
def test_an_item_of_the_responses_api_says_how_it_ended(answer, reason):
    """Of such an answer the SDK keeps the items alone, one of them without its list."""
    span = row(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-5-mini",
            "langfuse.observation.output": json.dumps(answer),
        }
    )
    assert span.finish_reasons == [reason]


def test_javascripts_notes_of_a_response_are_read():
    """JavaScript notes a part of the Responses object; what the application noted stays metadata."""
    span = observed(
        input="Hello?",
        output="Hi.",
        model__name="gpt-5-mini",
        metadata__status="incomplete",
        metadata__incomplete_details={"reason": "max_output_tokens"},
        metadata__instructions="Be brief.",
        metadata__tools=[{"type": "function", "name": "weather"}],
        metadata__plan="pro",
    )
    assert json.loads(span.system_instructions) == [{"type": "text", "content": "Be brief."}]
    assert json.loads(span.tool_definitions)[0]["name"] == "weather"
    assert span.finish_reasons == ["length"]
    assert span.metadata == {"plan": "pro"}


def test_a_generation_of_an_embedding_model_without_an_answer_embeds():
    """JavaScript's wrapper of OpenAI's client calls everything a generation."""
    assert observed(input=["a"], output="", model__name="text-embedding-3-small").operation == "embeddings"
    assert observed(input="a", output="b", model__name="text-embedding-3-small").operation == "chat"


def test_calls_that_javascripts_stream_joined_are_apart_where_there_is_one_tool():
    """Arguments follow one another and the name stands there once; of two tools it is the last one."""
    tools = [{"type": "function", "function": {"name": name}} for name in ("weather", "time")]
    joined = {
        "tool_calls": [{"function": {"name": "weather", "arguments": '{"city":"Oslo"}{"city":"Bergen"}'}}]
    }
    span = observed(input={"messages": MESSAGES, "tools": tools[:1]}, output=joined)
    calls = json.loads(span.output_messages)[0]["parts"]
    assert [call["arguments"] for call in calls] == [{"city": "Oslo"}, {"city": "Bergen"}]
    assert [call["name"] for call in calls] == ["weather", "weather"]
    span = observed(input={"messages": MESSAGES, "tools": tools}, output=joined)
    assert len(json.loads(span.output_messages)[0]["parts"]) == 1
