"""OpenInference (Arize): `openinference.span.kind` and flattened indices."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise import flattened
from kansoku_collector.normalise.dialects import haystack_printed, llama_index, openinference_beeai
from kansoku_collector.normalise.dialects.claude_agent import is_agent_sdk
from kansoku_collector.normalise.dialects.openinference_messages import prompts_of, read_given, read_node
from kansoku_collector.normalise.dialects.openinference_names import (
    drop_hidden,
    is_printed,
    read_rarer,
    take_decision,
)
from kansoku_collector.normalise.dialects.openinference_objects import (
    function_response,
    is_guarded_call,
    read_own_answer,
    read_own_prompt,
    read_plain_answer,
    read_plain_prompt,
    read_system,
    response_of,
    says_more,
)
from kansoku_collector.normalise.dialects.openinference_retrieval import read_retrieval
from kansoku_collector.normalise.dialects.openinference_usage import read_usage
from kansoku_collector.normalise.exchange import PARAMETERS, read_response, response_counts
from kansoku_collector.normalise.flattened import at, listed
from kansoku_collector.normalise.frame import (
    put_content,
    put_finish,
    put_metadata,
    put_reasons,
    put_usage,
    texts,
)
from kansoku_collector.normalise.messages import read_messages, tool_definitions
from kansoku_collector.normalise.vendor import provider_of, response_facts
from kansoku_collector.values import (
    decode,
    dump,
    first,
    items,
    load,
    mapping,
    plain,
    searchable,
    text,
    truth,
)

KIND = "openinference.span.kind"
OPERATIONS = {
    "LLM": "chat",
    "EMBEDDING": "embeddings",
    "RETRIEVER": "retrieval",
    "RERANKER": "rerank",
    "TOOL": "execute_tool",
    "AGENT": "invoke_agent",
    "CHAIN": "chain",
    "PROMPT": "chain",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluation",
    "DECISION": "generate_content",
}
PREFIXES = (
    "llm.input_messages.",
    "llm.output_messages.",
    "llm.prompts.",
    "llm.choices.",
    "llm.tools.",
    "embedding.embeddings.",
    "retrieval.documents.",
    "reranker.input_documents.",
    "reranker.output_documents.",
)
_INNER = frozenset({"LLM", "RETRIEVER", "EMBEDDING"})
_SAID = (*PREFIXES, "llm.token_count.", "llm.prompts")
_SCOPES = ("openinference.", "@arizeai/openinference")
_OTHERS = frozenset({s.OPERATION, "ai.operationId"})
FIRST_TOKEN = ("First Token Stream Event", "new_token (")  # the second: BeeAI's
_PARAMETERS = PARAMETERS | {
    "num_output": "max_tokens",  # LlamaIndex
    "p": "top_p",  # Cohere
    "k": "top_k",
    "random_seed": "seed",  # Mistral
}
_NOTED = ("temperature", "max_tokens")
_JAVA = ("langchain4j", "spring-ai")
_UNSET = (None, "")  # the second: Mistral's
# What invocation parameters hold that is not a parameter of the model.
_NOT_PARAMETERS = frozenset(
    {
        *("model", "model_name", "stream", "tools", "messages", "_type", "stream_options"),
        *("system", "instructions", "system_instruction", "systemInstruction"),
        *("context_window", "is_chat_model", "is_function_calling_model", "system_role"),
    }
)


def is_openinference(raw: RawSpan) -> bool:
    """Tell whether a span speaks this dialect, by its kind, its scope or its flattened names."""
    if raw.scope_name.startswith(_SCOPES):
        return True
    if not _OTHERS.isdisjoint(raw.attributes):
        return False  # a span processor added these names to a span of another dialect
    if KIND in raw.attributes:
        return True
    return any(key.startswith(PREFIXES) for key in raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from the attributes and events of `raw`; `left` loses what was read."""
    span.dialect = "openinference"
    drop_hidden(left)
    kind = text(left.pop(KIND, "LLM" if "llm.model_name" in left else "")).upper()
    if kind in _INNER and _is_inside(raw):
        kind = ""
    elif kind == "GUARDRAIL" and is_guarded_call(left):
        kind = "LLM"
    span.operation = OPERATIONS.get(kind, "other")
    tree = flattened.take(left, PREFIXES)
    _read_context(left, span)
    if kind in {"LLM", "DECISION"}:
        take_decision(left, kind)
        _read_call(raw, left, span, tree)
        read_rarer(raw, left, span, kind)
    elif kind == "EMBEDDING":
        _read_embedding(left, span, tree)
    elif kind in {"RETRIEVER", "RERANKER"}:
        read_retrieval(left, span, tree, kind)
    elif kind == "TOOL":
        _read_tool(left, span)
    else:
        span.input_text = searchable(text(left.get("input.value")))
        span.output_text = searchable(text(left.get("output.value")))
        _read_messages(left, span, tree)
        if kind == "AGENT" and is_agent_sdk(raw.scope_name):  # nothing else tells what the run used
            _read_models(left, span, {}, {})
            read_usage(left, span)


def _is_inside(raw: RawSpan) -> bool:
    """Tell whether a span is inside of a call, whose kind LlamaIndex and BeeAI give to each step."""
    private = "._" in raw.name and raw.name.rpartition(".")[2].startswith("_")
    private = private and not any(key.startswith(_SAID) for key in raw.attributes)
    return private or openinference_beeai.is_event(raw)


def _read_context(left: Attributes, span: Span) -> None:
    metadata = mapping(left.pop("metadata", None))
    put_metadata(span, metadata)
    span.user_id = span.user_id or text(metadata.get("user_id"))
    span.session_id = span.session_id or text(metadata.get("sessionId"))
    span.tags = texts(left.pop("tag.tags", None))
    span.prompt_name = text(first(left, "llm.prompt_template.name", "prompt.name", "prompt.id"))
    span.prompt_version = text(left.pop("llm.prompt_template.version", None))


def _read_call(raw: RawSpan, left: Attributes, span: Span, tree: dict[str, Any]) -> None:
    request, response = mapping(left.get("input.value")), response_of(left.get("output.value"))
    facts = response_facts(response)
    _read_models(left, span, request, facts)
    _read_parameters(left, span)
    read_usage(left, span, response)
    if reason := left.pop("llm.stop_reason", None) or facts.get("status"):  # the first: JavaScript's Bedrock
        left.setdefault("llm.finish_reason", reason)
    answers = _read_messages(left, span, tree)
    if raw.scope_name == haystack_printed.SCOPE:
        haystack_printed.read_replies(response, span)
    elif raw.scope_name == openinference_beeai.JAVASCRIPT:
        openinference_beeai.read_answer(left.get("output.value"), span)
    elif '"parts":[]' in span.input_messages:
        read_own_prompt(request, span)
    read_system(request, span)
    if (
        response
        and "replies" not in response
        and ('"parts":[{' not in span.output_messages or says_more(response, answers, span))
    ):
        read_own_answer(response, span)
    elif not span.output_messages:
        read_plain_answer(left, span)
    if not span.finish_reasons and response:
        called = '"type":"tool_call"' in span.output_messages
        put_reasons(span, read_response(response).reasons, called=called)
    if not span.input_messages:
        read_plain_prompt(left, span)
    tools = [load(at(node, "tool.json_schema") or "") for node in listed(at(tree, "llm.tools"))]
    span.tool_definitions = tool_definitions(tools or request.get("tools"))
    if raw.scope_name == haystack_printed.SCOPE and not tools:
        haystack_printed.read_tools(request, span)
    # The second: JavaScript's Bedrock.
    stream = truth(request.get("stream")) or truth(response.get("streaming"))
    span.streaming = span.streaming or stream or "streaming" in facts
    _read_first_token(raw, span)
    if span.input_messages:
        first(left, "input.value", "input.mime_type")
    if span.output_messages:
        first(left, "output.value", "output.mime_type")


def _read_models(left: Attributes, span: Span, request: dict[str, Any], facts: dict[str, str]) -> None:
    system, provider = text(left.pop("llm.system", None)), text(left.pop("llm.provider", None))
    parameters = mapping(left.get("llm.invocation_parameters"))
    named = text(left.pop("llm.model_name", None))
    named = "" if named == "unknown" and system in _JAVA else named
    asked = left.pop("llm.request.model_name", None) or parameters.get("model") or request.get("model")
    if not asked and (asked := request.get("modelId")):  # Bedrock's, of which JavaScript keeps a piece
        named = text(asked)
    asked = asked or span.metadata.get("ls_model_name") or parameters.get("model_name")
    # Where no request names the model, `llm.model_name` is what was asked (LiteLLM, LlamaIndex).
    span.request_model = text(asked) or named
    answered = text(left.pop("llm.response.model_name", None)) or facts.get("model", "")
    span.response_model = answered or (named if asked and named != text(asked) else "")
    # LiteLLM's embeddings say no provider but in front of the model.
    span.provider = (provider or system).lower() or provider_of(span.request_model)
    # Of the Agent Development Kit over LiteLLM, and of Java's frameworks, which always say OpenAI.
    if system in _JAVA or (span.provider == "google" and "/" in span.request_model):
        span.provider = provider_of(span.request_model) or span.provider
    span.response_id = facts.get("id", "")
    span.system_fingerprint = facts.get("system_fingerprint", "")


def _read_parameters(left: Attributes, span: Span) -> None:
    values = mapping(first(left, "llm.invocation_parameters", "embedding.invocation_parameters"))
    for name in _NOTED:  # LangChain's standard notes, where a class leaves its settings out
        if values.get(name) is None and (noted := span.metadata.get(f"ls_{name}")):
            values[name] = decode(noted)
    for name, value in values.items():
        if (
            value in _UNSET
            or is_printed(value)
            or name in _NOT_PARAMETERS
            or (value == -1 and name == "num_output")
        ):
            continue
        span.parameters[_PARAMETERS.get(name, name)] = dump(value)
    span.streaming = truth(values.get("stream"))


def _read_messages(left: Attributes, span: Span, tree: dict[str, Any]) -> int:
    """Store the messages; return how many answers there are."""
    given = read_given(listed(at(tree, "llm.input_messages")), span.scope_name)
    answered = [read_node(node, "assistant") for node in listed(at(tree, "llm.output_messages"))]
    if not given and (prompts := prompts_of(left, tree)):
        span.operation = "text_completion"
        given = read_messages([text(prompt) for prompt in prompts], "user")
    if not answered:
        answered = read_messages(
            [text(at(n, "completion.text")) for n in listed(at(tree, "llm.choices"))], "assistant"
        )
    put_content(span, [], given, answered)
    put_finish(span, items(first(left, "llm.finish_reason", "llm.response.finish_reasons")), answered)
    return len(answered)


def _read_first_token(raw: RawSpan, span: Span) -> None:
    # Gemini's, LlamaIndex's and Agno's say it in the name of the method only.
    span.streaming = span.streaming or "stream" in raw.name.rpartition(".")[2].lower()
    for event in raw.events:
        if event.name.startswith(FIRST_TOKEN) and event.time_ns >= raw.start_ns:
            span.streaming = True
            span.time_to_first_token = (event.time_ns - raw.start_ns) / 1e9
            break


def _read_embedding(left: Attributes, span: Span, tree: dict[str, Any]) -> None:
    request = mapping(left.pop("input.value", None))
    response = mapping(left.pop("output.value", None))
    facts = response_facts(response)
    first(left, "input.mime_type", "output.mime_type")
    parameters = mapping(left.get("embedding.invocation_parameters"))
    _read_models(left, span, request, facts)
    named = text(left.pop("embedding.model_name", None))
    span.request_model = span.request_model or text(parameters.get("model")) or named
    span.provider = span.provider or provider_of(span.request_model)
    span.response_model = span.response_model or (named if named != span.request_model else "")
    _read_parameters(left, span)
    read_usage(left, span)
    if span.usage_source == "none" and (told := response.get("meta")):  # Haystack's, Cohere's
        put_usage(span, response_counts(told))
    words = [text(at(node, "embedding.text")) for node in listed(at(tree, "embedding.embeddings"))]
    put_content(span, [], read_messages([word for word in words if word], "user"), [])


def _read_tool(left: Attributes, span: Span) -> None:
    span.tool_name = text(left.pop("tool.name", None)) or span.name.removesuffix(".__call__")  # DSPy's
    span.tool_call_id = text(first(left, "tool.id", "tool_call.id"))
    span.tool_arguments = text(llama_index.arguments(first(left, "input.value", "tool.parameters")))
    result = text(llama_index.tool_output(left.pop("output.value", None)))
    span.tool_result = plain(result) if result.startswith('"') else function_response(result)
    first(left, "input.mime_type", "output.mime_type")
    span.input_text, span.output_text = searchable(span.tool_arguments), searchable(span.tool_result)
