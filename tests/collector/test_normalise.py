"""Attributes of both dialects to the canonical row."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.collector.conftest import START_NS, call, request_of

from kansoku_collector.decode.otlp import find_spans
from kansoku_collector.model import Event
from kansoku_collector.normalise import normalise

NOW_MS = START_NS // 10**6
PNG = "data:image/png;base64,iVBORw0KGgo="


def raw(attributes, events=(), scope="test", **resource):
    """Return a raw span as the decoder gives it."""
    request = request_of({"attributes": attributes}, scope=scope, **resource)
    found = next(find_spans(request, NOW_MS)).read()
    found.events.extend(events)
    return found


def row(attributes, events=(), **more):
    """Return the row of a span with these attributes."""
    return normalise(raw(attributes, events, **more), "default", NOW_MS)[0]


def buckets(span):
    """Return the token buckets that are not empty."""
    names = (
        "input_fresh",
        "cache_read",
        "cache_write_5m",
        "cache_write_1h",
        "output_visible",
        "reasoning",
        "audio_in",
        "audio_out",
        "image",
    )
    return {name: getattr(span, name) for name in names if getattr(span, name)}


def test_usage_is_split_into_disjoint_buckets():
    """Input includes caches and output includes reasoning; every token lands in one bucket."""
    span = row(
        call(
            gen_ai__usage__input_tokens=100,
            gen_ai__usage__output_tokens=50,
            gen_ai__usage__cache_read__input_tokens=30,
            gen_ai__usage__cache_creation__input_tokens=20,
            anthropic__usage__cache_creation__ephemeral_1h_input_tokens=5,
            gen_ai__usage__reasoning__output_tokens=40,
        )
    )
    assert buckets(span) == {
        "input_fresh": 50,
        "cache_read": 30,
        "cache_write_5m": 15,
        "cache_write_1h": 5,
        "output_visible": 10,
        "reasoning": 40,
    }
    assert (span.usage_source, span.billed) == ("reported", True)


def test_caches_beyond_the_input_are_counted_beside_it():
    """A sender whose cached tokens exceed its input counts disjointly; nothing is lost."""
    span = row(call(gen_ai__usage__input_tokens=10, gen_ai__usage__cache_read__input_tokens=900))
    assert buckets(span) == {"input_fresh": 10, "cache_read": 900, "output_visible": 100}


def test_unknown_usage_is_not_zero():
    """Without any count the usage is none, and the call is still a call."""
    attributes = call()
    del attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]
    span = row(attributes)
    assert (span.usage_source, span.billed, buckets(span)) == ("none", True, {})


def test_guessed_tokens_are_stored_as_estimated():
    """What a sender guessed counts where nothing was reported, and says so; a report wins over a guess."""
    guess = {
        "kansoku.usage.estimated": True,
        "kansoku.usage.estimated_input_tokens": 9,
        "kansoku.usage.estimated_output_tokens": 4,
    }
    span = row({"gen_ai.operation.name": "chat", **guess})
    assert (span.usage_source, span.input_fresh, span.output_visible) == ("estimated", 9, 4)
    reported = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    span = row({"gen_ai.operation.name": "chat", **guess, **reported, "kansoku.usage.estimated": False})
    assert (span.usage_source, span.input_fresh, span.output_visible) == ("reported", 10, 5)


def test_older_names_are_read():
    """gen_ai.system, prompt_tokens and completion_tokens mean what their successors mean."""
    span = row(
        {
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4",
            "gen_ai.usage.prompt_tokens": 3,
            "gen_ai.usage.completion_tokens": 4,
        }
    )
    assert (span.provider, span.operation, span.input_fresh, span.output_visible) == ("openai", "chat", 3, 4)


@pytest.mark.parametrize(
    ("name", "operation", "billed"),
    [
        ("chat", "chat", True),
        ("embeddings", "embeddings", True),
        ("invoke_agent", "invoke_agent", False),
        ("invoke_workflow", "chain", False),
        ("execute_tool", "execute_tool", False),
        ("retrieval", "retrieval", False),
        ("something_new", "other", False),
    ],
)
def test_only_model_calls_are_billed(name, operation, billed):
    """Containers repeat their children's usage and are never in the ledger."""
    span = row(call(gen_ai__operation__name=name))
    assert (span.operation, span.billed) == (operation, billed)


def test_what_no_column_holds_is_kept():
    """Unknown attributes stay as text, known ones do not stay twice."""
    span = row(call(app__flag=True, app__list=["a", 1], gen_ai__new__thing="x"))
    assert span.attributes == {"app.flag": "true", "app.list": '["a",1]', "gen_ai.new.thing": "x"}


def test_the_sdks_own_attributes_are_read():
    """Tags, metadata, session, prompt and experiment have columns of their own."""
    attributes = call(
        session__id="s",
        user__id="u",
        gen_ai__prompt__name="guide",
        gen_ai__prompt__version="7",
        kansoku__experiment="e",
    )
    attributes |= {"kansoku.tags": ["a", "b"], "kansoku.metadata.city": "海辺市"}
    span = row(
        attributes, scope="kansoku", **{"deployment.environment.name": "prod", "service.version": "1.2"}
    )
    assert (span.dialect, span.session_id, span.user_id, span.experiment) == ("kansoku", "s", "u", "e")
    assert (span.tags, span.metadata, span.prompt_name, span.prompt_version) == (
        ["a", "b"],
        {"city": "海辺市"},
        "guide",
        "7",
    )
    assert (span.environment, span.release) == ("prod", "1.2")


def test_an_observed_function_is_searchable_and_whole():
    """Arguments of one's own function are searched in NFKC and kept as they were."""
    span = row(
        {"kansoku.kind": "function", "kansoku.input.value": '{"q":"ＡＢＣ"}', "kansoku.output.value": '"ﾊﾟ"'}
    )
    assert (span.input_text, span.output_text) == ('{"q":"ABC"}', "パ")
    assert span.attributes["kansoku.input.value"] == '{"q":"ＡＢＣ"}'


def test_messages_are_stored_in_one_shape():
    """GenAI parts stay, an OpenAI message becomes parts, and the last user text is searchable."""
    given = [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "ごみの収集日"},
                {"type": "image_url", "image_url": {"url": PNG}},
            ],
        },
    ]
    answered = [
        {"role": "assistant", "parts": [{"type": "text", "content": "火曜日"}], "finish_reason": "stop"}
    ]
    span = row(call(gen_ai__input__messages=json.dumps(given), gen_ai__output__messages=json.dumps(answered)))
    messages = json.loads(span.input_messages)
    assert messages[1]["parts"][0] == {"type": "text", "content": "ごみの収集日"}
    assert (messages[1]["parts"][1]["type"], messages[1]["parts"][1]["size"]) == ("blob", 8)
    assert (span.input_text, span.output_text, span.finish_reasons) == ("ごみの収集日", "火曜日", ["stop"])
    assert PNG[-12:] not in span.input_messages


def test_a_tool_call_that_ends_with_stop_is_a_tool_call():
    """Gemini and the Responses API say stop where the answer asks for tools."""
    answered = [{"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": {}}]}]
    span = row(call(gen_ai__output__messages=json.dumps(answered), gen_ai__response__finish_reasons=["STOP"]))
    assert span.finish_reasons == ["tool_calls"]


def test_legacy_events_become_messages():
    """One event a message, with tool calls and their results, before version 1.37."""
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Nara"}'}}
    ]
    events = [
        Event("gen_ai.system.message", 1, {"body": {"content": "Be brief."}}),
        Event("gen_ai.user.message", 2, {"content": "hello"}),
        Event("gen_ai.tool.message", 3, {"body": {"content": '{"sky": "clear"}', "id": "c1"}}),
        Event(
            "gen_ai.choice",
            4,
            {
                "body": {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "message": {"role": "assistant", "tool_calls": calls},
                }
            },
        ),
        Event("app.event", 5, {"kept": 1}),
    ]
    span = row(call(), events)
    given = json.loads(span.input_messages)
    assert [m["role"] for m in given] == ["system", "user", "tool"]
    assert given[2]["parts"] == [{"type": "tool_call_response", "response": {"sky": "clear"}, "id": "c1"}]
    assert json.loads(span.output_messages)[0]["parts"] == [
        {"type": "tool_call", "name": "weather", "arguments": {"city": "Nara"}, "id": "c1"}
    ]
    assert [event["name"] for event in json.loads(span.events)] == ["app.event"]


def test_an_evaluation_event_is_feedback():
    """gen_ai.evaluation.result on a span becomes a row of feedback, not an event."""
    event = Event(
        "gen_ai.evaluation.result",
        START_NS,
        {"gen_ai.evaluation.name": "faithful", "gen_ai.evaluation.score.value": 0.9, "extra": 1},
    )
    span, scores = normalise(raw(call(), [event]), "p", NOW_MS)
    assert [(f.name, f.value, f.source, f.project, f.metadata) for f in scores] == [
        ("faithful", 0.9, "evaluator", "p", {"extra": "1"})
    ]
    assert span.events == ""


def test_tools_and_retrievals_have_their_columns():
    """Arguments, result, query and documents are read."""
    tool = row(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "calendar",
            "gen_ai.tool.call.arguments": '{"area":"港"}',
            "gen_ai.tool.call.result": "火曜",
        }
    )
    assert (tool.tool_name, tool.tool_arguments, tool.tool_result) == ("calendar", '{"area":"港"}', "火曜")
    documents = [{"id": "d1", "score": 0.5, "content": "x"}]
    found = row(
        {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.retrieval.query.text": "q",
            "gen_ai.retrieval.documents": json.dumps(documents),
        }
    )
    assert (found.retrieval_query, json.loads(found.documents)) == ("q", documents)


def test_rerankers_and_chains_of_openinference():
    """A reranker is a model call with documents; a chain's values are searchable."""
    attributes = {
        "openinference.span.kind": "RERANKER",
        "reranker.query": "q",
        "reranker.model_name": "rerank-3",
    }
    attributes |= {
        "reranker.output_documents.0.document.content": "x",
        "reranker.output_documents.0.document.score": 0.7,
    }
    span = row(attributes)
    assert (span.operation, span.request_model, span.retrieval_query) == ("rerank", "rerank-3", "q")
    assert json.loads(span.documents) == [{"id": None, "score": 0.7, "content": "x"}]
    chain = row({"openinference.span.kind": "CHAIN", "input.value": "in", "output.value": "out"})
    assert (chain.operation, chain.input_text, chain.output_text, chain.billed) == (
        "chain",
        "in",
        "out",
        False,
    )


def test_another_instrumentations_span_is_kept_as_other():
    """A database span has no LLM facts; it is stored with all its attributes."""
    span = row(
        {"db.system": "postgresql", "db.statement": "SELECT 1"}, scope="opentelemetry.instrumentation.psycopg"
    )
    assert (span.operation, span.dialect, span.attributes) == (
        "other",
        "",
        {"db.system": "postgresql", "db.statement": "SELECT 1"},
    )


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=30)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
JSON_TEXT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda i: (
        st.lists(i, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "parts",
                    "content",
                    "type",
                    "text",
                    "message",
                    "tool_calls",
                    "function",
                    "arguments",
                    "name",
                    "image_url",
                    "url",
                    "source",
                    "id",
                    "generations",
                    "kwargs",
                ]
            ),
            i,
            max_size=4,
        )
    ),
    max_leaves=12,
).map(json.dumps)
NAMES = st.sampled_from(
    [
        *call(),
        *(
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.system_instructions",
            "gen_ai.tool.definitions",
        ),
        *(
            "gen_ai.response.finish_reasons",
            "gen_ai.retrieval.documents",
            "gen_ai.request.stop_sequences",
            "session.id",
        ),
        *(
            "kansoku.tags",
            "kansoku.metadata.a",
            "kansoku.cost.usd",
            "gen_ai.response.time_to_first_chunk",
            "error.type",
        ),
        *(
            "openinference.span.kind",
            "llm.model_name",
            "llm.invocation_parameters",
            "input.value",
            "output.value",
            "metadata",
        ),
        *(
            "llm.input_messages.0.message.content",
            "llm.input_messages.0",
            "llm.output_messages.0.message.tool_calls.0.tool_call",
        ),
        *(
            "llm.input_messages.0.message.contents.0.message_content.image.image.url",
            "llm.token_count.prompt",
            "tag.tags",
        ),
        *(
            "retrieval.documents.0.document.score",
            "retrieval.documents.x",
            "evaluations.0.evaluation.score",
            "annotations.0",
        ),
        *("embedding.embeddings.0.embedding.vector", "llm.tools.0.tool.json_schema", "llm.finish_reason"),
    ]
) | st.text(max_size=12)


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(
        NAMES,
        VALUES
        | JSON_TEXT
        | st.sampled_from(["LLM", "RETRIEVER", "TOOL", "EMBEDDING", "RERANKER", "chat", "execute_tool"]),
        max_size=12,
    )
)
def test_no_attribute_value_loses_the_span(attributes):
    """Whatever the values are, the span becomes a row with its identity and within its columns' ranges."""
    found = raw({name: value for name, value in attributes.items() if value is not None})
    span, scores = normalise(found, "default", NOW_MS)
    assert (span.trace_id, span.span_id) == (found.trace_id, found.span_id)
    assert all(0 <= value < 2**32 for value in buckets(span).values())
    assert all(
        isinstance(value, str)
        for value in [
            *span.attributes.values(),
            span.provider,
            span.input_messages,
            *span.tags,
            *span.finish_reasons,
        ]
    )
    assert all(isinstance(score.name, str) for score in scores)


def test_a_refusal_is_the_answer():
    """The flattened messages leave it out; the response that the client got has it."""
    message = {"role": "assistant", "content": None, "refusal": "I can't."}
    answer = {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}
    span = row(
        {
            "openinference.span.kind": "LLM",
            "llm.output_messages.0.message.role": "assistant",
            "output.value": json.dumps(answer),
        }
    )
    assert span.output_text == "I can't."


def test_the_end_of_langchains_answer_through_the_responses_api():
    """LangChain has no finish reason of it, but the response's status."""
    metadata = {
        "object": "response",
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
    }
    message = {"lc": 1, "kwargs": {"content": "Ni", "response_metadata": metadata}}
    span = row(
        {
            "openinference.span.kind": "LLM",
            "llm.output_messages.0.message.content": "Ni",
            "output.value": json.dumps({"generations": [[{"message": message}]]}),
        }
    )
    assert span.finish_reasons == ["length"]


@pytest.mark.parametrize(
    ("model", "provider"), [("openai/text-embedding-3-small", "openai"), ("my-model", "")]
)
def test_litellm_names_the_vendor_in_front_of_an_embeddings_model(model, provider):
    """Nothing else of such a span tells who answered."""
    span = row({"openinference.span.kind": "EMBEDDING", "embedding.model_name": model})
    assert span.provider == provider


def test_geminis_groups_of_functions_are_tools():
    """OpenLLMetry keeps the vendor's grouping in the attribute of the conventions."""
    tools = [{"function_declarations": [{"name": "a"}, {"name": "b"}]}]
    span = row(call(gen_ai__tool__definitions=json.dumps(tools)))
    assert [tool["name"] for tool in json.loads(span.tool_definitions)] == ["a", "b"]


AGENTS = {
    "object": "response",
    "id": "__fake_id__",
    "output": [
        {
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Nine."}],
            "provider_data": {"response_id": "chatcmpl-1"},
        }
    ],
}


def test_an_agents_chat_completion_is_a_response_in_a_list():
    """The Agents SDK makes such an object of a stream, with an id of its own and the vendor's beside it."""
    span = row({"openinference.span.kind": "LLM", "output.value": json.dumps([AGENTS])})
    assert (span.output_text, span.response_id, span.finish_reasons) == ("Nine.", "chatcmpl-1", ["stop"])


def test_words_that_a_message_says_twice_are_one_answer():
    """The Agents SDK's messages have their words as content and as contents."""
    message = "llm.output_messages.0.message."
    part = f"{message}contents.0.message_content."
    span = row(
        {
            "openinference.span.kind": "LLM",
            f"{message}content": "Nine.",
            f"{part}type": "text",
            f"{part}text": "Nine.",
        }
    )
    assert span.output_text == "Nine."


def test_a_reranker_has_a_vendor_and_usage():
    """It is a call of a model that costs money, and nothing but the model tells whose."""
    span = row(
        {
            "openinference.span.kind": "RERANKER",
            "reranker.model_name": "rerank-v3.5",
            "llm.token_count.prompt": 7,
            "llm.token_count.prompt_details.cache_input": 2,
        }
    )
    assert (span.operation, span.provider, span.billed) == ("rerank", "cohere", True)
    assert buckets(span) == {"input_fresh": 5, "cache_read": 2}


def test_a_tool_call_that_is_told_twice_is_one():
    """Bedrock's instrumentation writes it as a block of the message and beside the blocks."""
    message = {
        "role": "assistant",
        "content": [{"text": "Wait."}, {"toolUse": {"toolUseId": "t1", "name": "a", "input": {"x": 1}}}],
        "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "a", "arguments": {"x": 1}}}],
    }
    choice = Event("gen_ai.choice", START_NS, {"body": {"index": 0, "message": message}})
    parts = json.loads(row(call(), [choice]).output_messages)[0]["parts"]
    assert [part["type"] for part in parts] == ["text", "tool_call"]


def test_what_a_text_cites_and_which_tool_failed_are_kept():
    """The pages that an answer rests on are told with its words, and nowhere else."""
    cited = [{"type": "url_citation", "title": "City", "url": "https://city.test/"}]
    said = {"type": "text", "content": "Tuesday.", "citations": cited}
    failed = {"type": "tool_call_response", "id": "t1", "response": "away", "is_error": True}
    sent = [{"role": "tool", "parts": [failed]}]
    answered = [{"role": "assistant", "parts": [said], "finish_reason": "stop"}]
    span = row(call(gen_ai__input__messages=json.dumps(sent), gen_ai__output__messages=json.dumps(answered)))
    assert json.loads(span.output_messages)[0]["parts"] == [said]
    (part,) = json.loads(span.input_messages)[0]["parts"]
    assert part["is_error"] is True
    assert span.output_text == "Tuesday."
