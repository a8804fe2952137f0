"""Begin LiteLLM's streamed completions of texts inside of their call.

LiteLLM asks for such a stream when its first piece is wanted, outside of the function that is traced: the
client of OpenAI, which it asks, would take that for a call of its own.
"""

import inspect
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from kansoku.guard import guard
from kansoku.spans.attached import attach, detach

_LAZY = "TextCompletionStreamWrapper"
_PLACE = "completion_stream"


def begun_here(result: Any) -> Any:
    """Return what was given; a stream that has not begun will begin in the context that is current now."""
    if type(result).__name__ == _LAZY:
        _put(result, otel_context.get_current())
    return result


@guard
def _put(result: Any, context: Context) -> None:
    stream = getattr(result, _PLACE, None)
    if inspect.isgenerator(stream):
        setattr(result, _PLACE, _within(context, stream))
    elif inspect.isasyncgen(stream):
        setattr(result, _PLACE, _within_later(context, stream))


def _within(context: Context, stream: Generator[Any, Any, Any]) -> Generator[Any, Any, None]:
    """Yield the same; of the context nobody but the beginning sees anything."""
    token = attach(context)
    try:
        first = next(stream)
    except StopIteration:
        return
    finally:
        detach(token)
    yield first
    yield from stream


async def _within_later(context: Context, stream: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, None]:
    """Yield the same; see `_within`."""
    async with aclosing(stream):
        token = attach(context)
        try:
            first = await anext(stream)
        except StopAsyncIteration:
            return
        finally:
            detach(token)
        yield first
        async for each in stream:
            yield each
