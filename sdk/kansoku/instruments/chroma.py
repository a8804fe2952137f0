"""Chroma: Collection.query and Collection.search."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kansoku import semconv
from kansoku.instruments.search import Document, Search, dimensions, document, split_address
from kansoku.instruments.vector_store import Stores

_METRICS = {"l2": "squared_l2_distance", "cosine": "cosine_distance", "ip": "inner_product_distance"}


class QueryReader:
    """Reads the nearest records to texts or vectors: distances, the smallest is the nearest."""

    system = "chroma"

    def request(self, client: Any, arguments: Mapping[str, Any], capture: bool) -> Search:
        """Read collection, questions, filters and the number of results."""
        search = _open("query", client)
        search.top_k = arguments.get("n_results", 10)
        texts = arguments.get("query_texts")
        listed = [texts] if isinstance(texts, str) else texts or []
        vectors = arguments.get("query_embeddings")
        search.dimensions = dimensions(vectors)
        if capture:
            search.query = "\n".join(map(str, listed))
            found = {name: arguments[name] for name in ("where", "where_document") if arguments.get(name)}
            search.filter = found.get("where") if list(found) == ["where"] else found
        search.attributes[semconv.RETRIEVAL_SCORE_ORDER] = "lower"
        if metric := _METRICS.get(_space(client)):
            search.attributes[semconv.RETRIEVAL_SCORE_METRIC] = metric
        return search

    def response(self, response: Any, capture: bool, search: Search) -> Iterable[Document]:
        """Read the records of all questions, in their order."""
        return _read(response, "distances", capture, search)


class SearchReader:
    """Reads a hybrid search: scores as its ranking expression gives them."""

    system = "chroma"

    def request(self, client: Any, arguments: Mapping[str, Any], capture: bool) -> Search:
        """Read collection, questions, filter and limit of the first of several searches."""
        search = _open("search", client)
        given = arguments.get("searches")
        asked: Sequence[Any] = given if isinstance(given, list | tuple) else [given]
        told = [one.to_dict() if hasattr(one, "to_dict") else dict(one) for one in asked]
        if len(told) == 1:
            search.top_k = (told[0].get("limit") or {}).get("limit")
            search.filter = told[0].get("filter")
        texts: list[str] = []
        for one in told:
            _find_questions(one.get("rank"), texts, search)
        if capture:
            search.query = "\n".join(dict.fromkeys(texts))
        return search

    def response(self, response: Any, capture: bool, search: Search) -> Iterable[Document]:
        """Read the records of all searches, in their order."""
        return _read(response, "scores", capture, search)


def _open(operation: str, client: Any) -> Search:
    search = Search(operation, str(getattr(client, "name", "") or ""))
    database = str(getattr(client, "database", "") or "")
    tenant = str(getattr(client, "tenant", "") or "")
    search.namespace = "/".join(filter(None, (tenant, database)))
    server = getattr(client, "_client", None)
    locate = getattr(server, "get_api_url", None)
    if callable(locate):
        search.address, search.port = split_address(locate())
    return search


def _space(client: Any) -> str:
    settings = getattr(client, "configuration_json", None) or {}  # none in 0.4
    for index in ("hnsw", "spann"):
        if space := (settings.get(index) or {}).get("space"):
            return str(space)
    return str((client.metadata or {}).get("hnsw:space") or "l2")


def _find_questions(rank: Any, texts: list[str], search: Search) -> None:
    if isinstance(rank, Mapping):
        for name, value in rank.items():
            if name == "query" and isinstance(value, str):
                texts.append(value)
            elif name == "query":
                search.dimensions = search.dimensions or dimensions(value)
            else:
                _find_questions(value, texts, search)
    elif isinstance(rank, list | tuple):
        for item in rank:
            _find_questions(item, texts, search)


def _read(response: Any, scores: str, capture: bool, search: Search) -> list[Document]:
    batches = response.get("ids") or []
    if len(batches) > 1:
        search.attributes[semconv.RETRIEVAL_QUERIES] = len(batches)
    found: list[Document] = []
    for number, ids in enumerate(batches):
        columns = [_column(response.get(name), number) for name in (scores, "metadatas", "documents")]
        for place, identity in enumerate(ids):
            score, fields, text = (column[place] if place < len(column) else None for column in columns)
            found.append(document(identity, score, fields, content=text, capture=capture))
    return found


def _column(columns: Any, number: int) -> Any:
    return (columns[number] or ()) if columns is not None and number < len(columns) else ()


_STORES = Stores(
    {
        "chromadb.api.models.Collection": {"Collection": {"query": QueryReader(), "search": SearchReader()}},
        "chromadb.api.models.AsyncCollection": {
            "AsyncCollection": {"query": QueryReader(), "search": SearchReader()}
        },
    }
)
start = _STORES.start
stop = _STORES.stop
