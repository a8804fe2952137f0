"""Read requests and responses of Gemini's generate_content and generate_content_stream."""

import json
from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.facts import mean_logprob
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import google_shape as shape
from kansoku.instruments.google_grounding import Grounding
from kansoku.instruments.google_pieces import Calls
from kansoku.instruments.google_shape import get
from kansoku.instruments.google_usage import cached_kinds, read_usage, tokens_of, video_kinds

_NUMBERS = {
    "temperature": semconv.TEMPERATURE,
    "top_p": semconv.TOP_P,
    "top_k": semconv.TOP_K,
    "max_output_tokens": semconv.MAX_TOKENS,
    "candidate_count": semconv.CHOICE_COUNT,
    "seed": semconv.SEED,
    "presence_penalty": semconv.PRESENCE_PENALTY,
    "frequency_penalty": semconv.FREQUENCY_PENALTY,
}
_PREFIX = "models/"
_TIER_HEADER = "x-gemini-service-tier"


def model_name(arguments: Mapping[str, Any]) -> str:
    """Return the model asked for, without the path of the resource around it."""
    model = arguments.get("model")
    if not isinstance(model, str):
        return ""
    if model.startswith(_PREFIX) or "/publishers/" in f"/{model}":
        return model.rpartition(_PREFIX)[2]
    return model.removeprefix("google/")


class ContentReader:
    """Reads generated content, whole or streamed."""

    operation = "chat"

    def __init__(self, origin: Any) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `generate_content`."""
        config = arguments.get("config")
        request = Request(model_name(arguments))
        if config is not None:
            read_settings(config, request.attributes)
        if capture:
            request.messages = shape.read_contents(arguments.get("contents"))
            if (system := get(config, "system_instruction")) is not None:
                request.instructions = shape.read_texts(system)
            request.tools = shape.read_tools(get(config, "tools")) or None
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a GenerateContentResponse."""
        return self.fold([_parsed(response)], capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the chunks of a stream together; each is a response with what is new."""
        candidates: dict[int, _Candidate] = {}
        for chunk in chunks:
            for number, candidate in enumerate(get(chunk, "candidates") or ()):
                index = get(candidate, "index") or number
                if index not in candidates:
                    candidates[index] = _Candidate()
                candidates[index].add(candidate, capture)
        ordered = [candidates[index] for index in sorted(candidates)]
        told = tuple(get(chunk, "usage_metadata") for chunk in chunks)
        answer = Answer(
            model=_last(chunks, "model_version") or "",
            id=_last(chunks, "response_id") or "",
            finish_reasons=[each.finish for each in ordered if each.finish],
            usage=read_usage(*told),
        )
        if drawn := tokens_of(told, "IMAGE", "candidates_tokens_details"):
            answer.attributes[semconv.IMAGE_OUTPUT_TOKENS] = drawn  # they have a price of their own
        answer.attributes.update(video_kinds(told))
        if answer.usage is not None and answer.usage.cache_read:
            answer.attributes.update(cached_kinds(told))
        for each in ordered:
            answer.attributes.update(each.grounding.facts(capture))
        feedback = _last(chunks, "prompt_feedback")
        if reason := shape.word(get(feedback, "block_reason") if feedback is not None else None):
            answer.attributes[semconv.BLOCK_REASON] = reason.lower()
            answer.finish_reasons = answer.finish_reasons or ["content_filter"]
        if tier := _tier(chunks):
            answer.attributes[semconv.RESPONSE_TIER] = tier
        likely = [each.logprob for each in ordered if isinstance(each.logprob, float)]
        if (mean := mean_logprob(likely)) is not None:
            answer.attributes[semconv.LOGPROB_MEAN] = mean
        if capture:
            answer.messages = [each.message() for each in ordered]
        return answer


def _parsed(response: Any) -> Any:
    """Return a response; of one that the program wants as it came over the wire, what is in its body."""
    http = get(response, "sdk_http_response")
    body = get(http, "body")
    if not isinstance(body, str) or get(response, "candidates") is not None:
        return response
    try:
        found = json.loads(body)
    except ValueError:
        return response
    return {**found, "sdk_http_response": http} if isinstance(found, dict) else response


class _Candidate:
    """One candidate of an answer, growing."""

    __slots__ = ("_calls", "_parts", "_word", "called", "grounding", "logprob")

    def __init__(self) -> None:
        self._parts: list[dict[str, Any]] = []
        self._word = ""
        self._calls = Calls()
        self.called = False
        self.grounding = Grounding()
        self.logprob: Any = None  # the mean of its tokens

    def add(self, told: Any, capture: bool) -> None:
        """Add what one chunk says about this candidate."""
        if (reason := get(told, "finish_reason")) is not None:
            self._word = shape.finish_reason(reason)
        self.grounding.add(told)
        if (logprob := get(told, "avg_logprobs")) is not None:
            self.logprob = logprob
        for each in get(get(told, "content"), "parts") or ():
            call = get(each, "function_call")
            self.called = self.called or call is not None
            if not capture:
                continue
            part = shape.read_part(each) if call is None else self._calls.add(call)
            if part is not None:
                self._parts.append(part)

    @property
    def finish(self) -> str:
        """The canonical finish reason: at this vendor an answer that calls tools stops like any other."""
        return "tool_calls" if self._word == "stop" and self.called else self._word

    def message(self) -> dict[str, Any]:
        """Return the whole message in the GenAI shape."""
        return {"role": "assistant", "parts": shape.join_parts(self._parts), "finish_reason": self.finish}


def _last(chunks: list[Any], name: str) -> Any:
    return next((found for chunk in reversed(chunks) if (found := get(chunk, name)) is not None), None)


def _tier(chunks: list[Any]) -> str:
    """Return the tier a call was served in: it is with the usage, of the Gemini API also in a header."""
    usage = _last(chunks, "usage_metadata")
    told = shape.word(get(usage, "traffic_type")) or shape.word(get(usage, "service_tier"))
    headers = get(_last(chunks, "sdk_http_response"), "headers")
    if not told and isinstance(headers, Mapping):
        told = next((str(value) for name, value in headers.items() if name.lower() == _TIER_HEADER), "")
    return told.lower()


def read_settings(config: Any, found: dict[str, Any]) -> None:
    """Add the parameters of a config, of the client's class or a mapping."""
    for name, key in _NUMBERS.items():
        value = get(config, name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[key] = int(value) if key == semconv.TOP_K and value == int(value) else value
    stops = get(config, "stop_sequences")
    if isinstance(stops, list | tuple) and stops:
        found[semconv.STOP_SEQUENCES] = tuple(str(stop) for stop in stops)
    thinking = get(config, "thinking_config")
    if thinking is not None:
        if isinstance(budget := get(thinking, "thinking_budget"), int):
            found[semconv.THINKING_BUDGET] = budget
        if level := shape.word(get(thinking, "thinking_level")):
            found[semconv.REASONING_LEVEL] = level.lower()
    calling = get(get(config, "tool_config"), "function_calling_config")
    if calling is not None and (mode := shape.word(get(calling, "mode"))):
        found[semconv.TOOL_CHOICE] = mode.lower()
    if tier := shape.word(get(config, "service_tier")).lower().removeprefix("service_tier_"):
        found[semconv.REQUEST_SERVICE_TIER] = tier
    for name in ("cached_content", "media_resolution"):
        if words := shape.word(get(config, name)):
            found[semconv.REQUEST + name] = words
    if output := _output_type(config):
        found[semconv.OUTPUT_TYPE] = output
    safety = get(config, "safety_settings")
    if isinstance(safety, list | tuple) and safety:
        found[semconv.SAFETY_SETTINGS] = tuple(
            f"{shape.word(get(each, 'category'))}={shape.word(get(each, 'threshold'))}" for each in safety
        )


def _output_type(config: Any) -> str:
    """Return what kind of output is asked for; "" when nothing is said."""
    kinds = {shape.word(kind).upper() for kind in get(config, "response_modalities") or ()}
    if "AUDIO" in kinds:
        return "speech"
    if "IMAGE" in kinds:
        return "image"
    mime_type = get(config, "response_mime_type")
    schema = any(get(config, name) is not None for name in ("response_schema", "response_json_schema"))
    if schema or mime_type == "application/json":
        return "json"
    return "text" if mime_type == "text/plain" else ""
