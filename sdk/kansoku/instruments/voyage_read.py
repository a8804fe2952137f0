"""Read requests and responses of Voyage's embeddings and reranking."""

from collections.abc import Iterator, Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import to_json
from kansoku.instruments.cohere_shape import Origin, model_name
from kansoku.instruments.openai_shape import get, link_or_blob
from kansoku.usage import Usage

_LIMIT = 65_536  # bytes of all documents together


class EmbedReader:
    """Reads all kinds of embeddings; the vectors are never recorded."""

    operation = "embeddings"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of an embedding method."""
        request = Request(model_name(arguments))
        inputs = arguments.get("texts") or arguments.get("inputs") or ()
        inputs = inputs if isinstance(inputs, list | tuple) else ()
        request.attributes[semconv.EMBEDDING_INPUTS] = sum(_count(item) for item in inputs)
        if isinstance(wanted := arguments.get("output_dimension"), int):
            request.attributes[semconv.EMBEDDING_DIMENSIONS] = wanted
        if isinstance(kind := arguments.get("output_dtype"), str):
            request.attributes[semconv.ENCODING_FORMATS] = (kind,)
        if isinstance(purpose := arguments.get("input_type"), str):
            request.attributes[semconv.REQUEST + "input_type"] = purpose
        if capture:
            parts = [part for item in inputs for part in _parts(item)]
            request.messages = [{"role": "user", "parts": parts}] if parts else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:  # noqa: ARG002 - there is no content in it
        """Read what the client made of the response."""
        answer = Answer(usage=_usage(response))
        vectors = get(response, "embeddings")
        if vectors is None:
            results = get(response, "results")
            vectors = get(results[0], "embeddings") if results else None
        if vectors:
            answer.attributes[semconv.EMBEDDING_DIMENSIONS] = len(vectors[0])
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: embeddings are not streamed."""
        return self.response(chunks[-1], capture)


class RerankReader:
    """Reads reranking: which documents fit a query, and how well."""

    operation = "rerank"

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the arguments of `rerank`."""
        request = Request(model_name(arguments))
        if isinstance(wanted := arguments.get("top_k"), int):
            request.attributes[semconv.RETRIEVAL_TOP_K] = wanted
        query, documents = arguments.get("query"), arguments.get("documents")
        if capture and isinstance(query, str):
            request.attributes[semconv.RETRIEVAL_QUERY] = query
            listed = documents if isinstance(documents, list | tuple) else ()
            parts: list[dict[str, Any]] = [{"type": "text", "content": query}]
            parts += [{"type": "document", "id": str(n), "content": text} for n, text in enumerate(listed)]
            request.messages = [{"role": "user", "parts": parts}]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a RerankingObject; a document's id is its place in the request."""
        found = []
        for result in get(response, "results") or ():
            document = {"id": str(result.index), "score": result.relevance_score}
            found.append({**document, "content": result.document} if capture else document)
        documents = {semconv.RETRIEVAL_DOCUMENTS: to_json(found, _LIMIT)}
        return Answer(usage=_usage(response), attributes=documents)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: rankings are not streamed."""
        return self.response(chunks[-1], capture)


def _usage(response: Any) -> Usage | None:
    """Return the token counts; those of pixels are image tokens."""
    total, text = get(response, "total_tokens"), get(response, "text_tokens")
    if not isinstance(total, int):
        return None
    if not isinstance(text, int):
        return Usage(input_fresh=total)
    return Usage(input_fresh=min(text, total), image=max(0, total - text))


def _count(item: Any) -> int:
    """Return how many vectors an input gives: one, or one for each of the chunks of a document."""
    chunks = isinstance(item, list | tuple) and all(isinstance(chunk, str) for chunk in item)
    return len(item) if chunks else 1


def _parts(item: Any) -> Iterator[dict[str, Any]]:
    """Yield the texts and images of an input."""
    if isinstance(item, str):
        yield {"type": "text", "content": item}
    elif isinstance(item, list | tuple):
        for piece in item:
            yield from _parts(piece)
    elif isinstance(item, Mapping):
        yield from _segment(item)
    else:  # an image or a video in memory, whose size in bytes nobody knows
        yield {"type": "blob", "modality": type(item).__name__.lower(), "mime_type": "", "size": 0}


def _segment(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for content in item.get("content") or ():
        yield from _segment(content) if "content" in content else _medium(content)


def _medium(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if (text := content.get("text")) is not None:
        yield {"type": "text", "content": text}
    for name in ("image_url", "image_base64", "video_url", "video_base64"):
        if isinstance(value := content.get(name), str):
            yield link_or_blob(value, name.partition("_")[0])
