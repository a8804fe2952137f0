"""A model call told as the vendor's own objects: the request that was made, the response that came.

Langfuse, MLflow and LangSmith record what the client library sent and got. The shape is told by content:
OpenAI chat and Responses, Anthropic, Gemini, Bedrock, LangChain, lists of messages, plain text.
"""

from typing import Any, NamedTuple

from kansoku_collector.model import Span
from kansoku_collector.normalise.counts import Counts, vendor_counts
from kansoku_collector.normalise.frame import put_content, put_finish
from kansoku_collector.normalise.messages import Message, Part, read_message, read_parts, tool_definitions
from kansoku_collector.normalise.response_items import ROLES, is_items, last_status, reasoning
from kansoku_collector.normalise.terms import NAMES
from kansoku_collector.normalise.vendor import response_facts
from kansoku_collector.values import dump, load, text, truth

_GIVEN = ("messages", "input", "contents", "prompt", "prompts")
_SYSTEM = ("system", "instructions", "system_instruction", "systemInstruction")
_NESTED = ("config", "generation_config", "generationConfig", "inferenceConfig", "reasoning")
_DSPY = frozenset(
    {"text", "reasoning_content", "tool_calls", "citations", "logprobs"}
)  # an answer of its own
PARAMETERS = {
    **{name: name for name in ("temperature", "top_p", "top_k", "max_tokens", "seed", "n", "stop")},
    **{name: name for name in ("presence_penalty", "frequency_penalty", "reasoning_effort", "dimensions")},
    **dict.fromkeys(
        ("max_completion_tokens", "max_output_tokens", "maxOutputTokens", "maxTokens"), "max_tokens"
    ),
    **dict.fromkeys(("max_gen_len", "maxTokenCount", "max_tokens_to_sample"), "max_tokens"),
    **dict.fromkeys(("stop_sequences", "stopSequences"), "stop"),
    **dict.fromkeys(("candidate_count", "candidateCount"), "n"),
    **{"topP": "top_p", "topK": "top_k", "effort": "reasoning_effort"},
}
_LANGCHAIN = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool"}
_USAGE = ("usage", "usage_metadata", "usageMetadata", "token_usage", "billed_units")
_CALLS = frozenset({"tool_use", "tool_call", "function_call"})
# What LangChain keeps beside a message: what was spoken, refused and thought.
_BESIDE = ("audio", "refusal", "reasoning_content")
_GEMINI_PARTS = frozenset({"inline_data", "inlineData", "file_data", "fileData"})


class Request(NamedTuple):
    """What was asked; empty where the object does not say it."""

    system: list[Part]
    messages: list[Message]
    tools: str
    model: str
    parameters: dict[str, str]
    streaming: bool
    tier: str = ""


class Response(NamedTuple):
    """What was answered; `facts` as in `vendor.response_facts`."""

    messages: list[Message]
    reasons: list[Any]
    facts: dict[str, str]
    counts: Counts


def read_request(value: Any) -> Request:
    """Return what a request says."""
    found = load(value)
    if not isinstance(found, dict) or not any(found.get(name) is not None for name in _GIVEN):
        return Request([], read_chat(found, "user"), "", "", {}, False)
    nested: dict[str, Any] = {}
    for name in _NESTED:
        inner = load(found.get(name))
        nested |= inner if isinstance(inner, dict) else {}
    whole = nested | found
    system = _either(whole, *_SYSTEM)
    if isinstance(system, dict) and isinstance(system.get("parts"), list):
        system = system["parts"]
    given = read_chat(next(found[name] for name in _GIVEN if found.get(name) is not None), "user")
    return Request(
        read_parts(system),
        given,
        tool_definitions(_either(whole, "tools", "functions")),
        text(_either(found, "model", "model_name", "modelId")),
        read_parameters(whole),
        truth(found.get("stream")),
        text(_either(whole, *NAMES)),
    )


def read_parameters(values: dict[str, Any]) -> dict[str, str]:
    """Return the parameters of the model by their usual names, as JSON; what was not set is left out."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if name in PARAMETERS and value is not None and value not in ("Infinity", "", "NOT_GIVEN"):
            found[PARAMETERS[name]] = dump(value)
    return found


def read_response(value: Any) -> Response:
    """Return what a response says."""
    found = load(value)
    if (
        isinstance(found, dict)
        and set(found) <= {"output", "usage_metadata"}
        and not is_items(found.get("output"))
    ):
        inner = load(found.get("output"))
        if isinstance(inner, dict) and "usage_metadata" in found:
            inner = {"usage_metadata": found["usage_metadata"], **inner}
        found = inner
    if isinstance(found, dict) and isinstance(found.get("kwargs"), dict) and found.get("lc"):
        found = found["kwargs"]
    facts = {}
    if isinstance(found, dict):
        one = "response_metadata" in found and "generations" not in found
        facts = response_facts({"generations": [[{"message": found}]]} if one else found)
    messages = _answers(found)
    reasons = [m["finish_reason"] for m in messages if m.get("finish_reason")]
    reasons = reasons or [reason for reason in (_reason(found), facts.get("status")) if reason][:1]
    reasons = reasons or [status for status in (last_status(found),) if status]
    return Response([m for m in messages if m["parts"]], reasons, facts, response_counts(found))


def put_exchange(span: Span, request: Request, response: Response, reasons: list[Any]) -> None:
    """Store the content of a call; the sender's own finish reasons go before those of the response."""
    put_content(span, request.system, request.messages, response.messages)
    put_finish(span, reasons or response.reasons, response.messages)
    span.tool_definitions = span.tool_definitions or request.tools
    span.parameters = request.parameters | span.parameters
    span.streaming = span.streaming or request.streaming or "streaming" in response.facts
    span.request_model = span.request_model or request.model
    span.response_model = span.response_model or response.facts.get("model", "")
    span.response_id = span.response_id or response.facts.get("id", "")
    span.system_fingerprint = span.system_fingerprint or response.facts.get("system_fingerprint", "")


def read_chat(value: Any, role: str) -> list[Message]:
    """Return the messages in a list of any shape, one message, content blocks or plain text."""
    found = load(value)
    if found in (None, "", [], {}):
        return []
    if not isinstance(found, list):
        return [_message(found, role)]
    while len(found) == 1 and isinstance(found[0], list):  # LangChain wraps a conversation in a batch
        found = found[0]
    if all(isinstance(item, dict) and _is_block(item) for item in found):
        return [read_message({"content": found}, role)]
    return [_message(item, role) for item in found]


def _message(value: Any, role: str) -> Message:
    value = _from_langchain(value)
    if not isinstance(value, dict):
        return read_message(value, role)
    if "role" not in value:
        role = ROLES.get(text(value.get("type")), role)
        if value.get("type") == "reasoning" and "summary" in value:
            return {"role": role, "parts": reasoning(value)}
    extra = value.get("additional_kwargs")
    if not isinstance(extra, dict):
        extra = {}
    value = {**{name: extra[name] for name in _BESIDE if extra.get(name)}, **value}
    calls = value.get("tool_calls") or extra.get("tool_calls")
    legacy = value.get("function_call")
    if not calls and isinstance(legacy, dict):
        calls = [{"type": "function", "function": legacy}]
    if isinstance(calls, list) and calls:
        content = value.get("content")
        if isinstance(content, list):  # LangChain tells Anthropic's calls twice
            content = [
                item for item in content if not (isinstance(item, dict) and text(item.get("type")) in _CALLS)
            ]
        value = {**value, "content": content, "tool_calls": calls}
    if isinstance(value.get("text"), str) and value.keys() <= _DSPY:
        value = {"content": value["text"], "tool_calls": calls}
    if not {"role", "content", "parts", "message", "type", "tool_calls"} & value.keys():
        is_part = not _GEMINI_PARTS.isdisjoint(value)  # beside words, where Gemini is asked about a picture
        return read_message({"parts": [value]} if is_part else dump(value), role)
    return read_message(value, role)


def _from_langchain(value: Any) -> Any:
    """Return LangChain's message, serialised or plain, with a role in place of its class."""
    if not isinstance(value, dict):
        return value
    if value.get("lc") and isinstance(value.get("kwargs"), dict):
        path = value.get("id")
        value = {"type": path[-1] if isinstance(path, list) and path else "", **value["kwargs"]}
    kind = text(value.get("type")).removesuffix("Chunk").removesuffix("Message").lower()
    if "role" in value or "content" not in value or kind not in _LANGCHAIN:
        return value
    return {
        "role": _LANGCHAIN[kind],
        **{key: item for key, item in value.items() if key not in ("type", "id")},
    }


def _answers(found: Any) -> list[Message]:
    """Return the answers, one message for each choice."""
    if isinstance(found, dict):
        for name, choices in (("choices", _choice), ("candidates", _candidate)):
            if isinstance(found.get(name), list):
                return [choices(item) for item in found[name]]
        if isinstance(found.get("generations"), list):
            return _generations(found["generations"])
        if {"data", "embeddings", "embedding"} & found.keys() and "role" not in found:
            return []
        if isinstance(found.get("text"), str) and "finish_reason" in found:  # Dify
            return [read_message(found, "assistant")]
        output = found.get("output")
        if isinstance(output, dict) and isinstance(output.get("message"), dict):
            return [_message(output["message"], "assistant")]
        found = output if is_items(output) else found
    return [_joined(found)] if isinstance(found, list) and is_items(found) else read_chat(found, "assistant")


def _choice(value: Any) -> Message:
    if not isinstance(value, dict):
        return _message(value, "assistant")
    inner = value.get("message") or value.get("delta") or {"content": value.get("text")}
    found = _message(inner, "assistant")
    if value.get("finish_reason"):
        found["finish_reason"] = text(value["finish_reason"])
    return found


def _candidate(value: Any) -> Message:
    content = value.get("content") if isinstance(value, dict) else value
    found = _message(content or {"parts": []}, "assistant")
    found["role"] = "assistant"
    if isinstance(value, dict) and (reason := _either(value, "finish_reason", "finishReason")):
        found["finish_reason"] = text(reason)
    return found


def _generations(value: list[Any]) -> list[Message]:
    batch = value[0] if value and isinstance(value[0], list) else value
    found = []
    for item in batch:
        node = item if isinstance(item, dict) else {"text": item}
        message = _message(
            node["message"] if node.get("message") else {"content": node.get("text")}, "assistant"
        )
        if reason := _reason(node.get("generation_info")) or _reason(_kwargs(node.get("message"))):
            message["finish_reason"] = text(reason)
        found.append(message)
    return found


def _joined(value: list[Any]) -> Message:
    """Return the items of a Responses answer as its one message."""
    return {
        "role": "assistant",
        "parts": [part for item in value for part in _message(item, "assistant")["parts"]],
    }


def _is_block(value: dict[str, Any]) -> bool:
    return (
        "role" not in value and "lc" not in value and text(value.get("type")) in {"text", "thinking", *_CALLS}
    )


def _reason(value: Any) -> Any:
    if not isinstance(value, dict):
        return None
    own = _either(value, "finish_reason", "stop_reason", "stopReason", "done_reason", "finishReason")
    if isinstance(own, dict):  # the AI SDK's word beside the vendor's
        own = own.get("unified")
    return own or _reason(value.get("response_metadata")) or _reason(value.get("additional_kwargs"))


def response_counts(found: Any) -> Counts:
    """Return the counts in a response, wherever its vendor or framework keeps them."""
    if not isinstance(found, dict):
        return {}
    for usage in (*(found.get(name) for name in _USAGE), found if "prompt_eval_count" in found else None):
        if counts := vendor_counts(usage):
            return counts
    generations = found.get("generations")
    while isinstance(generations, list) and generations:
        generations = generations[0]
    if isinstance(generations, dict) and (counts := response_counts(_kwargs(generations.get("message")))):
        return counts
    for name in ("response_metadata", "llm_output"):
        if counts := response_counts(found.get(name)):
            return counts
    return {}


def _kwargs(value: Any) -> Any:
    return value["kwargs"] if isinstance(value, dict) and isinstance(value.get("kwargs"), dict) else value


def _either(value: dict[str, Any], *names: str) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)
