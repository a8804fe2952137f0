"""Read what ranks documents at Bedrock, and searches on which a model decides itself."""

from collections.abc import Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import plain, to_json
from kansoku.instruments.bedrock_origin import read_origin

_LIMIT = 65_536  # bytes of all documents together


class RankReader:
    """Reads Rerank: which of the documents that are sent fit a query, and how well."""

    operation = "rerank"
    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the query, the documents and the model."""
        ranking = arguments.get("rerankingConfiguration") or {}
        settings = ranking.get("bedrockRerankingConfiguration") or {}
        request = Request(_model(settings))
        if isinstance(wanted := settings.get("numberOfResults"), int):
            request.attributes[semconv.RETRIEVAL_TOP_K] = wanted
        if capture:
            queries = [_words(query.get("textQuery")) for query in arguments.get("queries") or ()]
            request.attributes[semconv.RETRIEVAL_QUERY] = "\n".join(queries)
            parts: list[dict[str, Any]] = [{"type": "text", "content": query} for query in queries]
            for number, source in enumerate(arguments.get("sources") or ()):
                content = _document(source.get("inlineDocumentSource") or {})
                parts.append({"type": "document", "id": str(number), "content": content})
            request.messages = [{"role": "user", "parts": parts}]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read the places and scores; a document's id is its place in the request."""
        found = []
        for result in response.get("results") or ():
            document = {"id": str(result.get("index")), "score": result.get("relevanceScore")}
            content = _document(result.get("document") or {})
            found.append({**document, "content": content} if capture and content else document)
        return Answer(attributes={semconv.RETRIEVAL_DOCUMENTS: to_json(found, _LIMIT)})

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: rankings are not streamed."""
        return self.response(chunks[-1], capture)


class SearchReader:
    """Reads AgenticRetrieveStream: a model looks up what it needs, and may answer; no tokens are told."""

    operation = "retrieval"
    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the conversation, the model and where it may look."""
        settings = arguments.get("agenticRetrieveConfiguration") or {}
        chosen = settings.get("foundationModelConfiguration") or {}
        request = Request(next((name for value in chosen.values() if (name := _model(value))), ""))
        bases = [
            str(((place.get("configuration") or {}).get("knowledgeBase") or {}).get("knowledgeBaseId") or "")
            for place in arguments.get("retrievers") or ()
        ]
        if named := ",".join(filter(None, bases)):
            request.attributes[semconv.AWS_KNOWLEDGE_BASE] = request.attributes[semconv.DATA_SOURCE] = named
        if capture:
            request.messages = [
                {
                    "role": message.get("role") or "user",
                    "parts": [{"type": "text", "content": _words(message.get("content"))}],
                }
                for message in arguments.get("messages") or ()
            ]
            asked = [message for message in request.messages if message["role"] == "user"]
            if asked:
                request.attributes[semconv.RETRIEVAL_QUERY] = asked[-1]["parts"][0]["content"]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read a search that is not streamed; there is none."""
        return self.fold([response], capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the result; of a stream without one, the pieces of the answer."""
        results = (event["result"] for event in reversed(chunks) if event.get("result"))
        result: Mapping[str, Any] = next(results, {})
        found = [_found(number, each, capture) for number, each in enumerate(result.get("results") or ())]
        answer = Answer(attributes={semconv.RETRIEVAL_DOCUMENTS: to_json(found, _LIMIT)} if found else {})
        pieces = [(event.get("responseEvent") or {}).get("text") or "" for event in chunks]
        text = (result.get("generatedResponse") or {}).get("answer") or "".join(pieces)
        if text and result:
            answer.finish_reasons = ["stop"]
        if capture and text:
            parts = [{"type": "text", "content": text}]
            finish = "stop" if result else ""
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer


def _found(number: int, result: Mapping[str, Any], capture: bool) -> dict[str, Any]:
    metadata = result.get("metadata") or {}
    source = (result.get("sourceRetriever") or {}).get("identifier")
    document: dict[str, Any] = {"id": str(metadata.get("x-amz-bedrock-kb-source-uri") or source or number)}
    if capture:
        document["content"] = _words(result.get("content"))
        document["metadata"] = plain(metadata, 3)
    return document


def _model(settings: Any) -> str:
    found = (settings.get("modelConfiguration") or {}) if isinstance(settings, Mapping) else {}
    return str(found.get("modelArn") or "").rpartition("/")[2]


def _words(content: Any) -> str:
    return str(content.get("text") or "") if isinstance(content, Mapping) else ""


def _document(document: Mapping[str, Any]) -> str:
    """Return a document that is sent or found: a text, or fields as JSON."""
    if (fields := document.get("jsonDocument")) is not None:
        return to_json(plain(fields, 6), _LIMIT)
    return _words(document.get("textDocument"))
