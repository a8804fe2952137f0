"""Read LiteLLM's chats: what the provider counted of a stream, told from what LiteLLM makes of it."""

from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer
from kansoku.instruments.litellm_read import (
    RoutedReader,
    add_hidden,
    hidden_of,
    mark_guess,
    origin,
    stream_of,
)
from kansoku.instruments.openai_chat import ChatReader
from kansoku.instruments.openai_extras import last_text
from kansoku.instruments.openai_family import fields_of
from kansoku.instruments.openai_shape import get
from kansoku.instruments.openai_tokens import count, read_usage
from kansoku.instruments.openai_usage import usage_facts
from kansoku.usage import Usage

_CACHED = "cached_response"
_GOOGLES = frozenset({"gemini", "vertex_ai", "vertex_ai_beta"})


class RoutedChatReader(RoutedReader):
    """Reads chats; LiteLLM counts the tokens of a stream itself where the provider does not."""

    def __init__(self) -> None:
        super().__init__(ChatReader(origin))

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a whole response."""
        answer = super().response(response, capture)
        if answer.usage is not None and hidden_of(response).get("custom_llm_provider") in _GOOGLES:
            answer.usage = _with_tools(answer.usage, get(response, "usage"))
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the chunks together, with the provider's count of the tokens, or with a marked guess."""
        answer = self._inner.fold([fields_of(chunk) for chunk in chunks], capture)
        # The chunk of the usage is LiteLLM's own: it has the name that was asked for.
        answer.model = last_text(chunks[:-1], "model") or answer.model
        hidden = hidden_of(chunks[-1])
        stream = stream_of(chunks[-1], hidden)
        if getattr(stream, "custom_llm_provider", None) == _CACHED:
            hidden = {**hidden, "cache_hit": True}  # of its chunks none says so
        bill = answer.attributes.pop(semconv.VENDOR_COST, None)  # there, too, LiteLLM's in newer versions
        add_hidden(answer, hidden)
        counted = answer.usage or read_usage(hidden.get("usage"))
        answer.usage = None
        told = [usage for chunk in getattr(stream, "chunks", ()) if (usage := get(chunk, "usage"))]
        own = [usage for each in told if (usage := read_usage(each)) is not None]
        if semconv.CACHE_HIT in answer.attributes:
            return answer
        if own:
            for each in told:
                answer.attributes |= usage_facts(each)
            answer.usage = _without_guess(_fullest(counted, own), own)
            if hidden.get("custom_llm_provider") in _GOOGLES:
                answer.usage = _with_tools(answer.usage, told[-1])
            if bill is not None:
                answer.attributes[semconv.COST_REPORTED_USD] = bill
        elif counted is not None and (counted.input_tokens or counted.output_tokens):
            mark_guess(answer, counted)
        return answer


def _fullest(counted: Usage | None, own: list[Usage]) -> Usage:
    """Return the usage that tells most: where a program asks for none, LiteLLM keeps the sums alone.

    Of thoughts that are counted beside an answer, as xAI's are, its sum knows nothing in some versions.
    """
    last = own[-1]
    if counted is None or (
        last.input_tokens == counted.input_tokens and last.output_tokens > counted.output_tokens
    ):
        return last
    sums = counted.input_tokens, counted.output_tokens
    alike = [usage for usage in own if (usage.input_tokens, usage.output_tokens) == sums]
    return max((counted, *alike), key=lambda usage: sum(map(bool, usage)))


def _without_guess(usage: Usage, own: list[Usage]) -> Usage:
    """Return the usage of a stream without the reasoning that LiteLLM counts where no provider did."""
    if not usage.reasoning or any(said.reasoning for said in own):
        return usage
    return usage._replace(reasoning=0, output_visible=usage.output_visible + usage.reasoning)


def _with_tools(usage: Usage, told: Any) -> Usage:
    """Return the usage with what Gemini's tools gave the model to read: of that, the sum alone knows."""
    left = (count(told, "total_tokens") or 0) - usage.input_tokens - usage.output_tokens
    return usage._replace(input_fresh=usage.input_fresh + left) if left > 0 else usage
