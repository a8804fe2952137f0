"""Frameworks that open live sessions of Google's and tell each answer themselves, in spans of their own.

Their span of an answer is not around what the client reads, so nobody would notice that both tell one call.
"""

import sys
from types import FrameType
from typing import Any

from opentelemetry import trace

from kansoku.spans import provider as providers


def tells_itself(caller: FrameType) -> bool:
    """Tell whether the code that opens a session describes its answers where our spans go, too."""
    module = str(caller.f_globals.get("__name__"))
    if module.startswith("pydantic_ai."):
        return bool(getattr(_loaded("pydantic_ai.agent", "Agent"), "_instrument_default", False))
    if module.startswith("livekit.") and ".realtime." in module:
        own = getattr(_loaded("livekit.agents.telemetry.traces", "tracer"), "_tracer_provider", None)
        return _is_ours(own)
    if module.startswith("pipecat.") and module.endswith(".llm"):
        return bool(getattr(caller.f_locals.get("self"), "_tracing_enabled", False)) and _is_ours(None)
    return False


def _is_ours(provider: Any) -> bool:
    """Tell whether our processor sits on a provider, or on the process's where there is none of its own."""
    if provider is None or isinstance(provider, trace.ProxyTracerProvider):
        provider = trace.get_tracer_provider()
    return provider is providers.current()


def _loaded(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)
