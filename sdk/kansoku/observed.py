"""What `observe` gives back for callables that are no plain functions: they stay what they are."""

import functools
from collections.abc import Callable
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    WrapperDescriptorType,
)
from typing import Any

_OWN = "_observed_call"
_CACHE = ("cache_info", "cache_clear")  # of functools.lru_cache, beside what is copied anyway


class ObservedObject:
    """A callable object that is traced when it is called, and in everything else is the object itself.

    A task of a queue keeps its `delay`, a command its options: attributes are read from and set on the
    object, and `isinstance` sees its class. Pickled, it is the object without the tracing.
    """

    def __init__(self, target: Any, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "__wrapped__", target)
        object.__setattr__(self, _OWN, call)
        for name in ("__doc__", "__module__"):  # the class has these, too
            object.__setattr__(self, name, getattr(target, name, None))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the object, traced."""
        return object.__getattribute__(self, _OWN)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "__wrapped__"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, "__wrapped__"), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(object.__getattribute__(self, "__wrapped__"), name)

    @property
    def __class__(self) -> type[Any]:
        return type(object.__getattribute__(self, "__wrapped__"))

    @__class__.setter
    def __class__(self, value: type[Any]) -> None:
        raise TypeError("the class of an observed object cannot be changed")

    def __dir__(self) -> list[str]:
        return dir(object.__getattribute__(self, "__wrapped__"))

    def __repr__(self) -> str:
        return repr(object.__getattribute__(self, "__wrapped__"))

    def __eq__(self, other: object) -> bool:
        own = object.__getattribute__(self, "__wrapped__")
        return bool(own == (getattr(other, "__wrapped__", other) if type(other) in _KINDS else other))

    def __hash__(self) -> int:
        return hash(object.__getattribute__(self, "__wrapped__"))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return object.__getattribute__(self, "__wrapped__").__reduce_ex__(protocol)


class ObservedMethod(ObservedObject):
    """The same for an object that becomes a method of the class it stands in."""

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)


_PLAIN = (
    FunctionType,
    MethodType,
    BuiltinFunctionType,
    MethodDescriptorType,
    WrapperDescriptorType,
    MethodWrapperType,
    functools.partial,
)
_KINDS = (ObservedObject, ObservedMethod)


def like(target: Any, call: Callable[..., Any]) -> Any:
    """Return `call`, or what calls it and is in all else like `target`, if that is no plain function."""
    if isinstance(target, _PLAIN):
        return call
    if isinstance(target, functools._lru_cache_wrapper):
        for name in _CACHE:
            setattr(call, name, getattr(target, name))
        return call
    return (ObservedMethod if hasattr(type(target), "__get__") else ObservedObject)(target, call)
