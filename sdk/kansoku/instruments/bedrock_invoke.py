"""Read invoke_model: each family of models has a format of its own, told by the body and the model's name."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Reader, Request
from kansoku.instruments.anthropic_messages import MessagesReader
from kansoku.instruments.bedrock_converse import ConverseReader
from kansoku.instruments.bedrock_media import ImageReader, VectorReader
from kansoku.instruments.bedrock_origin import read_origin
from kansoku.instruments.bedrock_prompt import PromptReader
from kansoku.instruments.cohere_old import OldChatReader
from kansoku.instruments.cohere_other import EmbedReader, RerankReader
from kansoku.instruments.openai_chat import ChatReader
from kansoku.usage import Usage

_LARGEST = 8 * 1024 * 1024  # a request body beyond this is not read: that would delay the call
_HEADER = "x-amzn-bedrock-"
_OWN = "amazon-bedrock-"
_METRICS = f"{_OWN}invocationMetrics"


class InvokeReader:
    """Reads invoke_model and its stream with the reader of a family's own format."""

    def __init__(self, family: Reader) -> None:
        self._family = family
        self.operation = family.operation

    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the parameters; the body is parsed already."""
        request = self._family.request(arguments["body"], capture)
        request.model = str(arguments.get("modelId") or "")
        given = {
            semconv.AWS_GUARDRAIL: arguments.get("guardrailIdentifier"),
            semconv.AWS_PERFORMANCE: arguments.get("performanceConfigLatency"),
            semconv.REQUEST_SERVICE_TIER: arguments.get("serviceTier"),
        }
        request.attributes.update({name: value for name, value in given.items() if isinstance(value, str)})
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a body, the response's headers and its other fields."""
        body, headers, extras = response
        found = parse(body)
        answer = self._family.response(found, capture) if found else Answer()
        if answer.usage is None:
            answer.usage = _counted(
                headers.get(f"{_HEADER}input-token-count"),
                headers.get(f"{_HEADER}output-token-count"),
                headers.get(f"{_HEADER}cache-read-input-token-count"),
                headers.get(f"{_HEADER}cache-write-input-token-count"),
            )
        if (latency := _number(headers.get(f"{_HEADER}invocation-latency"))) is not None:
            answer.attributes[semconv.SERVER_TOTAL_TIME] = latency / 1000
        if tier := extras.get("serviceTier"):
            answer.attributes[semconv.RESPONSE_TIER] = tier
        if _is_stopped([found]):
            _filter(answer)
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the chunks of a stream together; the last one has AWS's own counts."""
        events = [event for chunk in chunks if (event := parse((chunk.get("chunk") or {}).get("bytes")))]
        answer = self._family.fold(events, capture) if events else Answer()
        metrics: dict[str, Any] = next((e[_METRICS] for e in reversed(events) if e.get(_METRICS)), {})
        if answer.usage is None:
            answer.usage = _counted(
                metrics.get("inputTokenCount"),
                metrics.get("outputTokenCount"),
                metrics.get("cacheReadInputTokenCount"),
                metrics.get("cacheWriteInputTokenCount"),
            )
        if (latency := metrics.get("invocationLatency")) is not None:
            answer.attributes[semconv.SERVER_TOTAL_TIME] = latency / 1000
        if _is_stopped(events):
            _filter(answer)
        return answer


class MistralChatReader(ChatReader):
    """Reads chats in OpenAI's format, also as Mistral's models have it here, with two names of their own."""

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a body."""
        return super().response(_renamed(response), capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the chunks of a stream together."""
        return super().fold([_renamed(chunk) for chunk in chunks], capture)


def _renamed(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body whose choices have the usual names: not `stop_reason`, nor a chunk's `message`."""
    choices = body.get("choices")
    if not isinstance(choices, list):
        return body
    return {**body, "choices": [_choice(choice) for choice in choices if isinstance(choice, dict)]}


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    reason = choice.get("finish_reason") or choice.get("stop_reason")
    return {"delta": choice.get("message"), **choice, "finish_reason": reason}


_CHAT = InvokeReader(MistralChatReader(read_origin))
_CONVERSE = InvokeReader(ConverseReader())
_MESSAGES = InvokeReader(MessagesReader(read_origin))
_COHERE = InvokeReader(OldChatReader(read_origin))
_COHERE_EMBED = InvokeReader(EmbedReader(read_origin))
_PROMPT = InvokeReader(PromptReader())
_RERANK = InvokeReader(RerankReader(read_origin))
_IMAGE = InvokeReader(ImageReader())
_VECTOR = InvokeReader(VectorReader())


def find_reader(model: str, body: Mapping[str, Any]) -> Reader:  # noqa: PLR0911 - one return a format
    """Return the reader for a model's format; the body decides where the model's name says nothing."""
    name = model.rpartition("/")[2]  # of an ARN, its last part
    if "messages" in body:
        return _chat_reader(name, body)
    if "message" in body:
        return _COHERE
    if "query" in body and "documents" in body:
        return _RERANK
    if "input_type" in body and ("texts" in body or "images" in body or "inputs" in body):
        return _COHERE_EMBED
    embeds = "embed" in name or "marengo" in name or "EMBEDDING" in str(body.get("taskType") or "")
    if embeds or ("inputText" in body and body.keys() & {"dimensions", "normalize", "embeddingTypes"}):
        return _VECTOR
    if "taskType" in body or "text_prompts" in body or "stability." in name or "image" in body:
        return _IMAGE
    return _PROMPT


def _chat_reader(name: str, body: Mapping[str, Any]) -> Reader:
    if "anthropic" in name or "anthropic_version" in body:
        return _MESSAGES
    if "amazon." in name or "schemaVersion" in body or "inferenceConfig" in body:
        return _CONVERSE
    return _CHAT


def parse(body: Any) -> dict[str, Any]:
    """Return a JSON object; {} for what is none, is a file to be read by the client, or is too large."""
    if not isinstance(body, str | bytes | bytearray) or not body or len(body) > _LARGEST:
        return {}
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _counted(sent: Any, answered: Any, read: Any, written: Any) -> Usage | None:
    """Return the counts of headers or of a stream's metrics, where input excludes what the cache had."""
    counts = [_number(value) for value in (sent, answered, read, written)]
    if counts[0] is None and counts[1] is None:
        return None
    fresh, output, cached, stored = (count or 0 for count in counts)
    return Usage(input_fresh=fresh, cache_read=cached, cache_write_5m=stored, output_visible=output)


def _number(value: Any) -> int | None:
    return int(value) if value is not None and str(value).isdigit() else None


def _is_stopped(events: list[dict[str, Any]]) -> bool:
    """Tell whether a guardrail stopped the answer; one that masks a name in it steps in, too."""
    if not any(event.get(f"{_OWN}guardrailAction") == "INTERVENED" for event in events):
        return False
    done = {action for event in events for action in _actions(event.get(f"{_OWN}trace"))}
    return "ANONYMIZED" not in done or "BLOCKED" in done


def _actions(trace: Any) -> Iterator[str]:
    """Yield what was done about each finding, wherever the trace tells it."""
    if isinstance(trace, Mapping):
        if isinstance(action := trace.get("action"), str):
            yield action
        trace = list(trace.values())
    for part in trace if isinstance(trace, list) else ():
        yield from _actions(part)


def _filter(answer: Answer) -> None:
    """Say that a guardrail stepped in, which the model's own words do not."""
    answer.finish_reasons = ["content_filter"]
    for message in answer.messages:
        message["finish_reason"] = "content_filter"
