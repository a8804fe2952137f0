"""`gen_ai.prompt` and `gen_ai.completion`: all that was asked and answered in one attribute each.

The conventions had them before messages; routers that broadcast their traffic (OpenRouter) still write them.
"""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.exchange import read_request, read_response
from kansoku_collector.values import items, load, mapping

PROMPT, COMPLETION = "gen_ai.prompt", "gen_ai.completion"
_AGENT = frozenset({"agent", "tool_count", "tools"})  # of an agent of n8n, in place of what it was asked
_REQUEST = frozenset({"messages", "contents", "input"})  # a vendor's own, behind Cloudflare's gateway


def read_whole(left: Attributes, _: Span) -> None:
    """Put what the two hold under the names of messages, unless messages are there too."""
    asked, answered = load(left.pop(PROMPT, None)), load(left.pop(COMPLETION, None))
    if isinstance(asked, dict) and not _REQUEST.isdisjoint(asked):
        request = read_request(asked)
        for name, found in (
            (s.INPUT_MESSAGES, request.messages or asked.get("messages")),
            (s.SYSTEM_INSTRUCTIONS, request.system),
            (s.TOOL_DEFINITIONS, request.tools),
        ):
            if found:
                left.setdefault(name, found)
    elif isinstance(asked, dict) and asked.keys() == _AGENT:
        left.setdefault(s.TOOL_DEFINITIONS, asked["tools"])
    elif asked is not None:
        left.setdefault(s.INPUT_MESSAGES, asked)
    if answered is not None:
        left.setdefault(s.OUTPUT_MESSAGES, _answer(answered))


def _answer(found: Any) -> Any:
    if not isinstance(found, dict):
        return found
    if isinstance(choices := found.get("choices"), list):
        return [_choice(choice) for choice in choices if isinstance(choice, dict)]
    if calls := found.get("toolCalls"):  # Mastra's, of the AI SDK, and OpenRouter's
        said = {"content": found.get("text") or found.get("completion"), "reasoning": found.get("reasoning")}
        return [{"role": "assistant", "tool_calls": typed(calls), **said}]
    if "candidates" in found or isinstance(found.get("output"), list):
        return read_response(found).messages or found
    words = found.get("completion") or found.get("text") or found.get("response")
    if isinstance(thought := found.get("reasoning"), str) and isinstance(words, str):  # OpenRouter's
        told = [{"type": "reasoning", "content": thought}] if thought else []
        return [{"role": "assistant", "parts": [*told, {"type": "text", "content": words}]}]
    return words or found


def typed(calls: Any) -> list[Any]:
    """Return the AI SDK's tool calls with the type that tells what they are."""
    found = [call.get("payload") or call for call in items(calls) if isinstance(call, dict)]
    return [{**call, "type": "tool-call"} for call in found if isinstance(call, dict)]


def _choice(value: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "finish_reason": value.get("finish_reason"), **mapping(value.get("message"))}
