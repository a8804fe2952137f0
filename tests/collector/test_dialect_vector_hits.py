"""Searches of vector databases, as OpenLLMetry's instrumentations tell them, to the canonical row."""

import json

import pytest
from tests.collector.conftest import START_NS
from tests.collector.test_normalise import NOW_MS, raw

from kansoku_collector.model import Event
from kansoku_collector.normalise import normalise


def search(store, name, attributes, *hits):
    """Return the row of a search, and its documents; a hit is an event's name and its attributes."""
    found = raw({"db.system": store} | attributes, scope=f"opentelemetry.instrumentation.{store}")
    found.name = name
    found.events[:] = [Event(event, START_NS, values) for event, values in hits]
    span = normalise(found, "default", NOW_MS)[0]
    return span, json.loads(span.documents) if span.documents else []


def test_fields_that_milvus_found_are_the_document():
    """A search tells them as JSON, a query as the event itself."""
    hit = {
        "db.search.result.id": 7,
        "db.search.result.distance": "0.5",
        "db.search.result.entity": '{"text": "Hello.", "topic": "a"}',
    }
    span, documents = search("milvus", "milvus.search", {}, ("db.search.result", hit))
    assert span.operation == "retrieval"
    fields = {"text": "Hello.", "topic": "a"}
    assert documents == [{"id": "7", "score": 0.5, "content": "Hello.", "metadata": fields}]
    _, documents = search("milvus", "milvus.query", {}, ("db.query.result", {"id": 7, "text": "Hello."}))
    assert documents == [{"id": "7", "score": None, "content": "Hello."}]


def test_a_hit_of_marqos_is_the_event_and_its_question_is_words():
    """Its own fields begin with an underscore."""
    hit = {"_id": "a", "_score": 0.6, "Description": "Hello."}
    span, documents = search(
        "marqo", "marqo.search", {"db.marqo.search.query": "Best?"}, ("db.query.result", hit)
    )
    assert (span.retrieval_query, span.input_text) == ("Best?", "Best?")
    assert documents == [{"id": "a", "score": 0.6, "content": "Hello."}]


def test_pinecones_metadata_in_pythons_notation_is_read():
    """The words of a document are among them."""
    hit = {
        "db.query.result.id": "a",
        "db.query.result.score": 0.6,
        "db.query.result.metadata": "{'text': 'Hello.', 'page': 1}",
    }
    _, documents = search("pinecone", "pinecone.query", {}, ("db.query.result", hit))
    assert documents[0]["content"] == "Hello."
    assert documents[0]["metadata"] == {"text": "Hello.", "page": 1}


@pytest.mark.parametrize(("name", "operation"), [("qdrant.search", "retrieval"), ("qdrant.upsert", "other")])
def test_a_search_is_one_without_hits_too(name, operation):
    """Qdrant's hits are not told at all; what writes to a store is no search."""
    assert search("qdrant", name, {"db.vector.query.top_k": 3})[0].operation == operation


def test_hits_of_javascripts_are_attributes_with_their_place():
    """Pinecone's fields are an event beside them, Qdrant's an attribute."""
    told = {
        "db.vector.query.result.0.id": "a",
        "db.vector.query.result.0.score": 0.9,
        "db.vector.query.result.1.id": "b",
        "db.vector.query.result.1.score": 0.4,
        "db.vector.query.result.1.metadata": '{"text": "Sun."}',
    }
    fields = ("pinecone.query.result.0.metadata", {"text": "Rain."})
    found = raw(told, scope="@traceloop/instrumentation-pinecone")
    found.events[:] = [Event("pinecone.query.result.0", START_NS, {}), Event(fields[0], START_NS, fields[1])]
    span = normalise(found, "default", NOW_MS)[0]
    assert span.operation == "retrieval"
    assert [(d["id"], d["score"], d["content"]) for d in json.loads(span.documents)] == [
        ("a", 0.9, "Rain."),
        ("b", 0.4, "Sun."),
    ]


def test_langtraces_hits_are_events_of_another_name():
    """They say the same of each."""
    hit = {
        "db.query.match.id": "a",
        "db.query.match.score": 0.9,
        "db.query.match.metadata": '{"text": "Rain."}',
    }
    _, documents = search("pinecone", "pinecone.query", {}, ("db.query.match", hit))
    assert (documents[0]["id"], documents[0]["score"], documents[0]["content"]) == ("a", 0.9, "Rain.")
