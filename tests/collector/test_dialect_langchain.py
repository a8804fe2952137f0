"""LangChain, LangGraph and LlamaIndex, as the dialects that hook into their callbacks tell them."""

import json

import pytest
from tests.collector.conftest import START_NS
from tests.collector.test_normalise import NOW_MS, buckets, raw, row

from kansoku import semconv
from kansoku_collector.model import Event, Span
from kansoku_collector.normalise import normalise
from kansoku_collector.relate.relatives import complete

DOCUMENTS = [{"pageContent": "9:00", "metadata": {"score": 0.9}, "id": "doc-1"}]
SAID = [{"role": "assistant", "parts": [{"type": "text", "content": "Nine."}]}]
CALLED = [{"role": "assistant", "parts": [{"type": "tool_call", "name": "weather", "arguments": {}}]}]


@pytest.mark.parametrize(
    ("answered", "status", "reasons"),
    [(SAID, 0, []), (CALLED, 0, ["tool_calls"]), (SAID, 2, ["error"])],
)
def test_an_end_that_nobody_told_is_not_an_error(answered, status, reasons):
    """OpenTelemetry's package says "error" where LangChain has no reason, as of the Responses API."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.output.messages": json.dumps(answered),
        "gen_ai.response.finish_reasons": ["error"],
    }
    found = raw(told, scope="opentelemetry.instrumentation.genai.langchain")
    found.status_code = status
    assert normalise(found, "default", NOW_MS)[0].finish_reasons == reasons


def test_the_root_of_a_workflow_has_the_tags_of_its_run():
    """OpenLLMetry prints them into the input; those of steps are LangChain's own."""
    given = json.dumps({"inputs": {}, "tags": ["beta", "seq:step:1", "graph:step:2"], "metadata": {}})
    attributes = {"traceloop.span.kind": "workflow", "traceloop.entity.input": given}
    assert row(attributes, scope="opentelemetry.instrumentation.langchain").tags == ["beta"]
    task = attributes | {"traceloop.span.kind": "task"}
    assert row(task, scope="opentelemetry.instrumentation.langchain").tags == []


def test_documents_get_the_ids_that_a_step_of_a_stream_tells_at_its_end():
    """What goes into a step of a stream is known only then, and noted beside the output."""
    known = [{"kwargs": {"id": "doc-1", "page_content": "9:00"}}]
    told = json.dumps({"outputs": "9:00", "kwargs": {"inputs": known}})
    documents = json.dumps([{"id": None, "content": "9:00"}])
    base = {"trace_id": "t", "dialect": "openllmetry"}
    found = Span(span_id="r", operation="retrieval", documents=documents, **base)
    step = Span(span_id="s", operation="chain", attributes={"traceloop.entity.output": told}, **base)
    complete([found, step])
    assert json.loads(found.documents)[0]["id"] == "doc-1"


def message(**metadata):
    """Return a step's output with LangChain's message of an answer that calls a tool."""
    calls = [{"id": "call_1", "name": "weather", "args": {"city": "Oslo"}}]
    kwargs = {"id": "chatcmpl-1", "content": "", "tool_calls": calls, "response_metadata": metadata}
    return json.dumps({"output": [{"update": {"messages": [{"kwargs": kwargs}]}}]})


@pytest.mark.parametrize(("answered", "calls"), [(20, 1), (21, 0)])
def test_calls_of_tools_that_javascript_leaves_out_are_those_of_the_step(answered, calls):
    """OpenLLMetry's span of an answer without words has none; the step's message has the same counts."""
    base = {"trace_id": "t", "parent_span_id": "p", "dialect": "openllmetry"}
    empty = '[{"role":"assistant","parts":[{"type":"text","content":""}]}]'
    call = Span(
        span_id="c",
        operation="chat",
        output_messages=empty,
        finish_reasons=["tool_calls"],
        usage_source="reported",
        input_fresh=10,
        output_visible=answered,
        **base,
    )
    told = message(usage={"prompt_tokens": 10, "completion_tokens": 20}, model_name="gpt-5-mini-2025-08-07")
    step = Span(span_id="s", operation="chain", attributes={"traceloop.entity.output": told}, **base)
    complete([call, step])
    parts = json.loads(call.output_messages)[0]["parts"]
    assert [part.get("name") for part in parts if part["type"] == "tool_call"] == ["weather"] * calls
    assert (call.response_id, call.response_model) == (
        ("chatcmpl-1", "gpt-5-mini-2025-08-07") if calls else ("", "")
    )


def test_langfuse_tells_session_and_retrieval_where_its_handler_does_not():
    """A call without a chain has the session in its notes; JavaScript's retrievers have no kind."""
    notes = {"langfuse_session_id": '"s-1"', "langfuse_user_id": '"u-1"', "langfuse_tags": '["beta"]'}
    call = {f"langfuse.observation.metadata.{name}": value for name, value in notes.items()}
    span = row(call | {"langfuse.observation.type": "generation"}, scope="langfuse-sdk")
    assert (span.session_id, span.user_id, span.tags, span.metadata) == ("s-1", "u-1", ["beta"], {})
    found = row(
        {
            "langfuse.observation.type": "span",
            "langfuse.observation.input": "Hours?",
            "langfuse.observation.output": json.dumps(DOCUMENTS, separators=(",", ":")),
            "langfuse.trace.metadata.thread_id": "thread-1",
        },
        scope="langfuse-sdk",
    )
    assert (found.operation, found.retrieval_query, found.session_id) == ("retrieval", "Hours?", "thread-1")
    (document,) = json.loads(found.documents)
    assert (document["id"], document["score"], document["content"]) == ("doc-1", 0.9, "9:00")


def test_openinference_has_the_user_in_the_notes_and_the_score_of_a_document_in_its_own():
    """LangChain's callbacks have no other place for either."""
    chain = {"openinference.span.kind": "CHAIN", "metadata": '{"user_id": "u-1", "plan": "pro"}'}
    assert row(chain).user_id == "u-1"
    place = "retrieval.documents.0.document."
    found = row(
        {
            "openinference.span.kind": "RETRIEVER",
            f"{place}content": "9:00",
            f"{place}metadata": '{"score": 0.9}',
        }
    )
    assert json.loads(found.documents)[0]["score"] == 0.9


def test_javascripts_engines_of_llamaindex_repeat_their_retriever():
    """OpenLLMetry tells both with the same nodes; the retriever's span is the retrieval."""
    found = [{"node": {"id_": "node-1", "text": "9:00", "metadata": {}}, "score": 0.9}]
    told = {
        "traceloop.span.kind": "task",
        "traceloop.entity.input": '{"args":["Hours?"],"kwargs":{}}',
        "traceloop.entity.output": json.dumps(found, separators=(",", ":")),
    }
    rows = []
    for name in ("vector_index_retriever.retrieve", "retriever_query_engine.retrieve"):
        span = raw(told, scope="@traceloop/instrumentation-llamaindex")
        span.name = name
        rows.append(normalise(span, "default", NOW_MS)[0])
    assert [span.operation for span in rows] == ["retrieval", "chain"]
    (document,) = json.loads(rows[0].documents)
    assert (rows[0].retrieval_query, document["id"], document["score"]) == ("Hours?", "node-1", 0.9)


def test_langsmith_reads_a_request_beside_its_options():
    """JavaScript's clients take options as a second argument, and both are then in a list."""
    request = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hours?"}]}
    given = json.dumps({"args": [request, {"maxRetries": 2}]}, separators=(",", ":"))
    span = row({"langsmith.span.kind": "llm", "gen_ai.prompt": given}, scope="langsmith")
    assert (span.input_text, span.request_model) == ("Hours?", "gpt-5-mini")


def test_langsmith_counts_choices_of_javascript_once():
    """Each choice has the usage of the call, and LangSmith's sum is that of all of them."""
    usage = {"input_tokens": 8, "output_tokens": 5}
    kwargs = {"content": "Nine.", "usage_metadata": usage, "response_metadata": {"finish_reason": "stop"}}
    choice = {"text": "Nine.", "message": {"kwargs": kwargs}}
    counted = {"promptTokens": 8, "completionTokens": 5, "totalTokens": 13}
    answered = {"generations": [[choice, choice]], "llmOutput": {"tokenUsage": counted}}
    summed = {"input_tokens": 16, "output_tokens": 10, "total_tokens": 26}
    span = row(
        {
            "langsmith.span.kind": "llm",
            "gen_ai.completion": json.dumps(answered),
            "langsmith.usage_metadata": json.dumps(summed),
        },
        scope="langsmith",
    )
    assert buckets(span) == {"input_fresh": 8, "output_visible": 5}


def piece(number, **message):
    """Return one piece of a stream as MLflow's callbacks note it."""
    chunk = {"kwargs": {"message": {"kwargs": message}}}
    return Event("new_token", START_NS + number * 10**8, {"token": "x", "chunk": json.dumps(chunk)})


@pytest.mark.parametrize("translated", [False, True])
def test_mlflow_has_the_end_and_the_counts_of_a_stream_in_its_pieces(translated):
    """The summary leaves out end, fingerprint and parts of the usage; the words are in the answer, too."""
    details = {"input_token_details": {"cache_read": 4}, "output_token_details": {"reasoning": 2}}
    pieces = [
        piece(1, response_metadata={}),
        piece(2, response_metadata={"finish_reason": "length", "system_fingerprint": "fp_1"}),
        piece(3, usage_metadata={"input_tokens": 10, "output_tokens": 5, **details}),
    ]
    mlflow = {
        "mlflow.spanType": '"CHAT_MODEL"',
        "mlflow.spanOutputs": json.dumps({"choices": [{"message": {"role": "assistant", "content": "N"}}]}),
        "mlflow.chat.tokenUsage": '{"input_tokens": 10, "output_tokens": 5}',
        "metadata": '{"session_id": "s-1", "user_id": "u-1", "plan": "pro", "langgraph_step": 1}',
        "invocation_params": '{"model": "gpt-5-mini", "max_tokens": 77, "stop": null}',
    }
    conventions = {
        "gen_ai.operation.name": "chat",
        "gen_ai.output.messages": json.dumps(SAID),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
    }
    shared = {name: mlflow[name] for name in ("metadata", "invocation_params")}
    span = row(conventions | shared if translated else mlflow, pieces, scope="mlflow.tracing.provider")
    assert buckets(span) == {"input_fresh": 6, "cache_read": 4, "output_visible": 3, "reasoning": 2}
    assert (span.finish_reasons, span.system_fingerprint, span.streaming) == (["length"], "fp_1", True)
    assert (span.session_id, span.user_id, span.metadata) == ("s-1", "u-1", {"plan": "pro"})
    assert (span.parameters["max_tokens"], span.time_to_first_token) == ("77", 0.1)
    assert "new_token" not in span.events


def test_mlflow_takes_what_was_written_to_the_cache_from_the_message():
    """Its summary counts none written; the step's message has the vendor's usage, of the same sum."""
    usage = {"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2}
    metadata = {"id": "msg_1", "stop_reason": "end_turn", "usage": usage | {"output_tokens": 7}}
    said = {"content": [{"type": "text", "text": "Nine."}], "response_metadata": metadata}
    base = {"trace_id": "t", "parent_span_id": "p", "dialect": "mlflow"}
    call = Span(
        span_id="c",
        operation="chat",
        output_messages=json.dumps(SAID),
        output_text="Nine.",
        usage_source="reported",
        input_fresh=7,
        cache_read=3,
        output_visible=7,
        **base,
    )
    step = Span(
        span_id="s",
        operation="chain",
        attributes={semconv.OUTPUT_VALUE: json.dumps({"messages": [said]})},
        **base,
    )
    complete([call, step])
    assert buckets(call) == {"input_fresh": 5, "cache_read": 3, "cache_write_5m": 2, "output_visible": 7}
    assert (call.response_id, call.finish_reasons) == ("msg_1", ["stop"])


def _called_back(answered, **counts):
    """Return the row of a call as OpenLLMetry's callback tells it."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.output.messages": json.dumps(answered),
        **counts,
    }
    return row(told, scope="opentelemetry.instrumentation.langchain")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use", "id": "c1", "name": "weather", "input": {}},
        {"type": "function_call", "call_id": "c1", "id": "fc_1", "name": "weather", "arguments": "{}"},
    ],
)
def test_calls_that_openllmetry_tells_twice_are_no_words(block):
    """Beside the call there is its block as JSON, which was shown and searched as the answer."""
    words = [{"type": "text", "content": text} for text in (json.dumps(block), '{"type": "sun"}')]
    call = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {}}
    span = _called_back([{"role": "assistant", "parts": [*words, call], "finish_reason": ""}])
    kinds = [part["type"] for part in json.loads(span.output_messages)[0]["parts"]]
    assert (kinds, span.output_text, span.finish_reasons) == (
        ["text", "tool_call"],
        '{"type": "sun"}',
        ["tool_calls"],
    )


def test_tokens_of_several_choices_are_counted_once_under_openllmetry():
    """LangChain notes the call's counts on each of them, and the callback adds them up."""
    counts = {"gen_ai.usage.input_tokens": 200, "gen_ai.usage.output_tokens": 40}
    counts |= {"gen_ai.usage.cache_read.input_tokens": 60}
    assert buckets(_called_back(SAID * 2, **counts)) == {
        "input_fresh": 70,
        "cache_read": 30,
        "output_visible": 20,
    }


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
    ],
    ids=["anthropic", "openai"],
)
def test_thoughts_are_read_out_of_langchains_message_under_openinference(block):
    """Its flattened messages have the words alone."""
    message = {"type": "ai", "content": [block, {"type": "text", "text": "Nine."}]}
    generation = {"text": "Nine.", "message": {"lc": 1, "id": ["AIMessage"], "kwargs": message}}
    told = {
        "openinference.span.kind": "LLM",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.contents.1.message_content.type": "text",
        "llm.output_messages.0.message.contents.1.message_content.text": "Nine.",
        "output.value": json.dumps({"generations": [[generation]]}),
    }
    span = row(told, scope="openinference.instrumentation.langchain")
    parts = json.loads(span.output_messages)[0]["parts"]
    assert [(part["type"], part["content"]) for part in parts] == [("reasoning", "Hm."), ("text", "Nine.")]
    assert span.output_text == "Nine."
