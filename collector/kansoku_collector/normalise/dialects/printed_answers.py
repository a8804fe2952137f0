"""OpenTelemetry's OpenAI Agents SDK and OpenLLMetry's CrewAI: answers that are no words are printed."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.exchange import read_response
from kansoku_collector.normalise.printed import read_printed
from kansoku_collector.values import count, items, load

_SCOPES = frozenset(
    ("opentelemetry.instrumentation.openai_agents", "opentelemetry.instrumentation.crewai.instrumentation")
)
_PRINTED = ("{'", "Response", "[ChatCompletionMessage")


def prints_answers(raw: RawSpan) -> bool:
    """Tell whether one of the two wrote a span, by its scope."""
    return raw.scope_name in _SCOPES


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions, after putting answers into their shape."""
    operation = left.get(s.OPERATION)
    if operation == "unknown" or raw.name == "crewai.workflow":  # turns and tasks, and a crew of agents
        left[s.OPERATION] = "invoke_workflow"
    elif operation == "guardrail_check":
        del left[s.OPERATION]
        left[s.KIND] = "guardrail"
    if not count(left.get(s.INPUT_TOKENS)) and not count(left.get(s.OUTPUT_TOKENS)):
        left.pop(s.INPUT_TOKENS, None)  # of a stream without usage the SDK has zeros
        left.pop(s.OUTPUT_TOKENS, None)
    printed = _items(load(left.get(s.OUTPUT_MESSAGES)))
    if printed:
        answer = read_response(printed)
        left[s.OUTPUT_MESSAGES] = answer.messages
        if answer.reasons and s.FINISH_REASONS not in left:
            left[s.FINISH_REASONS] = answer.reasons
    gen_ai.read(raw, left, span)


def _items(messages: Any) -> list[Any]:
    """Return what was printed inside of an answer; nothing where none of it was."""
    if not isinstance(messages, list) or len(messages) != 1 or not isinstance(messages[0], dict):
        return []
    parts = messages[0].get("parts")
    words = [part.get("content") for part in items(parts) if isinstance(part, dict)]
    if not any(isinstance(word, str) and word.startswith(_PRINTED) for word in words):
        return []
    found = [read_printed(word) for word in words]
    if len(found) == 1 and isinstance(found[0], list):  # CrewAI's calls of tools
        found = [{"role": "assistant", "content": None, "tool_calls": found[0]}]
    if not all(isinstance(item, dict) and item for item in found):
        return []
    if len(found) == 1 and isinstance(found[0].get("output"), list):  # the SDK's own response
        return list(found[0]["output"])
    return found
