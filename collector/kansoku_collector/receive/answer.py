"""Answers that stock OpenTelemetry exporters understand, in the encoding of the request.

Success is an Export…ServiceResponse, with `partial_success` when something was left out; an error is a
`google.rpc.Status`. Both are protobuf or JSON as the request was.
"""

from collections import Counter
from dataclasses import dataclass, field

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.responses import Response

PROTOBUF, JSON = "application/x-protobuf", "application/json"
RETRY_SECONDS = 5
# HTTP status -> google.rpc.Code
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 413: 8, 415: 3, 503: 14}
# signal -> its response message and the field that counts what was left out
_RESPONSES: dict[str, tuple[type[Message], str]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
}


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """An answer with an error: HTTP status, a sentence for people, the reason that is counted."""

    def __init__(self, status: int, message: str, reason: str) -> None:
        super().__init__(message)
        self.status, self.message, self.reason = status, message, reason


@dataclass
class Rejected:
    """What was left out of a request, by reason, with the first example of each."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, example: str, number: int = 1) -> None:
        """Count `number` items left out for `reason`."""
        self.counts[reason] += number
        self.examples.setdefault(reason, example)

    @property
    def total(self) -> int:
        """How many items were left out."""
        return self.counts.total()

    @property
    def message(self) -> str:
        """One sentence a reason."""
        return "; ".join(f"{n} {reason}: {self.examples[reason]}" for reason, n in self.counts.items())


def success(signal: str, content_type: str, rejected: Rejected) -> Response:
    """Build the 200 of `signal`, saying what was left out."""
    kind, counter = _RESPONSES[signal]
    message = kind()
    if rejected.total:
        partial = message.partial_success  # type: ignore[attr-defined]
        setattr(partial, counter, rejected.total)
        partial.error_message = rejected.message
    return _encode(message, 200, content_type)


def refuse(refusal: Refusal, content_type: str) -> Response:
    """Build the answer for a request that was refused."""
    answer = _encode(
        Status(code=_CODES.get(refusal.status, 2), message=refusal.message), refusal.status, content_type
    )
    if refusal.status == 503:
        answer.headers["retry-after"] = str(RETRY_SECONDS)
    if refusal.status == 401:
        answer.headers["www-authenticate"] = "Bearer"
    return answer


def _encode(message: Message, status: int, content_type: str) -> Response:
    if content_type == PROTOBUF:
        return Response(message.SerializeToString(), status, media_type=PROTOBUF)
    return Response(json_format.MessageToJson(message, indent=None), status, media_type=JSON)
