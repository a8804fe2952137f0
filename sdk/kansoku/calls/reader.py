"""What a reader finds in a request and in a response, and what of it is written on a span."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from opentelemetry.context import Context

from kansoku import runtime, semconv
from kansoku.content import to_json
from kansoku.pricing.price_terms import NO_TERMS, Terms, read_terms
from kansoku.stamps import stamps
from kansoku.usage import Usage

_HOUR = 3_600_000_000_000  # nanoseconds
_KINDS = (
    (semconv.CACHE_READ_AUDIO_TOKENS, semconv.AUDIO_INPUT_TOKENS),
    (semconv.CACHE_READ_IMAGE_TOKENS, semconv.IMAGE_INPUT_TOKENS),
)


@dataclass(slots=True)
class Request:
    """What a reader finds in the arguments of a call; messages are in the GenAI shape."""

    model: str
    attributes: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] | None = None
    instructions: str | list[str] = ""  # one text, or one a block
    tools: list[Any] | None = None

    def system_texts(self) -> list[str]:
        """Return the texts of the instructions, each block's by itself: what is between them, nobody said."""
        given = self.instructions
        return [text for text in ([given] if isinstance(given, str) else given) if text]


class Beside(NamedTuple):
    """What the counts of an answer leave out and the vendor bills."""

    model: str  # "" the one that answers
    usage: Usage
    facts: Mapping[str, Any] = MappingProxyType({})  # attributes that a call of it alone would have


@dataclass(slots=True)
class Answer:
    """What a reader finds in a response, whole or folded from the chunks of a stream."""

    model: str = ""
    id: str = ""
    finish_reasons: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    usage: Usage | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    # Of a system of several models: which used what. Their prices make up the cost, their counts the usage.
    shares: list[tuple[str, Usage]] = field(default_factory=list)
    beside: list[Beside] = field(default_factory=list)
    failure: str = ""  # the vendor answered, and the answer is that it failed
    failure_message: str = ""


class Reader(Protocol):
    """Understands the requests and the responses of one endpoint of one vendor.

    A reader may have a `brief` (`recording.Brief`): then it is asked later, about copies. One with a
    `growth` (`sent.Growth`) puts together what the server sent, where that can be had, and otherwise
    the client's chunks. `last_words` returns the chunk that a client made an exception of, or None.
    """

    operation: str

    def origin(self, resource: Any, local_provider: str) -> tuple[str, str, int]:
        """Return provider, server address and port of the client that makes the call."""

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments; content only with `capture`."""

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a whole response."""

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the chunks of a stream, once, after its end."""


def request_attributes(
    request: Request, running: runtime.Runtime, origin: tuple[str, str, int], context: Context
) -> dict[str, Any]:
    """Return what is asked of the `origin` of a call: provider, server address and port."""
    attributes, limit = request.attributes, running.max_bytes
    if semconv.USER_ID in attributes and semconv.USER_ID in stamps(context):
        attributes.pop(semconv.USER_ID, None)  # context() knows better than what the vendor is told
    if origin[1]:
        attributes[semconv.SERVER_ADDRESS], attributes[semconv.SERVER_PORT] = origin[1:]
    if not running.capture:
        return attributes
    if request.messages:
        attributes[semconv.INPUT_MESSAGES] = to_json(request.messages, limit)
    if texts := request.system_texts():
        parts = [{"type": "text", "content": text} for text in texts]
        attributes[semconv.SYSTEM_INSTRUCTIONS] = to_json(parts, limit)
    if request.tools:
        attributes[semconv.TOOL_DEFINITIONS] = to_json(request.tools, limit)
    return attributes


def answer_attributes(
    answer: Answer, running: runtime.Runtime, provider: str, model: str, started: int
) -> dict[str, Any]:
    """Return what the answer to a call of `model` at the time `started` says, its cost included."""
    attributes = dict(answer.attributes)
    provider = attributes.get(semconv.PROVIDER, provider)  # of a router's answer: it may have asked another
    if answer.model:
        attributes[semconv.RESPONSE_MODEL] = answer.model
    if answer.id:
        attributes[semconv.RESPONSE_ID] = answer.id
    if answer.finish_reasons:
        attributes[semconv.FINISH_REASONS] = answer.finish_reasons
    if answer.messages and running.capture:
        attributes[semconv.OUTPUT_MESSAGES] = to_json(answer.messages, running.max_bytes)
    if answer.failure:
        attributes[semconv.ERROR_TYPE] = answer.failure
    if answer.usage is not None:
        attributes.update(usage_attributes(answer.usage))
        if answer.usage.cache_read:
            _include_cached(attributes)
        terms = read_terms(attributes, provider)
        hour = started // _HOUR  # list prices change at full hours at the soonest
        for priced in running.prices.order(provider, (answer.model, model), hour):
            cost = running.prices.dollars(provider, priced, answer.usage, hour, terms) if priced else None
            if cost is None:
                continue
            attributes[semconv.COST_USD], attributes[semconv.PRICE_ID] = cost
            if answer.beside:
                attributes |= _whole_cost(cost, answer.beside, running, provider, priced, hour, terms)
            break
        else:
            if answer.shares:
                attributes |= _shared_cost(answer.shares, running, provider, hour, terms)
    return attributes


def _whole_cost(
    own: tuple[float, str],
    beside: list[Beside],
    running: runtime.Runtime,
    provider: str,
    model: str,
    hour: int,
    terms: Terms,
) -> dict[str, Any]:
    """Return the attributes for a cost and what was used beside it; none where a part of that has no price.

    The sum is stated: from the counts alone the collector would compute a part of it.
    """
    total, names = own[0], [own[1]]
    for name, usage, facts in beside:
        more = read_terms(facts)._replace(tier=terms.tier, regional=terms.regional)
        cost = running.prices.dollars(provider, name or model, usage, hour, more)
        if cost is None:
            return {}
        total += cost[0]
        names.append(cost[1])
    joined = "+".join(dict.fromkeys(names))
    return {semconv.COST_USD: total, semconv.COST_STATED_USD: total, semconv.PRICE_ID: joined}


def _shared_cost(
    shares: list[tuple[str, Usage]], running: runtime.Runtime, provider: str, hour: int, terms: Terms
) -> dict[str, Any]:
    """Return the attributes for the cost of several models together; none where one has no price."""
    total, names = 0.0, []
    for number, (model, usage) in enumerate(shares):
        # What was used by the piece is paid once.
        own = terms if number == 0 else Terms(terms.tier) if terms.tier else NO_TERMS
        cost = running.prices.dollars(provider, model, usage, hour, own)
        if cost is None:
            return {}
        total += cost[0]
        names.append(cost[1])
    return {semconv.COST_USD: total, semconv.PRICE_ID: "+".join(dict.fromkeys(names))}


def _include_cached(attributes: dict[str, Any]) -> None:
    """Count sounds and images that came from a cache among those sent, as the conventions have it."""
    for cached, sent in _KINDS:
        if cached in attributes:
            attributes[sent] = attributes.get(sent, 0) + attributes[cached]


def usage_attributes(usage: Usage) -> dict[str, int]:
    """Return the token counts of a call; details that are zero are left out."""
    found = {semconv.INPUT_TOKENS: usage.input_tokens, semconv.OUTPUT_TOKENS: usage.output_tokens}
    if usage.cache_read:
        found[semconv.CACHE_READ_TOKENS] = usage.cache_read
    if written := usage.cache_write_5m + usage.cache_write_1h:
        found[semconv.CACHE_WRITE_TOKENS] = written
    if usage.cache_write_1h:
        found[semconv.CACHE_WRITE_1H_TOKENS] = usage.cache_write_1h
    if usage.reasoning:
        found[semconv.REASONING_TOKENS] = usage.reasoning
    if usage.audio_in:
        found[semconv.AUDIO_INPUT_TOKENS] = usage.audio_in
    if usage.audio_out:
        found[semconv.AUDIO_OUTPUT_TOKENS] = usage.audio_out
    if usage.image:
        found[semconv.IMAGE_INPUT_TOKENS] = usage.image
    return found
