"""Letta's server: spans of its methods; what a model was asked and answered are events of one of them.

Each field of the vendor's own objects is an attribute of its event, as Python prints it.
"""

from typing import Any

from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.exchange import put_exchange, read_request, read_response
from kansoku_collector.normalise.frame import put_usage
from kansoku_collector.normalise.printed import read_printed
from kansoku_collector.normalise.vendor import provider_of

_SCOPES = frozenset({"letta.otel.tracing", "letta.tracing"})
_SENT, _RECEIVED = "llm_request_sent", "llm_response_received"
_PROVIDERS = {  # by the class whose method it is
    "Anthropic": "anthropic",
    "Azure": "azure.ai.openai",
    "Bedrock": "aws.bedrock",
    "GoogleAI": "gcp.gemini",
    "GoogleVertex": "gcp.vertex_ai",
    **{name: name.lower() for name in ("Deepseek", "Fireworks", "Groq", "Mistral", "Together", "XAI")},
}


def is_letta(raw: RawSpan) -> bool:
    """Tell whether Letta's server wrote a span, by its scope."""
    return raw.scope_name in _SCOPES


def read(raw: RawSpan, _: Attributes, span: Span) -> None:
    """Fill `span`: a method that asked a model is a call, any other stays what it is."""
    span.dialect = "letta"
    told = {event.name: event.attributes for event in raw.events}
    if _SENT not in told:
        return
    span.operation = "chat"
    asked, answered = _unprinted(told[_SENT]), _unprinted(told.get(_RECEIVED, {}))
    request, response = read_request(asked), read_response(answered)
    span.request_model = request.model
    span.response_model = response.facts.get("model", "")
    span.response_id = span.response_id or response.facts.get("id", "")
    client = raw.name.partition(".")[0].removesuffix("Client")
    span.provider = _PROVIDERS.get(client) or provider_of(span.request_model)
    put_exchange(span, request, response, [])
    put_usage(span, response.counts)


def _unprinted(attributes: Attributes) -> dict[str, Any]:
    """Return an event's fields as values; what is no printed value is text, or a number."""
    found = {name: read_printed(value) for name, value in attributes.items()}
    return {name: value if found[name] is None else found[name] for name, value in attributes.items()}
