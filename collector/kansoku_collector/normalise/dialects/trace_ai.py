"""traceAI (Future AGI): OpenInference's shapes under names of the conventions, or with a kind of its own."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counters import COUNTERS
from kansoku_collector.normalise.dialects import claude_agent, openinference
from kansoku_collector.values import first, items, number, rename, text

_RAW = "raw.output"
_KIND, _OLD_KIND = "gen_ai.span.kind", "fi.span.kind"
_SCOPES = ("traceai", "fi_instrumentation", "@traceai/")
_PREFIXES = {
    "gen_ai.input.messages.": "llm.input_messages.",
    "gen_ai.output.messages.": "llm.output_messages.",
    "gen_ai.tool.definitions.": "llm.tools.",
    "gen_ai.retrieval.documents.": "retrieval.documents.",
    "gen_ai.reranker.input_documents.": "reranker.input_documents.",
    "gen_ai.reranker.output_documents.": "reranker.output_documents.",
}
_NAMES = {
    _KIND: openinference.KIND,
    _OLD_KIND: openinference.KIND,
    "gen_ai.request.parameters": "llm.invocation_parameters",
    s.PROVIDER: "llm.provider",
    "gen_ai.system": "llm.system",
    s.REQUEST_MODEL: "llm.request.model_name",
    s.RESPONSE_MODEL: "llm.response.model_name",
    s.TOOL_NAME: "tool.name",
    s.TOOL_CALL_ID: "tool.id",
    "gen_ai.tool.parameters": "tool.parameters",
    "gen_ai.reranker.query": "reranker.query",
    "gen_ai.reranker.model": "reranker.model_name",
    "gen_ai.prompt.template.name": "llm.prompt_template.name",
    "gen_ai.prompt.template.version": "llm.prompt_template.version",
    "gen_ai.cost.total": s.VENDOR_COST,
}
_COUNTS = {
    "input_tokens": "llm.token_count.prompt",
    "output_tokens": "llm.token_count.completion",
    "cache_read": "llm.token_count.prompt_details.cache_read",
    "cache_write": "llm.token_count.prompt_details.cache_write",
    "audio_in": "llm.token_count.prompt_details.audio",
    "reasoning": "llm.token_count.completion_details.reasoning",
    "audio_out": "llm.token_count.completion_details.audio",
}


def is_trace_ai(raw: RawSpan) -> bool:
    """Tell whether traceAI wrote a span, by its older kind or by its scope beside the newer one."""
    attributes = raw.attributes
    return _OLD_KIND in attributes or (_KIND in attributes and raw.scope_name.startswith(_SCOPES))


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Give everything OpenInference's names and read it so; `left` loses what was read."""
    if claude_agent.KIND in left:
        claude_agent.restore(left, (_KIND, _OLD_KIND))
    _read_raw(left)
    for key in [key for key in left if key.startswith(tuple(_PREFIXES))]:
        prefix = next(prefix for prefix in _PREFIXES if key.startswith(prefix))
        left[_PREFIXES[prefix] + key.removeprefix(prefix)] = left.pop(key)
    rename(left, _NAMES)
    for name in [name for name in left if name in COUNTERS]:
        if target := _COUNTS.get(COUNTERS[name][0]):
            left.setdefault(target, left.pop(name))
    reasons = items(first(left, s.FINISH_REASONS, "gen_ai.response.finish_reason"))
    if reasons:
        left["llm.finish_reason"] = reasons
    identity, session = text(left.pop(s.RESPONSE_ID, None)), text(left.pop("gen_ai.session.id", None))
    started = number(left.pop("gen_ai.server.time_to_first_token", None))
    openinference.read(raw, left, span)
    span.dialect = "traceai"
    span.response_id = identity or span.response_id
    span.session_id = span.session_id or session
    if started is not None and span.time_to_first_token is None:
        span.streaming, span.time_to_first_token = True, started


def _read_raw(left: Attributes) -> None:
    """Take the vendor's response where the output is the words alone: JavaScript's streams of Anthropic."""
    raw, told = left.get(_RAW), left.get("output.value")
    if told and isinstance(raw, str) and raw.startswith("{") and not text(told).startswith(("{", "[")):
        left["output.value"] = left.pop(_RAW)
