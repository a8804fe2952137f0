"""Names beside the conventions': of Sentry's SDKs, AI gateways and Alibaba's instrumentations.

They say what the conventions say, and are read as if they were those.
"""

from collections.abc import Callable
from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.dialects import (
    agento11y,
    azure_agents,
    azure_voice,
    coze_loop,
    langchain4j,
    vercel_gateway,
)
from kansoku_collector.normalise.documents import read_documents
from kansoku_collector.values import first, items, load, rename, text

SPAN_KIND = "gen_ai.span.kind"
# What Alibaba's instrumentations, Dify and Eino (its components) call what a span is.
KINDS = {
    "LLM": "chat",
    "EMBEDDING": "embeddings",
    "RETRIEVER": "retrieval",
    "RERANKER": "rerank",
    "TOOL": "execute_tool",
    "AGENT": "invoke_agent",
    **dict.fromkeys(("CHAIN", "TASK", "STEP", "ENTRY", "WORKFLOW", "MEMORY"), "chain"),
    "CHATMODEL": "chat",
    **dict.fromkeys(("GRAPH", "LAMBDA", "TOOLSNODE", "CHATTEMPLATE", "INDEXER"), "chain"),
    **dict.fromkeys(("LOADER", "DOCUMENTTRANSFORMER"), "chain"),
}
_MODEL = "gen_ai.model_name"
_NAMES = {
    "gen_ai.request.messages": s.INPUT_MESSAGES,
    "gen_ai.request.available_tools": s.TOOL_DEFINITIONS,
    "gen_ai.model.provider": s.PROVIDER,  # Cloudflare
    "gen_ai.prompt_json": "gen_ai.prompt",
    "gen_ai.completion_json": "gen_ai.completion",
    **dict.fromkeys(("gen_ai.tool.input", "tool.input"), s.TOOL_ARGUMENTS),  # the second: LangChainGo
    **dict.fromkeys(("gen_ai.tool.output", "tool.output"), s.TOOL_RESULT),
    "retriever.query": s.RETRIEVAL_QUERY,
    "gen_ai.response.streaming": s.STREAM,
    _MODEL: s.REQUEST_MODEL,
    **dict.fromkeys(
        (
            *("gen_ai.usage.total_cost", "gen_ai.cost.total", "gen_ai.usage.cost_usd"),
            *("gen_ai.cost.total_usd", "gen_ai.cost.usd"),
        ),
        s.VENDOR_COST,
    ),
    **{"llm.request.model": s.REQUEST_MODEL, "llm.response.model": s.RESPONSE_MODEL},  # Observe's advice
    "gen_ai.response.model_name": s.RESPONSE_MODEL,
    "gen_ai.openai.request.seed": s.SEED,
    "llm.usage.input_tokens": s.INPUT_TOKENS,  # Browser Use
    "llm.usage.output_tokens": s.OUTPUT_TOKENS,
    "llm.usage.input_cached_tokens": s.CACHE_READ_TOKENS,
    "llm.usage.cache_creation_input_tokens": s.CACHE_WRITE_TOKENS,
    "gen_ai.request.type": "llm.request.type",  # AgentOps, and the first conventions
    **dict.fromkeys(("gen_ai.finish_reason", "cloudflare.agents.response.finish_reason"), s.FINISH_REASONS),
    "gen_ai.system_fingerprint": s.SYSTEM_FINGERPRINT,
    **dict.fromkeys(
        ("gen_ai.streaming.time_to_first_token", "gen_ai.time_to_first_token"), s.TIME_TO_FIRST_CHUNK
    ),
    "llm.watsonx.max_new_tokens": s.MAX_TOKENS,
    "llm.watsonx.random_seed": s.SEED,
    "llm.watsonx.repetition_penalty": "gen_ai.request.repetition_penalty",
    "llm.watsonx.decoding_method": "gen_ai.request.decoding_method",
    "db.marqo.search.query": s.RETRIEVAL_QUERY,
    "gen_ai.request.tools": s.TOOL_DEFINITIONS,
    "gen_ai.request.streaming": s.STREAM,
    "gen_ai.response_id": s.RESPONSE_ID,
    **dict.fromkeys(
        (
            *("gen_ai.system_prompt", "gen_ai.system_instruction", "gen_ai.request.system_instruction"),
            *("gen_ai.request.instructions", "gen_ai.openai.instructions"),
        ),
        s.SYSTEM_INSTRUCTIONS,
    ),
    **dict.fromkeys(
        ("gen_ai.embeddings.input", "gen_ai.embeddings.input.texts", "gen_ai.input.text"), s.INPUT_MESSAGES
    ),
    **dict.fromkeys(("gen_ai.chat.output_messages", "gen_ai.text.output_messages"), s.OUTPUT_MESSAGES),
    "gen_ai.text.model": s.RESPONSE_MODEL,
    "gen_ai.chat.system_fingerprint": s.SYSTEM_FINGERPRINT,
    "gen_ai.error.type": s.ERROR_TYPE,
    **dict.fromkeys(
        ("gen_ai.retrieval.query", "gen_ai.reranker.query", "retrieval.query"), s.RETRIEVAL_QUERY
    ),
    **dict.fromkeys(
        ("gen_ai.rerank.output_documents", "gen_ai.reranker.output_documents"), s.RETRIEVAL_DOCUMENTS
    ),
    "gen_ai.reranker.model": s.REQUEST_MODEL,
    "gen_ai.tool.arguments": s.TOOL_ARGUMENTS,
    **dict.fromkeys(("gen_ai.tool.result", "gen_ai.tool.message"), s.TOOL_RESULT),  # the second: Axiom
    "gen_ai.prompt.template.name": s.PROMPT_NAME,
    "gen_ai.prompt.template.version": s.PROMPT_VERSION,
    "gen_ai.memory.query.text": s.RETRIEVAL_QUERY,
    "gen_ai.memory.records": s.RETRIEVAL_DOCUMENTS,
}
_TEXT, _CALLS = "gen_ai.response.text", "gen_ai.response.tool_calls"
_SESSIONS = (
    *("gen_ai.session.id", "gen_ai.thread.id"),  # the second of Azure's agents
    *("gen_ai.realtime_session.id", "gen_ai.live_session.id"),  # drafts of the conventions
    azure_voice.SESSION,
)
_USERS = ("gen_ai.user.id", "gen_ai.user", "vercel.ai_gateway.user.id")
_DOCUMENTS = "retrieval.document"  # Dify's
# Whose spans are known by an attribute, and what gives them the names of the conventions.
_RESTORES: tuple[tuple[tuple[str, ...], Callable[[Attributes], None]], ...] = (
    (agento11y.MARKS, agento11y.restore),
    ((azure_agents.MARK,), azure_agents.restore),
    ((azure_voice.MARK,), azure_voice.restore),
    (coze_loop.MARKS, coze_loop.restore),
    ((langchain4j.MARK,), langchain4j.restore),
    (vercel_gateway.MARKS, vercel_gateway.restore),
)
_ALSO = tuple(mark for marks, _ in _RESTORES for mark in marks)
OTHER_NAMES = (*_NAMES, *_ALSO, _DOCUMENTS, _TEXT, _CALLS, *_SESSIONS, *_USERS)


def read_other_names(left: Attributes, span: Span) -> None:
    """Give what has another name the one of the conventions."""
    if s.REQUEST_MODEL in left and _MODEL in left:  # Higress knows both
        left.setdefault(s.RESPONSE_MODEL, left.pop(_MODEL))
    for marks, restore in _RESTORES:
        if any(mark in left for mark in marks):
            restore(left)
    rename(left, _NAMES)
    session, user = first(left, *_SESSIONS), first(left, *_USERS)
    span.session_id, span.user_id = span.session_id or text(session), span.user_id or text(user)
    if _DOCUMENTS in left:
        left[s.RETRIEVAL_DOCUMENTS] = read_documents(left.pop(_DOCUMENTS))
    answers = _answers(left.pop(_TEXT, None), items(left.pop(_CALLS, None)))
    if answers:
        left.setdefault(s.OUTPUT_MESSAGES, answers)


def _answers(said: Any, calls: list[Any]) -> list[dict[str, Any]]:
    """Return Sentry's answer: the words of each choice, and the tool calls of the first."""
    found = load(said)
    words = found if isinstance(found, list) else [said] if said else []
    answers = [message if isinstance(message, dict) else {"content": message} for message in words]
    if calls:
        answers = answers or [{"content": ""}]
        answers[0] = {**answers[0], "tool_calls": calls}
    return answers
