"""LiteLLM's callbacks for Langfuse and Phoenix: OpenInference's names, and names of its own beside them."""

from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.dialects.litellm_names import operation_of
from kansoku_collector.normalise.exchange import read_request, read_response
from kansoku_collector.normalise.frame import put_content, put_finish
from kansoku_collector.normalise.operations import OPERATIONS
from kansoku_collector.values import text, truth

SCOPE = "litellm"
_GIVEN, _ANSWERED = "langfuse.observation.input", "langfuse.observation.output"


def read_callback(left: Attributes, span: Span) -> None:
    """Take which model answered, and what was asked where Langfuse's name alone tells it."""
    called = operation_of(text(left.pop("llm.request.type", None)).lower())
    span.operation = OPERATIONS.get(called, called) or span.operation
    span.response_id = span.response_id or text(left.pop("llm.response.id", None))
    span.response_model = span.response_model or text(left.pop("llm.response.model", None))
    span.streaming = span.streaming or truth(left.pop("llm.is_streaming", None))
    if not span.input_messages and _GIVEN in left:
        request = read_request(left.pop(_GIVEN))
        put_content(span, request.system, request.messages, [])
        span.tool_definitions = span.tool_definitions or request.tools
    if '"parts":[{' not in span.output_messages and _ANSWERED in left:  # calls of tools of the Responses API
        response = read_response(left.pop(_ANSWERED))
        put_content(span, [], [], response.messages)
        put_finish(span, span.finish_reasons or response.reasons, response.messages)
    if span.output_messages:
        left.pop(_ANSWERED, None)
