"""What a vector database found, as OpenLLMetry's instrumentations tell it: an event for each hit."""

from typing import Any

from kansoku_collector.model import Attributes, Event, RawSpan
from kansoku_collector.normalise import flattened
from kansoku_collector.normalise.flattened import at, listed
from kansoku_collector.normalise.printed import read_printed
from kansoku_collector.values import load, mapping, number, text

_LANGTRACE = ("db.query.match", "db.chroma.query.result")
_HITS = ("db.query.result", "db.search.result", *_LANGTRACE)
_NUMBERED = "db.vector.query.result."  # JavaScript: attributes of the span, with the place in their name
# A hit of Marqo's, and a row of Milvus's, is the event itself, with the application's own fields.
_ID = ("id", "_id")
_SCORE = ("score", "distance", "_score")
_WORDS = ("document", "text", "content", "page_content", "chunk_text", "Description", "description")
_INNER = ("metadata", "entity", "fields")
_SEARCHES = frozenset(
    {
        *(
            "query",
            "search",
            "hybrid_search",
            "search_records",
            "search_groups",
            "recommend",
            "hybrid",
            "bm25",
        ),
        *("query_points", "query_batch_points", "query_points_groups", "search_batch", "recommend_groups"),
        *("near_text", "near_vector", "near_object", "near_image", "discover", "bm25"),
    }
)
_STORES = ("chromadb", "pinecone", "qdrant", "weaviate", "milvus", "lancedb", "marqo")
_SCOPES = (
    *(f"opentelemetry.instrumentation.{name}" for name in _STORES),
    *(f"@traceloop/instrumentation-{name}" for name in _STORES),
)


def is_vector_store(raw: RawSpan) -> bool:
    """Tell whether a span is of one of these instrumentations, by its scope or by what it found."""
    return raw.scope_name.startswith(_SCOPES) or any(event.name in _HITS for event in raw.events)


def take_numbered(raw: RawSpan, left: Attributes) -> list[dict[str, Any]]:
    """Take hits that are attributes, and the fields of Pinecone's documents out of events."""
    tree = flattened.take(left, (_NUMBERED,))
    found = []
    for place, node in enumerate(listed(at(tree, "db.vector.query.result"))):
        ending = f".query.result.{place}.metadata"
        events = [event.attributes for event in raw.events if event.name.endswith(ending)]
        inner = _object(at(node, "metadata")) or (events[0] if events else {})
        known = at(node, "id")
        hit = {
            "id": None if known is None else text(known),
            "score": number(at(node, "score")),
            "content": text(_first((inner,), _WORDS)),
        }
        found.append(hit | {"metadata": inner} if inner else hit)
    raw.events[:] = [event for event in raw.events if ".query.result" not in event.name]
    return found


def is_search(raw: RawSpan) -> bool:
    """Tell whether a span is a search in a vector database, whatever it found."""
    return raw.scope_name.startswith(_SCOPES) and raw.name.rpartition(".")[2] in _SEARCHES


def take_hits(raw: RawSpan) -> list[dict[str, Any]]:
    """Take what a vector database found out of the span's events."""
    hits = [event for event in raw.events if event.name in _HITS]
    raw.events[:] = [event for event in raw.events if event.name not in _HITS]
    return [_hit(event) for event in hits]


def _hit(event: Event) -> dict[str, Any]:
    values = {key.removeprefix(f"{event.name}."): value for key, value in event.attributes.items()}
    inner = next((found for name in _INNER if (found := _object(values.get(name)))), {})
    places = (values, inner)
    found = {
        "id": None if (known := _first(places, _ID)) is None else text(known),
        "score": number(_first((values,), _SCORE)),
        "content": text(_first(places, _WORDS)),
    }
    metadata = inner or load(values.get("metadata"))
    return found | {"metadata": metadata} if metadata else found


def _first(places: tuple[dict[str, Any], ...], names: tuple[str, ...]) -> Any:
    return next((place[name] for place in places for name in names if place.get(name) is not None), None)


def _object(value: Any) -> dict[str, Any]:
    """Return an object that is JSON, or printed as Python prints it: Pinecone's metadata."""
    found = mapping(value) or read_printed(value)
    return found if isinstance(found, dict) else {}
