"""Kansoku traces LLM calls and emits OpenTelemetry spans with prompts, model, tokens and cost.

    import kansoku

    kansoku.init(service_name="guide")          # once; the installed `openai` client is traced from here on

    @kansoku.observe(kind="chain")
    def answer(question: str) -> str:
        with kansoku.span("search", kind="retrieval") as span:
            span.set_documents([{"id": "doc-7", "score": 0.83, "content": "..."}], query=question)
        ...

    kansoku.feedback(like=True)                 # or later: feedback(trace_id, like=True)

Importing this package loads nothing heavy: what a name needs is imported at its first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Not lazy: the submodule of the same name would take the function's place when something imports it.
from kansoku.feedback import feedback

if TYPE_CHECKING:
    from kansoku.decorator import observe
    from kansoku.instruments import instrument, uninstrument
    from kansoku.kinds import (
        agent,
        chain,
        embedding,
        evaluation,
        generation,
        guardrail,
        retrieval,
        tool,
    )
    from kansoku.middleware import Middleware
    from kansoku.propagation import carry, continue_trace, inject
    from kansoku.setup import flush, init, shutdown, stats
    from kansoku.stamps import context
    from kansoku.trace import current_trace_id, span

__all__ = [
    "Middleware",
    "agent",
    "carry",
    "chain",
    "context",
    "continue_trace",
    "current_trace_id",
    "embedding",
    "evaluation",
    "feedback",
    "flush",
    "generation",
    "guardrail",
    "init",
    "inject",
    "instrument",
    "observe",
    "retrieval",
    "shutdown",
    "span",
    "stats",
    "tool",
    "uninstrument",
]

_HOMES = {
    "Middleware": "kansoku.middleware",
    "agent": "kansoku.kinds",
    "carry": "kansoku.propagation",
    "chain": "kansoku.kinds",
    "context": "kansoku.stamps",
    "continue_trace": "kansoku.propagation",
    "current_trace_id": "kansoku.trace",
    "embedding": "kansoku.kinds",
    "evaluation": "kansoku.kinds",
    "flush": "kansoku.setup",
    "generation": "kansoku.kinds",
    "guardrail": "kansoku.kinds",
    "init": "kansoku.setup",
    "inject": "kansoku.propagation",
    "instrument": "kansoku.instruments",
    "observe": "kansoku.decorator",
    "retrieval": "kansoku.kinds",
    "shutdown": "kansoku.setup",
    "span": "kansoku.trace",
    "stats": "kansoku.setup",
    "tool": "kansoku.kinds",
    "uninstrument": "kansoku.instruments",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'kansoku' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value
