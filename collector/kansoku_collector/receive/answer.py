"""Answers that stock OpenTelemetry exporters understand, in the encoding of the request.

Success is an Export…ServiceResponse, with `partial_success` when something was left out or cut; an error is a
`google.rpc.Status`. Over HTTP both are protobuf or JSON as the request was. What is worth sending again is
429 or 503 with `Retry-After`, over gRPC RESOURCE_EXHAUSTED or UNAVAILABLE with `RetryInfo`; everything else
stays refused.
"""

from collections import Counter
from dataclasses import dataclass, field

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.responses import Response

PROTOBUF, JSON = "application/x-protobuf", "application/json"
RETRY_SECONDS = 5
# HTTP status -> google.rpc.Code
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 413: 8, 415: 3, 429: 8, 500: 13, 503: 14}
# signal -> its response message and the field that counts what was left out
_RESPONSES: dict[str, tuple[type[Message], str]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
}


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """An answer with an error: HTTP status, a sentence for people, the reason that is counted.

    With `retry` the sender should try again after that many seconds.
    """

    def __init__(self, status: int, message: str, reason: str, retry: float = 0) -> None:
        super().__init__(message)
        message = message[:400]  # over gRPC it travels in a header
        self.status, self.message, self.reason, self.retry = status, message, reason, retry

    @property
    def code(self) -> int:
        """The code of google.rpc, which is also the one of gRPC."""
        return _CODES.get(self.status, 2)

    @property
    def retry_info(self) -> RetryInfo:
        """When to try again, for gRPC."""
        return RetryInfo(retry_delay=Duration(seconds=int(self.retry), nanos=int(self.retry % 1 * 10**9)))

    @property
    def as_status(self) -> Status:
        """The body of the answer."""
        status = Status(code=self.code, message=self.message)
        if self.retry:
            detail = AnyMessage()
            detail.Pack(self.retry_info)
            status.details.append(detail)
        return status


@dataclass
class Rejected:
    """What was left out of a request, and what was cut off, by reason, with the first example of each."""

    counts: Counter[str] = field(default_factory=Counter)
    cuts: Counter[str] = field(default_factory=Counter)  # parts of items that were stored
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, example: str, number: int = 1) -> None:
        """Count `number` items left out for `reason`."""
        self.counts[reason] += number
        self.examples.setdefault(reason, example)

    def cut(self, reason: str, example: str, number: int = 1) -> None:
        """Count `number` parts cut off items that are stored."""
        self.cuts[reason] += number
        self.examples.setdefault(reason, example)

    @property
    def total(self) -> int:
        """How many items were left out."""
        return self.counts.total()

    @property
    def message(self) -> str:
        """One sentence a reason."""
        return "; ".join(
            f"{n} {reason}: {self.examples[reason]}" for reason, n in (self.counts + self.cuts).items()
        )


def response_of(signal: str, rejected: Rejected) -> Message:
    """Return the message that acknowledges a request of `signal`, saying what was left out."""
    kind, counter = _RESPONSES[signal]
    message = kind()
    if rejected.examples:
        partial = message.partial_success  # type: ignore[attr-defined]
        setattr(partial, counter, rejected.total)
        partial.error_message = rejected.message
    return message


def success(signal: str, content_type: str, rejected: Rejected) -> Response:
    """Build the 200 of `signal`."""
    return _encode(response_of(signal, rejected), 200, content_type)


def refuse(refusal: Refusal, content_type: str) -> Response:
    """Build the answer for a request that was refused."""
    answer = _encode(refusal.as_status, refusal.status, content_type)
    answer.headers.update(headers_of(refusal))
    return answer


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Return the headers that belong to a refusal."""
    found = {"retry-after": f"{refusal.retry:.0f}"} if refusal.retry else {}
    return found | ({"www-authenticate": "Bearer"} if refusal.status == 401 else {})


def _encode(message: Message, status: int, content_type: str) -> Response:
    if content_type == PROTOBUF:
        return Response(message.SerializeToString(), status, media_type=PROTOBUF)
    return Response(json_format.MessageToJson(message, indent=None), status, media_type=JSON)
