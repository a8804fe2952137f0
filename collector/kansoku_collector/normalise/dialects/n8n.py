"""n8n: workflows and their nodes; what a model was asked is told on the node that asked it.

A node's counts are those of the last call that it made: of an agent, which may have made more, they are an
estimate.
"""

from kansoku import semconv as s
from kansoku_collector.model import Attributes, RawSpan, Span
from kansoku_collector.normalise.dialects import gen_ai
from kansoku_collector.normalise.frame import put_metadata
from kansoku_collector.values import rename, text, truth

_SCOPE = "n8n-workflow"
_TYPE = "n8n.node.type"
_CUSTOM = ("n8n.node.custom.", "n8n.workflow.custom.", "n8n.project.custom.")
_ESTIMATED = "n8n.node.custom.llm.tokens.estimated"
_NAMES = {
    "n8n.node.custom.llm.tokens.in": s.INPUT_TOKENS,
    "n8n.node.custom.llm.tokens.out": s.OUTPUT_TOKENS,
    "n8n.node.custom.llm.tokens.total": "gen_ai.usage.total_tokens",
    "n8n.node.custom.llm.tokens.cache_read": s.CACHE_READ_TOKENS,
    "n8n.node.custom.llm.tokens.cache_write": s.CACHE_WRITE_TOKENS,
    "n8n.node.custom.llm.tokens.reasoning": s.REASONING_TOKENS,
    "n8n.node.custom.llm.model.provider": s.PROVIDER,
    "n8n.node.custom.llm.model.id": s.REQUEST_MODEL,
    "n8n.node.custom.llm.cost.total": s.VENDOR_COST,
    "n8n.execution.error_type": s.ERROR_TYPE,
}
_PROVIDERS = {"google": "gcp.gemini", "google-vertex": "gcp.vertex_ai"}  # of the catalogue of models.dev


def is_n8n(raw: RawSpan) -> bool:
    """Tell whether n8n wrote a span, by its scope."""
    return raw.scope_name == _SCOPE


def read(raw: RawSpan, left: Attributes, span: Span) -> None:
    """Fill `span` by the conventions: a node with counts is a call, any other and a workflow are steps."""
    rename(left, _NAMES)
    called = s.INPUT_TOKENS in left or s.OUTPUT_TOKENS in left
    left[s.OPERATION] = "chat" if called else "invoke_workflow"
    if truth(left.pop(_ESTIMATED, False)) or text(left.get(_TYPE)).endswith(".agent"):
        left[s.USAGE_ESTIMATED] = True
    gen_ai.read(raw, left, span)
    span.dialect = "n8n"
    span.provider = _PROVIDERS.get(span.provider, span.provider)
    for prefix in _CUSTOM:
        told = [name for name in left if name.startswith(prefix)]
        put_metadata(span, {name.removeprefix(prefix): left.pop(name) for name in told})
