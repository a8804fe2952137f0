"""Trace the pipelines of `transformers` that write text or make embeddings; count tokens as they pass."""

import functools
import math
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from opentelemetry import context as otel_context

from kansoku import semconv
from kansoku.calls.call import begin
from kansoku.calls.reader import Reader
from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.instruments.transformers_read import (
    ChatPipelineReader,
    FeaturePipelineReader,
    PipelineReader,
    Ran,
    is_chat,
)
from kansoku.spans.attached import attach, detach

_MODULE = "transformers.pipelines.base"
_TEXT, _CHAT, _FEATURES = PipelineReader(), ChatPipelineReader(), FeaturePipelineReader()
_WRITES = frozenset(
    {
        "text-generation",
        "image-text-to-text",
        "any-to-any",
        "text2text-generation",
        "summarization",
        "translation",
    }
)
_COUNTS = otel_context.create_key("kansoku-pipeline-counts")


def start() -> None:
    """Trace the pipelines from their import on."""
    patch.when_imported(_MODULE, _patch)


def stop() -> None:
    """Put the pipelines' own methods back."""
    patch.forget(_MODULE)
    if (kind := getattr(sys.modules.get(_MODULE), "Pipeline", None)) is not None:
        patch.restore(kind, "__call__")
        patch.restore(kind, "forward")


def _patch(module: ModuleType) -> None:
    if (kind := getattr(module, "Pipeline", None)) is not None:
        patch.replace(kind, "__call__", _wrap_call)
        patch.replace(kind, "forward", _wrap_forward)


def _reader(pipeline: Any, inputs: Any) -> Reader | None:
    """Return the reader for a call; None for tasks that are no model's text, and for lazy inputs."""
    task = str(getattr(pipeline, "task", ""))
    task = "translation" if task.startswith("translation") else task
    if not isinstance(inputs, str | list | tuple | dict) and not hasattr(inputs, "messages"):
        return None
    if task == "feature-extraction":
        return _FEATURES
    return (_CHAT if is_chat(inputs) else _TEXT) if task in _WRITES else None


def _wrap_call(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def traced(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        reader = _reader(self, inputs)
        call = None if reader is None else begin(reader, self, {**kwargs, "self": self, "inputs": inputs})
        if call is None:
            return original(self, inputs, *args, **kwargs)
        counts: list[tuple[int, int] | None] = []
        token = attach(otel_context.set_value(_COUNTS, counts, call.context))
        try:
            result = original(self, inputs, *args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        finally:
            detach(token)
        if counts and None not in counts:
            sent, answered = (sum(count) for count in zip(*filter(None, counts), strict=True))
            call.note({semconv.INPUT_TOKENS: sent, semconv.OUTPUT_TOKENS: answered})
        call.take(Ran(inputs, result), {})
        return result

    return traced


def _wrap_forward(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = original(self, *args, **kwargs)
        counts = otel_context.get_value(_COUNTS)
        if isinstance(counts, list):
            counts.append(_count(self.model, outputs))
        return outputs

    return counted


@guard
def _count(model: Any, outputs: Any) -> tuple[int, int] | None:
    """Return the tokens of one pass by the shapes of its tensors: no tokenizer runs twice.

    A batch is padded, and so are candidates of different lengths: neither has a true count. Nor has a model
    whose encoder reads the prompt: what it gives back begins with nothing of it.
    """
    if not hasattr(outputs, "get") or getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        return None
    given, made = outputs.get("input_ids"), outputs.get("generated_sequence")
    if given is None or made is None or math.prod(given.shape[:-1]) != 1 or math.prod(made.shape[:-1]) != 1:
        return None
    sent, whole = int(given.shape[-1]), int(made.shape[-1])
    return (sent, whole - sent) if whole >= sent else None
