"""Read what a knowledge base of Bedrock finds, alone or with an answer."""

from collections.abc import Iterable, Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import plain, to_json
from kansoku.instruments.bedrock_origin import read_origin

_LIMIT = 65_536  # bytes of all documents together


class RetrieveReader:
    """Reads Retrieve."""

    operation = "retrieval"
    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the question and where it is looked up."""
        request = Request("")
        base = arguments.get("knowledgeBaseId")
        request.attributes[semconv.AWS_KNOWLEDGE_BASE] = request.attributes[semconv.DATA_SOURCE] = str(base)
        search = (arguments.get("retrievalConfiguration") or {}).get("vectorSearchConfiguration") or {}
        if isinstance(wanted := search.get("numberOfResults"), int):
            request.attributes[semconv.RETRIEVAL_TOP_K] = wanted
        question = (arguments.get("retrievalQuery") or {}).get("text")
        if capture and isinstance(question, str):
            request.attributes[semconv.RETRIEVAL_QUERY] = question
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read the documents found."""
        return Answer(attributes=_documents(response.get("retrievalResults") or (), capture))

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: results are not streamed."""
        return self.response(chunks[-1], capture)


class AnswerReader:
    """Reads RetrieveAndGenerate and its stream: an answer and what it cites; AWS tells no token counts."""

    operation = "chat"
    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the question, the model and the knowledge base."""
        settings = arguments.get("retrieveAndGenerateConfiguration") or {}
        base = (
            settings.get("knowledgeBaseConfiguration") or settings.get("externalSourcesConfiguration") or {}
        )
        request = Request(str(base.get("modelArn") or "").rpartition("/")[2])
        if found := base.get("knowledgeBaseId"):
            request.attributes[semconv.AWS_KNOWLEDGE_BASE] = request.attributes[semconv.DATA_SOURCE] = found
        if session := arguments.get("sessionId"):
            request.attributes[semconv.CONVERSATION_ID] = session
        question = (arguments.get("input") or {}).get("text")
        if capture and isinstance(question, str):
            request.messages = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read the answer and what it cites."""
        answer = Answer(attributes=read_documents(response.get("citations") or (), capture))
        finish = "content_filter" if response.get("guardrailAction") == "INTERVENED" else "stop"
        answer.finish_reasons = [finish]
        if capture:
            text = (response.get("output") or {}).get("text") or ""
            parts = [{"type": "text", "content": text}]
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": finish}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the events of a stream together and read them as a whole answer."""
        told = [event["citation"] for event in chunks if event.get("citation")]
        verdicts = [event["guardrail"].get("action") for event in chunks if event.get("guardrail")]
        texts = [event["output"].get("text") or "" for event in chunks if event.get("output")]
        whole = {
            "output": {"text": "".join(texts)},
            # Of old the fields of a citation were inside another one.
            "citations": [citation.get("citation") or citation for citation in told],
            "guardrailAction": "INTERVENED" if "INTERVENED" in verdicts else None,
        }
        return self.response(whole, capture)


def read_documents(citations: Iterable[Mapping[str, Any]], capture: bool) -> dict[str, Any]:
    """Return the attribute for the documents that an answer cites."""
    cited = [each for citation in citations for each in citation.get("retrievedReferences") or ()]
    return _documents(cited, capture)


def _documents(results: Iterable[Mapping[str, Any]], capture: bool) -> dict[str, Any]:
    documents = []
    for result in results:
        document: dict[str, Any] = {"id": _location(result.get("location") or {})}
        if (score := result.get("score")) is not None:
            document["score"] = score
        if capture:
            document["content"] = _text(result.get("content") or {})
            document["metadata"] = plain(result.get("metadata") or {}, 3)
        documents.append(document)
    return {semconv.RETRIEVAL_DOCUMENTS: to_json(documents, _LIMIT)} if documents else {}


def _text(content: Mapping[str, Any]) -> str:
    """Return the words of a document: its text, what was heard or seen in it, or a row of a table."""
    if row := content.get("row"):
        named = {str(cell.get("columnName")): cell.get("columnValue") for cell in row}
        return to_json(named, _LIMIT)
    told = (content.get("audio") or {}).get("transcription") or (content.get("video") or {}).get("summary")
    return str(content.get("text") or told or "")


def _location(location: Mapping[str, Any]) -> str:
    """Return the address of a document, wherever it lies."""
    for value in location.values():
        if isinstance(value, Mapping):
            found = value.get("uri") or value.get("url") or value.get("id")
            if found:
                return str(found)
    return ""
