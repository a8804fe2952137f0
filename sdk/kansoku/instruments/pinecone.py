"""Pinecone: queries by vector and searches by text, of indexes over HTTP and gRPC."""

from collections.abc import Iterable, Mapping
from typing import Any

from kansoku import semconv
from kansoku.instruments.search import Document, Reader, Search, dimensions, document, split_address
from kansoku.instruments.vector_store import Stores

_ORDERS = {"euclidean": "lower", "cosine": "higher", "dotproduct": "higher"}


class QueryReader:
    """Reads query and query_namespaces."""

    system = "pinecone"

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def request(self, client: Any, arguments: Mapping[str, Any], capture: bool) -> Search:
        """Read index, namespaces, vector, filter and top_k."""
        del capture
        search = _open(self._operation, client)
        spaces = arguments.get("namespaces")
        search.namespace = ",".join(map(str, spaces)) if spaces else str(arguments.get("namespace") or "")
        search.top_k = arguments.get("top_k")
        search.filter = arguments.get("filter")
        search.dimensions = dimensions(arguments.get("vector"))
        metric = arguments.get("metric")
        if isinstance(metric, str):
            search.attributes[semconv.RETRIEVAL_SCORE_METRIC] = metric
            if order := _ORDERS.get(metric):
                search.attributes[semconv.RETRIEVAL_SCORE_ORDER] = order
        return search

    def response(self, response: Any, capture: bool, search: Search) -> Iterable[Document] | None:
        """Read the matches; before 9, those that `async_req` waits for in a thread are not known."""
        del search
        if not hasattr(response, "matches"):
            return None
        return [
            document(match.id, match.score, match.metadata, capture=capture) for match in response.matches
        ]


class SearchReader:
    """Reads search and search_records of an index that embeds texts itself."""

    system = "pinecone"

    def request(self, client: Any, arguments: Mapping[str, Any], capture: bool) -> Search:
        """Read index, namespace, text, filter and top_k: apart, or in `query`."""
        search = _open("search", client)
        search.namespace = str(arguments.get("namespace") or "")
        query = arguments.get("query")
        whole = {**_fields(query), **{key: value for key, value in arguments.items() if value is not None}}
        search.top_k = whole.get("top_k")
        search.filter = whole.get("filter")
        vector = whole.get("vector")
        search.dimensions = dimensions(vector if not isinstance(vector, Mapping) else vector.get("values"))
        text = _fields(whole.get("inputs")).get("text")
        if capture and isinstance(text, str):
            search.query = text
        if reranked := _fields(whole.get("rerank")).get("model"):
            search.attributes[semconv.RETRIEVAL_RERANK_MODEL] = str(reranked)
        search.attributes[semconv.RETRIEVAL_SCORE_ORDER] = "higher"
        return search

    def response(self, response: Any, capture: bool, search: Search) -> Iterable[Document]:
        """Read the hits."""
        del search
        return [
            document(_either(hit, "id"), _either(hit, "score"), hit.fields, capture=capture)
            for hit in response.result.hits
        ]


class DocumentReader:
    """Reads a search for the documents of an index with a schema."""

    system = "pinecone"

    def request(self, client: Any, arguments: Mapping[str, Any], capture: bool) -> Search:
        """Read namespace, the texts and vectors to score by, filter and top_k."""
        search = _open("search", client)
        search.namespace = str(arguments.get("namespace") or "")
        search.top_k = arguments.get("top_k")
        search.filter = arguments.get("filter")
        texts: list[str] = []
        for clause in arguments.get("score_by") or ():
            for name in ("query", "text", "values"):
                value = clause.get(name) if isinstance(clause, Mapping) else getattr(clause, name, None)
                if isinstance(value, str):
                    texts.append(value)
                elif value is not None:
                    search.dimensions = search.dimensions or dimensions(value)
        if capture:
            search.query = "\n".join(texts)
        return search

    def response(self, response: Any, capture: bool, search: Search) -> Iterable[Document]:
        """Read the documents, best first."""
        del search
        found = []
        for match in response.matches:
            fields = match.to_dict() if capture and hasattr(match, "to_dict") else {}
            rest = {
                name: value for name, value in fields.items() if name not in ("_id", "id", "_score", "score")
            }
            found.append(document(match.id, match.score, rest, capture=capture))
        return found


def _open(operation: str, client: Any) -> Search:
    """Begin with where the index is: its name is the first part of its host, before the project."""
    config = getattr(client, "_config", None) or getattr(client, "config", None)  # the latter before 7
    host = getattr(client, "_host", None) or getattr(config, "host", None) or ""
    address, port = split_address(host)
    name = address.partition(".svc.")[0].rpartition("-")[0] if ".svc." in address else address
    return Search(operation, name, address=address, port=port)


def _either(hit: Any, name: str) -> Any:
    for spelling in (name, f"{name}_", f"_{name}"):
        value = getattr(hit, spelling, None)
        if value is not None:
            return value
    return None


def _fields(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    return value.to_dict() if hasattr(value, "to_dict") else getattr(value, "__dict__", {})


_INDEX: Mapping[str, Reader] = {
    "query": QueryReader("query"),
    "query_namespaces": QueryReader("query_namespaces"),
    "search": SearchReader(),
    "search_records": SearchReader(),
}
_STORES = Stores(
    {
        "pinecone.index": {"Index": _INDEX},
        "pinecone.async_client.async_index": {"AsyncIndex": _INDEX},
        "pinecone.grpc": {"GrpcIndex": _INDEX},
        "pinecone.client.documents": {"Documents": {"search": DocumentReader()}},
        "pinecone.async_client.documents": {"AsyncDocuments": {"search": DocumentReader()}},
        # Before 9, and before 7
        "pinecone.db_data.index": {"Index": _INDEX},
        "pinecone.db_data.index_asyncio": {"_IndexAsyncio": _INDEX},
        "pinecone.data.index": {"Index": _INDEX},
        "pinecone.data.index_asyncio": {"_IndexAsyncio": _INDEX},
    }
)
start = _STORES.start
stop = _STORES.stop
