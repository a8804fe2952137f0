"""Langfuse's names beside those of the conventions, on spans that a program or another SDK wrote.

Languages without an SDK of Langfuse's write them so: what an observation is, was given and answered by
Langfuse's names, the model and its tokens by those of the conventions.
"""

from typing import Any

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.documents import put_retrieval
from kansoku_collector.normalise.exchange import read_parameters, read_request, read_response
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_content, put_finish
from kansoku_collector.normalise.operations import OPERATIONS
from kansoku_collector.values import load, mapping, plain, text

_MODEL = "langfuse.observation.model."
_CONVENTIONAL = frozenset(
    {
        *(s.OPERATION, s.REQUEST_MODEL, s.RESPONSE_MODEL, s.PROVIDER, "gen_ai.system"),
        *(s.INPUT_TOKENS, s.OUTPUT_TOKENS, s.TOOL_NAME, s.AGENT_NAME),
    }
)


def is_conventional(left: Attributes) -> bool:
    """Tell whether a span says what it is by the names of the conventions."""
    return not _CONVENTIONAL.isdisjoint(left)


def read(raw: RawSpan, left: Attributes, span: Span, given: Any, answered: Any) -> None:
    """Fill `span` by the conventions, then what only Langfuse's names say; its kind is that of the span."""
    told = OPERATIONS.get(text(left.get(s.OPERATION)).lower(), "other")
    if span.operation == "chain":
        left[s.OPERATION] = "invoke_workflow"
    elif span.operation != "other" and not {told, span.operation} <= MODEL_OPERATIONS:
        left[s.OPERATION] = told = span.operation
    called = told in MODEL_OPERATIONS or (span.operation == told == "other" and s.REQUEST_MODEL in left)
    if not called:
        for name, value in ((s.INPUT_VALUE, given), (s.OUTPUT_VALUE, answered)):
            if value is not None:
                left.setdefault(name, load(value))
    gen_ai.read(raw, left, span)
    span.dialect = "langfuse"
    if span.operation == "retrieval" and not span.documents:
        put_retrieval(span, load(given), load(answered))
    elif span.operation in MODEL_OPERATIONS:
        _read_call(left, span, given, answered)


def _read_call(left: Attributes, span: Span, given: Any, answered: Any) -> None:
    request, response = read_request(given), read_response(answered)
    put_content(
        span,
        [] if span.system_instructions else request.system,
        [] if span.input_messages else request.messages,
        [] if span.output_messages or span.operation == "embeddings" else response.messages,
    )
    if not span.finish_reasons:
        put_finish(span, response.reasons, response.messages)
    span.tool_definitions = span.tool_definitions or request.tools
    span.request_model = span.request_model or request.model or plain(left.pop(f"{_MODEL}name", None))
    span.parameters |= read_parameters(mapping(left.pop(f"{_MODEL}parameters", None)))
