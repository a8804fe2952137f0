"""VoltAgent: calls of models, tools and steps under short names of its own."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import load, rename, text

SCOPE = "@voltagent/core"
_KIND, _ENTITY = "span.type", "entity.type"
_MARKS = frozenset((_KIND, "agent.state"))
_OPERATIONS = {
    "llm": "chat",
    "tool": "execute_tool",
    "agent": "invoke_agent",
    "retriever": "retrieval",
    "embedding": "embeddings",
    "guardrail": "guardrail",
    "scorer": "evaluation",
}
_NAMES = {
    "llm.provider": s.PROVIDER,
    "llm.model": s.REQUEST_MODEL,
    "llm.messages": s.INPUT_MESSAGES,
    "llm.temperature": s.TEMPERATURE,
    "llm.top_p": s.TOP_P,
    "llm.max_output_tokens": s.MAX_TOKENS,
    "llm.stop_condition": s.STOP_SEQUENCES,
    "llm.stream": s.STREAM,
    "llm.finish_reason": s.FINISH_REASONS,
    "llm.usage.prompt_tokens": s.INPUT_TOKENS,
    "llm.usage.completion_tokens": s.OUTPUT_TOKENS,
    "llm.usage.cached_tokens": s.CACHE_READ_TOKENS,
    "llm.usage.reasoning_tokens": s.REASONING_TOKENS,
    "tool.name": s.TOOL_NAME,
    "tool.call.id": s.TOOL_CALL_ID,
}
_SUM = {  # of an agent, which asks for objects without a span of the call
    "ai.model.name": s.REQUEST_MODEL,
    "usage.prompt_tokens": s.INPUT_TOKENS,
    "usage.completion_tokens": s.OUTPUT_TOKENS,
    "usage.cached_tokens": s.CACHE_READ_TOKENS,
    "usage.reasoning_tokens": s.REASONING_TOKENS,
}
_SIDES = {
    "llm": (s.INPUT_VALUE, s.OUTPUT_MESSAGES),
    "tool": (s.TOOL_ARGUMENTS, s.TOOL_RESULT),
    "retriever": (s.RETRIEVAL_QUERY, s.RETRIEVAL_DOCUMENTS),
}


def is_voltagent(raw: RawSpan) -> bool:
    """Tell whether VoltAgent wrote a span, by its kind and what it belongs to; an agent's has no kind."""
    return _ENTITY in raw.attributes and not _MARKS.isdisjoint(raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span`; an agent's usage is the sum of its calls, billed where none tells any."""
    kind = text(left.pop(_KIND, None) or left.get(_ENTITY)).lower()
    left[s.OPERATION] = _OPERATIONS.get(kind, "invoke_workflow")
    given, answered = _SIDES.get(kind, (s.INPUT_VALUE, s.OUTPUT_VALUE))
    rename(left, _NAMES)
    rename(left, {"input": given, "output": answered} | (_SUM if kind == "agent" else {}))
    if kind == "agent" and (name := left.get("subagent.name") or left.get("entity.name")):
        left.setdefault(s.AGENT_NAME, name)
    session = text(left.pop("conversation.id", None))
    if kind == "llm" and isinstance(said := load(left.get(answered)), str) and said:
        left[answered] = [{"role": "assistant", "content": said}]
    gen_ai.read(raw, left, span)
    span.dialect = "voltagent"
    span.session_id = span.session_id or session
    prefix, _, model = span.request_model.partition("/")
    if model and not span.provider:  # `openai/gpt-4o`
        span.provider, span.request_model = provider_of(span.request_model) or prefix, model
    span.provider = span.provider or provider_of(span.request_model)
