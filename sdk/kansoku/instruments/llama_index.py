"""LlamaIndex: its own instrumentation tells of every query, retrieval, call, tool and workflow.

What it cannot tell is when the stream of a model is first read, and that is when the model is asked: the
streaming methods of models are wrapped, so that what a client does then belongs to the call.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from kansoku.guard import guard, swallow
from kansoku.instruments import patch
from kansoku.instruments.framework import Run, pass_on, pass_on_async

_INSTRUMENTATION = "llama_index_instrumentation"
_MODELS = "llama_index.core.base.llms.base"
_STREAMS = ("stream_chat", "stream_complete", "astream_chat", "astream_complete")


def start() -> None:
    """Trace LlamaIndex from now on."""
    patch.when_imported(_INSTRUMENTATION, _register)
    patch.when_imported(_MODELS, _patch)


def stop() -> None:
    """Trace nothing that starts from now on."""
    patch.forget(_INSTRUMENTATION)
    patch.forget(_MODELS)
    loaded = sys.modules.get(_INSTRUMENTATION)
    if loaded is not None:
        root = loaded.get_dispatcher()
        for handlers in (root.span_handlers, root.event_handlers):
            handlers[:] = [handler for handler in handlers if not _is_ours(handler)]
    for model in _models(sys.modules.get(_MODELS)):
        for name in _STREAMS:
            patch.restore(model, name)


def _is_ours(handler: Any) -> bool:
    return type(handler).__module__ == "kansoku.instruments.llama_index_handler"


def _register(module: ModuleType) -> None:
    from kansoku.instruments.llama_index_handler import (  # noqa: PLC0415 - it imports LlamaIndex
        EventHandler,
        SpanHandler,
    )

    root = module.get_dispatcher()
    if not any(_is_ours(handler) for handler in root.span_handlers):
        root.add_span_handler(SpanHandler())
        root.add_event_handler(EventHandler())


def _patch(module: ModuleType) -> None:
    """Wrap the streaming methods of every class of models, those that are still to come too."""
    base = getattr(module, "BaseLLM", None)
    if base is None:
        return
    for model in _models(module):
        _patch_model(model)
    if "__init_subclass__" not in vars(base):
        base.__init_subclass__ = classmethod(_announce(base))


def _announce(base: Any) -> Callable[..., None]:
    def __init_subclass__(cls: Any, **kwargs: Any) -> None:  # noqa: N807
        super(base, cls).__init_subclass__(**kwargs)
        if _models_are_traced():
            _patch_model(cls)

    return __init_subclass__


def _models_are_traced() -> bool:
    loaded = sys.modules.get(_INSTRUMENTATION)
    return loaded is not None and any(_is_ours(handler) for handler in loaded.get_dispatcher().span_handlers)


def _models(module: ModuleType | None) -> Iterator[Any]:
    waiting = [getattr(module, "BaseLLM", None)]
    seen = set()
    while waiting:
        model = waiting.pop()
        if model is not None and model not in seen:
            seen.add(model)
            waiting += model.__subclasses__()
            yield model


@guard
def _patch_model(model: Any) -> None:
    for name in _STREAMS:
        if not getattr(vars(model).get(name), "__isabstractmethod__", False):
            patch.replace(model, name, _wrap)


def _wrap(original: Any) -> Any:
    """Return a method that returns the same stream; its first step belongs to the model's call."""
    if original.__name__.startswith("astream"):

        @functools.wraps(original)
        async def traced_async(self: Any, *args: Any, **kwargs: Any) -> Any:
            found = original.__get__(self, type(self))(*args, **kwargs)
            return _followed(await found if inspect.isawaitable(found) else found)

        return traced_async

    @functools.wraps(original)
    def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _followed(original.__get__(self, type(self))(*args, **kwargs))

    return traced


def _followed(stream: Any) -> Any:
    try:
        run = _run_of(stream)
        if run is None:
            return stream
        context = run.context
        follow = pass_on_async if hasattr(stream, "__anext__") else pass_on
        return follow(stream, lambda: context)
    except Exception as error:  # noqa: BLE001 - the border: the caller gets its stream
        swallow("llama_index.followed", error)
        return stream


def _run_of(stream: Any) -> Run | None:
    handler = sys.modules.get("kansoku.instruments.llama_index_handler")
    if handler is None or not (hasattr(stream, "__next__") or hasattr(stream, "__anext__")):
        return None
    run: Run | None = handler.TRACE.streams.pop(stream, None)
    return run
