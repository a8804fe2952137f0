"""What OpenInference's messages leave out, from the vendor's own request and response beside them."""

from typing import Any

from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.exchange import read_request, read_response
from kansoku_collector.normalise.frame import put_content, put_finish
from kansoku_collector.normalise.messages import read_messages, read_parts
from kansoku_collector.normalise.printed import read_printed
from kansoku_collector.normalise.vendor import generation
from kansoku_collector.values import dump, items, load, mapping, searchable, text

_SYSTEM = frozenset({"system", "instructions", "system_instruction", "systemInstruction"})
_JSON = "application/json"
_PRINTED = "ChatCompletion("
_THOUGHTS = ("thinking", "reasoning", "reasoning_content")  # the last: LangChain's, of Bedrock


def response_of(value: Any) -> dict[str, Any]:
    """Return the vendor's response; the OpenAI Agents SDK lists it where it called for chat completions."""
    found = load(value)
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], dict) and "object" in found[0]:
        found = found[0]
    if isinstance(found, dict) and found.keys() == {"data"} and isinstance(found["data"], dict):
        found = found["data"]  # the last piece of a stream of Mistral's
    if isinstance(found, dict) and text(found.get("raw")).startswith(_PRINTED):
        found = read_printed(found["raw"]) or found  # smolagents', whose message knows no id, end or cache
    return found if isinstance(found, dict) else {}


def is_guarded_call(left: Attributes) -> bool:
    """Tell whether a guardrail is Guardrails' own call of a model, whose parameters are printed."""
    if left.get("type") != "guardrails/guard/step/call":
        return False
    printed = read_printed(left.get("llm.invocation_parameters"))
    if isinstance(printed, dict):
        left["llm.invocation_parameters"] = {k: v for k, v in printed.items() if k != "api_base"}
    return True


def function_response(result: str) -> str:
    """Return what a tool of Google's kit answered, without the call that it answers."""
    if '"response":' not in result[:200]:
        return result
    found = mapping(result)
    return text(found["response"]) if found.keys() == {"id", "name", "response"} else result


def read_system(request: dict[str, Any], span: Span) -> None:
    """Take the instructions from the request where no message has them: JavaScript's Anthropic."""
    if '"role":"system"' in span.input_messages or '"role":"developer"' in span.input_messages:
        return
    if not _SYSTEM.isdisjoint(request):
        told = next((request[name] for name in request if name in _SYSTEM and request[name]), None)
        put_content(span, read_parts(told), [], [])


def read_own_prompt(request: dict[str, Any], span: Span) -> None:
    """Take the messages from the request where some lost their words: JavaScript's LangChain, in blocks."""
    given = read_request(request).messages
    if len(given) == len(items(span.input_messages)):
        put_content(span, [], given, [])


def says_more(response: dict[str, Any], answers: int, span: Span) -> bool:
    """Tell whether a response has more than the messages.

    JavaScript's hold the first of its choices alone, and LangChain's no thoughts.
    """
    found = response.get("choices") or response.get("candidates")
    if isinstance(found, list) and len(found) > answers:
        return True
    message = generation(response) or {}
    blocks = message.get("content")
    if '"type":"reasoning"' in span.output_messages:
        return False
    if mapping(message.get("additional_kwargs")).get("reasoning_content"):  # of DeepSeek, Groq
        return True
    if not isinstance(blocks, list):
        return False
    return any(isinstance(block, dict) and block.get("type") in _THOUGHTS for block in blocks)


def read_own_answer(response: dict[str, Any], span: Span) -> None:
    """Take the answer from the response where the messages leave it out: a refusal, a stream of an agent."""
    answer = read_response(response)
    put_content(span, [], [], answer.messages)
    told = span.finish_reasons  # a complete answer of the Responses API may be one that calls a tool
    put_finish(span, answer.reasons if len(told) < max(1, len(answer.reasons)) else told, answer.messages)


def read_plain_answer(left: Attributes, span: Span) -> None:
    """Take `output.value` as the answer where it is not an object: streams that were cut short."""
    value = left.get("output.value")
    found = load(value)
    if isinstance(found, list) and any(isinstance(item, dict) and "text" in item for item in found):  # DSPy's
        put_content(span, [], [], read_response(found).messages)
    elif isinstance(value, str) and value and not isinstance(found, dict):
        words = found if isinstance(found, str) and left.get("output.mime_type") == _JSON else value
        span.output_messages = dump(read_messages([words], "assistant"))
        span.output_text = searchable(words)


def read_plain_prompt(left: Attributes, span: Span) -> None:
    """Take `input.value` as what was asked where no message says it.

    It is words (completions, and frameworks' own models), the vendor's request (Envoy's gateway), or its
    messages alone (Flowise).
    """
    value = left.get("input.value")
    found = load(value) if isinstance(value, str) else None
    if isinstance(found, str) and found:
        words = found if left.get("input.mime_type") == _JSON else value
        put_content(span, [], read_messages([words], "user"), [])
    elif (isinstance(found, dict) and "model" in found) or (
        isinstance(found, list) and found and all(isinstance(item, dict) and "role" in item for item in found)
    ):
        put_content(span, [], read_request(found).messages, [])
