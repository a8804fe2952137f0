"""Spring AI: the conventions on calls of models, `spring.ai.*` on what is around them."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise import gen_ai
from kansoku_collector.values import first, rename, text

_KIND = "spring.ai.kind"
_OPERATIONS = {
    "chat_client": "invoke_workflow",
    "advisor": "invoke_workflow",
    "tool_call": "execute_tool",
    "vector_store": "retrieval",
}
_NAMES = {
    "spring.ai.tool.definition.name": s.TOOL_NAME,
    "spring.ai.tool.call.arguments": s.TOOL_ARGUMENTS,
    "spring.ai.tool.call.result": s.TOOL_RESULT,
    "db.vector.query.content": s.RETRIEVAL_QUERY,
}


def is_spring_ai(raw: RawSpan) -> bool:
    """Tell whether Spring AI wrote a span around calls of models."""
    return _KIND in raw.attributes


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; the operation is Spring's kind, for all of these are `framework`."""
    kind = text(left.pop(_KIND, None))
    # Of a vector store, only the query is a search; its adding and deleting are steps.
    searches = kind != "vector_store" or text(left.get("db.operation.name")) == "query"
    left[s.OPERATION] = _OPERATIONS.get(kind, "invoke_workflow") if searches else "invoke_workflow"
    rename(left, _NAMES)
    if given := first(left, "gen_ai.prompt", "spring.ai.chat.client.user.text"):
        left[s.INPUT_VALUE] = given
    gen_ai.read(raw, left, span)
    span.dialect = "spring_ai"
