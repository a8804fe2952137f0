"""`instrument()`: trace the clients that the program has installed; `uninstrument()` undoes it."""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from kansoku.guard import guard, warn_once
from kansoku.instruments import patch

ALL = "all"


class Client(NamedTuple):
    """A client library: its module, and ours with start() and stop(), loaded only after it."""

    module: str
    home: str


_CLIENTS = {
    "executors": Client("concurrent.futures.thread", "kansoku.instruments.executors"),
    "openai": Client("openai", "kansoku.instruments.openai"),
    "anthropic": Client("anthropic", "kansoku.instruments.anthropic"),
    "google-genai": Client("google.genai", "kansoku.instruments.google_genai"),
    "bedrock": Client("botocore.client", "kansoku.instruments.bedrock"),
    "cohere": Client("cohere", "kansoku.instruments.cohere"),
    "mistral": Client("mistralai.client", "kansoku.instruments.mistral"),
    "mistral-1": Client("mistralai.sdk", "kansoku.instruments.mistral"),
    "voyage": Client("voyageai", "kansoku.instruments.voyage"),
    "groq": Client("groq", "kansoku.instruments.groq"),
    "cerebras": Client("cerebras.cloud.sdk", "kansoku.instruments.cerebras"),
    "together": Client("together", "kansoku.instruments.together"),
    "ollama": Client("ollama", "kansoku.instruments.ollama"),
    "huggingface": Client("huggingface_hub", "kansoku.instruments.huggingface"),
    "transformers": Client("transformers", "kansoku.instruments.transformers"),
    "litellm": Client("litellm", "kansoku.instruments.litellm"),
    "langchain": Client("langchain_core", "kansoku.instruments.langchain"),
    "llama_index": Client("llama_index_instrumentation", "kansoku.instruments.llama_index"),
    "openai-agents": Client("agents.tracing", "kansoku.instruments.openai_agents"),
    "pydantic-ai": Client("pydantic_ai", "kansoku.instruments.pydantic_ai"),
    "others": Client("sys", "kansoku.instruments.foreign"),  # always loaded: it waits for many libraries
    "pinecone": Client("pinecone", "kansoku.instruments.pinecone"),
    "qdrant": Client("qdrant_client", "kansoku.instruments.qdrant"),
    "pgvector": Client("psycopg", "kansoku.instruments.pgvector"),
    "elasticsearch": Client("elasticsearch", "kansoku.instruments.elasticsearch"),
    "opensearch": Client("opensearchpy", "kansoku.instruments.opensearch"),
    "chroma": Client("chromadb", "kansoku.instruments.chroma"),
}


@guard
def instrument(*clients: str) -> None:
    """Trace the named clients, all that are known by default; a second call changes nothing.

    A client that is not imported costs nothing until the program imports it.
    """
    for name, client in _named(clients):
        patch.when_imported(client.module, _starter(name))


@guard
def uninstrument(*clients: str) -> None:
    """Stop tracing the named clients, all by default."""
    for _, client in _named(clients):
        patch.forget(client.module)
        if client.home in sys.modules:
            stop: Callable[[], None] = import_module(client.home).stop
            stop()


def _named(clients: tuple[str, ...]) -> list[tuple[str, Client]]:
    if not clients or ALL in clients:
        return list(_CLIENTS.items())
    for name in clients:
        if name not in _CLIENTS:
            known = ", ".join(_CLIENTS)
            warn_once(f"client:{name}", "Kansoku cannot trace %r; it knows %s", name, known)
    return [(name, _CLIENTS[name]) for name in clients if name in _CLIENTS]


def _starter(name: str) -> Callable[[ModuleType], None]:
    @guard
    def start(_: ModuleType) -> None:
        begin: Callable[[], None] = import_module(_CLIENTS[name].home).start
        begin()

    return start
