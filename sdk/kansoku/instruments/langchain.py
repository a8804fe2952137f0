"""LangChain and LangGraph: a span for every run, also where the user passes no callbacks.

Callbacks alone cannot make a run's span current: asynchronous ones may run in a copy of the context, and
nobody says when a stream's consumer takes over. So the few places where LangChain hands over to what a run
consists of are wrapped, and each is left with the context as it was.
"""

import functools
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

from kansoku import runtime
from kansoku.guard import guard, swallow
from kansoku.instruments import patch
from kansoku.instruments.framework import inside, pass_on, pass_on_async
from kansoku.spans.attached import attach

if TYPE_CHECKING:
    from kansoku.instruments.langchain_handler import Handler

_HOOKS = "langchain_core.tracers.context"


def __getattr__(name: str) -> Any:
    """Return `handler`, the one that is active without being passed; pass it where hooks do not reach."""
    if name == "handler":
        return _handler()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def _handler() -> "Handler":
    from kansoku.instruments.langchain_handler import Handler  # noqa: PLC0415 - it imports LangChain

    return Handler()


@functools.cache
def _hook() -> ContextVar[Any]:
    """Return a variable that holds the handler in every context and every thread: by its default."""
    return ContextVar("kansoku_langchain", default=_handler())  # noqa: B039 - the one handler of the process


def start() -> None:
    """Trace every run from now on."""
    patch.when_imported(_HOOKS, _register)
    for module in _TARGETS:
        patch.when_imported(module, _patch)


def stop() -> None:
    """Trace no run that starts from now on."""
    patch.forget(_HOOKS)
    hooks = getattr(sys.modules.get(_HOOKS), "_configure_hooks", None)
    if hooks is not None:
        hooks[:] = [hook for hook in hooks if hook[0] is not _hook()]
    for module in _TARGETS:
        patch.forget(module)
        for owner, name, _ in _places(module):
            patch.restore(owner, name)


def _register(module: ModuleType) -> None:
    hooks = getattr(module, "_configure_hooks", ())
    if hasattr(module, "register_configure_hook") and all(hook[0] is not _hook() for hook in hooks):
        module.register_configure_hook(_hook(), inheritable=True)


def _patch(module: ModuleType) -> None:
    for owner, name, wrap in _places(module.__name__):
        patch.replace(owner, name, wrap)


def _places(module: str) -> Iterator[tuple[Any, str, Callable[[Any], Any]]]:
    loaded = sys.modules.get(module)
    for place, wrap in _TARGETS[module].items():
        owner_name, _, name = place.rpartition(".")
        owner = getattr(loaded, owner_name, None) if owner_name else loaded
        if owner is not None:
            yield owner, name, wrap


# Contexts


def _context_of(managers: Any) -> otel_context.Context | None:
    """Return the context of the run of a LangChain run manager, or of the first of several."""
    try:
        manager = managers[0] if isinstance(managers, list) and managers else managers
        run = _handler().runs.find(getattr(manager, "run_id", None))
        return None if run is None else run.context
    except Exception as error:  # noqa: BLE001 - the border: the model is called as without us
        swallow("langchain.context", error)
        return None


def _opening() -> otel_context.Context | None:
    """Return the current context as one in which the next run makes itself current."""
    if runtime.current() is None:
        return None
    from kansoku.instruments.langchain_handler import OPENING  # noqa: PLC0415 - it imports LangChain

    return otel_context.set_value(OPENING, True)


def _managers(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    found = kwargs.get("run_manager") or kwargs.get("run_managers")
    return found if found is not None else args[2] if len(args) > 2 else None


# Wrappers: `context(args, kwargs)` says which context to run in


_Chosen = Callable[[tuple[Any, ...], dict[str, Any]], otel_context.Context | None]


def _by_manager(args: tuple[Any, ...], kwargs: dict[str, Any]) -> otel_context.Context | None:
    return _context_of(_managers(args, kwargs))


def _by_start(_args: tuple[Any, ...], _kwargs: dict[str, Any]) -> otel_context.Context | None:
    return _opening()


def _call(choose: _Chosen) -> Callable[[Any], Any]:
    def wrap(original: Any) -> Any:
        @functools.wraps(original)
        def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
            with inside(choose(args, kwargs)):
                return original(self, *args, **kwargs)

        return traced

    return wrap


def _call_async(choose: _Chosen) -> Callable[[Any], Any]:
    def wrap(original: Any) -> Any:
        @functools.wraps(original)
        async def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
            with inside(choose(args, kwargs)):
                return await original(self, *args, **kwargs)

        return traced

    return wrap


def _announce(original: Any) -> Any:
    """Wrap what tells handlers that an asynchronous model starts.

    Older versions of langchain-core do so in a task of its own, whose context is lost: the run is made
    current here, where its model is asked.
    """

    @functools.wraps(original)
    async def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        managers = await original(self, *args, **kwargs)
        _enter_opened(managers)
        return managers

    return traced


@guard
def _enter_opened(managers: Any) -> None:
    """Make the run that was just opened current, where somebody restores the context after it."""
    if not runtime.current():
        return
    from kansoku.instruments.langchain_handler import OPENING  # noqa: PLC0415 - it imports LangChain

    if otel_context.get_value(OPENING) is not None and (context := _context_of(managers)) is not None:
        attach(context)


def _stream(choose: _Chosen) -> Callable[[Any], Any]:
    """Wrap a generator: its first step, in which the run starts and the model is asked, has a context."""

    def wrap(original: Any) -> Any:
        @functools.wraps(original)
        def traced(self: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
            yield from pass_on(original(self, *args, **kwargs), lambda: choose(args, kwargs))

        return traced

    return wrap


def _stream_async(choose: _Chosen) -> Callable[[Any], Any]:
    """Wrap an asynchronous generator as `_stream` does."""

    def wrap(original: Any) -> Any:
        @functools.wraps(original)
        async def traced(self: Any, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
            inner = pass_on_async(original(self, *args, **kwargs), lambda: choose(args, kwargs))
            async with aclosing(inner):
                async for item in inner:
                    yield item

        return traced

    return wrap


def _config_context(original: Any) -> Any:
    """Wrap what sets up the copy of the context in which a run's function runs."""

    @functools.wraps(original)
    def traced(config: Any, *args: Any, **kwargs: Any) -> Any:
        _enter(config)
        return original(config, *args, **kwargs)

    return traced


@guard
def _enter(config: Any) -> None:
    """Make the run of a config current in this copy of the context, which nobody goes on to use."""
    run = _handler().runs.find(getattr(config.get("callbacks"), "parent_run_id", None))
    if run is not None:
        attach(run.context)


_MODEL = {
    "stream": _stream(_by_start),
    "astream": _stream_async(_by_start),
}
_TARGETS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "langchain_core.language_models.chat_models": {
        **{f"BaseChatModel.{name}": wrap for name, wrap in _MODEL.items()},
        "BaseChatModel._generate_with_cache": _call(_by_manager),
        "BaseChatModel._agenerate_with_cache": _call_async(_by_manager),
        "BaseChatModel._iter_v2_events": _stream(_by_manager),
        "BaseChatModel._aiter_v2_events": _stream_async(_by_manager),
    },
    "langchain_core.language_models.llms": {
        **{f"BaseLLM.{name}": wrap for name, wrap in _MODEL.items()},
        "BaseLLM._generate_helper": _call(_by_manager),
        "BaseLLM._agenerate_helper": _call_async(_by_manager),
    },
    "langchain_core.callbacks.manager": {
        "AsyncCallbackManager.on_chat_model_start": _announce,
        "AsyncCallbackManager.on_llm_start": _announce,
    },
    "langchain_core.retrievers": {
        "BaseRetriever.invoke": _call(_by_start),
        "BaseRetriever.ainvoke": _call_async(_by_start),
    },
    "langchain_core.runnables.config": {"_set_config_context": _config_context},
    "langgraph._internal._runnable": {"_set_config_context": _config_context},
    "langgraph.utils.runnable": {"_set_config_context": _config_context},
}
