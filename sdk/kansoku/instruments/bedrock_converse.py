"""Read requests and responses of Converse, and of the models of Amazon that speak its format themselves."""

from collections.abc import Iterable, Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.parameters import add_parameter
from kansoku.calls.reader import Answer, Request
from kansoku.content import plain
from kansoku.instruments.bedrock_blocks import Folded, read_blocks
from kansoku.instruments.bedrock_origin import read_origin
from kansoku.instruments.openai_tokens import count
from kansoku.usage import Usage

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_READ_BELOW = frozenset({"inferenceConfig", "stopSequences", "reasoning_effort"})
# Names of Converse, and those of the same settings in the models' own requests.
_NUMBERS = {
    "maxTokens": semconv.MAX_TOKENS,
    "max_new_tokens": semconv.MAX_TOKENS,
    "maxNewTokens": semconv.MAX_TOKENS,
    "temperature": semconv.TEMPERATURE,
    "topP": semconv.TOP_P,
    "top_p": semconv.TOP_P,
    "topK": semconv.TOP_K,
    "top_k": semconv.TOP_K,
    "seed": semconv.SEED,
}


class ConverseReader:
    """Reads Converse and ConverseStream."""

    operation = "chat"
    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the parameters of `converse` or `converse_stream`."""
        request = Request(str(arguments.get("modelId") or ""), read_parameters(arguments, capture))
        request.attributes.update(_stored_prompt(request.model, arguments.get("promptVariables"), capture))
        if capture:
            messages = arguments.get("messages")
            if isinstance(messages, list | tuple):
                request.messages = [_message(message) for message in messages]
            request.instructions = _system(arguments.get("system"))
            tools = (arguments.get("toolConfig") or {}).get("tools")
            request.tools = [_tool(tool) for tool in tools or ()]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a whole response."""
        answer = Answer(usage=read_usage(response.get("usage")), attributes=_extras(response))
        answer.model = _routed(response)
        finish = finish_reason(response.get("stopReason"))
        answer.finish_reasons = [finish] if finish else []
        message = (response.get("output") or {}).get("message")
        if capture and message:
            parts = read_blocks(message.get("content") or ())
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the events of a stream together."""
        folded = Folded()
        metadata: dict[str, Any] = {}
        finish = ""
        for event in chunks:
            if (delta := event.get("contentBlockDelta")) is not None:
                if capture:
                    folded.add(delta)
            elif (start := event.get("contentBlockStart")) is not None:
                folded.start(start)
            elif (stop := event.get("messageStop")) is not None:
                finish = finish_reason(stop.get("stopReason"))
                metadata.update({name: value for name, value in stop.items() if name != "stopReason"})
            elif event.get("metadata"):
                metadata.update(event["metadata"])
        answer = Answer(usage=read_usage(metadata.get("usage")), attributes=_extras(metadata))
        answer.model = _routed(metadata)
        answer.finish_reasons = [finish] if finish else []
        if capture and ((parts := folded.parts()) or finish):
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer


def finish_reason(word: Any) -> str:
    """Return the canonical word for a stop reason."""
    return _FINISH.get(word, word.lower()) if isinstance(word, str) else ""


def read_usage(usage: Any) -> Usage | None:
    """Return the token counts; `inputTokens` are those neither read from nor written to the cache."""
    sent, answered = count(usage, "inputTokens"), count(usage, "outputTokens")
    if sent is None and answered is None:
        return None
    written = count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount") or 0
    details = usage.get("cacheDetails") or ()
    hour = min(written, sum(d.get("inputTokens") or 0 for d in details if d.get("ttl") == "1h"))
    return Usage(
        input_fresh=sent or 0,
        cache_read=count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount") or 0,
        cache_write_5m=written - hour,
        cache_write_1h=hour,
        output_visible=answered or 0,
    )


def read_parameters(arguments: Mapping[str, Any], capture: bool) -> dict[str, Any]:
    """Return the attributes of a request's parameters; what was not given is left out."""
    found: dict[str, Any] = {}
    extra = arguments.get("additionalModelRequestFields")
    extra = extra if isinstance(extra, Mapping) else {}
    for given in (extra, extra.get("inferenceConfig"), arguments.get("inferenceConfig")):
        if isinstance(given, Mapping):
            _read_settings(given, found, capture)
    stop = (arguments.get("inferenceConfig") or {}).get("stopSequences")
    if isinstance(stop, list | tuple):
        found[semconv.STOP_SEQUENCES] = tuple(map(str, stop))
    output = arguments.get("outputConfig") or {}
    if kind := (output.get("textFormat") or {}).get("type"):
        found[semconv.OUTPUT_TYPE] = "json" if kind == "json_schema" else str(kind)
    if isinstance(budget := _field(extra, ("thinking", "reasoning_config"), "budget_tokens"), int):
        found[semconv.THINKING_BUDGET] = budget
    choice = (arguments.get("toolConfig") or {}).get("toolChoice") or {}
    named = {
        semconv.TOOL_CHOICE: (choice.get("tool") or {}).get("name") or next(iter(choice), None),
        semconv.REASONING_LEVEL: output.get("effort") or _effort(extra),
        semconv.AWS_GUARDRAIL: (arguments.get("guardrailConfig") or {}).get("guardrailIdentifier"),
        semconv.AWS_PERFORMANCE: (arguments.get("performanceConfig") or {}).get("latency"),
        semconv.REQUEST_SERVICE_TIER: (arguments.get("serviceTier") or {}).get("type"),
    }
    found.update({name: value for name, value in named.items() if isinstance(value, str)})
    for key, value in (arguments.get("requestMetadata") or {}).items():
        found[semconv.METADATA + str(key)] = str(value)
    return found


def _effort(extra: Mapping[str, Any]) -> Any:
    """Return how much a model is to think, in the words of the one that is asked."""
    for name in ("reasoning_effort", "reasoning_config"):  # GPT's, Qwen's
        if isinstance(word := extra.get(name), str):
            return word
    effort = _field(extra, ("output_config",), "effort")  # Claude's
    return effort or _field(extra, ("reasoningConfig",), "maxReasoningEffort")  # Nova's


def _field(given: Mapping[str, Any], places: tuple[str, ...], name: str) -> Any:
    """Return a field of one of the objects among some settings."""
    objects = [value for place in places if isinstance(value := given.get(place), Mapping)]
    return next((found for each in objects if (found := each.get(name)) is not None), None)


def _stored_prompt(model: str, variables: Any, capture: bool) -> dict[str, Any]:
    """Return which stored prompt is asked with, by its address in place of a model, and what is put in."""
    found: dict[str, Any] = {}
    _, stored, name = model.rpartition(":prompt/")
    if stored:
        found[semconv.PROMPT_NAME], _, version = name.partition(":")
        if version:
            found[semconv.PROMPT_VERSION] = version
    for name, value in variables.items() if capture and isinstance(variables, Mapping) else ():
        found[semconv.PROMPT_VARIABLE + str(name)] = str(value.get("text") or "")
    return found


def _read_settings(given: Mapping[str, Any], found: dict[str, Any], capture: bool) -> None:
    """Add the sampling parameters among some settings, and the others under their own names."""
    for name, value in given.items():
        key = _NUMBERS.get(name)
        if key is None:
            if name not in _READ_BELOW:
                add_parameter(found, name, value, capture)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[key] = value


def _extras(response: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (latency := (response.get("metrics") or {}).get("latencyMs")) is not None:
        found[semconv.SERVER_TOTAL_TIME] = latency / 1000
    if tier := (response.get("serviceTier") or {}).get("type"):
        found[semconv.RESPONSE_TIER] = tier
    if latency := (response.get("performanceConfig") or {}).get("latency"):
        found[semconv.AWS_PERFORMANCE] = latency
    more = response.get("additionalModelResponseFields")  # what was asked for of the model's own answer
    for told in (
        (more, more.get("delta")) if isinstance(more, Mapping) else ()
    ):  # of its own event, in a stream
        if isinstance(told, Mapping) and isinstance(met := told.get("stop_sequence"), str):
            found[semconv.STOP_SEQUENCE] = met
    return found


def _routed(response: Mapping[str, Any]) -> str:
    """Return the model that a prompt router chose; Converse does not name the model otherwise."""
    chosen = ((response.get("trace") or {}).get("promptRouter") or {}).get("invokedModelId")
    return str(chosen).rpartition("/")[2] if chosen else ""


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    blocks = message.get("content") or ()
    role = message.get("role") or "user"
    if isinstance(blocks, str):
        return {"role": role, "parts": [{"type": "text", "content": blocks}]}
    # Results of tools travel as the user's words; a message of nothing else is the tool's.
    said = [block for block in blocks if "cachePoint" not in block]
    if role == "user" and said and all("toolResult" in block for block in said):
        role = "tool"
    return {"role": role, "parts": read_blocks(blocks)}


def _system(blocks: Iterable[Mapping[str, Any]] | str | None) -> list[str]:
    if isinstance(blocks, str):
        return [blocks]
    return [part["content"] for part in read_blocks(blocks or ()) if part["type"] == "text"]


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    spec = tool.get("toolSpec")
    if spec is None:
        kind = next(iter(tool), "unknown")
        return {"type": kind, kind: plain(tool.get(kind))}
    found: dict[str, Any] = {"type": "function", "name": spec.get("name") or ""}
    if description := spec.get("description"):
        found["description"] = description
    found["parameters"] = plain((spec.get("inputSchema") or {}).get("json"), 12)
    return found
