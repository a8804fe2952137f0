"""MLflow's spans, its own and those that it translates, to the canonical row."""

import json

import pytest
from tests.collector.conftest import START_NS
from tests.collector.test_normalise import buckets, row

from kansoku_collector.model import Event

REQUEST = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "観測とは?"}], "temperature": 0.2}


def traced(kind="CHAT_MODEL", given=None, answered=None, events=(), **more):
    """Return the row of a span whose every attribute is JSON; dots of names are written as __."""
    values = {"mlflow.spanType": kind, "mlflow.spanInputs": given, "mlflow.spanOutputs": answered}
    values |= {name.replace("__", "."): value for name, value in more.items()}
    attributes = {name: json.dumps(value) for name, value in values.items() if value is not None}
    return row(attributes, events, scope="mlflow.tracing.provider")


def chunk(number, **delta):
    """Return the event of one piece of an OpenAI stream."""
    value = {"choices": [{"index": 0, "delta": delta}]}
    attributes = {"mlflow.chunk.value": json.dumps(value)}
    return Event(f"mlflow.chunk.item.{number}", START_NS + (number + 1) * 10**8, attributes)


def test_a_call_is_read_from_the_vendor_s_objects():
    """Inputs and outputs are what the client library sent and got; bare attributes repeat the inputs."""
    answer = {
        "id": "chatcmpl-1",
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "It watches."}}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    }
    span = traced(
        given=REQUEST,
        answered=answer,
        model="gpt-4o-mini",
        temperature=0.2,
        mlflow__llm__model="gpt-4o-mini-2024-07-18",
        mlflow__chat__tokenUsage={"input_tokens": 100, "output_tokens": 20, "total_tokens": 120},
    )
    assert (span.dialect, span.operation, span.billed, span.provider) == ("mlflow", "chat", True, "openai")
    assert (span.request_model, span.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert (span.response_id, span.finish_reasons, span.parameters) == (
        "chatcmpl-1",
        ["stop"],
        {"temperature": "0.2"},
    )
    assert buckets(span) == {"input_fresh": 100, "output_visible": 15, "reasoning": 5}
    assert span.attributes == {}


def test_anthropic_counts_beside_caches_and_mlflow_counts_inside():
    """The vendor's object excludes caches from its input, MLflow's summary includes them; both agree."""
    summary = {
        "input_tokens": 100,
        "output_tokens": 20,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 30,
        "cache_creation_input_tokens_above_1hr": 10,
    }
    usage = {
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
    }
    answer = {
        "id": "msg_1",
        "role": "assistant",
        "content": [{"type": "text", "text": "a"}],
        "stop_reason": "end_turn",
    }
    for found in (
        traced(given=REQUEST, mlflow__chat__tokenUsage=summary),
        traced(given=REQUEST, answered=answer | {"usage": usage}, mlflow__chat__tokenUsage=summary),
    ):
        assert buckets(found) == {
            "input_fresh": 10,
            "cache_read": 60,
            "cache_write_5m": 20,
            "cache_write_1h": 10,
            "output_visible": 20,
        }


def test_gemini_and_its_provider_are_read():
    """Contents, configuration and candidates are Gemini's; thoughts are part of the output."""
    span = traced(
        given={
            "model": "gemini-2.5-flash",
            "contents": "観測とは?",
            "config": {"system_instruction": "Be brief.", "max_output_tokens": 9},
        },
        answered={
            "candidates": [
                {"content": {"role": "model", "parts": [{"text": "It watches."}]}, "finish_reason": "STOP"}
            ],
            "usage_metadata": {
                "prompt_token_count": 50,
                "candidates_token_count": 15,
                "thoughts_token_count": 5,
            },
            "model_version": "gemini-2.5-flash-001",
        },
        mlflow__message__format="gemini",
    )
    assert (span.provider, span.response_model) == ("gcp.gemini", "gemini-2.5-flash-001")
    assert (span.input_text, span.output_text, span.finish_reasons) == ("観測とは?", "It watches.", ["stop"])
    assert (json.loads(span.system_instructions), span.parameters) == (
        [{"type": "text", "content": "Be brief."}],
        {"max_tokens": "9"},
    )
    assert buckets(span) == {"input_fresh": 50, "output_visible": 15, "reasoning": 5}


def test_chunks_give_the_first_token_and_the_calls_that_the_summary_lost():
    """The time of the first chunk counts; the pieces of a tool call are put together; no chunk is stored."""
    pieces = [
        chunk(
            0,
            tool_calls=[
                {"index": 0, "id": "c", "function": {"name": "get_weather", "arguments": '{"city":'}}
            ],
        ),
        chunk(1, tool_calls=[{"index": 0, "function": {"arguments": ' "Oslo"}'}}]),
    ]
    answer = {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": ""}}]}
    span = traced(given=REQUEST, answered=answer, events=pieces)
    assert (span.streaming, span.time_to_first_token, span.events) == (True, 0.1, "")
    assert json.loads(span.output_messages)[0]["parts"] == [
        {"type": "tool_call", "name": "get_weather", "arguments": {"city": "Oslo"}, "id": "c"}
    ]
    assert span.finish_reasons == ["tool_calls"]


def test_an_object_that_could_not_be_written_is_no_answer():
    """A stream that was never read is the name of a Python object there."""
    assert traced(given=REQUEST, answered="<anthropic.Stream object at 0x7fc66e562a10>").output_messages == ""
    assert traced(given=REQUEST, answered="<b>bold</b>").output_text == "<b>bold</b>"


def test_steps_are_not_billed_and_aggregated_usage_is_not_theirs():
    """Chains, tools and retrievers are no calls, whatever usage they carry."""
    usage = {"input_tokens": 100, "output_tokens": 20}
    chain = traced("CHAIN", {"q": "何?"}, "done", mlflow__chat__tokenUsage=usage)
    tool = traced("TOOL", {"city": "Oslo"}, "sunny")
    page = {"page_content": "one", "metadata": {"doc_uri": "d1.md", "score": 0.9}, "id": "d1"}
    found = traced("RETRIEVER", {"q": "何?"}, [page])
    assert [(span.billed, span.usage_source) for span in (chain, tool, found)] == [(False, "none")] * 3
    assert (chain.operation, chain.output_text) == ("chain", "done")
    assert (tool.tool_name, tool.tool_arguments, tool.tool_result) == ("span", '{"city":"Oslo"}', "sunny")
    document = json.loads(found.documents)[0]
    assert (found.retrieval_query, document["id"], document["score"], document["content"]) == (
        "何?",
        "d1",
        0.9,
        "one",
    )


def test_cost_tags_session_and_prompt_are_read():
    """MLflow's own computation of the cost is a report; trace tags are metadata, but for its own."""
    span = traced(
        given=REQUEST,
        mlflow__llm__cost={"input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3},
        mlflow__linkedPrompts=[{"name": "faq", "version": "3"}],
        mlflow__trace__session="s-1",
        metadata={"tenant": "acme", "ls_provider": "openai"},
    )
    assert span.attributes["kansoku.cost.reported_usd"] == "0.3"
    assert (span.prompt_name, span.prompt_version, span.session_id) == ("faq", "3", "s-1")
    assert span.metadata == {"tenant": "acme"}
    tagged = row(
        {"mlflow.spanType": '"CHAIN"', "mlflow.traceTag.team": "blue", "mlflow.traceTag.mlflow.x": "y"}
    )
    assert tagged.metadata == {"team": "blue"}


def test_a_translated_span_gets_back_the_model_that_was_asked():
    """MLflow's translation puts the answering model in both places and drops what it has no name for."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "model": '"gpt-4o-mini"',
        "seed": "7",
        "stream": "true",
    }
    span = row(attributes, scope="mlflow.tracing.provider")
    assert (span.dialect, span.request_model, span.provider) == ("mlflow", "gpt-4o-mini", "openai")
    assert (span.parameters, span.streaming, span.billed) == ({"seed": "7"}, True, True)
    found = row({"gen_ai.operation.name": "RETRIEVER"}, scope="mlflow.tracing.provider")
    assert (found.operation, found.billed) == ("retrieval", False)


@pytest.mark.parametrize("odd", [{}, [], 7, None, "text"])
def test_objects_of_another_shape_are_stored_and_not_refused(odd):
    """What a program puts where a vendor's object is expected never stops a span."""
    for answer in (
        {"choices": [odd]},
        {"choices": [{"message": {"type": odd, "content": [{"type": odd}]}}]},
        {"candidates": [odd]},
        {"generations": [[odd]]},
        {"output": [{"type": odd}, odd]},
        {"content": [{"type": "tool_use", "id": odd, "input": odd}], "tool_calls": [odd]},
        {"usage": odd},
        odd,
    ):
        for request in (
            {"messages": [odd, {"role": odd, "content": odd}], "tools": odd},
            {"contents": odd},
            odd,
        ):
            span = traced(given=request, answered=answer)
            assert (span.dialect, span.operation, span.billed) == ("mlflow", "chat", True)


def test_a_translated_answer_has_no_reasoning_among_its_words():
    """MLflow's translation writes a reasoning item of the Responses API as text."""
    item = json.dumps({"id": "rs_1", "summary": [], "type": "reasoning"})
    answers = [
        {"role": "assistant", "parts": [{"type": "text", "content": words}], "finish_reason": "completed"}
        for words in (item, "Hello.")
    ]
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(answers)}
    assert row(attributes, scope="mlflow.tracing.provider").output_text == "Hello."


def test_chunks_of_a_text_completion_say_what_its_summary_leaves_out():
    """The summary of such a stream is its words alone."""
    chunks = [
        {"id": "cmpl-1", "choices": [{"index": 0, "text": "Ni", "finish_reason": None}]},
        {"id": "cmpl-1", "choices": [{"index": 0, "text": "ne.", "finish_reason": "length"}]},
    ]
    events = [
        Event(f"mlflow.chunk.item.{n}", START_NS + n, {"mlflow.chunk.value": json.dumps(chunk)})
        for n, chunk in enumerate(chunks)
    ]
    span = row({"mlflow.spanType": '"LLM"', "mlflow.spanOutputs": '"Nine."'}, events)
    assert (span.response_id, span.finish_reasons, span.output_text) == ("cmpl-1", ["length"], "Nine.")


def test_a_response_of_an_agent_is_put_together_from_its_fields():
    """Under the OpenAI Agents SDK the object's fields are attributes, and its output the span's."""
    answer = [
        {
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "晴れです"}],
        }
    ]
    usage = {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 40}, "output_tokens": 30}
    fields = {"object": "response", "id": "resp_1", "model": "gpt-5-mini-2025-08-07", "status": "completed"}
    span = traced(
        given=[{"role": "user", "content": "天気は？"}],
        answered=answer,
        instructions="Be brief.",
        usage=usage | {"output_tokens_details": {"reasoning_tokens": 9}, "total_tokens": 130},
        temperature=1.0,
        **fields,
    )
    assert (span.response_id, span.response_model, span.request_model) == (
        "resp_1",
        "gpt-5-mini-2025-08-07",
        "",
    )
    assert buckets(span) == {"input_fresh": 60, "cache_read": 40, "output_visible": 21, "reasoning": 9}
    assert (span.output_text, span.finish_reasons, span.parameters) == ("晴れです", ["stop"], {})
    assert "Be brief." in span.system_instructions


def test_zeros_are_no_usage():
    """An agent's stream that was told no usage counts nothing."""
    none = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    assert traced(given=REQUEST, mlflow__chat__tokenUsage=none).usage_source == "none"


def test_passages_of_dspy_are_documents():
    """What its retriever found has a name of its own."""
    found = traced("RETRIEVER", {"args": ["hours"]}, {"passages": ["9:00", "10:00"]})
    assert (found.retrieval_query, [d["content"] for d in json.loads(found.documents)]) == (
        "hours",
        ["9:00", "10:00"],
    )


def test_the_conversation_of_mlflow_2_20_says_what_input_and_output_do_not():
    """LlamaIndex's objects have blocks, and of a stream the output is the name of an object."""
    told = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "観測とは?"},
        {"role": "assistant", "content": "It watches."},
    ]
    blocks = {"messages": [{"role": "user", "blocks": [{"block_type": "text", "text": "観測とは?"}]}]}
    span = traced(given=blocks, answered="<generator object at 0x7f>", mlflow__chat__messages=told)
    assert (span.input_text, span.output_text) == ("観測とは?", "It watches.")
    assert json.loads(span.system_instructions) == [{"type": "text", "content": "Be brief."}]
    assert "mlflow.chat.messages" not in span.attributes
    asked = traced(
        given=REQUEST, answered={"role": "assistant", "content": "Own."}, mlflow__chat__messages=told
    )
    assert (asked.output_text, asked.system_instructions) == ("Own.", "")
    unanswered = traced(given=blocks, mlflow__chat__messages=told[:2])
    assert (unanswered.input_text, unanswered.output_messages) == ("観測とは?", "")


def test_a_stream_of_javascripts_is_no_answer():
    """MLflow's package for TypeScript writes down the stream itself, before it is read."""
    span = traced(given=REQUEST, answered={"controller": {}})
    assert (span.billed, span.output_messages, span.output_text) == (True, "", "")
