"""Vercel AI SDK: `ai.*` spans (versions 3.1 to 6, and 7's legacy integration), and version 7's own.

Only the inner spans (`doGenerate`, `doStream`, `doEmbed`, `doRerank`) are calls of a model; the outer ones
repeat their usage, in some versions summed over the steps, in others of the last step alone.
"""

import re
from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.terms import NAMES, put_tier
from kansoku_collector.normalise.usage_parts import usage_parts
from kansoku_collector.values import count, first, first_of, items, load, mapping, number, rename, text

OPERATION = "ai.operationId"
_OUTER = {
    "ai.generateText": "invoke_agent",
    "ai.streamText": "invoke_agent",
    "ai.generateObject": "invoke_agent",
    "ai.streamObject": "invoke_agent",
}
_INNER = {
    ".doGenerate": "chat",
    ".doStream": "chat",
    ".doEmbed": "embeddings",
    ".doRerank": "rerank",
    ".doDecide": "generate_content",
}
_OLDER = {  # before 4.0
    "ai.result.text": "ai.response.text",
    "ai.result.object": "ai.response.object",
    "ai.result.toolCalls": "ai.response.toolCalls",
    "ai.finishReason": "ai.response.finishReason",
    "ai.stream.msToFirstChunk": "ai.response.msToFirstChunk",
}
_NAMES = {
    "ai.model.provider": s.PROVIDER,
    "ai.model.id": s.REQUEST_MODEL,
    "ai.response.id": s.RESPONSE_ID,
    "ai.response.model": s.RESPONSE_MODEL,
    "ai.prompt.tools": s.TOOL_DEFINITIONS,
    "ai.toolCall.name": s.TOOL_NAME,
    "ai.toolCall.id": s.TOOL_CALL_ID,
    "ai.toolCall.args": s.TOOL_ARGUMENTS,
    "ai.toolCall.input": s.TOOL_ARGUMENTS,
    "ai.toolCall.result": s.TOOL_RESULT,
    "ai.toolCall.output": s.TOOL_RESULT,
    "ai.telemetry.functionId": s.AGENT_NAME,
    "ai.settings.temperature": s.TEMPERATURE,
    "ai.settings.maxTokens": s.MAX_TOKENS,
    "ai.settings.maxOutputTokens": s.MAX_TOKENS,
    "ai.settings.topP": s.TOP_P,
    "ai.settings.topK": s.TOP_K,
    "ai.settings.seed": s.SEED,
    "ai.settings.frequencyPenalty": s.FREQUENCY_PENALTY,
    "ai.settings.presencePenalty": s.PRESENCE_PENALTY,
    "ai.settings.stopSequences": s.STOP_SEQUENCES,
    "ai.usage.inputTokens": s.INPUT_TOKENS,
    "ai.usage.promptTokens": s.INPUT_TOKENS,
    "ai.usage.tokens": s.INPUT_TOKENS,
    "ai.usage.outputTokens": s.OUTPUT_TOKENS,
    "ai.usage.completionTokens": s.OUTPUT_TOKENS,
}
_DETAILS = {
    "ai.usage.inputTokenDetails.cacheReadTokens": s.CACHE_READ_TOKENS,
    "ai.usage.cachedInputTokens": s.CACHE_READ_TOKENS,
    "ai.usage.inputTokenDetails.cacheWriteTokens": s.CACHE_WRITE_TOKENS,
    "ai.usage.outputTokenDetails.reasoningTokens": s.REASONING_TOKENS,
    "ai.usage.reasoningTokens": s.REASONING_TOKENS,
}
_CONVENTIONAL = ("gcp.", "aws.", "azure.ai", "ibm.")  # names that have a dot and need no cutting
_HOSTS = {"google.vertex": "gcp.vertex_ai", "google.generative-ai": "gcp.gemini", "vertex.": "gcp.vertex_ai"}
_INPUT = (s.INPUT_TOKENS, "ai.usage.inputTokens", "ai.usage.promptTokens")
_OUTPUT = (s.OUTPUT_TOKENS, "ai.usage.outputTokens", "ai.usage.completionTokens")
_CACHED = (
    (s.CACHE_READ_TOKENS,),
    (s.CACHE_WRITE_TOKENS, "gen_ai.usage.cache_creation.input_tokens"),
)
_AGENT = re.compile(r"(?:^| )ai/(\d{1,4})\.")  # its version, beside what a program calls itself
_INCLUSIVE = 6  # the first version whose input has caches
_EXCLUSIVE = ("anthropic", "bedrock", "amazon-bedrock")  # vendors whose own input count leaves caches out


def is_ai_sdk(raw: RawSpan) -> bool:
    """Tell whether the AI SDK wrote a span, by its operation id or its scope."""
    return OPERATION in raw.attributes or raw.scope_name in ("ai", "gen_ai")


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` from the attributes and events of `raw`; `left` loses what was read."""
    identity = text(left.get(OPERATION))
    rename(left, _OLDER)
    if identity:
        _read_operation(identity, left)
        _read_prompt(left, identity)
        _read_answer(left)
    _read_ranking(left)
    _read_decision(left)
    _read_usage(left)
    rename(left, _NAMES)
    gen_ai.read(raw, left, span)
    span.dialect = "ai_sdk"
    if identity or span.provider.startswith(tuple(_HOSTS)):
        cut_provider(span)
    if identity:
        span.streaming = identity.endswith((".doStream", "ai.streamText", "ai.streamObject"))


def _read_operation(identity: str, left: Attributes) -> None:
    inner = identity[identity.rfind(".") :]
    operation = _INNER.get(inner) or _OUTER.get(identity, "invoke_workflow")
    if identity == "ai.toolCall":
        operation = "execute_tool"
    elif identity.startswith("ai.generateImage.do"):
        operation = "image_generation"
    left[s.OPERATION] = operation
    milliseconds = number(left.pop("ai.response.msToFirstChunk", None))
    if milliseconds is not None:
        left.setdefault(s.TIME_TO_FIRST_CHUNK, milliseconds / 1000)


def _read_prompt(left: Attributes, identity: str) -> None:
    """Take the messages of an inner span, or the prompt as an outer one was given it."""
    prompt = mapping(left.get("ai.prompt"))
    given = first(left, "ai.prompt.messages") or prompt.get("messages") or prompt.get("prompt")
    if ".doEmbed" in identity or identity.startswith("ai.embed"):
        values = items(first(left, "ai.values")) or [left.pop("ai.value", None)]
        given = [{"role": "user", "content": load(value)} for value in values if value is not None]
        first(left, "ai.embeddings", "ai.embedding")  # vectors are neither read nor searched
    if given:
        left.setdefault(s.INPUT_MESSAGES, given)
        left.pop("ai.prompt", None)
    if prompt.get("system"):
        left.setdefault(s.SYSTEM_INSTRUCTIONS, prompt["system"])


def _read_answer(left: Attributes) -> None:
    reasoning = first(left, "ai.response.reasoning", "ai.response.reasoningText")
    words = first(left, "ai.response.text", "ai.response.object")
    calls = items(left.pop("ai.response.toolCalls", None))
    reason = left.pop("ai.response.finishReason", None)
    parts: list[Any] = [{"type": "reasoning", "content": reasoning}] if reasoning else []
    parts += [{"type": "text", "content": words}] if words else []
    parts += [{"type": "tool-call", **call} for call in calls if isinstance(call, dict)]
    if parts:
        left.setdefault(s.OUTPUT_MESSAGES, [{"role": "assistant", "parts": parts, "finish_reason": reason}])
    if reason:
        left.setdefault(s.FINISH_REASONS, [reason])


def _read_ranking(left: Attributes) -> None:
    """Take what a reranker returned: the places of documents in their list, each with a score."""
    if "ai.ranking" not in left:
        return
    given = [load(document) for document in items(left.get("ai.documents"))]
    ranked = [mapping(place) for place in items(left.pop("ai.ranking"))]
    found = []
    for place in ranked:
        index = count(place.get("index"))
        content = given[index] if index is not None and index < len(given) else ""
        score = number(place.get("relevanceScore", place.get("score")))
        found.append({"id": text(place.get("index")), "score": score, "content": text(content)})
    left[s.RETRIEVAL_DOCUMENTS] = found
    left.pop("ai.documents", None)


def _read_decision(left: Attributes) -> None:
    """Take what a model was asked about and how it answered, where it was asked for decisions."""
    for name, target, role in (
        ("ai.decision.state", s.INPUT_MESSAGES, "user"),
        ("ai.decision.answers", s.OUTPUT_MESSAGES, "assistant"),
    ):
        if name in left:
            left.setdefault(target, [{"role": role, "content": text(load(left.pop(name)))}])


def _read_usage(left: Attributes) -> None:
    """Give counts the meaning of the conventions: input includes what was read from and written to caches."""
    metadata = mapping(left.get("ai.response.providerMetadata"))
    vendor = text(left.get("ai.model.provider") or left.get("gen_ai.system"))
    total = count(left.pop("ai.usage.totalTokens", None))
    inclusive = _has_caches(left, metadata)
    rename(left, _DETAILS)
    put_tier(left, *(told.get(name) for told in map(mapping, metadata.values()) for name in NAMES))
    for name, value in _vendor_parts(metadata).items():
        left.setdefault(name, value)
    _add_thoughts(left, metadata, total)
    if inclusive or not vendor or not any(name in vendor.split(".") for name in _EXCLUSIVE):
        return
    cached = sum(count(first_of(left, names)) or 0 for names in _CACHED)
    for name in _INPUT:
        fresh = count(left.get(name))
        if fresh is not None:
            left[name] = fresh + cached


def _has_caches(left: Attributes, metadata: dict[str, Any]) -> bool:
    """Tell whether the input has caches: who tells its details says so, but of objects nobody does.

    There the version is known of a call, and of a stream Anthropic's own count, which leaves caches out.
    """
    if any(key.startswith("ai.usage.inputTokenDetails.") for key in left):
        return True
    if version := _AGENT.search(text(left.get("ai.request.headers.user-agent"))):
        return int(version[1]) >= _INCLUSIVE
    own = count(mapping(mapping(metadata.get("anthropic")).get("usage")).get("input_tokens"))
    return own is not None and (count(first_of(left, _INPUT)) or 0) > own


def _vendor_parts(metadata: dict[str, Any]) -> dict[str, int]:
    """Return what only the vendor's own object says about caches and reasoning."""
    found: dict[str, int] = {}
    for vendor in metadata.values():
        if isinstance(vendor, dict):
            found |= usage_parts(vendor) | usage_parts(vendor.get("usage"))
            found |= usage_parts(vendor.get("usageMetadata"))
    return found


def _add_thoughts(left: Attributes, metadata: dict[str, Any], total: int | None) -> None:
    """Count Gemini's thoughts into the answer: version 5 reports the words alone as its output."""
    words, thoughts = _told_words(left, total), count(left.get(s.REASONING_TOKENS))
    for vendor in metadata.values():
        usage = mapping(mapping(vendor).get("usageMetadata"))
        words = count(usage.get("candidatesTokenCount")) or words
    for name in _OUTPUT if words and thoughts else ():
        if (told := count(left.get(name))) is not None and told == words:
            left[name] = told + (thoughts or 0)


def _told_words(left: Attributes, total: int | None) -> int | None:
    """Return an answer's words without its thoughts, where the total tells that these are beside them."""
    given, answered = count(first_of(left, _INPUT)), count(first_of(left, _OUTPUT))
    thoughts = count(left.get(s.REASONING_TOKENS))
    if total and given is not None and answered is not None and thoughts:
        return answered if total == given + answered + thoughts else None
    return None


def cut_provider(span: Span) -> None:
    """Cut `openai.responses` and `anthropic.messages` at the dot, and use the names of the conventions."""
    if span.provider.startswith(_CONVENTIONAL):
        return
    longer = next((name for prefix, name in _HOSTS.items() if span.provider.startswith(prefix)), "")
    span.provider = longer or span.provider.partition(".")[0]
