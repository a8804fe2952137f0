"""Qdrant: query_points, its groups and batches, and the searches of older clients."""

from collections.abc import Iterable, Mapping
from typing import Any

from kansoku import semconv
from kansoku.instruments.search import Document, Search, dimensions, document, split_address
from kansoku.instruments.vector_store import Stores


class QueryReader:
    """Reads a search of one collection, whatever its result is wrapped in."""

    system = "qdrant"

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def request(self, client: Any, arguments: Mapping[str, Any], capture: bool) -> Search:
        """Read collection, question, filter and limit."""
        search = Search(self._operation, str(arguments.get("collection_name") or ""))
        inner = getattr(client, "_client", None)
        search.address, search.port = split_address(getattr(inner, "rest_uri", None))
        asked = arguments.get("requests")
        if asked is not None and len(asked) > 1:
            search.attributes[semconv.RETRIEVAL_QUERIES] = len(asked)
        one = asked[0] if asked and len(asked) == 1 else None
        given = arguments if asked is None else {} if one is None else _fields(one)
        limit = given.get("limit")
        search.top_k = 10 if limit is None and (asked is None or one is not None) else limit
        search.filter = given.get("query_filter") or given.get("filter")
        texts: list[str] = []
        for question in [given] if asked is None else [_fields(request) for request in asked]:
            _read_question(question, search, texts)
        if capture:
            search.query = "\n".join(texts)
        return search

    def response(self, response: Any, capture: bool, search: Search) -> Iterable[Document]:
        """Read the points of a response, of its groups, or of several responses."""
        del search
        return [
            document(point.id, point.score, getattr(point, "payload", None), capture=capture)
            for point in _points(response)
        ]


def _fields(request: Any) -> Mapping[str, Any]:
    return request if isinstance(request, Mapping) else vars(request)


def _read_question(given: Mapping[str, Any], search: Search, texts: list[str]) -> None:
    question = given.get("query", given.get("query_vector", given.get("query_text")))
    if given.get("using"):
        search.attributes[semconv.RETRIEVAL_VECTOR] = str(given["using"])
    for _ in range(3):  # NearestQuery(nearest=Document(text=...))
        inner = getattr(question, "nearest", None)
        if inner is None:
            break
        question = inner
    if isinstance(question, tuple):  # of older clients: (name of the vector, vector)
        question = question[-1]
    text = question if "query_text" in given else getattr(question, "text", None)
    if isinstance(text, str):
        texts.append(text)
    search.dimensions = search.dimensions or dimensions(question)


def _points(response: Any) -> list[Any]:
    if isinstance(response, list | tuple):
        return [point for item in response for point in (_points(item) if not _is_point(item) else (item,))]
    groups = getattr(response, "groups", None)
    if groups is not None:
        return [hit for group in groups for hit in group.hits]
    return list(getattr(response, "points", ()))


def _is_point(item: Any) -> bool:
    return hasattr(item, "score")


_NAMES = (
    *("query_points", "query_points_groups", "query_batch_points"),
    *("search", "search_groups", "search_batch", "recommend", "discover"),
)
_METHODS = {name: QueryReader(name) for name in _NAMES}
_STORES = Stores(
    {
        "qdrant_client.qdrant_client": {"QdrantClient": _METHODS},
        "qdrant_client.async_qdrant_client": {"AsyncQdrantClient": _METHODS},
    }
)
start = _STORES.start
stop = _STORES.stop
