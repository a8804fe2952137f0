"""`@kansoku.observe`: a span around one's own function, whatever kind of function it is."""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from types import FunctionType
from typing import Any, TypeVar, overload

from kansoku import runtime, semconv
from kansoku.content import is_secret, plain
from kansoku.guard import guard, warn_once
from kansoku.observed import like
from kansoku.trace import Span

F = TypeVar("F", bound=Callable[..., Any])
_MAX_ITEMS = 1000  # of what a generator yields


@overload
def observe(function: F, /) -> F: ...
@overload
def observe(
    *,
    name: str | None = None,
    kind: str = "function",
    capture_input: bool = True,
    capture_output: bool = True,
    attributes: Mapping[str, Any] | None = None,
) -> Callable[[F], F]: ...
def observe(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    kind: str = "function",
    capture_input: bool = True,
    capture_output: bool = True,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace a function, method, coroutine function, generator or asynchronous generator, or a class.

    @kansoku.observe
    def plan(question): ...

    @kansoku.observe(kind="tool", name="calendar")
    async def look_up(day): ...

    Arguments (without `self` and without names that look like secrets) and the result are recorded as JSON.
    Of a class, the public methods that it defines are traced, each under its own name; it stays a class.
    """
    options: dict[str, Any] = {
        "kind": kind,
        "capture_input": capture_input,
        "capture_output": capture_output,
        "attributes": attributes,
    }

    def decorate(target: Any) -> Any:
        if isinstance(target, type):
            for method, plain in _public_methods(target):
                own = f"{name}.{method}" if name else None
                setattr(target, method, observe(name=own, **options)(plain))
            return target
        if (made := _around(target, decorate)) is not None:
            return made
        if not callable(target):
            kind_of = type(target).__name__
            warn_once(f"observe:{kind_of}", "observe: a %s cannot be called and stays untraced", kind_of)
            return target
        recipe = _Recipe(target, name, **options)
        called = getattr(type(target), "__call__", None)  # noqa: B004 - of an object, not of a function
        make = next((make for tells, make in _KINDS if tells(target) or tells(called)), _plain)
        return like(target, make(target, recipe))

    return decorate if function is None else decorate(function)


def _around(target: Any, decorate: Callable[[Any], Any]) -> Any:
    """Return a method or property of a kind of its own around the traced function; None if it is none."""
    if isinstance(target, staticmethod | classmethod):
        return type(target)(decorate(target.__func__))
    if isinstance(target, property):
        return type(target)(target.fget and decorate(target.fget), target.fset, target.fdel, target.__doc__)
    if isinstance(target, functools.cached_property):
        return type(target)(decorate(target.func))
    return None


def _public_methods(owner: type) -> list[tuple[str, Any]]:
    """Return name and function of the public methods that a class defines; properties are none."""
    kinds = (FunctionType, staticmethod, classmethod)
    return [(n, f) for n, f in vars(owner).items() if n[0] != "_" and isinstance(f, kinds)]


class _Recipe:
    """How to open the span of one function: everything that can be worked out before it is called."""

    __slots__ = ("attributes", "capture_input", "capture_output", "kind", "name", "names", "rest")

    def __init__(
        self,
        function: Any,
        name: str | None,
        kind: str,
        capture_input: bool,
        capture_output: bool,
        attributes: Mapping[str, Any] | None,
    ) -> None:
        qualified = getattr(function, "__qualname__", type(function).__name__)
        self.name = name or qualified.rpartition("<locals>.")[2]
        self.kind = kind
        self.capture_input = capture_input
        self.capture_output = capture_output
        self.attributes = attributes
        self.names, self.rest = _parameters(function)

    @guard
    def open(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span | None:
        """Return the started span, or None when nothing is traced."""
        if runtime.current() is None:
            return None
        span = Span(self.name, self.kind, None, self.attributes)
        span.start()
        if self.capture_input and (args or kwargs):
            self._set_arguments(span, args, kwargs)
        return span

    def _set_arguments(self, span: Span, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        running = runtime.current()
        if running is None or not running.capture:
            return
        found: dict[str, Any] = {}
        for name, value in zip(self.names, args, strict=False):
            if name:
                found[name] = "<not captured>" if is_secret(name) else plain(value)
        if len(args) > len(self.names):
            found[self.rest] = plain(args[len(self.names) :])
        for name, value in kwargs.items():
            found[name] = "<not captured>" if is_secret(name) else plain(value)
        if found:
            span.set_plain(semconv.INPUT_VALUE, found)
        if self.kind == "tool":
            span.set_tool(self.name, arguments=found or None)

    def close(self, span: Span, result: Any, error: BaseException | None = None) -> None:
        """Record the result or the error and end the span."""
        if error is None and self.capture_output and result is not None:
            span.set_output(result)
            if self.kind == "tool":
                span.set_tool(self.name, result=result)
        span.end(error)


def _parameters(function: Any) -> tuple[tuple[str, ...], str]:
    """Return the names of positional parameters ("" = leave out) and the name for surplus arguments."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return (), "args"
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if names and names[0] in ("self", "cls"):
        names[0] = ""
    return tuple(names), next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "args")


def _plain(function: Any, recipe: _Recipe) -> Any:
    @functools.wraps(function)
    def observed(*args: Any, **kwargs: Any) -> Any:
        span = recipe.open(args, kwargs)
        if span is None:
            return function(*args, **kwargs)
        span.activate()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            span.deactivate()
            recipe.close(span, None, error)
            raise
        span.deactivate()
        recipe.close(span, result)
        return result

    return observed


def _coroutine(function: Any, recipe: _Recipe) -> Any:
    @functools.wraps(function)
    async def observed(*args: Any, **kwargs: Any) -> Any:
        span = recipe.open(args, kwargs)
        if span is None:
            return await function(*args, **kwargs)
        span.activate()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            span.deactivate()
            recipe.close(span, None, error)
            raise
        span.deactivate()
        recipe.close(span, result)
        return result

    return observed


def _generator(function: Any, recipe: _Recipe) -> Any:
    @functools.wraps(function)
    def observed(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner = function(*args, **kwargs)
        span = recipe.open(args, kwargs)
        if span is None:
            return (yield from inner)
        items: list[Any] = []
        resume, argument = inner.send, None
        try:
            while True:
                # The span is current only while the function runs, not while its consumer does.
                span.activate()
                try:
                    item = resume(argument)
                finally:
                    span.deactivate()
                if len(items) < _MAX_ITEMS:
                    items.append(item)
                resume, argument = inner.send, None
                try:
                    argument = yield item
                except GeneratorExit:
                    inner.close()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - handed to the function, as `yield from` does
                    resume, argument = inner.throw, thrown
        except StopIteration as end:
            recipe.close(span, _joined(items))
            return end.value
        except BaseException as error:
            _close_early(recipe, span, items, error)
            raise

    return observed


def _async_generator(function: Any, recipe: _Recipe) -> Any:
    @functools.wraps(function)
    async def observed(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner = function(*args, **kwargs)
        span = recipe.open(args, kwargs)
        items: list[Any] = []
        resume, argument = inner.asend, None
        try:
            while True:
                if span is not None:
                    span.activate()
                try:
                    item = await resume(argument)
                finally:
                    if span is not None:
                        span.deactivate()
                if len(items) < _MAX_ITEMS:
                    items.append(item)
                resume, argument = inner.asend, None
                try:
                    argument = yield item
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - handed to the function
                    resume, argument = inner.athrow, thrown
        except StopAsyncIteration:
            if span is not None:
                recipe.close(span, _joined(items))
        except BaseException as error:
            if span is not None:
                _close_early(recipe, span, items, error)
            raise

    return observed


def _close_early(recipe: _Recipe, span: Span, items: list[Any], error: BaseException) -> None:
    """End the span of a generator that failed, or whose consumer went away."""
    if isinstance(error, GeneratorExit):
        span.set(semconv.STREAM_CLOSED_EARLY, True)
        recipe.close(span, _joined(items))
    else:
        recipe.close(span, None, error)


def _joined(items: list[Any]) -> Any:
    """Return the text that was yielded in pieces, else the items."""
    return "".join(items) if items and all(isinstance(item, str) for item in items) else items or None


_KINDS = (
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isgeneratorfunction, _generator),
)
