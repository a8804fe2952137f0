"""Documents that a retriever returned, and what it was asked, as frameworks and programs write them."""

from typing import Any

from kansoku_collector.model import Span
from kansoku_collector.values import dump, load, number, searchable, text

_CONTENT = ("page_content", "content", "text", "document", "pageContent", "memory")
_ID = ("id", "id_", "doc_id", "document_id", "doc_uri", "source")
_SCORE = ("score", "relevance_score", "similarity", "_score")
_QUERY = ("query", "question", "input", "q", "text", "search_query")


def put_retrieval(span: Span, asked: Any, returned: Any) -> bool:
    """Store a retrieval; return whether `returned` was a list of documents."""
    span.retrieval_query = query_of(asked)
    span.input_text = searchable(span.retrieval_query)
    documents = read_documents(returned)
    span.documents = dump(documents) if documents else ""
    return bool(documents)


def read_documents(value: Any) -> list[dict[str, Any]]:
    """Return documents as [{id, score, content, metadata?}]; nothing where the value is no list of them."""
    found = load(value)
    if isinstance(found, dict):
        found = next(
            (
                found[name]
                for name in ("documents", "output", "results", "result", "nodes", "passages")
                if found.get(name)
            ),
            None,
        )
    if not isinstance(found, list):
        return []
    return [document for item in found if (document := _document(item)) is not None]


def query_of(value: Any) -> str:
    """Return what was searched for: the text itself, or the argument of the call that looks like it."""
    found = load(value)
    if isinstance(found, dict) and isinstance(found.get("args"), list):  # a traced function's arguments
        words = [item for item in found["args"] if isinstance(item, str)]
        found = words[0] if words else found.get("kwargs")
    if not isinstance(found, dict):
        return text(found)
    named = next((found[name] for name in _QUERY if isinstance(found.get(name), str)), None)
    return named or next((item for item in found.values() if isinstance(item, str) and item), text(found))


def _document(value: Any) -> dict[str, Any] | None:
    score = None
    if isinstance(value, list) and len(value) == 2 and number(value[1]) is not None:
        value, score = value[0], number(value[1])  # LangChain's (document, score)
    if isinstance(value, str):
        return {"id": None, "score": score, "content": value}
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("kwargs"), dict):
        value = value["kwargs"]
    if isinstance(value.get("document"), dict):  # Dify
        value = value["document"]
    if isinstance(value.get("node"), dict):  # LlamaIndex wraps a node with its score
        value = {**value["node"], "score": value.get("score")}
    metadata = value.get("metadata") if isinstance(value.get("metadata"), dict) else {}
    places = (value, metadata)
    if score is None:
        score = next(
            (n for place in places for key in _SCORE if (n := number(place.get(key))) is not None), None
        )
    content = next((value[key] for key in _CONTENT if value.get(key) is not None), None)
    identity = next((place[key] for place in places for key in _ID if place.get(key) is not None), None)
    if content is None and identity is None:
        return None
    found = {"id": None if identity is None else text(identity), "score": score, "content": text(content)}
    return {**found, "metadata": metadata} if metadata else found
