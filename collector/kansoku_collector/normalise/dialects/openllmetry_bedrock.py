"""Calls of Bedrock as OpenLLMetry tells them: caches beside the input, models without their vendor."""

from kansoku import semconv as s
from kansoku_collector.model import Attributes
from kansoku_collector.normalise.counters import include_caches
from kansoku_collector.values import text

PYTHON = "opentelemetry.instrumentation.bedrock"
_SCOPES = (PYTHON, "@traceloop/instrumentation-bedrock")
# How the names of a vendor's models begin, after the vendor's own that stands in front of them.
_FAMILIES = (
    (("nova-", "titan-"), "amazon"),
    (("claude-",), "anthropic"),
    (("llama",), "meta"),
    (("mistral-", "mixtral-", "ministral-", "magistral-", "pixtral-", "voxtral-", "devstral-"), "mistral"),
    (("command-", "embed-", "rerank-"), "cohere"),
    (("jamba-",), "ai21"),
    (("r1-", "v3"), "deepseek"),
    (("gpt-oss-",), "openai"),
    (("qwen",), "qwen"),
)


def restore(left: Attributes, scope: str) -> None:
    """Put the vendor back in front of the model, and the caches into the input, as AWS counts neither.

    The price list knows `amazon.nova-lite-v1:0` and no `nova-lite-v1:0`.
    """
    if scope not in _SCOPES:
        return
    include_caches(left)
    if model := text(left.get(s.REQUEST_MODEL)):
        left[s.REQUEST_MODEL] = with_vendor(model)


def with_vendor(model: str) -> str:
    """Return a model of Bedrock's with its vendor in front of it; one of an unknown family as it is."""
    vendor = next((vendor for names, vendor in _FAMILIES if model.startswith(names)), "")
    return f"{vendor}.{model}" if vendor else model
