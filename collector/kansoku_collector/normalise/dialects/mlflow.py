"""MLflow: `mlflow.*` attributes, each of them JSON, and the spans that it translates itself."""

import re
from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counts import mlflow_counts, once
from kansoku_collector.normalise.dialects import mlflow_bedrock, mlflow_langchain, mlflow_litellm
from kansoku_collector.normalise.dialects.mlflow_chunks import read_chunks, streamed_calls, take_chunks
from kansoku_collector.normalise.dialects.mlflow_translated import read_translated
from kansoku_collector.normalise.exchange import (
    PARAMETERS,
    Request,
    Response,
    put_exchange,
    read_chat,
    read_parameters,
    read_request,
    read_response,
)
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_metadata, put_usage
from kansoku_collector.normalise.messages import Message, read_message, read_parts, tool_definitions
from kansoku_collector.normalise.steps import put_step
from kansoku_collector.normalise.terms import put_searches, put_tier
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import decode, first, items, load, mapping, number, plain, text, truth

FLAVOUR = "mlflow.message.format"
_TYPE = "mlflow.spanType"
_TAG = "mlflow.traceTag."
OPERATIONS = {
    "CHAT_MODEL": "chat",
    "LLM": "chat",
    "EMBEDDING": "embeddings",
    "RETRIEVER": "retrieval",
    "RERANKER": "rerank",
    "TOOL": "execute_tool",
    "AGENT": "invoke_agent",
    **dict.fromkeys(("CHAIN", "PARSER", "WORKFLOW", "TASK", "MEMORY"), "chain"),
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluation",
}
_OBJECT = re.compile(r"<[\w.]+ (?:object at 0x\w+|\[\d+ \w+\] .*)>")
_RESPONSE = ("object", "id", "model", "status", "incomplete_details", "usage")
_IMAGES = ("Images", "AsyncImages")  # of OpenAI's client
_FRAMEWORK = ("ls_", "lc_", "langgraph_", "checkpoint_")


def is_mlflow(raw: RawSpan) -> bool:
    """Tell whether a span comes from MLflow's tracing, whichever names it uses."""
    return (
        raw.scope_name.startswith("mlflow")
        or _TYPE in raw.attributes
        or "mlflow.spanInputs" in raw.attributes
    )


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span`; `left` loses what was read."""
    _read_context(left, span)
    chunks, pieces = take_chunks(raw, span), mlflow_langchain.take_pieces(raw, span)
    if s.OPERATION in left and _TYPE not in left:
        read_translated(raw, left, span, chunks, OPERATIONS)
        mlflow_langchain.put_pieces(pieces, span)
        return
    span.dialect = "mlflow"
    span.operation = OPERATIONS.get(plain(left.pop(_TYPE, None)).upper(), "other")
    if raw.name in _IMAGES and "mlflow.llm.model" in left:  # whose type is that of a tool
        span.operation = "image"
    given, answered = left.pop("mlflow.spanInputs", None), left.pop("mlflow.spanOutputs", None)
    if raw.name.startswith(mlflow_bedrock.NAME):
        given, answered = mlflow_bedrock.unwrapped(raw, left, span, given, answered)
    mlflow_litellm.read_call(left, span)
    if span.operation in MODEL_OPERATIONS:
        _read_call(left, span, given, answered, chunks)
        mlflow_langchain.put_pieces(pieces, span)
    else:
        asked, told = decode(given), decode(answered)
        if span.operation == "execute_tool":  # the classes and methods of DSPy and smolagents
            span.tool_name = raw.name.removeprefix("Tool.").removesuffix(".__call__")
            asked, told = _called_with(asked), _value(told)
        put_step(span, left, asked, told)


def _read_call(left: Attributes, span: Span, given: Any, answered: Any, chunks: list[Any]) -> None:
    response = read_response(_own_response(left, answered) or _answer(answered))
    request = read_request(_inputs(given))
    bare = {name: decode(left.pop(name)) for name in [*mapping(given), *PARAMETERS] if name in left}
    bare |= mapping(left.pop("invocation_params", None))  # LangChain's
    named = plain(left.pop("mlflow.llm.model", None))
    span.request_model = request.model or plain(bare.get("model")) or span.request_model or named
    span.response_model = response.facts.get("model", "") or (named if named != span.request_model else "")
    if not request.system and (told := plain(left.pop("instructions", None))):
        request = request._replace(system=read_parts(told))
    request, response = _with_chat(left, request, response)
    provider, form = plain(left.pop("mlflow.llm.provider", None)), plain(left.get("mlflow.message.format"))
    span.provider = (provider or provider_of(span.request_model) or provider_of(f"{form}/")).lower()
    span.parameters = read_parameters(bare)
    span.streaming = span.streaming or truth(bare.get("stream"))
    span.tool_definitions = request.tools or tool_definitions(left.get("mlflow.chat.tools"))
    left.pop("mlflow.chat.tools", None)
    if (calls := streamed_calls(chunks)) and not any(_calls(m) for m in response.messages):
        said = read_message({"content": None, "tool_calls": calls}, "assistant")
        response = response._replace(messages=[*response.messages, said], reasons=["tool_calls"])
    reasons = read_chunks(chunks, span)
    put_exchange(span, request, response, [] if response.reasons else reasons)
    put_tier(left, response.facts.get("tier"), request.tier, bare.get("service_tier"))
    put_searches(left, decode(answered))
    if span.operation in ("embeddings", "rerank"):
        span.output_messages = span.output_text = ""
    _read_usage(left, span, response.counts or mlflow_litellm.counts_of(left))


def _with_chat(left: Attributes, request: Request, response: Response) -> tuple[Request, Response]:
    """Return both sides with what the conversation says besides, in one list of OpenAI's messages.

    MLflow 2.20 to 3.1 wrote it beside input and output, whose shape is the framework's: LlamaIndex's blocks,
    the printed object of a stream.
    """
    told = read_chat(left.pop("mlflow.chat.messages", None), "user")
    answered = [message for message in told[-1:] if message["role"] == "assistant"]
    system = [part for message in told if message["role"] == "system" for part in message["parts"]]
    given = [message for message in told[: len(told) - len(answered)] if message["role"] != "system"]
    if given and not _has_words(request.messages):
        request = request._replace(messages=given, system=request.system or system)
    if answered and not _has_words(response.messages):
        response = response._replace(messages=answered)
    return request, response


def _has_words(messages: list[Message]) -> bool:
    """Tell whether messages were read, and are not only the JSON of an object that nobody knows."""
    parts = [part for message in messages for part in message["parts"]]
    return any(part.get("type") != "text" or text(part.get("content"))[:1] not in ("", "{") for part in parts)


def _read_usage(left: Attributes, span: Span, told: dict[str, int | None]) -> None:
    """Store the counts: the vendor's own object says more than MLflow's summary, which includes caches."""
    counts = mlflow_counts(left.pop("mlflow.chat.tokenUsage", None))
    if plain(left.get(FLAVOUR)) == "langchain":
        counts = once(counts, len(items(span.output_messages)))
    if told or any(counts.values()):  # zeros alone are a stream of an agent's that told nothing
        put_usage(span, told or counts)
    cost = mapping(left.pop("mlflow.llm.cost", None))
    total = number(cost.get("total_cost"))
    total = total or sum(part for name in ("input_cost", "output_cost") if (part := number(cost.get(name))))
    if total:
        left[s.COST_REPORTED_USD] = round(total, 12)


def _read_context(left: Attributes, span: Span) -> None:
    session = first(left, "mlflow.trace.session", "metadata.mlflow.trace.session")
    user = first(left, "mlflow.trace.user", "metadata.mlflow.trace.user")
    span.session_id = plain(session) or plain(span.session_id)
    span.user_id = plain(user) or plain(span.user_id)
    for key in [key for key in left if key.startswith(_TAG)]:
        if not key.startswith(f"{_TAG}mlflow."):
            put_metadata(span, {key.removeprefix(_TAG): left.pop(key)})
    notes = dict(mapping(left.get("metadata")))  # LangChain's and the application's
    mlflow_langchain.put_asker(notes, span)
    put_metadata(span, {name: value for name, value in notes.items() if not name.startswith(_FRAMEWORK)})
    prompt = next((item for item in items(left.get("mlflow.linkedPrompts")) if isinstance(item, dict)), {})
    span.prompt_name, span.prompt_version = text(prompt.get("name")), text(prompt.get("version"))


def _calls(message: Message) -> bool:
    return any(part.get("type") == "tool_call" for part in message["parts"])


def _answer(value: Any) -> Any:
    """Return the output of a call; an object that could not be written is none.

    Python tells its name, JavaScript what of a stream is no function.
    """
    found = decode(value)
    if found == {"controller": {}}:
        return None
    return None if isinstance(found, str) and _OBJECT.fullmatch(found) else found


def _called_with(asked: Any) -> Any:
    """Return the named arguments of a tool, which smolagents lists beside how it was called."""
    if isinstance(asked, dict) and "sanitize_inputs_outputs" in asked and not asked.get("args"):
        return asked.get("kwargs", asked)
    return asked


def _value(told: Any) -> Any:
    """Return what smolagents wraps in an object that prints itself."""
    return told["_value"] if isinstance(told, dict) and told.keys() == {"_value"} else told


def _own_response(left: Attributes, answered: Any) -> dict[str, Any] | None:
    """Return the Responses object whose fields are attributes, its output apart: the Agents SDK's."""
    if plain(left.get("object")) != "response":
        return None
    found = {name: decode(left.pop(name)) for name in _RESPONSE if name in left}
    left.pop("temperature", None)  # the vendor's default, which nobody asked for
    left.pop("top_p", None)
    return {**found, "output": decode(answered)}


def _inputs(value: Any) -> Any:
    """Return the request of a call; a function that was traced by hand may hold it as its only argument."""
    found = load(value)
    if isinstance(found, dict) and len(found) == 1:
        inner = next(iter(found.values()))
        if isinstance(inner, dict) and ("messages" in inner or "contents" in inner):
            return inner
    return found
