"""Bedrock's client under MLflow: bodies inside of requests and responses, and streams told in events."""

from typing import Any

from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.exchange import put_exchange, read_request, read_response
from kansoku_collector.normalise.frame import put_usage
from kansoku_collector.values import items, mapping, text

NAME = "BedrockRuntime."
PROVIDER = "aws.bedrock"
_JSON = "json"


def unwrapped(raw: RawSpan, left: Attributes, span: Span, given: Any, answered: Any) -> tuple[Any, Any]:
    """Return request and response as the model's vendor writes them.

    Who answers is Bedrock; MLflow names the first word of the model, which may be a region.
    """
    left["mlflow.llm.provider"] = PROVIDER
    request, response = mapping(given), mapping(answered)
    if body := mapping(request.get("body")):
        request = {**body, "model": request.get("modelId")}
        if "inputText" in body:
            request["input"] = body["inputText"]
    if isinstance(response.get("body"), dict):
        response = _answer(response["body"])
    if raw.name.endswith("stream"):
        response = _take_stream(raw, span) or response
    return request, response


def put_stream(raw: RawSpan, span: Span) -> None:
    """Store the answer of a stream that MLflow translated: it has MLflow's sum, or nothing."""
    span.provider = PROVIDER
    if any(event.attributes.keys() == {_JSON} for event in raw.events) and (
        answer := _take_stream(raw, span)
    ):
        response = read_response(answer)
        put_exchange(span, read_request(None), response, [])
        put_usage(span, response.counts)


def _answer(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with the answers of Llama and Titan, which have no messages, as choices."""
    if "generation" in body:
        return {"choices": [{"text": body["generation"], "finish_reason": body.get("stop_reason")}]}
    if results := [result for result in items(body.get("results")) if isinstance(result, dict)]:
        told = [
            {"text": one.get("outputText"), "finish_reason": one.get("completionReason")} for one in results
        ]
        return {"choices": told}
    if "inputTextTokenCount" in body:
        return {"data": [], "usage": {"input_tokens": body["inputTextTokenCount"]}}
    return body


def _take_stream(raw: RawSpan, span: Span) -> dict[str, Any]:
    """Take the pieces of an answer out of the events; MLflow's own sum keeps the last call alone."""
    pieces = [event for event in raw.events if event.attributes.keys() == {_JSON}]
    raw.events[:] = [event for event in raw.events if event.attributes.keys() != {_JSON}]
    span.streaming = True
    if pieces:
        span.time_to_first_token = max(0, min(event.time_ns for event in pieces) - raw.start_ns) / 1e9
    answer: dict[str, Any] = {}
    blocks: dict[Any, dict[str, Any]] = {}
    for event in pieces:
        _add(answer, blocks, event.name, mapping(event.attributes[_JSON]))
    if blocks:
        answer["content"] = list(blocks.values())
    return answer


def _add(answer: dict[str, Any], blocks: dict[Any, dict[str, Any]], kind: str, piece: dict[str, Any]) -> None:
    """Add one piece: of Converse, whose names have humps, or of a stream of Claude's own."""
    block = (
        blocks.setdefault(piece.get("contentBlockIndex", piece.get("index")), {}) if "ontent" in kind else {}
    )
    if kind == "message_start":
        answer.update(mapping(piece.get("message")))
    elif kind in ("messageStop", "message_delta"):
        answer["stop_reason"] = piece.get("stopReason") or mapping(piece.get("delta")).get("stop_reason")
    if kind in ("metadata", "message_delta"):
        answer["usage"] = mapping(answer.get("usage")) | mapping(piece.get("usage"))
    elif kind == "contentBlockStart":
        called = mapping(mapping(piece.get("start")).get("toolUse"))
        block.update(type="tool_use", id=called.get("toolUseId"), name=called.get("name"), input="")
    elif kind == "content_block_start":
        begun = mapping(piece.get("content_block"))
        block.update(begun | {"input": ""} if "input" in begun else begun)
    elif kind in ("contentBlockDelta", "content_block_delta"):
        _extend(block, mapping(piece.get("delta")))


def _extend(block: dict[str, Any], delta: dict[str, Any]) -> None:
    thought = mapping(delta.get("reasoningContent")).get("text") or delta.get("thinking")
    arguments = mapping(delta.get("toolUse")).get("input") or delta.get("partial_json")
    for name, kind, words in (
        ("text", "text", delta.get("text")),
        ("thinking", "thinking", thought),
        ("input", "tool_use", arguments),
    ):
        if words:
            block.setdefault("type", kind)
            block[name] = text(block.get(name)) + text(words)
