"""Elasticsearch: `search`, and what its requests and responses have in common with OpenSearch's."""

from collections.abc import Iterable, Mapping
from typing import Any

from kansoku.instruments.search import Document, Search, dimensions, document
from kansoku.instruments.vector_store import Stores

_QUERY_FIELDS = frozenset({"query", "query_text", "model_text", "inference_text"})
_BY_FIELD = frozenset({"match", "match_phrase", "match_phrase_prefix", "match_bool_prefix", "neural", "term"})
_DEPTH = 12


class SearchReader:
    """Reads a search by words, by vectors, or by both; a request for aggregations alone is none."""

    def __init__(self, system: str) -> None:
        self.system = system

    def request(self, client: Any, arguments: Mapping[str, Any], capture: bool) -> Search | None:
        """Read index, question, filters and size, given apart or in the body."""
        body = arguments.get("body")
        given = {**(body if isinstance(body, Mapping) else {}), **_present(arguments)}
        if given.get("size") == 0:
            return None
        index = given.get("index")
        names = index if isinstance(index, list | tuple) else [index] if index else []
        search = Search("search", ",".join(map(str, names)))
        search.address, search.port = _locate(client)
        found = _Found()
        for part in ("query", "knn", "retriever", "sub_searches"):
            found.visit({part: given.get(part)}, _DEPTH)
        if isinstance(words := given.get("q"), str):
            found.texts.append(words)
        search.top_k = given["size"] if isinstance(given.get("size"), int) else found.k
        search.dimensions = found.dimensions
        filters = [*found.filters, *([given["post_filter"]] if given.get("post_filter") else [])]
        search.filter = filters[0] if len(filters) == 1 else filters
        if capture:
            search.query = "\n".join(dict.fromkeys(found.texts))
        return search

    def response(self, response: Any, capture: bool, search: Search) -> Iterable[Document] | None:
        """Read the hits; None where `filter_path` has left them out."""
        del search
        outer = response.get("hits") if hasattr(response, "get") else response["hits"]
        if outer is None:
            return None
        return [
            document(
                hit.get("_id"), hit.get("_score"), hit.get("_source") or hit.get("fields"), capture=capture
            )
            for hit in outer.get("hits") or ()
        ]


class _Found:
    """What a tree of queries asks for."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.filters: list[Any] = []
        self.dimensions = 0
        self.k: int | None = None

    def visit(self, node: Any, depth: int) -> None:
        """Go through a query: its words, its vectors and its filters."""
        if depth <= 0:
            return
        if isinstance(node, list | tuple):
            for item in node:
                self.visit(item, depth - 1)
        elif isinstance(node, Mapping):
            for name, value in node.items():
                self._take(name, value, depth)
        elif callable(getattr(node, "to_dict", None)):  # of Elasticsearch's own DSL
            self.visit(node.to_dict(), depth)

    def _take(self, name: str, value: Any, depth: int) -> None:
        if name in ("filter", "must_not"):
            if value:
                self.filters.append(value if name == "filter" else {name: value})
        elif name in ("script", "_source", "highlight"):
            return
        elif name in ("query_vector", "vector") and dimensions(value):
            self.dimensions = self.dimensions or dimensions(value)
        elif name == "k" and isinstance(value, int):
            self.k = max(self.k or 0, value)
        elif name in _QUERY_FIELDS and isinstance(value, str):
            self.texts.append(value)
        elif name in _BY_FIELD and isinstance(value, Mapping):
            self.texts.extend(text for text in value.values() if isinstance(text, str))
            self.visit(list(value.values()), depth - 1)
        else:
            self.visit(value, depth - 1)


def _present(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments given; OpenSearch takes some of them in `params`."""
    params = arguments.get("params")
    whole = {**(params if isinstance(params, Mapping) else {}), **arguments}
    return {name: value for name, value in whole.items() if value is not None}


def _locate(client: Any) -> tuple[str, int]:
    """Return host and port of a client's first node; Elasticsearch's nodes, or OpenSearch's hosts."""
    transport = getattr(client, "_transport", None) or getattr(client, "transport", None)
    pool = getattr(transport, "node_pool", None)
    if pool is not None:
        nodes = pool.all()
        return (nodes[0].config.host, nodes[0].config.port) if nodes else ("", 0)
    hosts = getattr(transport, "hosts", None)
    first = hosts[0] if isinstance(hosts, list | tuple) and hosts else {}
    return str(first.get("host") or ""), int(first.get("port") or 0)


_READER = {"search": SearchReader("elasticsearch")}
_STORES = Stores(
    {
        "elasticsearch._sync.client": {"Elasticsearch": _READER},
        "elasticsearch.client": {"Elasticsearch": _READER},  # before 8
        "elasticsearch._async.client": {"AsyncElasticsearch": _READER},
    }
)
start = _STORES.start
stop = _STORES.stop
