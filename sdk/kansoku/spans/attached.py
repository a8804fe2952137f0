"""Make a context the current one, also for a finaliser that runs in the middle of just that.

Before Python 3.12 a garbage collection may begin inside of `ContextVar.set`, and a finaliser that sets a
variable there crashes the interpreter. Such a finaliser, which calls a model or an observed function, goes on
in the context that it finds: its spans have another parent, and the program lives.
"""

import sys
from contextvars import Token
from threading import get_ident

from opentelemetry import context as otel_context
from opentelemetry.context import Context

_busy = 0  # the thread that changes its context now


def _attach_once(context: Context) -> Token[Context] | None:
    global _busy  # noqa: PLW0603 - of the whole process: it costs least, and one thread at a time holds it
    here = get_ident()
    if _busy == here:
        return None
    _busy = here
    try:
        return otel_context.attach(context)
    finally:
        _busy = 0


def _detach_once(token: Token[Context] | None) -> None:
    global _busy  # noqa: PLW0603 - as above
    if token is None:
        return
    _busy = get_ident()
    try:
        otel_context.detach(token)
    finally:
        _busy = 0


def _detach(token: Token[Context] | None) -> None:
    if token is not None:
        otel_context.detach(token)


_SAFE = sys.version_info >= (3, 12)
attach = otel_context.attach if _SAFE else _attach_once
detach = _detach if _SAFE else _detach_once
