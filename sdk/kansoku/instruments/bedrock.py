"""Trace Amazon Bedrock through botocore (boto3), and through aiobotocore where a program uses that.

Every AWS client makes its calls in one method; another service's call or operation costs one look-up there.
"""

import functools
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from kansoku import semconv
from kansoku.calls.call import Call, begin
from kansoku.calls.reader import Reader
from kansoku.calls.recording import Recording
from kansoku.calls.stream import follow
from kansoku.calls.watched import watch
from kansoku.guard import swallow
from kansoku.instruments import patch
from kansoku.instruments.bedrock_agent import AgentReader
from kansoku.instruments.bedrock_body import watch_body
from kansoku.instruments.bedrock_converse import ConverseReader
from kansoku.instruments.bedrock_guardrail import GuardrailReader
from kansoku.instruments.bedrock_invoke import find_reader, parse
from kansoku.instruments.bedrock_origin import read_error, read_metadata
from kansoku.instruments.bedrock_retrieve import AnswerReader, RetrieveReader
from kansoku.instruments.bedrock_search import RankReader, SearchReader
from kansoku.spans.attached import attach, detach

_CONVERSE, _ANSWER, _AGENT = ConverseReader(), AnswerReader(), AgentReader()
# Operation -> its reader; that of a model's own format depends on the model.
_READERS: dict[str, Reader | None] = {
    "Converse": _CONVERSE,
    "ConverseStream": _CONVERSE,
    "InvokeModel": None,
    "InvokeModelWithResponseStream": None,
    "Retrieve": RetrieveReader(),
    "RetrieveAndGenerate": _ANSWER,
    "RetrieveAndGenerateStream": _ANSWER,
    "InvokeAgent": _AGENT,
    "InvokeInlineAgent": _AGENT,
    "Rerank": RankReader(),
    "AgenticRetrieveStream": SearchReader(),
    "ApplyGuardrail": GuardrailReader(),
}
# Where the stream of an operation is.
_STREAMS = ("stream", "completion", "body")
_SERVICES = frozenset({"bedrock-runtime", "bedrock-agent-runtime"})
_CLIENTS = {"botocore.client": "BaseClient", "aiobotocore.client": "AioBaseClient"}


def start() -> None:
    """Trace the clients from now on, or from their import on."""
    patch.when_imported("botocore.client", _patch)
    patch.when_imported("aiobotocore.client", _patch)


def stop() -> None:
    """Put the clients' own methods back."""
    for name in _CLIENTS:
        patch.forget(name)
    for owner in tuple(_patched):
        patch.restore(owner, "_make_api_call")
    _patched.clear()


_patched: list[Any] = []


def _patch(module: ModuleType) -> None:
    owner = getattr(module, _CLIENTS[module.__name__], None)
    if owner is not None:
        wrap = _wrap_async if module.__name__ == "aiobotocore.client" else _wrap_sync
        patch.replace(owner, "_make_api_call", wrap)
        _patched.append(owner)


def _wrap_sync(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def traced(self: Any, operation_name: str, *args: Any, **kwargs: Any) -> Any:
        call = _begin(self, operation_name, args, kwargs) if operation_name in _READERS else None
        if call is None:
            return original(self, operation_name, *args, **kwargs)
        token = attach(call.context)
        try:
            result = original(self, operation_name, *args, **kwargs)
        except BaseException as error:
            call.note(read_error(error))
            call.fail(error, streams=_streams(operation_name))
            raise
        finally:
            detach(token)
        _take(call, operation_name, result)
        return result

    return traced


def _wrap_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def traced(self: Any, operation_name: str, *args: Any, **kwargs: Any) -> Any:
        call = _begin(self, operation_name, args, kwargs) if operation_name in _READERS else None
        if call is None:
            return await original(self, operation_name, *args, **kwargs)
        token = attach(call.context)
        try:
            result = await original(self, operation_name, *args, **kwargs)
        except BaseException as error:
            call.note(read_error(error))
            call.fail(error, streams=_streams(operation_name))
            raise
        finally:
            detach(token)
        _take(call, operation_name, result)
        return result

    return traced


def _begin(client: Any, operation: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call | None:
    try:
        if client._service_model.service_name not in _SERVICES:
            return None
        arguments = args[0] if args else kwargs.get("api_params")
        if not isinstance(arguments, Mapping):
            return None
        reader = _READERS[operation]
        if reader is None:
            body = parse(arguments.get("body"))
            reader = find_reader(str(arguments.get("modelId") or ""), body)
            arguments = {**arguments, "body": body}
        call = begin(reader, client, arguments)
        if call is not None and (region := client.meta.region_name):
            call.note({semconv.CLOUD_REGION: region})
    except Exception as error:  # noqa: BLE001 - the border: the call is made, untraced
        swallow("bedrock.begin", error)
        return None
    return call


def _streams(operation: str) -> bool:
    return operation.endswith(("Stream", "Agent"))


def _take(call: Call, operation: str, result: Any) -> None:
    """End the call with a response, or with its stream or body, which are followed in place."""
    try:
        call.note(read_metadata(result))
        if _streams(operation):
            _follow(call, next((result[name] for name in _STREAMS if name in result), None))
        elif operation == "InvokeModel":
            _follow_body(call, result)
        else:
            call.answer(result)
    except Exception as error:  # noqa: BLE001 - the border: the caller gets its response
        swallow("bedrock.take", error)
        call.end()


class _Events(Recording):
    """The events of one stream; AWS says in the stream itself what went wrong."""

    __slots__ = ("_noted",)

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._noted = call

    def end(self, error: BaseException | None = None, *, early: bool = False) -> None:
        """End the call with the events seen so far."""
        if error is not None:
            self._noted.note(read_error(error))
        super().end(error, early=early)


def _follow(call: Call, stream: Any) -> None:
    recording = _Events(call)
    if hasattr(stream, "_event_generator"):
        watch(stream, recording)
    elif follow(stream, recording) is None:  # not botocore's: somebody stands in for AWS
        call.end()


def _follow_body(call: Call, result: Any) -> None:
    headers = (result.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}
    extras = {key: result[key] for key in ("performanceConfigLatency", "serviceTier") if result.get(key)}

    def done(body: bytes, error: BaseException | None, early: bool) -> None:
        try:
            if early:
                call.note({semconv.STREAM_CLOSED_EARLY: True})
            if error is not None:
                call.fail(error)
            call.answer((body, headers, extras))
        except Exception as fault:  # noqa: BLE001 - the border: the caller reads its body
            swallow("bedrock.body", fault)
            call.end()

    body = result.get("body")
    if hasattr(body, "_raw_stream"):
        watch_body(body, done)
    else:
        done(b"", None, False)
