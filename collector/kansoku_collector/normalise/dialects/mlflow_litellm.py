"""LiteLLM's calls in MLflow's words: what was called and of which model is beside the input."""

from kansoku_collector.model import Attributes, Span
from kansoku_collector.normalise.counts import Counts
from kansoku_collector.normalise.dialects.litellm_names import operation_of
from kansoku_collector.normalise.exchange import response_counts
from kansoku_collector.values import decode, plain

_MARK = "litellm_call_id"


def read_call(left: Attributes, span: Span) -> None:
    """Name the operation and the model, which `mlflow.spanType` and `mlflow.spanInputs` do not say."""
    if _MARK in left:
        span.operation = operation_of(plain(left.get("call_type"))) or span.operation
        span.request_model = plain(left.pop("model", None))


def counts_of(left: Attributes) -> Counts:
    """Return the counts that LiteLLM was told; its own Responses object has the total alone."""
    return response_counts(decode(left.get("raw_llm_response"))) if _MARK in left else {}
