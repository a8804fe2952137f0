"""OpenLLMetry's spans, flattened and current, to the canonical row."""

import json

from tests.collector.conftest import START_NS
from tests.collector.test_normalise import buckets, row

from kansoku_collector.model import Event

FLAT = {
    "llm.request.type": "chat",
    "gen_ai.system": "OpenAI",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "Be brief.",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": json.dumps([{"type": "text", "text": "What is this?"}]),
    "gen_ai.prompt.2.role": "tool",
    "gen_ai.prompt.2.tool_call_id": "call_0",
    "gen_ai.prompt.2.content": '{"sunny":true}',
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.finish_reason": "tool_calls",
    "gen_ai.completion.0.tool_calls.0.id": "call_1",
    "gen_ai.completion.0.tool_calls.0.name": "weather",
    "gen_ai.completion.0.tool_calls.0.arguments": '{"city":"Oslo"}',
    "llm.request.functions.0.name": "weather",
    "llm.request.functions.0.parameters": '{"type":"object"}',
    "gen_ai.usage.prompt_tokens": 12,
    "gen_ai.usage.completion_tokens": 5,
    "llm.usage.total_tokens": 17,
}


def test_flattened_messages_are_restored():
    """Roles, blocks, tool results, tool calls and definitions come back from their indices."""
    span = row(FLAT, scope="opentelemetry.instrumentation.openai.v1")
    given, answered = json.loads(span.input_messages), json.loads(span.output_messages)
    assert (span.dialect, span.operation, span.provider, span.billed) == (
        "openllmetry",
        "chat",
        "openai",
        True,
    )
    assert [m["role"] for m in given] == ["system", "user", "tool"]
    assert given[1]["parts"] == [{"type": "text", "content": "What is this?"}]
    assert given[2]["parts"] == [{"type": "tool_call_response", "response": {"sunny": True}, "id": "call_0"}]
    assert answered[0]["parts"] == [
        {"type": "tool_call", "name": "weather", "arguments": {"city": "Oslo"}, "id": "call_1"}
    ]
    assert json.loads(span.tool_definitions) == [
        {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    ]
    assert (span.finish_reasons, buckets(span)) == (["tool_calls"], {"input_fresh": 12, "output_visible": 5})
    assert not [key for key in span.attributes if key.startswith(("gen_ai.prompt", "gen_ai.completion"))]


def test_text_that_looks_like_json_stays_text():
    """Only blocks with a type are blocks; a user may write a JSON array."""
    for words in ("[1, 2]", '[{"a": 1}]'):
        assert row(FLAT | {"gen_ai.prompt.1.content": words}).input_text == words


def test_prompts_of_the_conventions_are_not_messages():
    """gen_ai.prompt.name and its variables share a prefix with flattened messages."""
    span = row(FLAT | {"gen_ai.prompt.name": "faq", "gen_ai.prompt.variable.city": "Oslo"})
    assert (span.prompt_name, span.attributes["gen_ai.prompt.variable.city"]) == ("faq", "Oslo")


def test_the_oldest_names_are_read():
    """llm.prompts, llm.completions and llm.usage.* came before gen_ai.*."""
    span = row(
        {
            "llm.vendor": "Cohere",
            "llm.request.type": "completion",
            "llm.request.model": "command",
            "llm.temperature": 0.3,
            "llm.prompts.0.user": "Say hello.",
            "llm.completions.0.content": "Hello.",
            "llm.usage.prompt_tokens": 3,
            "llm.usage.completion_tokens": 2,
        }
    )
    assert (span.operation, span.provider, span.request_model) == ("text_completion", "cohere", "command")
    assert (span.input_text, span.output_text, span.parameters) == (
        "Say hello.",
        "Hello.",
        {"temperature": "0.3"},
    )
    assert buckets(span) == {"input_fresh": 3, "output_visible": 2}


def test_a_completion_with_roles_is_a_chat():
    """Anthropic's messages were given the type `completion`."""
    assert row(FLAT | {"llm.request.type": "completion"}).operation == "chat"


def test_the_first_chunk_is_when_the_answer_began():
    """One event a chunk says when; the events themselves are not kept."""
    chunks = [Event("llm.content.completion.chunk", START_NS + n * 10**8, {}) for n in (3, 1, 2)]
    span = row(FLAT, events=chunks)
    assert (span.streaming, span.time_to_first_token, span.events) == (True, 0.1, "")


def test_thinking_that_only_the_total_shows_is_counted():
    """Gemini's thoughts are left out of the answer's count."""
    span = row(
        {
            "gen_ai.is_streaming": False,
            "gen_ai.operation.name": "generate_content",
            "gen_ai.provider.name": "gcp.gen_ai",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 30,
            "gen_ai.usage.total_tokens": 200,
        }
    )
    assert buckets(span) == {"input_fresh": 100, "output_visible": 30, "reasoning": 70}


def test_a_decorated_workflow_keeps_its_properties():
    """Association properties are session, user and metadata; LangChain's own notes stay attributes."""
    span = row(
        {
            "traceloop.span.kind": "workflow",
            "traceloop.entity.name": "faq",
            "traceloop.entity.input": '{"args":["なに"],"kwargs":{}}',
            "traceloop.association.properties.session_id": "s1",
            "traceloop.association.properties.user_id": "u1",
            "traceloop.association.properties.tenant": "acme",
            "traceloop.association.properties.ls_provider": "openai",
            "traceloop.prompt.key": "greeting",
            "traceloop.prompt.version": 4,
        },
        scope="traceloop.tracer",
    )
    assert (span.operation, span.billed, span.session_id, span.user_id) == ("chain", False, "s1", "u1")
    assert (span.metadata, span.prompt_name, span.prompt_version) == ({"tenant": "acme"}, "greeting", "4")
    assert span.attributes["traceloop.association.properties.ls_provider"] == "openai"
    assert "なに" in span.input_text


def test_properties_are_read_on_spans_of_other_dialects():
    """Traceloop's processor writes its properties on every span of the process."""
    span = row(
        {"openinference.span.kind": "LLM", "traceloop.association.properties.session_id": "s1"},
        scope="openinference.instrumentation.openai",
    )
    assert (span.dialect, span.session_id) == ("openinference", "s1")


def test_a_tool_has_its_arguments_and_result():
    """What the decorator and LangChain wrap around them is taken off."""
    decorated = {"traceloop.span.kind": "tool", "traceloop.entity.name": "weather"}
    span = row(
        decorated
        | {
            "traceloop.entity.input": '{"args":[],"kwargs":{"city":"Oslo"}}',
            "traceloop.entity.output": '"21 celsius"',
        }
    )
    assert (span.operation, span.tool_name) == ("execute_tool", "weather")
    assert (span.tool_arguments, span.tool_result) == ('{"city":"Oslo"}', "21 celsius")
    span = row(decorated | {"traceloop.entity.output": '{"output":"sunny","kwargs":{}}'})
    assert span.tool_result == "sunny"


def test_a_retriever_has_its_query_and_documents():
    """LangChain's retriever answers with page contents."""
    span = row(
        {
            "gen_ai.operation.name": "vector_db_retrieve",
            "traceloop.span.kind": "task",
            "traceloop.entity.input": '{"query":"開館時間","tags":[]}',
            "traceloop.entity.output": json.dumps(
                {"documents": [{"page_content": "9:00", "metadata": {"id": "d1", "score": 0.5}}], "count": 1}
            ),
        }
    )
    assert (span.operation, span.retrieval_query, span.input_text) == ("retrieval", "開館時間", "開館時間")
    assert json.loads(span.documents) == [
        {"id": "d1", "score": 0.5, "content": "9:00", "metadata": {"id": "d1", "score": 0.5}}
    ]


def test_hits_of_a_vector_database_are_documents():
    """A vector database's span has one event for each hit."""
    hit = {"db.query.result.id": "d1", "db.query.result.distance": 0.2, "db.query.result.document": "9:00"}
    span = row({"db.system": "chroma"}, events=[Event("db.query.result", START_NS, hit)])
    assert (span.operation, json.loads(span.documents)) == (
        "retrieval",
        [{"id": "d1", "score": 0.2, "content": "9:00"}],
    )


def test_the_provider_is_who_answered():
    """LangChain's calls name the framework; its own note names the vendor, and clouds have one name each."""
    noted = {"traceloop.association.properties.ls_provider": "anthropic"}
    assert row(FLAT | noted | {"gen_ai.system": "Langchain"}).provider == "anthropic"
    assert row(FLAT | noted).provider == "openai"
    assert row(FLAT | {"gen_ai.system": "Azure"}).provider == "azure.ai.openai"
    assert row(FLAT | {"gen_ai.system": "AWS"}).provider == "aws.bedrock"


def test_calls_of_functions_in_either_nesting_are_restored():
    """JavaScript's instrumentation nests the function, the oldest has one function call without a list."""
    base = {"llm.request.type": "chat", "gen_ai.completion.0.role": "assistant"}
    nested = {
        "gen_ai.completion.0.tool_calls.0.function.name": "weather",
        "gen_ai.completion.0.tool_calls.0.function.arguments": "{}",
    }
    single = {
        "gen_ai.completion.0.function_call.name": "weather",
        "gen_ai.completion.0.function_call.arguments": "{}",
    }
    for attributes in (nested, single):
        parts = json.loads(row(base | attributes).output_messages)[0]["parts"]
        assert parts == [{"type": "tool_call", "name": "weather", "arguments": {}}]


def test_an_older_retriever_is_a_retrieval():
    """A task that was asked a query and answers with documents is one, whatever it is called."""
    task = {"traceloop.span.kind": "task", "traceloop.entity.input": '{"query":"hours"}'}
    found = row(task | {"traceloop.entity.output": '{"documents":[{"page_content":"9:00"}]}'})
    assert (found.operation, found.retrieval_query) == ("retrieval", "hours")
    assert row(task | {"traceloop.entity.output": '{"outputs":"9:00"}'}).operation == "chain"


def test_javascripts_blocks_are_unfolded_from_their_text():
    """JavaScript writes blocks, tool calls or a whole conversation as the text of one message."""
    blocks = json.dumps(
        [
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}},
        ],
        separators=(",", ":"),
    )
    said = [
        {"role": "assistant", "parts": [{"type": "text", "content": blocks}], "finish_reason": "tool_use"}
    ]
    talk = json.dumps(
        [{"role": "user", "content": "One"}, {"role": "user", "content": "Two"}], separators=(",", ":")
    )
    asked = [{"role": "user", "parts": [{"type": "text", "content": talk}]}]
    span = row(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": json.dumps(asked, separators=(",", ":")),
            "gen_ai.output.messages": json.dumps(said, separators=(",", ":")),
        },
        scope="@traceloop/instrumentation-langchain",
    )
    assert span.output_text == "Let me look."
    assert json.loads(span.output_messages)[0]["parts"][1]["name"] == "weather"
    assert (span.input_text, span.finish_reasons) == ("Two", ["tool_calls"])


def test_a_tool_of_javascripts_langchain_is_named_by_its_answer():
    """The span names the class of the tool; the message that it answered names the tool and the call."""
    answered = {"content": "12 C", "tool_call_id": "c1", "name": "weather"}
    span = row(
        {
            "gen_ai.operation.name": "execute_tool",
            "traceloop.span.kind": "task",
            "traceloop.entity.name": "DynamicStructuredTool",
            "traceloop.entity.input": json.dumps({"args": ['{"city":"Oslo"}']}),
            "traceloop.entity.output": json.dumps({"lc": 1, "kwargs": answered}),
        },
        scope="@traceloop/instrumentation-langchain",
    )
    assert (span.tool_name, span.tool_call_id, span.tool_result) == ("weather", "c1", "12 C")
    assert json.loads(span.tool_arguments) == {"city": "Oslo"}


def test_tools_and_retrievers_of_llama_index_are_more_than_tasks():
    """OpenLLMetry calls all of LlamaIndex's a task; what it was given and returned tells what it is."""
    output = {"blocks": [], "tool_name": "weather", "raw_input": {}, "raw_output": "12 C", "is_error": False}
    task = {"traceloop.span.kind": "task", "traceloop.entity.name": "FunctionTool.task"}
    given = {"traceloop.entity.input": json.dumps({"kwargs": {"city": "Oslo"}})}
    tool = row(task | given | {"traceloop.entity.output": json.dumps(output)})
    assert (tool.operation, tool.tool_name, tool.tool_result) == ("execute_tool", "weather", "12 C")
    assert json.loads(tool.tool_arguments) == {"city": "Oslo"}
    node = json.dumps({"node": {"id_": "n1", "text": "Open from nine."}, "score": 0.5})
    nodes = {"traceloop.entity.output": json.dumps([node])}
    asked = {"traceloop.entity.input": json.dumps({"str_or_query_bundle": {"query_str": "Hours?"}})}
    found = row(task | asked | nodes)
    assert (found.operation, found.retrieval_query) == ("retrieval", "Hours?")
    document = json.loads(found.documents)[0]
    assert (document["id"], document["score"], document["content"]) == ("n1", 0.5, "Open from nine.")
    inside = {"traceloop.entity.input": json.dumps({"query_bundle": {"query_str": "Hours?"}})}
    assert row(task | inside | nodes).operation == "chain"


def test_a_model_tells_its_vendor_where_no_one_says_it():
    """Embeddings of LlamaIndex have no vendor, and its classes stand for one."""
    embedded = {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "text-embedding-3-small"}
    assert row(embedded | {"traceloop.span.kind": "task"}).provider == "openai"
    named = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai_responses_llm"}
    assert row(named | {"traceloop.span.kind": "task"}).provider == "openai"


def test_a_ranking_is_documents_with_scores():
    """Documents were prompts of the system and scores words of the answer, for Cohere and Voyage."""
    span = row(
        {
            "llm.request.type": "rerank",
            "gen_ai.system": "Cohere",
            "gen_ai.request.model": "rerank-v3.5",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "sun",
            "gen_ai.prompt.1.role": "system",
            "gen_ai.prompt.1.content": "rain",
            "gen_ai.prompt.2.role": "user",
            "gen_ai.prompt.2.content": "Wet?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "Doc 1, Score: 0.9\nrain",
            "gen_ai.completion.1.role": "assistant",
            "gen_ai.completion.1.content": "Doc 0, Score: 1e-05",
        }
    )
    assert (span.operation, span.retrieval_query, span.input_text) == ("rerank", "Wet?", "Wet?")
    assert json.loads(span.documents) == [
        {"id": "1", "score": 0.9, "content": "rain"},
        {"id": "0", "score": 1e-05, "content": "sun"},
    ]


def test_a_ranking_of_javascripts_has_its_scores_apart():
    """What is billed, a search, is counted there under the name of all tokens."""
    span = row(
        {
            "llm.request.type": "rerank",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.user": "Wet?",
            "documents.0.index": "sun",
            "documents.1.index": "rain",
            "gen_ai.completion.0.content": "rain",
            "gen_ai.completion.0.relevanceScore": 0.9,
            "llm.usage.total_tokens": 1,
        }
    )
    assert json.loads(span.documents) == [{"id": "1", "score": 0.9, "content": "rain"}]
    assert (span.retrieval_query, span.attributes["kansoku.usage.search_units"]) == ("Wet?", "1")
