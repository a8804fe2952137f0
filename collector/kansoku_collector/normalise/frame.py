"""What every dialect shares: identity, time, status, who and where."""

from typing import Any, NamedTuple

from kansoku import semconv
from kansoku.usage import Usage
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.blobs import without_blobs
from kansoku_collector.normalise.drawings import put_drawn
from kansoku_collector.normalise.messages import Message, last_user_text, text_of
from kansoku_collector.normalise.operations import PROVIDERS
from kansoku_collector.normalise.terms import SEARCHES, once
from kansoku_collector.normalise.vendor import provider_of, seller_of
from kansoku_collector.values import MAX_COUNT, dump, first, items, load, number, searchable, text

MODEL_OPERATIONS = frozenset({"chat", "text_completion", "generate_content", "embeddings", "image", "rerank"})
_EXCEPTIONS = ("exception", "gen_ai.client.operation.exception")
_STATUS = ("unset", "ok", "error")
_MAX_NS = 2**63 - 1
_STEP_TAGS = ("seq:step:", "graph:step:", "map:key:")  # LangChain's, of the steps of its chains and graphs
_MAX_WEIGHT = 1_000_000  # a rate of one in a million: more is a mistake, and would drown every total
_FINISHED = (
    *("stop", "end_turn", "stop_sequence", "stop_sequences", "completed", "complete"),
    *("eos", "eos_token", "end_of_text", "endturn", "stopsequence"),  # the last two: Strands' JavaScript
)
_CUT = (
    *("length", "max_tokens", "max_token", "max_output_tokens", "incomplete", "error_limit"),
    *("model_length", "model_context_window_exceeded", "maxtokens", "modelcontextwindowexceeded"),
)
_CALLED = (
    *("tool_calls", "tool_use", "tool_call", "tool-calls", "toolcalls", "tool_execution"),
    *("function_call", "function_calls", "tooluse"),
)
_FILTERED = (
    *("content_filter", "content-filter", "contentfilter", "content_filtered", "safety", "refusal"),
    *("guardrail_intervened", "error_toxic", "guardrailintervened", "contentfiltered"),
)
FINISH = {
    **dict.fromkeys(_FINISHED, "stop"),
    **dict.fromkeys(_CUT, "length"),
    **dict.fromkeys(_CALLED, "tool_calls"),
    **dict.fromkeys(_FILTERED, "content_filter"),
}


class Origin(NamedTuple):
    """What a resource says of where its spans come from, and all of it as text."""

    service: str
    environment: str
    release: str
    texts: dict[str, str]


_last_origin = (Attributes(), Origin("", "", "", {}))


def open_row(raw: RawSpan, left: Attributes, project: str, received_ms: int) -> Span:
    """Return the row with everything that no dialect names differently; `left` loses what was read."""
    origin = _origin_of(raw.resource)
    status = _STATUS[raw.status_code] if raw.status_code in (0, 1, 2) else "unset"
    environment = first(left, semconv.ENVIRONMENT, "deployment.environment")
    start = raw.start_ns
    return Span(
        project=project,
        trace_id=raw.trace_id,
        span_id=raw.span_id,
        parent_span_id=raw.parent_span_id,
        name=raw.name,
        service=origin.service,
        environment=origin.environment or text(environment),
        release=origin.release,
        start=min(start, _MAX_NS),
        duration_ns=min(raw.end_ns - start, _MAX_NS),
        scope_name=raw.scope_name,
        scope_version=raw.scope_version,
        session_id=text(first(left, semconv.SESSION_ID, semconv.CONVERSATION_ID)),
        user_id=text(first(left, semconv.USER_ID, "enduser.id")),
        status=status,
        error_message=raw.status_message if status == "error" else "",
        resource=origin.texts,
        received=received_ms,
        weight=_weight(left.pop(semconv.SAMPLE_WEIGHT)) if semconv.SAMPLE_WEIGHT in left else 1.0,
    )


def close_row(span: Span, raw: RawSpan, left: Attributes, *, repeats: bool = False) -> Span:
    """Finish the row: errors, the one name of who answered, the ledger's flag, and what no column holds.

    A span that `repeats` what another one reports is not billed.
    """
    called = span.operation in MODEL_OPERATIONS
    if called and _failed(span, raw, left):
        span.status = "error"
    if span.status == "error":
        _read_error(span, raw, left)
    if called and not span.provider:
        span.provider = provider_of(span.request_model)
    if "/" in span.provider and len(path := span.provider.split("/")) == 3 and all(path):
        span.provider = path[2]  # Dify's are plugins: organisation, plugin, vendor
    span.provider = seller_of(PROVIDERS.get(span.provider, span.provider), span.request_model)
    if span.output_visible and called:
        put_drawn(left, span)
    span.billed = called and not repeats
    span.attributes = {
        key: value if type(value) is str and ";base64," not in value else without_blobs(text(value))
        for key, value in left.items()
    }
    if raw.events:
        events = [{"name": e.name, "time_ns": e.time_ns, "attributes": e.attributes} for e in raw.events]
        span.events = without_blobs(dump(events))
    if raw.links:
        span.links = dump(raw.links)
    return span


def _origin_of(resource: Attributes) -> Origin:
    """Return what a resource says: found once for all of its spans, which come one after another."""
    global _last_origin  # noqa: PLW0603 - the one of the span before, replaced as a whole
    known, origin = _last_origin
    if known is not resource:
        origin = Origin(
            text(resource.get(semconv.SERVICE_NAME)),
            text(resource.get(semconv.ENVIRONMENT) or resource.get("deployment.environment")),
            text(resource.get(semconv.SERVICE_VERSION)),
            {key: text(value) for key, value in resource.items()},
        )
        _last_origin = resource, origin
    return origin


def put_content(
    span: Span, system: list[dict[str, Any]], given: list[Message], answered: list[Message]
) -> None:
    """Store messages, and their words for search."""
    if system:
        span.system_instructions = dump(system)
    if given:
        span.input_messages = dump(given)
        span.input_text = searchable(last_user_text(given))
    if answered:
        span.output_messages = dump(answered)
        span.output_text = searchable("\n".join(words for m in answered if (words := text_of(m))))


def put_finish(span: Span, reasons: list[Any], answered: list[Message]) -> None:
    """Store the canonical finish reasons; a tool call is one, even where the vendor says only "stop"."""
    found = [text(reason) for reason in reasons if reason] or [
        m["finish_reason"] for m in answered if m.get("finish_reason")
    ]
    kinds = {
        str(part.get("type"))
        for message in answered
        for part in message["parts"]
        if text(part.get("name")) not in SEARCHES  # which the vendor ran, on its way to the answer
    }
    # Where the result is there too the model went on: an agent's answers, or a tool of the vendor's own.
    put_reasons(span, found, called="tool_call" in kinds and "tool_call_response" not in kinds)


def put_reasons(span: Span, reasons: list[Any], *, called: bool) -> None:
    """Store finish reasons in their canonical form; `called` says that the answer calls a tool."""
    found = [text(reason) for reason in reasons if reason]
    # Python writes a vendor's own word as `FinishReason.STOP`.
    canonical = [_canonical(reason) for reason in found]
    if called and canonical and set(canonical) == {"stop"}:
        canonical = ["tool_calls"] * len(canonical)
    span.finish_reasons = canonical


def _canonical(reason: str) -> str:
    found = FINISH.get(reason.lower().removeprefix("finishreason."))
    return found or FINISH.get(once(reason), reason)  # the second: of several choices, joined


def put_usage(span: Span, counts: dict[str, int | None], *, estimated: bool = False) -> None:
    """Store token counts in disjoint buckets; without any count the usage stays unknown.

    `counts` follow the OpenTelemetry rule (input includes caches, output includes reasoning). Where the
    cached parts alone exceed the input they cannot be included in it: the sender counts disjointly and they
    are added.
    """
    given, answered = counts.pop("input_tokens", None), counts.pop("output_tokens", None)
    if given is None and answered is None:
        return
    parts = {name: value for name, value in counts.items() if value}
    cached = parts.get("cache_read", 0) + parts.get("cache_write", 0)
    total = given or 0
    if cached > total and span.provider == "cohere":  # it bills fewer tokens than its server had cached
        parts.pop("cache_read", None)
        parts.pop("cache_write", None)
    elif cached > total:
        total = min(MAX_COUNT, total + cached)
    usage = Usage.from_inclusive(total, answered or 0, **parts)
    span.usage_source = "estimated" if estimated else "reported"
    for name in Usage._fields:
        setattr(span, name, getattr(usage, name))


def add_calls(span: Span, calls: list[tuple[Any, Any, Any]]) -> None:
    """Add (id, name, arguments) of calls of tools to the answer of a span that has its words alone."""
    if not calls:
        return
    answered = load(span.output_messages) or [{"role": "assistant", "parts": []}]
    parts = [part for part in answered[0]["parts"] if part.get("content") != ""]
    for call_id, name, arguments in calls:
        parts.append({"type": "tool_call", "id": text(call_id), "name": text(name), "arguments": arguments})
    answered[0]["parts"] = parts
    span.output_messages = dump(answered)


def put_metadata(span: Span, values: dict[str, Any]) -> None:
    """Add an application's own key-value pairs."""
    span.metadata.update({key: text(value) for key, value in values.items()})


def _weight(value: Any) -> float:
    """Return how many spans a sampled one stands for; what makes no sense counts as one."""
    found = number(value)
    return found if found is not None and 1 <= found <= _MAX_WEIGHT else 1.0


def texts(value: Any) -> list[str]:
    """Return a list of texts: tags."""
    return [text(item) for item in items(value)]


def run_tags(value: Any) -> list[str]:
    """Return the tags that an application gave to LangChain's run, without those that its steps have."""
    return [tag for item in texts(value) if (tag := item.strip()) and not tag.startswith(_STEP_TAGS)]


def _failed(span: Span, raw: RawSpan, left: Attributes) -> bool:
    """Tell whether a call failed that nobody calls an error.

    Quarkus tells the exception alone; Portkey's gateway calls every request a success, and tells the type of
    its error.
    """
    if span.status == "error" or not (raw.events or semconv.ERROR_TYPE in left):
        return False
    if span.usage_source != "none" or span.output_messages or span.finish_reasons:
        return False
    stopped = span.status == "unset" and any(event.name in _EXCEPTIONS for event in raw.events)
    return stopped or bool(left.get(semconv.ERROR_TYPE))


def _read_error(span: Span, raw: RawSpan, left: Attributes) -> None:
    kind = left.pop(semconv.ERROR_TYPE, None)
    for event in raw.events:
        if event.name in _EXCEPTIONS:
            kind = kind or event.attributes.get("exception.type")
            span.error_message = span.error_message or text(event.attributes.get("exception.message"))
    span.error_type = text(kind)
