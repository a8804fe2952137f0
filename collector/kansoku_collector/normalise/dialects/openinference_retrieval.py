"""OpenInference's retrievers and rerankers: a question, and documents with scores."""

from typing import Any

from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.dialects.openinference_usage import read_usage
from kansoku_collector.normalise.documents import query_of, read_documents
from kansoku_collector.normalise.flattened import at, listed
from kansoku_collector.normalise.vendor import provider_of
from kansoku_collector.values import dump, first, first_of, load, mapping, number, searchable, text


def read_retrieval(left: Attributes, span: Span, tree: dict[str, Any], kind: str) -> None:
    """Store what was searched for, and what was found or ranked."""
    path = "retrieval.documents" if kind == "RETRIEVER" else "reranker.output_documents"
    documents = [_document(at(node, "document")) for node in listed(at(tree, path))]
    value = left.pop("output.value", None)
    output = load(value)
    inner = output.get("documents") if isinstance(output, dict) else output
    for document, source in zip(documents, inner if isinstance(inner, list) else [], strict=False):
        if document["id"] is None and isinstance(source, dict):  # LangChain's id is in the output only
            document["id"] = source.get("id")
    if not documents and value is not None:
        left["output.value"] = value
        documents = read_documents(output)  # Dify's, which are nowhere else
    span.documents = dump(documents)
    span.retrieval_query = query_of(first(left, "reranker.query", "input.value"))
    span.input_text = searchable(span.retrieval_query)
    if kind == "RERANKER":
        span.request_model = text(left.pop("reranker.model_name", None))
        span.provider = text(first(left, "llm.provider", "llm.system")).lower() or provider_of(
            span.request_model
        )
        read_usage(left, span)
    first(left, "input.mime_type", "output.mime_type")


def _document(node: Any) -> dict[str, Any]:
    found = {"id": at(node, "id"), "score": number(at(node, "score")), "content": text(at(node, "content"))}
    if metadata := at(node, "metadata"):
        found["metadata"] = load(metadata)
        if found["score"] is None:  # a retriever of the application's own, which notes it there
            known = mapping(metadata)
            found["score"] = number(first_of(known, ("score", "relevance_score")))
    return found
