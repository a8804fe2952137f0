"""What Google searched for and looked up for an answer: a stream tells it once, again, or piece by piece."""

from typing import Any

from kansoku import semconv
from kansoku.content import to_json
from kansoku.instruments import google_shape as shape
from kansoku.instruments.google_shape import get

_MOST = 100
_MAX_BYTES = 16_384
_QUERIES = ("web_search_queries", "image_search_queries")
_PLACES = ("web", "retrieved_context", "maps", "image")
MAPS = semconv.SERVER_TOOL_CALLS.format("google_maps")


class Grounding:
    """What one candidate rests on, growing."""

    __slots__ = ("_maps", "_pages", "_queries", "_sources")

    def __init__(self) -> None:
        self._queries: dict[str, list[Any]] = {}
        self._pages: list[Any] = []  # that it looked up
        self._sources: dict[tuple[str, str], None] = {}
        self._maps = False

    def add(self, told: Any) -> None:
        """Add what one chunk says about the candidate."""
        if (metadata := get(told, "grounding_metadata")) is not None:
            for name in _QUERIES:
                if said := [query for query in get(metadata, name) or () if isinstance(query, str)]:
                    _go_on(self._queries.setdefault(name, []), said)
            for chunk in get(metadata, "grounding_chunks") or ():
                self._rest_on(chunk)
        if (read := get(told, "url_context_metadata")) is not None:
            pages = [
                get(page, "retrieved_url") or ""
                for page in (get(read, "url_metadata") or ())[:_MOST]
                if shape.word(get(page, "url_retrieval_status")).endswith("_SUCCESS")
            ]
            _go_on(self._pages, pages)

    def _rest_on(self, chunk: Any) -> None:
        for kind in _PLACES:
            if (place := get(chunk, kind)) is not None:
                self._maps = self._maps or kind == "maps"
                address = get(place, "uri") or get(place, "source_uri") or ""
                self._sources[address, get(place, "title") or ""] = None

    def facts(self, capture: bool) -> dict[str, Any]:
        """Return how often the vendor searched and looked up, and with content for what and where."""
        queries = [query for said in self._queries.values() for query in said]
        counted = {
            semconv.WEB_FETCHES: len(self._pages),
            semconv.WEB_SEARCHES: len(queries),
            MAPS: int(self._maps),  # how often it asked them, nobody says
        }
        found: dict[str, Any] = {name: number for name, number in counted.items() if number}
        if capture and queries:
            found[semconv.SEARCH_QUERIES] = tuple(queries)
        sources = [{"uri": uri, "title": title} for uri, title in list(self._sources)[:_MOST]]
        sources += [{"uri": uri, "title": ""} for uri in self._pages]
        if capture and sources:
            found[semconv.SEARCH_SOURCES] = to_json(sources, _MAX_BYTES)
        return found


def _go_on(known: list[Any], said: list[Any]) -> None:
    """Add what is new: a chunk may have everything so far, or what none before it had."""
    if said[: len(known)] == known:
        known[:] = said
    else:
        known += [each for each in said if each not in known]
