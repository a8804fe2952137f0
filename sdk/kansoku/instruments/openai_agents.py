"""OpenAI Agents SDK: its traces and spans become ours, beside whatever processors the program has.

Our processor joins the library's own list of processors, and stays when the program replaces that list. The
processor alone cannot tell which span is current: `Scope`, where the library keeps that, is followed as well.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

from kansoku.guard import guard
from kansoku.instruments import patch
from kansoku.spans.attached import attach

if TYPE_CHECKING:
    from kansoku.instruments.openai_agents_processor import Processor

_PROVIDER = "agents.tracing.provider"
_SETUP = "agents.tracing.setup"
_SCOPE = "agents.tracing.scope"
_LIST = "SynchronousMultiTracingProcessor"
_ENTERED = otel_context.create_key("kansoku-agents-entered")  # (id of a span or a trace, context around it)


@functools.cache
def _processor() -> "Processor":
    from kansoku.instruments.openai_agents_processor import Processor  # noqa: PLC0415 - only after `agents`

    return Processor()


def start() -> None:
    """Trace every run of an agent from now on."""
    patch.when_imported(_PROVIDER, _join)
    patch.when_imported(_SCOPE, _follow)


def stop() -> None:
    """Trace no run that starts from now on."""
    patch.forget(_PROVIDER)
    patch.forget(_SCOPE)
    owner = getattr(sys.modules.get(_PROVIDER), _LIST, None)
    if owner is not None:
        patch.restore(owner, "__init__")
        patch.restore(owner, "set_processors")
    listed = _list_in_use()
    if listed is not None:
        listed.set_processors([other for other in _members(listed) if other is not _processor()])
    for scope, name, _ in _scope():
        patch.restore(scope, name)


# The list of processors


def _join(module: ModuleType) -> None:
    owner = getattr(module, _LIST, None)
    if owner is None:
        return
    patch.replace(owner, "__init__", _joining)
    patch.replace(owner, "set_processors", _staying)
    listed = _list_in_use()  # none yet, most often: asking the library for it would start its own exporter
    if listed is not None and _processor() not in _members(listed):
        listed.add_tracing_processor(_processor())


def _list_in_use() -> Any:
    """Return the list that the library's provider tells of traces, if it has made one."""
    provider = getattr(sys.modules.get(_SETUP), "GLOBAL_TRACE_PROVIDER", None)
    return getattr(provider, "_multi_processor", None)


def _members(listed: Any) -> tuple[Any, ...]:
    return tuple(getattr(listed, "_processors", ()))


def _joining(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        original(self, *args, **kwargs)
        _add(self)

    return __init__


def _staying(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap what replaces the program's processors: ours is none of those."""

    @functools.wraps(original)
    def set_processors(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        _add(self)

    return set_processors


@guard
def _add(listed: Any) -> None:
    if _processor() not in _members(listed):
        listed.add_tracing_processor(_processor())


# What is current


def _follow(_: ModuleType) -> None:
    for scope, name, wrap in _scope():
        patch.replace(scope, name, wrap)


def _scope() -> Iterator[tuple[Any, str, Callable[[Any], Any]]]:
    scope = getattr(sys.modules.get(_SCOPE), "Scope", None)
    if scope is not None:
        for what in ("span", "trace"):
            yield scope, f"set_current_{what}", _entering
            yield scope, f"reset_current_{what}", functools.partial(_leaving, what)


def _entering(original: Any) -> Any:
    inner = original.__func__

    @functools.wraps(inner)
    def set_current(cls: Any, item: Any) -> Any:
        token = inner(cls, item)
        _enter(item)
        return token

    return classmethod(set_current)


def _leaving(what: str, original: Any) -> Any:
    inner = original.__func__

    @functools.wraps(inner)
    def reset_current(cls: Any, token: Any) -> Any:
        item = getattr(cls, f"get_current_{what}")()
        try:
            return inner(cls, token)
        finally:
            _leave(item)

    return classmethod(reset_current)


@guard
def _enter(item: Any) -> None:
    """Make our span of a span or a trace the current one; what was current is kept in the context itself.

    There is no token to lose: a run may be left in another task than the one that entered it.
    """
    name = _id(item)
    run = _processor().runs.find(name)
    if run is not None and run.id == name:
        here = otel_context.get_current()
        attach(otel_context.set_value(_ENTERED, (name, here), run.context))


@guard
def _leave(item: Any) -> None:
    entered: Any = otel_context.get_current().get(_ENTERED)
    if entered is not None and entered[0] == _id(item):
        attach(entered[1])


def _id(item: Any) -> Any:
    return getattr(item, "span_id", None) or getattr(item, "trace_id", None)
