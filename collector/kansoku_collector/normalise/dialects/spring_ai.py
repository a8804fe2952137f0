"""Spring AI: the conventions on calls of models, `spring.ai.*` on what is around them."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.counters import include_caches
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.values import dump, first, items, rename, text

_KIND = "spring.ai.kind"
_TOOLS = "spring.ai.model.request.tool.names"
_FOUND = "db.vector.query.response.documents"
_SCOPE = "org.springframework"
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
_DISJOINT = ("anthropic", "bedrock_converse")  # whose own count of the input leaves caches out
_UNSET = ("none", "unknown")  # what Spring AI and LangChain4j write where nothing is known


def is_spring_ai(raw: RawSpan) -> bool:
    """Tell whether Spring AI wrote a span, by its kind, or by Spring's scope on a call of a model."""
    return _KIND in raw.attributes or (raw.scope_name.startswith(_SCOPE) and s.OPERATION in raw.attributes)


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions; the operation is Spring's kind, for all of these are `framework`."""
    kind = text(left.pop(_KIND, None))
    if kind:
        # Of a vector store, only the query is a search; its adding and deleting are steps.
        searches = kind != "vector_store" or text(left.get("db.operation.name")) == "query"
        left[s.OPERATION] = _OPERATIONS.get(kind, "invoke_workflow") if searches else "invoke_workflow"
        rename(left, _NAMES)
        if given := first(left, "gen_ai.prompt", "spring.ai.chat.client.user.text"):
            left[s.INPUT_VALUE] = given
    else:
        _read_call(left)
    gen_ai.read(raw, left, span)
    span.dialect = "spring_ai"
    if _FOUND in left:
        found = [{"id": None, "score": None, "content": text(words)} for words in items(left.pop(_FOUND))]
        span.documents = dump(found)


def _read_call(left: Attributes) -> None:
    """Read what only Spring writes so: models that nobody knows, tools by their names, caches of Claude."""
    for name in (s.REQUEST_MODEL, s.RESPONSE_MODEL):
        if left.get(name) in _UNSET:
            del left[name]
    if _TOOLS in left:
        tools = [{"type": "function", "name": text(name)} for name in items(left.pop(_TOOLS))]
        left.setdefault(s.TOOL_DEFINITIONS, tools)
    if text(left.get("gen_ai.system")) in _DISJOINT:
        include_caches(left)
