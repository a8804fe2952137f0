"""Steps that know the tokens of the calls beneath them, which know their messages only.

DSPy's modules under MLflow are such, and CrewAI's agents under OpenLLMetry. DSPy's module that predicts
moreover calls itself a model's call. Where both arrive together it is a step, and where there is one call
beneath a step that counts, the call takes the counts; of several the sum cannot be divided, and stays with
the step, as which `sums` bills it. VoltAgent writes one span for all calls of a run, with the counts of the
last; its agent has the sum.
"""

from kansoku import semconv
from kansoku.usage import Usage
from kansoku_collector.model import Span
from kansoku_collector.normalise.counts import Counts, mlflow_counts
from kansoku_collector.normalise.frame import MODEL_OPERATIONS, put_usage

_PREDICTION = "Predict.forward"
SUM = "mlflow.chat.tokenUsage"
CREWAI = "opentelemetry.instrumentation.crewai"
_VOLTAGENT, _TITLE = "voltagent", "generateTitle"  # the second: a call beside the run
_DEPTH = 8


def knows_usage(span: Span) -> bool:
    """Tell whether a span is a module that predicts, or a step that counts what is beneath it."""
    if span.dialect == "mlflow":
        return _predicts(span) or has_sum(span)
    if span.operation != "invoke_agent" or span.usage_source == "none":
        return False
    return span.dialect == _VOLTAGENT or span.scope_name.startswith(CREWAI)


def has_sum(span: Span) -> bool:
    """Tell whether MLflow noted on a step what all calls beneath it used."""
    return SUM in span.attributes and span.dialect == "mlflow" and span.operation in ("chain", "invoke_agent")


def sum_of(span: Span) -> Counts:
    """Return what MLflow noted."""
    return mlflow_counts(span.attributes.get(SUM))


def move_usage(step: Span, trace: list[Span]) -> None:
    """Give a step's counts to the one call beneath it."""
    if step.dialect == _VOLTAGENT:
        _take_sum(step, trace)
        return
    by_id = {span.span_id: span for span in trace}
    calls = [
        span
        for span in trace
        if span.operation in MODEL_OPERATIONS and not _predicts(span) and _is_beneath(span, step, by_id)
    ]
    if not calls:
        return
    if len(calls) == 1 and calls[0].usage_source == "none":
        _move(step, calls[0])
    if _predicts(step) and step.usage_source == "none":
        step.operation, step.billed = "chain", False
        step.request_model = step.response_model = step.provider = ""


def _move(step: Span, call: Span) -> None:
    if step.usage_source != "none":
        call.usage_source, step.usage_source = step.usage_source, "none"
        for name in Usage._fields:
            setattr(call, name, getattr(step, name))
            setattr(step, name, 0)
        return
    counts = sum_of(step)
    if counts["input_tokens"] or counts["output_tokens"]:
        put_usage(call, counts)
        del step.attributes[SUM]


def _take_sum(agent: Span, trace: list[Span]) -> None:
    """Give the sum of a run to the span that stands for its calls; their lengths are known to nobody."""
    calls = [
        span
        for span in trace
        if span.parent_span_id == agent.span_id
        and span.operation in MODEL_OPERATIONS
        and span.usage_source != "none"
        and span.attributes.get("llm.operation") != _TITLE
    ]
    if len(calls) != 1:
        return
    last, counts = (tuple(getattr(span, name) for name in Usage._fields) for span in (calls[0], agent))
    if last != counts and all(one <= total for one, total in zip(last, counts, strict=True)):
        for name, total in zip(Usage._fields, counts, strict=True):
            setattr(calls[0], name, total)
        calls[0].usage_source = "estimated"
        calls[0].attributes[semconv.BATCH_REQUESTS] = semconv.SEVERAL


def _predicts(span: Span) -> bool:
    return span.name == _PREDICTION and span.operation == "chat" and span.dialect == "mlflow"


def _is_beneath(span: Span, step: Span, by_id: dict[str, Span]) -> bool:
    parent: Span | None = span
    for _ in range(_DEPTH):
        if parent is None or parent.parent_span_id == step.span_id:
            return parent is not None
        parent = by_id.get(parent.parent_span_id)
    return False
