"""DSPy under MLflow: a module knows the tokens of the calls beneath it, and a call knows its messages only.

The module that predicts moreover calls itself a model's call. Where both arrive together it is a step, and
where there is one call beneath a module that counts, the call takes the counts; of several the sum cannot be
divided, and stays where it is.
"""

from kansoku.usage import Usage
from kansoku_collector.model import Span
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_usage
from kansoku_collector.values import count, mapping

_PREDICTION = "Predict.forward"
_USAGE = "mlflow.chat.tokenUsage"
_DEPTH = 8


def knows_usage(span: Span) -> bool:
    """Tell whether a span is a module that predicts, or one that counts what is beneath it."""
    if span.dialect != "mlflow":
        return False
    return _predicts(span) or (_USAGE in span.attributes and span.operation in ("chain", "invoke_agent"))


def move_usage(module: Span, trace: list[Span]) -> None:
    """Give a module's counts to the one call beneath it."""
    by_id = {span.span_id: span for span in trace}
    calls = [
        span
        for span in trace
        if span.operation in MODEL_OPERATIONS and not _predicts(span) and _is_beneath(span, module, by_id)
    ]
    if not calls:
        return
    if len(calls) == 1 and calls[0].usage_source == "none":
        _move(module, calls[0])
    if _predicts(module) and module.usage_source == "none":
        module.operation, module.billed = "chain", False
        module.request_model = module.response_model = module.provider = ""


def _move(module: Span, call: Span) -> None:
    if module.usage_source != "none":
        call.usage_source, module.usage_source = module.usage_source, "none"
        for name in Usage._fields:
            setattr(call, name, getattr(module, name))
            setattr(module, name, 0)
        return
    usage = mapping(module.attributes.get(_USAGE))
    given, answered = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if given or answered:
        put_usage(call, {"input_tokens": given, "output_tokens": answered})
        del module.attributes[_USAGE]


def _predicts(span: Span) -> bool:
    return span.name == _PREDICTION and span.operation == "chat" and span.dialect == "mlflow"


def _is_beneath(span: Span, module: Span, by_id: dict[str, Span]) -> bool:
    parent: Span | None = span
    for _ in range(_DEPTH):
        if parent is None or parent.parent_span_id == module.span_id:
            return parent is not None
        parent = by_id.get(parent.parent_span_id)
    return False
