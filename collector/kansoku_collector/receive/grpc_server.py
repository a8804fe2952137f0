"""OTLP over gRPC: the Export calls of the three services, through the same door as HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from kansoku_collector.errors import SettingsError
from kansoku_collector.receive.answer import PROTOBUF, Refusal, response_of
from kansoku_collector.receive.body import too_large, too_slow
from kansoku_collector.receive.receiver import Receiver
from kansoku_collector.receive.tls import Tls

_SIGNALS = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "metrics",
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}
# What compressed messages begin with. An OTLP request begins with 0x0a or is empty.
_ENCODINGS = {b"\x1f\x8b": "gzip", b"\x78": "deflate"}
_STOP_SECONDS = 3.0


class GrpcServer:
    """The server; it runs on the event loop that `start` is called in."""

    def __init__(self, receiver: Receiver, address: str, *, connections: int, tls: Tls | None) -> None:
        self._receiver = receiver
        limit = receiver.limits.max_body_bytes
        self._server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),  # a second collector must be told, not share the port
                # We inflate ourselves, in steps: the library would hold the whole of a bomb.
                ("grpc.per_message_decompression", 0),
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_allowed_incoming_connections", connections),
                ("grpc.max_concurrent_streams", 100),
                ("grpc.max_connection_idle_ms", 600_000),
            ]
        )
        self._server.add_generic_rpc_handlers((_Services(self),))
        try:
            if tls is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, tls.for_grpc())
        except RuntimeError as error:
            raise SettingsError(
                f"{address} cannot be used for gRPC; choose another port with KANSOKU_GRPC_PORT"
            ) from error

    async def start(self) -> None:
        """Start to accept."""
        await self._server.start()

    async def stop(self) -> None:
        """Accept nothing more, and finish what has begun."""
        await self._server.stop(_STOP_SECONDS)

    def admit(self, metadata: dict[str, Any]) -> None:
        """Raise Refusal unless a call may send; asked before its message is read."""
        self._receiver.admit(metadata.get, "ingest")

    async def export(self, signal: str, context: Any) -> bytes:
        """Answer a call."""
        try:
            metadata = dict(context.invocation_metadata() or ())
            answer = await self._accept(signal, await self._read(context), metadata)
        except Exception as error:  # noqa: BLE001 - a border: every call has an answer that exporters know
            refusal = self.refusal(error, signal)
        else:
            self._receiver.metrics.requests.labels(signal, "200").inc()
            return answer
        await _abort(context, refusal)
        raise refusal

    def refusal(self, error: Exception, signal: str) -> Refusal:
        """Return the answer to an error, without the way to it.

        The library keeps a call that failed, with what its frames refer to, until garbage is looked for: the
        messages of those that are refused while too much arrives would fill the memory.
        """
        refusal = self._receiver.refusal(error, signal)
        self._receiver.metrics.requests.labels(signal, str(refusal.status)).inc()
        refusal.__cause__ = refusal.__context__ = None
        return refusal.with_traceback(None)

    async def _read(self, context: Any) -> bytes:
        """Return the message of a call; none takes for ever."""
        seconds = self._receiver.limits.request_seconds
        try:
            async with asyncio.timeout(seconds):
                message = await context.read()
        except TimeoutError as error:
            raise too_slow(seconds) from error
        return message if isinstance(message, bytes) else b""  # else the call ended without one

    async def _accept(self, signal: str, message: bytes, metadata: dict[str, Any]) -> bytes:
        receiver = self._receiver
        grant = receiver.admit(metadata.get, "ingest")
        if len(message) > receiver.limits.max_body_bytes:
            raise too_large(receiver.limits.max_body_bytes)
        encoding = next((name for start, name in _ENCODINGS.items() if message.startswith(start)), "")
        with receiver.room.hold() as take:
            take(len(message))
            rejected = await receiver.accept(signal, grant, message, PROTOBUF, encoding)
        return response_of(signal, rejected).SerializeToString()


class _Services(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Finds the signal of a call by its full name; messages stay bytes."""

    def __init__(self, server: GrpcServer) -> None:
        self._server = server
        self._handlers = {path: _handler(server.export, signal) for path, signal in _SIGNALS.items()}

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler, or None for a call that does not exist.

        The message of a call that is refused is not read: without a key, nobody has memory here.
        """
        handler = self._handlers.get(handler_call_details.method)
        if handler is None:
            return None
        try:
            self._server.admit(dict(handler_call_details.invocation_metadata or ()))
        except Exception as error:  # noqa: BLE001 - a border: every call has an answer that exporters know
            return _refusing(self._server.refusal(error, _SIGNALS[handler_call_details.method]))
        return handler


def _handler(export: Callable[[str, Any], Awaitable[bytes]], signal: str) -> Any:
    """Return a handler that reads its one message itself: of a stream, or none could be given up."""

    async def call(_messages: Any, context: Any) -> bytes:
        return await export(signal, context)

    return grpc.stream_unary_rpc_method_handler(call, None, None)


def _refusing(refusal: Refusal) -> Any:
    """Return a handler that takes no message: only one of a stream is free not to ask for it."""

    async def call(_messages: Any, context: Any) -> None:
        await _abort(context, refusal)

    return grpc.stream_unary_rpc_method_handler(call, None, None)


async def _abort(context: Any, refusal: Refusal) -> None:
    """End the call; its details are where the specification and where Python's exporter look for them."""
    details = [("grpc-status-details-bin", refusal.as_status.SerializeToString())]
    if refusal.retry:
        details.append(("google.rpc.retryinfo-bin", refusal.retry_info.SerializeToString()))
    await context.abort(_CODES[refusal.code], refusal.message, tuple(details))
