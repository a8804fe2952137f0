"""Other people's instrumentors for what we have none of our own for: frameworks, vendors, vector stores.

They are found where OpenTelemetry's own launcher finds them, by their entry points, and only those that are
known here are started unasked: never a web framework's or a database's. Looking costs some 10 ms, so it is
done when the program imports the first library that there might be one for.
"""

import functools
import importlib.util
import re
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from kansoku import runtime
from kansoku.guard import guard, warn_once
from kansoku.instruments import patch
from kansoku.spans import provider as providers

GROUP = "opentelemetry_instrumentor"
AUTO, OFF = "auto", "off"

# Name of an instrumentor, or of its module -> module of the library that it is for. None of these has an
# instrument of ours; and one that has is not here, so that nothing is traced twice.
KNOWN = {
    "ag2": "autogen",
    "agent_framework": "agent_framework",
    "agno": "agno",
    "alephalpha": "aleph_alpha_client",
    "autogen": "autogen",
    "autogen_agentchat": "autogen_agentchat",
    "beeai": "beeai_framework",
    "claude_agent_sdk": "claude_agent_sdk",
    "crewai": "crewai",
    "dspy": "dspy",
    "google_adk": "google.adk",
    "guardrails": "guardrails",
    "haystack": "haystack",
    "instructor": "instructor",
    "lancedb": "lancedb",
    "marqo": "marqo",
    "mcp": "mcp",
    "milvus": "pymilvus",
    "pipecat": "pipecat",
    "portkey": "portkey_ai",
    "replicate": "replicate",
    "smolagents": "smolagents",
    "strands": "strands",
    "strands_agents": "strands",
    "vertexai": "vertexai",
    "watsonx": "ibm_watsonx_ai",
    "weaviate": "weaviate",
    "writer": "writerai",
}
_PREFERRED = "openinference."  # where a library has several: its spans say the most
_begun: dict[str, Any] = {}  # value of an entry point -> instrumentor that was started here
_waited: set[str] = set()


def start() -> None:
    """Start the instrumentors of the setting, each when the library is imported that it is for."""
    running = runtime.current()
    chosen = running.settings.foreign_instrumentors if running is not None else ()
    if not chosen or OFF in chosen:
        return
    for name in KNOWN.values() if AUTO in chosen else ():
        _wait(name, _begin_for)
    for name in chosen:
        if name == AUTO:
            continue
        module = KNOWN.get(_plain(name))
        if module is None:
            _begin_named(name)
        else:
            _wait(module, functools.partial(_begin_for_name, name))


def stop() -> None:
    """Take back what was started here."""
    for module in _waited:
        patch.forget(module)
    _waited.clear()
    while _begun:
        value, instrumentor = _begun.popitem()
        try:
            instrumentor.uninstrument()
        except Exception as error:  # noqa: BLE001 - the border: somebody else's code
            warn_once(f"foreign-stop:{value}", "%s could not be undone: %s", value, error)


def _wait(module: str, action: Callable[[ModuleType], None]) -> None:
    if module not in _waited or module in sys.modules:
        _waited.add(module)
        patch.when_imported(module, action)


@functools.cache
def installed() -> tuple[EntryPoint, ...]:
    """Return the instrumentors that are installed, the preferred ones first."""
    try:
        if importlib.util.find_spec("opentelemetry.instrumentation") is None:
            return ()  # what all of them need
    except (ImportError, ValueError):
        return ()
    found = set(entry_points(group=GROUP))
    return tuple(sorted(found, key=lambda entry: (not entry.value.startswith(_PREFERRED), entry.value)))


@guard
def _begin_for(module: ModuleType) -> None:
    """Start the instrumentor for a library that was imported, one if there are several."""
    names = {name for name, wanted in KNOWN.items() if wanted == module.__name__}
    for entry in installed():
        if names & {_plain(entry.name), _plain(entry.module.rpartition(".")[2])}:
            _begin(entry)
            return


@guard
def _begin_named(name: str) -> None:
    """Start the instrumentor that goes by a name: its own, or that of its module or its package."""
    wanted = _plain(name)
    for entry in installed():
        package = entry.dist.name if entry.dist is not None else ""
        if wanted in {_plain(word) for word in (entry.name, entry.module, package)}:
            _begin(entry)
            return
    warn_once(f"foreign:{name}", "No instrumentor %r is installed (KANSOKU_FOREIGN_INSTRUMENTORS)", name)


def _begin_for_name(name: str, _: ModuleType) -> None:
    _begin_named(name)


def _begin(entry: EntryPoint) -> None:
    if entry.value in _begun:
        return
    try:
        instrumentor = entry.load()()
        if getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
            return  # the program has started it itself
        instrumentor.instrument(tracer_provider=providers.current(), raise_exception_on_conflict=True)
        _begun[entry.value] = instrumentor
    except Exception as error:  # noqa: BLE001 - the border: somebody else's code
        warn_once(f"foreign:{entry.value}", "%s could not be started: %s", entry.value, error)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
