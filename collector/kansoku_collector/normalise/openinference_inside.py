"""Spans inside of a call, to which LlamaIndex, BeeAI and Mastra give the kind of the call around them."""

from kansoku_collector.model import RawSpan

MASTRA = "mastra.span.type"
_PARTS = frozenset({"model_step", "model_chunk", "model_inference"})
_BEEAI = "openinference.instrumentation.beeai"


def is_inside(raw: RawSpan, said: tuple[str, ...]) -> bool:
    """Tell whether a span is inside of a call; `said` begins the names of what a call says."""
    if raw.scope_name == _BEEAI:
        return "metadata.path" in raw.attributes
    if raw.attributes.get(MASTRA) in _PARTS:
        return True
    private = "._" in raw.name and raw.name.rpartition(".")[2].startswith("_")
    return private and not any(key.startswith(said) for key in raw.attributes)
