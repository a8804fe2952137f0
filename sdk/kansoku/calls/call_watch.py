"""Who wants to know that a call of a model begins: a framework around it, another library's span."""

from opentelemetry import context as otel_context

from kansoku.calls.described import mark

_WATCH = otel_context.create_key("kansoku-watch")


def watch_calls(where: otel_context.Context, seen: list[str]) -> otel_context.Context:
    """Return a context in which the operation of every call that begins is added to `seen`.

    A framework learns so whether a client below it has described the call already, and is billed for it.
    """
    return otel_context.set_value(_WATCH, seen, where)


def note_call(where: otel_context.Context, operation: str) -> None:
    """Tell whoever watches the calls of a context that one begins, and another library's span around it."""
    if not where:
        return
    mark(where, operation)
    seen = where.get(_WATCH)
    if isinstance(seen, list):
        seen.append(operation)
