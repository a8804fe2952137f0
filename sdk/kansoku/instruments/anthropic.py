"""Trace the `anthropic` client: messages, their streams and helpers, also on Bedrock, Vertex and Foundry."""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from opentelemetry import trace

from kansoku import runtime
from kansoku.calls.call import Call, begin
from kansoku.calls.recording import Recording, pass_on, pass_on_async
from kansoku.calls.wrapper import positional, wrap_async, wrap_sync
from kansoku.guard import swallow
from kansoku.instruments import anthropic_batches, anthropic_sessions, openai_hosts, patch, stainless
from kansoku.instruments.anthropic_messages import MessagesReader
from kansoku.spans.attached import attach, detach

# Classes with the methods of the messages endpoint; the clients of clouds have copies of their own. What a
# version of the client does not have is skipped.
_MODULES = (
    "anthropic.resources.messages",  # a module in old versions, a package of the same names since
    "anthropic.resources.messages.messages",
    "anthropic.resources.beta.messages.messages",
    "anthropic.resources.beta.prompt_caching.messages",  # of 0.34 and 0.39
    "anthropic.resources.beta.tools.messages",  # of 0.25
    "anthropic.lib.bedrock._beta_messages",
    "anthropic.lib.vertex._beta_messages",
)
_CLASSES = ("Messages", "AsyncMessages")
_LIB = "anthropic.lib.streaming."
_HELPERS = {
    f"{_LIB}_messages": ("MessageStream", "AsyncMessageStream"),
    f"{_LIB}_prompt_caching_beta_messages": (
        "PromptCachingBetaMessageStream",
        "AsyncPromptCachingBetaMessageStream",
    ),
}
_PENDING = "_kansoku_call"
_OWN_SPANS = "anthropic._base_client"
_OWN_START = "start_api_call_span"
_OWN_NAME = "anthropic.messages.create"
_CLOUDS = {
    "Bedrock": "aws.bedrock",
    "Vertex": "gcp.vertex_ai",
    "AWS": "anthropic",
    "GoogleCloud": "anthropic",
}


def read_origin(resource: Any, local_provider: str) -> openai_hosts.Origin:
    """Return provider, host and port that a resource of the client talks to."""
    provider, host, port = openai_hosts.read_origin(resource, local_provider)
    kind: Any = type(resource._client)
    return _cloud(kind) or _vendor(provider, host), host, port


@functools.lru_cache(maxsize=64)
def _cloud(kind: type[Any]) -> str:
    """Return the provider that the class of a client stands for, "" when its address tells."""
    for owner in kind.__mro__:
        for word, provider in _CLOUDS.items():
            if word in owner.__name__:
                return provider
    return ""


def _vendor(provider: str, host: str) -> str:
    return "anthropic" if provider == "openai" and not host.endswith("openai.com") else provider


_READER = MessagesReader(read_origin)


def start() -> None:
    """Trace the client from now on."""
    for module in _MODULES:
        patch.when_imported(module, _patch)
    for module in _HELPERS:
        patch.when_imported(module, _patch_helpers)
    patch.when_imported(_OWN_SPANS, _quieten)
    stainless.start("anthropic")
    anthropic_batches.start(read_origin)
    anthropic_sessions.start(read_origin)


def stop() -> None:
    """Put the client's own methods back."""
    stainless.stop("anthropic")
    anthropic_batches.stop()
    anthropic_sessions.stop()
    for module in (*_MODULES, *_HELPERS, _OWN_SPANS):
        patch.forget(module)
    for helper in _helpers():
        patch.restore(helper, "__init__")
    for module in _MODULES:
        for name in _CLASSES:
            owner = getattr(sys.modules.get(module), name, None)
            for method in ("create", "parse", "stream") if owner is not None else ():
                patch.restore(owner, method)
    if _OWN_SPANS in sys.modules:
        patch.restore(sys.modules[_OWN_SPANS], _OWN_START)


def _patch(module: ModuleType) -> None:
    for name in _CLASSES:
        owner = getattr(module, name, None)
        if owner is None:
            continue
        wrap = wrap_async if name.startswith("Async") else wrap_sync
        for method in ("create", "parse"):
            patch.replace(owner, method, lambda original, wrap=wrap: wrap(original, _READER))  # type: ignore[misc]
        patch.replace(owner, "stream", _wrap_stream)


def _wrap_stream(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `stream` with the request of its manager traced: it is made when the manager is entered."""
    names = positional(original)

    @functools.wraps(original)
    def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        manager = original(self, *args, **kwargs)
        try:
            arguments = {**dict(zip(names, args, strict=False)), **kwargs}
            for name, request in vars(manager).items():
                if name.endswith("__api_request"):
                    kind = _Awaited if hasattr(request, "__await__") else _Made
                    vars(manager)[name] = kind(request, self, arguments)
                    break
        except Exception as error:  # noqa: BLE001 - the border: the caller gets its manager
            swallow("anthropic.stream", error)
        return manager

    return traced


class _Made:
    """The request of a stream, made when it is called."""

    def __init__(self, request: Any, resource: Any, arguments: Mapping[str, Any]) -> None:
        self._request = request
        self._resource = resource
        self._arguments = arguments

    def __call__(self) -> Any:
        """Make the request and return its stream."""
        call = begin(_READER, self._resource, self._arguments)
        if call is None:
            return self._request()
        token = attach(call.context)
        try:
            result = self._request()
        except BaseException as error:
            call.fail(error, streams=True)
            raise
        finally:
            detach(token)
        return _hand_over(call, result)


class _Awaited(_Made):
    """The request of an asynchronous stream, made when it is awaited; one never awaited warns as it would."""

    def __await__(self) -> Any:
        """Make the request and return its stream."""
        return self._make().__await__()

    async def _make(self) -> Any:
        call = begin(_READER, self._resource, self._arguments)
        if call is None:
            return await self._request
        token = attach(call.context)
        try:
            result = await self._request
        except BaseException as error:
            call.fail(error, streams=True)
            raise
        finally:
            detach(token)
        return _hand_over(call, result)


def _hand_over(call: Call, stream: Any) -> Any:
    """Return the stream to the helper, followed; one of an old helper once that has made its own of it."""
    if isinstance(stream, tuple(_helpers())):
        return _follow_inside(call, stream)
    if not any(_makes_its_own(helper) for helper in _helpers()):
        return call.take(stream, {}, streams=True)
    stream.response.__dict__[_PENDING] = call
    return stream


def _follow_inside(call: Call, helper: Any) -> Any:
    """Follow what a helper reads: the oldest versions' is the stream itself, which others hold already."""
    try:
        recording = Recording(call, _READER.growth)
        recording.tap(helper)
        passes = pass_on_async if hasattr(type(helper), "__anext__") else pass_on
        helper._iterator = passes(helper._iterator, recording)
        helper.close = functools.partial(_end_and_close, recording, helper.close)
    except Exception as error:  # noqa: BLE001 - the border: the caller gets its stream
        swallow("anthropic.helper", error)
        call.end()
    return helper


def _helpers() -> Iterator[Any]:
    """Yield the helpers of the client as far as they are loaded."""
    for module, names in _HELPERS.items():
        yield from patch.classes(sys.modules.get(module), names)


@functools.cache
def _makes_its_own(helper: type[Any]) -> bool:
    """Tell a helper of old versions: it takes the response out of the stream and makes another of it."""
    return "raw_stream" not in inspect.signature(helper.__init__).parameters


def _patch_helpers(module: ModuleType) -> None:
    for owner in patch.classes(module, _HELPERS[module.__name__]):
        if _makes_its_own(owner):
            patch.replace(owner, "__init__", _wrap_helper)


def _wrap_helper(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        call = getattr(self.response, "__dict__", {}).pop(_PENDING, None)
        if call is not None:
            self._raw_stream = call.take(self._raw_stream, {}, streams=True)
            self.close = functools.partial(_end_and_close, self._raw_stream._kansoku, self.close)

    return init


def _end_and_close(recording: Recording, close: Callable[[], Any]) -> Any:
    recording.end(early=True)
    return close()


def _quieten(module: ModuleType) -> None:
    """Let the client's own span of a call that we trace be ours: one call is one span, and billed once."""
    patch.replace(module, _OWN_START, _wrap_own_span)


def _wrap_own_span(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def start_span(tracer: Any, base_url: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(options, "span_name", None) == _OWN_NAME and (ours := _our_span(tracer)) is not None:
            # Not recording, and of our context: the client still tells the server which trace it is part of.
            return trace.NonRecordingSpan(ours.get_span_context())
        return original(tracer, base_url, options, *args, **kwargs)

    return start_span


def _our_span(tracer: Any) -> trace.Span | None:
    """Return our span of the call under way, if the client's would go to the same place; else None."""
    running = runtime.current()
    if running is None:
        return None
    processor = getattr(getattr(tracer, "_tracer", tracer), "span_processor", None)
    if processor is None or processor is not getattr(running.tracer, "span_processor", None):
        return None
    span = trace.get_current_span()
    kind = getattr(span, "kind", None)
    scope = getattr(getattr(span, "instrumentation_scope", None), "name", "")
    return span if kind is trace.SpanKind.CLIENT and scope == "kansoku" else None
