"""Read the models of Bedrock that take a prompt and give a text.

Titan, Llama, Mistral, Cohere Command, Jurassic, DeepSeek, Pegasus and the first Claude differ in names alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.parameters import add_parameter
from kansoku.calls.reader import Answer, Request
from kansoku.instruments import openai_extras as extras
from kansoku.instruments.bedrock_origin import read_origin
from kansoku.instruments.openai_tokens import read_usage
from kansoku.usage import Usage

_NUMBERS = {
    "temperature": semconv.TEMPERATURE,
    "top_p": semconv.TOP_P,
    "topP": semconv.TOP_P,
    "p": semconv.TOP_P,
    "top_k": semconv.TOP_K,
    "topK": semconv.TOP_K,
    "topKReturn": semconv.TOP_K,
    "k": semconv.TOP_K,
    "max_tokens": semconv.MAX_TOKENS,
    "max_gen_len": semconv.MAX_TOKENS,
    "max_tokens_to_sample": semconv.MAX_TOKENS,
    "maxTokens": semconv.MAX_TOKENS,
    "maxTokenCount": semconv.MAX_TOKENS,
    "seed": semconv.SEED,
    "num_generations": semconv.CHOICE_COUNT,
    "numResults": semconv.CHOICE_COUNT,
}
_PROMPTS = ("prompt", "inputText", "inputPrompt")
_READ_BELOW = frozenset({"inputText", "inputPrompt", "mediaSource", "textGenerationConfig", "stopSequences"})
_STOPS = ("stop", "stop_sequences", "stopSequences")
_FINISH = {
    "FINISH": "stop",
    "FINISHED": "stop",
    "COMPLETE": "stop",
    "endoftext": "stop",
    "stop_sequence": "stop",
    "STOP_CRITERIA_MET": "stop",
    "end_turn": "stop",
    "LENGTH": "length",
    "MAX_TOKENS": "length",
    "max_tokens": "length",
    "ERROR_LIMIT": "length",
    "CONTENT_FILTERED": "content_filter",
    "ERROR_TOXIC": "content_filter",
}
# Where a list of texts is, what its items call the text and why it ended.
_LISTS = (
    ("generations", "text", ("finish_reason",)),
    ("results", "outputText", ("completionReason",)),
    ("outputs", "text", ("stop_reason",)),
    ("choices", "text", ("finish_reason", "stop_reason")),
)
_FLAT = (
    ("generation", ("stop_reason",)),
    ("completion", ("stop_reason",)),
    ("outputText", ("completionReason",)),
    ("message", ("finishReason",)),
    ("text", ("finish_reason",)),
)


class PromptReader:
    """Reads a prompt and the texts that follow from it."""

    operation = "chat"
    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read a body."""
        request = Request("")
        config = arguments.get("textGenerationConfig")
        for given in (arguments, config if isinstance(config, Mapping) else {}):
            for name, value in given.items():
                key = _NUMBERS.get(name)
                if key is None:
                    if name not in _READ_BELOW:
                        add_parameter(request.attributes, name, value, capture)
                elif isinstance(value, int | float) and not isinstance(value, bool):
                    request.attributes[key] = value
            for name in _STOPS:
                if isinstance(stops := given.get(name), list | str) and stops:
                    listed = [stops] if isinstance(stops, str) else stops
                    request.attributes[semconv.STOP_SEQUENCES] = tuple(map(str, listed))
        prompt = next((arguments[name] for name in _PROMPTS if name in arguments), None)
        if capture and isinstance(prompt, str):
            request.messages = [{"role": "user", "parts": [{"type": "text", "content": prompt}]}]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a whole body, which is one chunk."""
        return self.fold([response], capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the chunks together."""
        texts: dict[int, list[str]] = {}
        finish: dict[int, str] = {}
        answer = Answer(usage=_usage(chunks))
        extras.add_extras(answer, chunks)  # of an imported model, whose server speaks OpenAI's API
        for chunk in chunks:
            answer.id = answer.id or str(chunk.get("id") or "")
            answer.model = answer.model or str(chunk.get("model") or "")
            for index, text, reason in _texts(chunk):
                texts.setdefault(index, []).append(text)
                if isinstance(reason, str):
                    finish[index] = _FINISH.get(reason, reason.lower())
        answer.finish_reasons = [finish[index] for index in sorted(finish)]
        if capture:
            answer.messages = [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "".join(texts[index])}],
                    "finish_reason": finish.get(index, ""),
                }
                for index in sorted(texts)
            ]
        return answer


def _texts(chunk: Mapping[str, Any]) -> Iterator[tuple[int, str, Any]]:
    """Yield number, text and finish reason of each answer in a chunk."""
    for name, text, reasons in _LISTS:
        if isinstance(chunk.get(name), list):
            for number, item in enumerate(chunk[name]):
                index = item.get("index")
                place = index if isinstance(index, int) else number
                yield place, item.get(text) or "", _first(item, reasons)
            return
    if isinstance(chunk.get("completions"), list):  # Jurassic
        for number, item in enumerate(chunk["completions"]):
            yield (
                number,
                (item.get("data") or {}).get("text") or "",
                (item.get("finishReason") or {}).get("reason"),
            )
        return
    for name, reasons in _FLAT:
        if name in chunk or (name == "text" and _first(chunk, reasons)):
            index = chunk.get("index")
            yield index if isinstance(index, int) else 0, chunk.get(name) or "", _first(chunk, reasons)
            return


def _first(item: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((item[name] for name in names if item.get(name)), None)


def _usage(chunks: list[Any]) -> Usage | None:
    """Return the counts in the bodies: Llama's, Titan's or OpenAI's; None where only AWS counts."""
    merged: dict[str, Any] = {}
    for chunk in chunks:
        merged.update({name: value for name, value in chunk.items() if value is not None})
    if (usage := read_usage(merged.get("usage"))) is not None:
        return usage
    sent = merged.get("prompt_token_count", merged.get("inputTextTokenCount"))
    answered = merged.get("generation_token_count", merged.get("totalOutputTextTokenCount"))
    if answered is None and isinstance(merged.get("results"), list):
        answered = sum(result.get("tokenCount") or 0 for result in merged["results"])
    if sent is None:
        return None
    # A guardrail that rewrites a body makes its whole numbers 28.0.
    return Usage(input_fresh=int(sent), output_visible=int(answered or 0))
