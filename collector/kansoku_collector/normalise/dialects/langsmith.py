"""LangSmith: `langsmith.*` beside `gen_ai.prompt` and `gen_ai.completion`, which hold a run's own objects."""

import re
from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counts import Counts, vendor_counts
from kansoku_collector.normalise.dialects import gen_ai, indexed
from kansoku_collector.normalise.dialects.langsmith_ai_sdk import called_with, put_result
from kansoku_collector.normalise.exchange import (
    PARAMETERS,
    put_exchange,
    read_parameters,
    read_request,
    read_response,
)
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_metadata, put_usage, run_tags
from kansoku_collector.normalise.messages import tool_definitions
from kansoku_collector.normalise.steps import put_step
from kansoku_collector.normalise.terms import put_searches, put_tier
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import count, first, items, load, mapping, number, text, truth

_METADATA = "langsmith.metadata."
KIND = "langsmith.span.kind"
OPERATIONS = {
    "llm": "chat",
    "embedding": "embeddings",
    "retriever": "retrieval",
    "tool": "execute_tool",
    "chain": "chain",
    "prompt": "chain",
    "parser": "chain",
    "agent": "invoke_agent",
}
_SESSION = ("session_id", "thread_id", "conversation_id")
# What the SDK and LangChain note on a run by themselves.
_OWN = ("LANGSMITH_", "LANGCHAIN_", "ls_", "lc_", "langgraph_", "checkpoint_", "__")
# What LangChain notes of a model's settings, beside its parameters.
_SETTINGS = frozenset(
    {
        *(
            "model",
            "model_name",
            "stream",
            "streaming",
            "stream_options",
            "_type",
            "model_kwargs",
            "max_retries",
        ),
        *(
            "tools",
            "tool_choice",
            "response_format",
            "parallel_tool_calls",
            "timeout",
            "base_url",
            "logprobs",
        ),
    }
)
_RAISED = re.compile(r"(\w+)\((.*?)\)(?:\n\nTraceback|\Z)", re.DOTALL)


def is_langsmith(raw: RawSpan) -> bool:
    """Tell whether a span is a run of LangSmith's."""
    return raw.scope_name == "langsmith" or KIND in raw.attributes or "langsmith.trace.name" in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from the run; `left` loses what was read."""
    span.dialect = "langsmith"
    # The name of the operation is not used: a retriever says "embeddings", a prompt template "chat".
    operation, kind = text(left.pop(s.OPERATION, None)), text(left.pop(KIND, None)).lower()
    span.operation = OPERATIONS.get(kind) or ("chat" if not kind and operation == "chat" else "other")
    notes = {
        key.removeprefix(_METADATA): left.pop(key) for key in [k for k in left if k.startswith(_METADATA)]
    }
    given, answered = left.pop("gen_ai.prompt", None), left.pop("gen_ai.completion", None)
    system = text(left.pop("gen_ai.system", None))
    if span.operation in MODEL_OPERATIONS and given is None and _told_by_conventions(left):
        _read_by_hand(raw, left, span, system)
    elif span.operation in MODEL_OPERATIONS:
        span.provider = text(notes.get("ls_provider") or ("" if system == "langchain" else system)).lower()
        _read_call(left, span, given, answered, notes)
    else:
        span.tool_name = text(left.pop(s.TOOL_NAME, None))
        span.tool_call_id = text(left.pop(s.TOOL_CALL_ID, None))
        if span.operation == "execute_tool":
            given = called_with(given, span)
        put_step(span, left, _unwrapped(given, "input"), _unwrapped(answered, "output", "outputs"))
    _read_error(raw, left, span)
    _put_notes(left, span, notes)


def _told_by_conventions(left: Attributes) -> bool:
    return s.INPUT_MESSAGES in left or s.OUTPUT_MESSAGES in left or indexed.is_indexed(left)


def _read_by_hand(raw: RawSpan, left: Attributes, span: Span, system: str) -> None:
    """Read a span that a program made itself: LangSmith's kind on the names of the conventions."""
    left[s.OPERATION] = span.operation
    left.setdefault("gen_ai.system", system)
    gen_ai.read(raw, left, span)
    span.dialect = "langsmith"


def _read_call(left: Attributes, span: Span, given: Any, answered: Any, notes: dict[str, Any]) -> None:
    if text(given).startswith('{"args":['):  # JavaScript's clients that are given options beside the request
        given = next((item for item in mapping(given)["args"] if isinstance(item, dict)), given)
    request, response = read_request(given), read_response(answered)
    if "prompts" in mapping(given):  # LangChain's text models
        span.operation = "text_completion"
    span.request_model = request.model or text(
        left.get(s.REQUEST_MODEL) or notes.get("ls_model_name") or notes.get("model_name")
    )
    left.pop(s.REQUEST_MODEL, None)
    span.response_model = text(left.pop(s.RESPONSE_MODEL, None))
    span.response_id = text(left.pop(s.RESPONSE_ID, None))
    span.system_fingerprint = text(left.pop("gen_ai.response.system_fingerprint", None))
    span.provider = span.provider or provider_of(span.request_model)
    span.streaming = truth(first(left, "langsmith.request.streaming", s.STREAM)) or truth(notes.get("stream"))
    span.parameters = _parameters(left, notes)
    span.tool_definitions = tool_definitions(left.pop(s.TOOL_DEFINITIONS, None))
    put_exchange(span, request, response, _reasons(left.pop(s.FINISH_REASONS, None)))
    if span.operation == "embeddings":
        span.output_messages = span.output_text = ""
    invoked = mapping(notes.get("ls_invocation_params")).get("service_tier")
    put_tier(left, response.facts.get("tier"), request.tier, notes.get("service_tier"), invoked)
    put_searches(left, load(answered))
    _read_usage(left, span, response.counts, notes, put_result(span, answered, notes))


def _reasons(value: Any) -> list[Any]:
    """Return how each choice ended: a list, or JavaScript's words with commas between them."""
    return value.split(", ") if isinstance(value, str) and value[:1] != "[" else items(value)


def _parameters(left: Attributes, notes: dict[str, Any]) -> dict[str, str]:
    """Return the parameters: LangSmith's own notes, the model's settings, attributes; the last one wins."""
    found = read_parameters(mapping(notes.get("ls_invocation_params"))) | read_parameters(notes)
    found |= read_parameters({k.removeprefix("ls_"): v for k, v in notes.items() if k.startswith("ls_")})
    asked = {k.removeprefix(s.REQUEST): left.pop(k) for k in [k for k in left if k.startswith(s.REQUEST)]}
    return found | read_parameters(asked)


def _read_usage(left: Attributes, span: Span, told: Counts, notes: dict[str, Any], own: Counts) -> None:
    usage = mapping(first(left, "langsmith.usage_metadata") or notes.pop("usage_metadata", None))
    counts = own or vendor_counts(usage) or told
    flat = {
        "input_tokens": count(first(left, s.INPUT_TOKENS, "gen_ai.usage.prompt_tokens")),
        "output_tokens": count(first(left, s.OUTPUT_TOKENS, "gen_ai.usage.completion_tokens")),
    }
    asked, once = flat["input_tokens"], told.get("input_tokens")
    if once and not own and once != (total := counts.get("input_tokens")):
        # Of several choices LangSmith adds up the usage that LangChain notes on each.
        summed = asked is None and total == once * len(items(span.output_messages))
        counts = told if asked == once or summed else counts
    put_usage(span, counts or flat)
    first(
        left,
        "gen_ai.usage.total_tokens",
        "gen_ai.usage.input_token_details",
        "gen_ai.usage.output_token_details",
    )
    cost = number(usage.get("total_cost"))
    if cost is None:
        parts = [number(usage.get(name)) for name in ("input_cost", "output_cost")]
        cost = sum(part for part in parts if part) or None
    if cost:
        left[s.COST_STATED_USD] = round(cost, 12)


def _read_error(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Name the error: a run tells `repr(error)` and a traceback, while the event's type is `Exception`."""
    event = next((event for event in raw.events if event.name == "exception"), None)
    if event is not None and raw.scope_name == "langsmith":
        span.status = "error"  # JavaScript's SDK records the failure, and says that all went well
    if span.status != "error" or event is None:
        return
    told = text(event.attributes.get("exception.message"))
    if found := _RAISED.match(told):
        left.setdefault(s.ERROR_TYPE, found[1])
        span.error_message = found[2].strip("'\"") or told
    else:
        span.error_message = told.split("\n\nTraceback", 1)[0]


def _put_notes(left: Attributes, span: Span, notes: dict[str, Any]) -> None:
    tags = left.pop("langsmith.span.tags", None)
    span.tags = run_tags(tags.split(",") if isinstance(tags, str) and tags[:1] != "[" else tags)
    session = next((notes.pop(name) for name in _SESSION if notes.get(name)), None)
    span.session_id = text(session) or span.session_id
    span.user_id = text(notes.pop("user_id", None)) or span.user_id
    span.prompt_name = text(notes.get("lc_hub_repo"))
    span.prompt_version = text(notes.get("lc_hub_commit_hash"))
    model = span.operation in MODEL_OPERATIONS
    for name, value in notes.items():
        if name.startswith(_OWN) or (model and (name in _SETTINGS or name in PARAMETERS)):
            left[_METADATA + name] = value
        else:
            put_metadata(span, {name: value})


def _unwrapped(value: Any, *names: str) -> Any:
    """Return the only value of a run that has just one."""
    found = load(value)
    only = next(iter(found)) if isinstance(found, dict) and len(found) == 1 else None
    return found[only] if only in names else value
