"""Trace the `google-genai` client: the Gemini API and Vertex, sync and async.

What is traced are the own request methods of the client, a layer below the public ones. Automatic function
calling and continuation make several requests for one public call, each a call of the model by itself.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from kansoku.calls.reader import Reader
from kansoku.calls.wrapper import wrap_async, wrap_sync
from kansoku.guard import swallow
from kansoku.instruments import google_batches, google_live, patch
from kansoku.instruments.fetched import wrap_fetch, wrap_fetch_async
from kansoku.instruments.google_content import ContentReader
from kansoku.instruments.google_decisions import DecisionReader
from kansoku.instruments.google_interactions import Fetches, InteractionReader
from kansoku.instruments.google_other import EmbeddingReader, ImageReader
from kansoku.instruments.openai_hosts import Origin, is_private
from kansoku.instruments.openai_shape import get
from kansoku.trace import span

_MODELS = "google.genai.models"
_TOOLS = "google.genai._extra_utils"
_INTERACTIONS = "google.genai._gaos.google_genai"
_CLASSES = ("Models", "AsyncModels")
_RUN, _RUN_ASYNC = "invoke_function_from_dict_args", "invoke_function_from_dict_args_async"


def read_origin(resource: Any, local_provider: str) -> Origin:
    """Return provider, host and port that a part of the client talks to."""
    client = resource._api_client
    options = getattr(client, "_http_options", None)
    return _origin(str(get(options, "base_url") or ""), bool(client.vertexai), local_provider)


@functools.lru_cache(maxsize=64)
def _origin(url: str, vertex: bool, local_provider: str) -> Origin:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (80 if parts.scheme == "http" else 443)
    if vertex:
        return "gcp.vertex_ai", host, port
    return (local_provider if host and is_private(host) else "gcp.gemini"), host, port


_CONTENT = ContentReader(read_origin)
_EMBEDDINGS = EmbeddingReader(read_origin)
_IMAGES = ImageReader(read_origin)
# Resources of the newer API in one module; all of them have one method.
_NEWER: dict[str, Reader] = {
    "GeminiNextGenInteractions": InteractionReader(),
    "GeminiNextGenDecisions": DecisionReader(),
}
# Method -> reader, and whether it streams; of a pair the first that the version has: not all have two layers.
_METHODS: tuple[tuple[tuple[str, ...], Reader, bool], ...] = (
    (("_generate_content",), _CONTENT, False),
    (("_generate_content_stream",), _CONTENT, True),
    (("_embed_content", "embed_content"), _EMBEDDINGS, False),
    (("_generate_images", "generate_images"), _IMAGES, False),
    (("_edit_image",), _IMAGES, False),
    (("_upscale_image",), _IMAGES, False),
    (("recontext_image",), _IMAGES, False),
)


def start() -> None:
    """Trace the client from now on."""
    patch.when_imported(_MODELS, _patch)
    patch.when_imported(_TOOLS, _patch_tools)
    patch.when_imported(_INTERACTIONS, _patch_interactions)
    google_batches.start(read_origin)
    google_live.start(read_origin)


def stop() -> None:
    """Put the client's own methods back."""
    google_batches.stop()
    google_live.stop()
    for module in (_MODELS, _TOOLS, _INTERACTIONS):
        patch.forget(module)
    for owner, _, _ in _newer(sys.modules.get(_INTERACTIONS)):
        for method in ("create", "get"):
            patch.restore(owner, method)
    for name in _CLASSES:
        owner = getattr(sys.modules.get(_MODELS), name, None)
        for method in (method for methods, _, _ in _METHODS for method in methods if owner is not None):
            patch.restore(owner, method)
    for name in (_RUN, _RUN_ASYNC):
        if _TOOLS in sys.modules:
            patch.restore(sys.modules[_TOOLS], name)


def _patch(module: ModuleType) -> None:
    for name in _CLASSES:
        owner = getattr(module, name, None)
        wrap = wrap_async if name.startswith("Async") else wrap_sync
        for methods, reader, streams in _METHODS if owner is not None else ():
            method = next((each for each in methods if each in vars(owner)), "")
            patch.replace(owner, method, functools.partial(wrap, reader=reader, streams=streams))


def _patch_interactions(module: ModuleType) -> None:
    for owner, wrap, reader in _newer(module):
        patch.replace(owner, "create", functools.partial(wrap, reader=reader))
        if isinstance(reader, InteractionReader):  # one of the background is there when it is fetched
            fetch = wrap_fetch if wrap is wrap_sync else wrap_fetch_async
            patch.replace(owner, "get", functools.partial(fetch, reader=reader, fetches=Fetches()))


def _newer(module: ModuleType | None) -> Iterator[tuple[Any, Callable[..., Any], Reader]]:
    """Yield the classes of the newer API that the version has, how to wrap them, and their readers."""
    for name, reader in _NEWER.items():
        for prefix, wrap in (("", wrap_sync), ("Async", wrap_async)):
            if (owner := getattr(module, prefix + name, None)) is not None:
                yield owner, wrap, reader


def _patch_tools(module: ModuleType) -> None:
    patch.replace(module, _RUN, _wrap_run)
    patch.replace(module, _RUN_ASYNC, _wrap_run_async)


def _wrap_run(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return the runner of a function that the model called, with a tool span around it."""

    @functools.wraps(original)
    def run(args: Any, function_to_invoke: Any, *more: Any, **named: Any) -> Any:
        with _tool_span(function_to_invoke) as tool:
            result = original(args, function_to_invoke, *more, **named)
            _describe(tool, function_to_invoke, args, result)
            return result

    return run


def _wrap_run_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def run(args: Any, function_to_invoke: Any, *more: Any, **named: Any) -> Any:
        with _tool_span(function_to_invoke) as tool:
            result = await original(args, function_to_invoke, *more, **named)
            _describe(tool, function_to_invoke, args, result)
            return result

    return run


def _tool_span(function: Any) -> Any:
    return span(f"execute_tool {getattr(function, '__name__', 'function')}", kind="tool")


def _describe(tool: Any, function: Any, arguments: Any, result: Any) -> None:
    try:
        tool.set_tool(
            getattr(function, "__name__", "function"),
            arguments=arguments,
            result=result,
            description=getattr(function, "__doc__", None),
        )
    except Exception as error:  # noqa: BLE001 - the border: the function has run
        swallow("google_genai.tool", error)
