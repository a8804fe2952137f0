"""Spans that MLflow writes in the names of the conventions, and what is lost on the way there."""

import json
from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counts import same_sums
from kansoku_collector.normalise.dialects import gen_ai, mlflow_bedrock
from kansoku_collector.normalise.dialects.mlflow_chunks import read_chunks, streamed_calls, streamed_counts
from kansoku_collector.normalise.exchange import PARAMETERS, read_parameters
from kansoku_collector.normalise.frame import put_reasons, put_usage
from kansoku_collector.normalise.messages import read_message
from kansoku_collector.normalise.steps import put_step
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import decode, dump, items, load, mapping, plain, text, truth


def read_translated(
    raw: RawSpan, left: Attributes, span: Span, chunks: list[Any], operations: dict[str, str]
) -> None:
    """Read a span that MLflow translated: the model that answered stands where the asked one belongs."""
    kind = text(left[s.OPERATION]).upper()
    asked = plain(left.pop("model", None))
    if asked:
        left.setdefault(s.RESPONSE_MODEL, left.get(s.REQUEST_MODEL))
        left[s.REQUEST_MODEL] = asked
    bare = {name: decode(left.pop(name)) for name in PARAMETERS if name in left}
    bare |= mapping(left.pop("invocation_params", None))  # LangChain's
    if truth(left.pop("stream", None)):
        left.setdefault(s.STREAM, True)
    _drop_reasoning(left)
    _part_thinking(left)
    _take_prompt(left)
    gen_ai.read(raw, left, span)
    span.dialect = "mlflow"
    span.parameters = read_parameters(bare) | span.parameters
    if provider_of(span.request_model) == mlflow_bedrock.PROVIDER:
        mlflow_bedrock.put_stream(raw, span)
    span.provider = span.provider or provider_of(span.request_model)
    if span.operation == "other":
        span.operation = operations.get(kind, "other")
    if span.operation == "execute_tool":
        put_step(span, left, span.tool_arguments, decode(span.tool_result))
    if span.tool_definitions:
        left.pop("tools", None)
    if chunks:
        _read_stream(chunks, span)


def _read_stream(chunks: list[Any], span: Span) -> None:
    """Fill calls of tools, the end and parts of the usage from a stream's chunks, which have all three."""
    span.streaming = True
    reasons, calls = read_chunks(chunks, span), streamed_calls(chunks)
    if calls and '"tool_call"' not in span.output_messages:
        said = read_message({"content": None, "tool_calls": calls}, "assistant")
        answered = json.loads(span.output_messages or "[]") or [{"role": "assistant", "parts": []}]
        answered[0]["parts"] = [part for part in answered[0]["parts"] if part.get("content") != ""]
        answered[0]["parts"] += said["parts"] if said else []
        span.output_messages = dump(answered)
    if reasons:
        put_reasons(span, reasons, called=bool(calls))
    counts = streamed_counts(chunks)
    if counts and same_sums(counts, span):
        put_usage(span, counts)


def _take_prompt(left: Attributes) -> None:
    """Read a completion, whose prompt is an attribute of its own, for what it is."""
    if s.INPUT_MESSAGES in left or "prompt" not in left:
        return
    left[s.OPERATION], prompt = "text_completion", decode(left.pop("prompt"))
    left[s.INPUT_MESSAGES] = [{"role": "user", "content": text(words)} for words in items(prompt)]


def _part_thinking(left: Attributes) -> None:
    """Take Anthropic's thinking for what it is, which the translation writes as words."""
    told = text(left.get(s.OUTPUT_MESSAGES))
    if "signature" not in told or "thinking" not in told:
        return
    messages = items(told)
    for message in map(mapping, messages):
        for part in map(mapping, items(message.get("parts"))):
            said = mapping(part.get("content"))
            if said.get("type") == "thinking":
                part |= {"type": "reasoning", "content": text(said.get("thinking"))}
    left[s.OUTPUT_MESSAGES] = messages


def _drop_reasoning(left: Attributes) -> None:
    """Drop messages that are a Responses reasoning item, which the translation writes as words."""
    answered = load(left.get(s.OUTPUT_MESSAGES))
    if isinstance(answered, list) and '"reasoning' in text(left[s.OUTPUT_MESSAGES]).replace("\\", ""):
        left[s.OUTPUT_MESSAGES] = [message for message in answered if not _is_reasoning(message)]


def _is_reasoning(message: Any) -> bool:
    parts = items(mapping(message).get("parts"))
    return len(parts) == 1 and mapping(mapping(parts[0]).get("content")).get("type") == "reasoning"
