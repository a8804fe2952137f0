"""OpenInference's rarer names: decisions of a model, words that were heard and said, and costs in parts."""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.blobs import blob, from_url
from kansoku_collector.normalise.dialects import litellm_callbacks
from kansoku_collector.normalise.dialects.openllmetry_bedrock import with_vendor
from kansoku_collector.normalise.frame import put_content, put_usage
from kansoku_collector.normalise.messages import read_messages
from kansoku_collector.normalise.sounds import put_heard, put_spoken
from kansoku_collector.normalise.vendor import is_embedding_model
from kansoku_collector.values import count, dump, first, load, mapping, number, rename, text

_DECISION = {
    "decision.provider": "llm.provider",
    "decision.system": "llm.system",
    "decision.request.model_name": "llm.request.model_name",
    "decision.response.model_name": "llm.response.model_name",
    "decision.model_name": "llm.model_name",
    "decision.token_count.input": "llm.token_count.prompt",
    "decision.token_count.output": "llm.token_count.completion",
}
_BEDROCK = "@arizeai/openinference-instrumentation-bedrock"
_PARTS = ("llm.cost.prompt", "llm.cost.completion")
# Calls of OpenAI's client that hear or speak: their spans have the name of the answer's class alone.
_OPENAI = "openinference.instrumentation.openai"
_HEARD, _SPOKEN, _DRAWN = ("Transcription", "Translation"), "HttpxBinaryResponseContent", "ImagesResponse"
_HIDDEN = "__REDACTED__"
_LITELLM = "openinference.instrumentation.litellm"
_ADDRESS = 20  # characters in which an address says that it is one


def drop_hidden(left: Attributes) -> None:
    """Take out what a program's settings hide: the word that stands for it is no question and no answer."""
    for name in [name for name, value in left.items() if value == _HIDDEN]:
        del left[name]


def is_printed(value: Any) -> bool:
    """Tell whether a value is an object as Python prints it: of Portkey, what was left out."""
    return isinstance(value, str) and value.startswith("<") and " object at 0x" in value


def take_decision(left: Attributes, kind: str) -> None:
    """Give a decision, for which a model is asked too, the names of any other call."""
    if kind == "DECISION":
        rename(left, _DECISION)


def _put_answers(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Store what was to be judged, and the answers as JSON: both are inside of the vendor's own objects."""
    asked, told = (mapping(raw.attributes.get(f"{side}.value")) for side in ("input", "output"))
    given = read_messages(asked.get("input"), "user") if asked.get("input") else []
    answered = read_messages([text(told["answers"])], "assistant") if told.get("answers") else []
    put_content(span, [], given, answered)
    if given:
        first(left, "input.value", "input.mime_type")


def read_rarer(raw: RawSpan, left: Attributes, span: Span, kind: str) -> None:
    """Read what few calls of models say: decisions, speech, images, and a cost in two halves."""
    if kind == "DECISION":
        _put_answers(raw, left, span)
    if raw.scope_name == _BEDROCK:  # what it invokes is told without the vendor, and has no price by that
        span.request_model = with_vendor(span.request_model)
    if (
        span.operation == "chat"
        and '"parts":[{' not in span.output_messages
        and is_embedding_model(span.request_model)
    ):
        _put_embedded(raw, span)
    if raw.scope_name == _OPENAI and raw.name.startswith(_HEARD):
        put_heard(left, span, mapping(raw.attributes.get("output.value")))
    elif raw.scope_name == _OPENAI and raw.name == _SPOKEN:
        put_spoken(left, span, mapping(raw.attributes.get("input.value")))
    if "output.audio.transcript" in left or "input.audio.transcript" in left:
        _put_transcripts(left, span)
    if "output.images.0.image.url" in left or (raw.scope_name == _OPENAI and raw.name == _DRAWN):
        span.operation = "image"
    if raw.scope_name == litellm_callbacks.SCOPE:
        litellm_callbacks.read_callback(left, span)
    if raw.scope_name == _LITELLM and raw.name.endswith("image_generation"):
        _put_image(left, span)
    if "llm.cost.prompt" in left and "llm.cost.total" not in left:
        _put_cost(left)


def _put_embedded(raw: RawSpan, span: Span) -> None:
    """Store the text that Bedrock's model embedded: it is told as a call of a model with parameters alone."""
    span.operation, span.output_messages = "embeddings", ""
    words = load(span.parameters.pop("inputText", None) or span.parameters.pop("texts", None))
    if not span.input_messages:
        put_content(span, [], read_messages(words, "user"), [])
    told = count(mapping(raw.attributes.get("output.value")).get("inputTextTokenCount"))
    if span.usage_source == "none" and told is not None:
        put_usage(span, {"input_tokens": told})


def _put_transcripts(left: Attributes, span: Span) -> None:
    """Store what was heard and said where a model that speaks has no messages."""
    heard, said = (left.pop(f"{side}.audio.transcript", None) for side in ("input", "output"))
    given = read_messages([text(heard)], "user") if heard and not span.input_messages else []
    answered = read_messages([text(said)], "assistant") if said and not span.output_messages else []
    put_content(span, [], given, answered)


def _put_image(left: Attributes, span: Span) -> None:
    """Store what LiteLLM drew by its size: its bytes are the text of the answer, and told once more."""
    drawn = left.pop("image.url", None) or span.output_text
    span.operation, span.output_messages, span.output_text = "image", "", ""
    if isinstance(drawn, str) and drawn:
        part = from_url(drawn) if "://" in drawn[:_ADDRESS] else blob("image/*", drawn)
        span.output_messages = dump([{"role": "assistant", "parts": [part]}])


def _put_cost(left: Attributes) -> None:
    """Add the two halves of a cost whose sum nobody tells."""
    parts = [cost for name in _PARTS if (cost := number(left.get(name))) is not None]
    left.setdefault(s.COST_REPORTED_USD, round(sum(parts), 12))
