"""The page on vector stores: every snippet runs, and each of its searches is one retrieval."""

import json
from typing import Any

import pytest
from support import pages
from support.postgres import DOUBLE, INT, TEXT, Postgres, Rows
from support.vendor import Asked, Reply

ROWS = Rows([("id", INT), ("content", TEXT), ("distance", DOUBLE)], [("7", "umbrellas", "0.25")])
MATCHES = {"matches": [{"id": "7", "score": 0.9}], "namespace": "jp", "usage": {"readUnits": 1}}
HITS = {"hits": {"hits": [{"_id": "7", "_score": 0.9, "_source": {"content": "umbrellas"}}]}}
RECORDS = {
    "ids": [["7"]], "distances": [[0.1]], "documents": [["umbrellas"]], "metadatas": [[None]],
    "embeddings": None, "uris": None, "data": None, "include": [],
}  # fmt: skip
IDENTITY = {"user_id": "", "tenant": "default_tenant", "databases": ["default_database"]}
COLLECTION = {
    "id": "7d3f2b34-1f0b-4a9c-9d58-0d6f1f2b9a10",
    "name": "guide",
    "metadata": None,
    "dimension": 3,
    "tenant": "default_tenant",
    "database": "default_database",
    "version": 0,
    "log_position": 0,
    "configuration_json": {"hnsw": {"space": "cosine"}, "spann": None, "embedding_function": None},
}


def respond(asked: Asked) -> Reply:
    """Answer as the store that is asked."""
    if asked.path.startswith("/api/v2"):
        if asked.path.endswith("/query"):
            found: Any = RECORDS
        elif "/collections/" in asked.path:
            found = COLLECTION
        elif "identity" in asked.path:
            found = IDENTITY
        else:
            found = {
                "tenant": "default_tenant",
                "name": asked.path.rpartition("/")[2],
                "id": COLLECTION["id"],
            }
    else:
        found = HITS if "_search" in asked.path else MATCHES
    return Reply(json.dumps(found).encode(), headers={"X-Elastic-Product": "Elasticsearch"})


def test_every_snippet_runs_and_is_one_retrieval(
    vendor: Any, spans: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five stores are searched once each; each span has one document with the id 7."""
    vendor.respond = respond
    server = Postgres(lambda statement: ROWS if statement.startswith("SELECT") else Rows())
    for name, value in {
        "PINECONE_HOST": vendor.url,
        "PINECONE_API_KEY": "k",
        "DATABASE_URL": server.url,
        "ELASTICSEARCH_URL": vendor.url,
        "CHROMA_PORT": vendor.url.rpartition(":")[2],
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("kansoku.init", lambda **_: None)
    pages.run_page("sdk/vector-stores.md")["client"]._server._session.close()
    server.close()
    found = [dict(s.attributes) for s in spans.all() if s.attributes.get("kansoku.kind") == "retrieval"]
    assert [one["db.system.name"] for one in found] == [
        *("qdrant", "pinecone", "postgresql", "elasticsearch", "chroma")
    ]
    for one in found:
        assert [d["id"] for d in json.loads(one["gen_ai.retrieval.documents"])] == ["7"]
        assert one["gen_ai.embeddings.dimension.count"] == 3
