"""Read requests and responses of Cohere's embeddings and reranking, also as Bedrock speaks them."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import to_json
from kansoku.instruments import cohere_shape as shape
from kansoku.instruments.openai_shape import get, link_or_blob

_KINDS = ("float", "float_", "int8", "uint8", "binary", "ubinary", "base64")
_BITS = frozenset({"binary", "ubinary"})  # eight dimensions a number
_LIMIT = 65_536  # bytes of all documents together


class EmbedReader:
    """Reads `embed` of both versions; the vectors are never recorded."""

    operation = "embeddings"

    def __init__(self, origin: shape.Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        request = Request(shape.model_name(arguments))
        given = [arguments.get(name) for name in ("texts", "images", "inputs")]
        request.attributes[semconv.EMBEDDING_INPUTS] = sum(
            len(items) for items in given if isinstance(items, list | tuple)
        )
        if isinstance(wanted := arguments.get("output_dimension"), int):
            request.attributes[semconv.EMBEDDING_DIMENSIONS] = wanted
        kinds = arguments.get("embedding_types")
        if isinstance(kinds, list | tuple):
            request.attributes[semconv.ENCODING_FORMATS] = tuple(map(str, kinds))
        if isinstance(purpose := arguments.get("input_type"), str):
            request.attributes[semconv.REQUEST + "input_type"] = purpose
        if capture:
            parts = _inputs(*given)
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:  # noqa: ARG002 - there is no content in it
        """Read an embed response: one list of vectors, or one a kind of number."""
        meta = get(response, "meta")
        answer = Answer(
            id=get(response, "id") or "", usage=shape.read_usage(meta), attributes=shape.read_meta(meta)
        )
        kind, vectors = _vectors(get(response, "embeddings"))
        if vectors:
            first = vectors[0]
            size = len(first) * 3 // 16 if isinstance(first, str) else len(first)
            answer.attributes[semconv.EMBEDDING_DIMENSIONS] = size * 8 if kind in _BITS else size
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: embeddings are not streamed."""
        return self.response(chunks[-1], capture)


class RerankReader:
    """Reads `rerank` of both versions: which documents fit a query, and how well."""

    operation = "rerank"

    def __init__(self, origin: shape.Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments."""
        request = Request(shape.model_name(arguments))
        for name in ("top_n", "top_k"):
            if isinstance(wanted := arguments.get(name), int):
                request.attributes[semconv.RETRIEVAL_TOP_K] = wanted
        query = arguments.get("query")
        if capture and isinstance(query, str):
            request.attributes[semconv.RETRIEVAL_QUERY] = query
            documents = shape.read_documents(arguments.get("documents"))
            parts = [{"type": "document", **document} for document in documents]
            request.messages = [{"role": "user", "parts": [{"type": "text", "content": query}, *parts]}]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a rerank response; a document's id is its place in the request."""
        meta = get(response, "meta")
        answer = Answer(
            id=get(response, "id") or "", usage=shape.read_usage(meta), attributes=shape.read_meta(meta)
        )
        found = []
        for result in get(response, "results") or ():
            document = {"id": str(get(result, "index")), "score": get(result, "relevance_score")}
            text = get(result, "document")
            text = text if isinstance(text, str) else get(text, "text")
            found.append({**document, "content": text} if capture and text else document)
        answer.attributes[semconv.RETRIEVAL_DOCUMENTS] = to_json(found, _LIMIT)
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: rankings are not streamed."""
        return self.response(chunks[-1], capture)


def _vectors(embeddings: Any) -> tuple[str, Any]:
    if isinstance(embeddings, list | tuple):
        return "float", embeddings
    for kind in _KINDS:
        if found := get(embeddings, kind):
            return kind, found
    return "", ()


def _inputs(texts: Any, images: Any, inputs: Any) -> list[dict[str, Any]]:
    """Return the texts and images to embed, which may be mixed."""
    listed = texts if isinstance(texts, list | tuple) else ()
    parts: list[dict[str, Any]] = [{"type": "text", "content": str(text)} for text in listed]
    if isinstance(images, list | tuple):
        parts += [link_or_blob(image, "image") for image in images]
    for item in inputs if isinstance(inputs, list | tuple) else ():
        for content in get(item, "content") or ():
            if (text := get(content, "text")) is not None:
                parts.append({"type": "text", "content": text})
            elif (image := get(content, "image_url")) is not None:
                parts.append(link_or_blob(image if isinstance(image, str) else get(image, "url"), "image"))
    return parts
