"""Decide before the answer what of a request can be stored, and make it a journal entry."""

from dataclasses import asdict, dataclass
from typing import Any

from google.protobuf.message import Message

from kansoku_collector.decode import logs, metrics, otlp
from kansoku_collector.decode.json import parse_json
from kansoku_collector.decode.text import mend_text
from kansoku_collector.entries import Encoding, Entry, Kind, digest_of, note_of
from kansoku_collector.errors import PayloadError
from kansoku_collector.receive.ages import leave_out_old
from kansoku_collector.receive.answer import JSON, Rejected
from kansoku_collector.receive.body import inflate
from kansoku_collector.receive.limits import Limits
from kansoku_collector.receive.parts import check_parts
from kansoku_collector.receive.receipts import Receipt, read_receipt
from kansoku_collector.receive.trim import keep_first, trim

_KINDS = {"traces": Kind.TRACES, "logs": Kind.LOGS, "metrics": Kind.METRICS}


@dataclass(frozen=True, slots=True)
class Checked:
    """A request that may be acknowledged: `entry` is None when nothing of it is stored."""

    entry: Entry | None
    rejected: Rejected
    received: int  # spans, records or points in the request
    size: int  # bytes, inflated
    receipt: Receipt | None = None  # what the sender says of itself

    def note(self, sent: "Sent") -> Entry | None:
        """Return what the journal has to keep beside the entry: what was left out, or a receipt alone."""
        alone = self.receipt if self.entry is None else None
        if not self.rejected.total and alone is None:
            return None
        content: dict[str, Any] = {
            "process": self.receipt.process if self.receipt else "",
            "received": self.rejected.total,
            "dropped": dict(self.rejected.counts),
            "receipt": asdict(alone) if alone else None,
        }
        return note_of(sent.project, sent.received_ms, content, sent.wire)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it came: bytes, headers that matter, owner and time."""

    signal: str
    wire: bytes
    content_type: str
    encoding: str
    project: str
    received_ms: int
    oldest_ns: int = 0  # earlier spans are not kept


def check(sent: Sent, limits: Limits) -> Checked:
    """Parse a request; raise PayloadError or a refusal when none of it can be read."""
    plain = inflate(sent.wire, sent.encoding, limits.max_inflated_bytes)
    kind = otlp.REQUESTS[sent.signal]
    rejected = Rejected()
    message, mended = _parse(kind, plain, sent, limits, rejected)
    receipt = read_receipt(message) if sent.signal == "traces" else None
    received, changed = _JUDGES[sent.signal](message, sent, len(plain), limits, rejected)
    entry = _entry(sent, message, plain, changed=changed or mended) if received > rejected.total else None
    return Checked(entry, rejected, received, len(plain), receipt)


def _parse(
    kind: type[Message], plain: bytes, sent: Sent, limits: Limits, rejected: Rejected
) -> tuple[Any, bool]:
    """Return the message, and whether it differs from what was sent; `rejected` has what is not in it."""
    if sent.content_type == JSON:
        message, faults = parse_json(kind, plain)
        for found in faults:
            rejected.add(*found)
        return message, bool(faults)
    check_parts(kind, plain, limits)
    try:
        return otlp.parse(kind, plain), False
    except PayloadError:
        try:
            mended, number = mend_text(kind, plain)
        except ValueError:
            number = 0
        if not number:
            raise
        message = otlp.parse(kind, mended)
        rejected.cut("invalid_text", "letters that are not UTF-8 are stored as U+FFFD", number)
        return message, True


def _judge_traces(
    request: Any, sent: Sent, size: int, limits: Limits, rejected: Rejected
) -> tuple[int, bool]:
    """Fill `rejected`; return the number of spans, and whether the request was cut."""
    changed = keep_first(request.resource_spans, "scope_spans", "spans", limits, rejected)
    changed |= leave_out_old(request.resource_spans, sent.oldest_ns, rejected)
    over = rejected.total
    most, large = limits.max_attributes, size > limits.max_attribute_bytes
    number = 0
    for number, span in enumerate(otlp.spans_of(request), 1):  # noqa: B007 - counted
        if found := otlp.fault(span, sent.received_ms):
            rejected.add(*found)
        if large or len(span.attributes) > most:
            changed |= trim(span, size, limits, rejected)
        for parts in (span.events, span.links):
            if not parts:  # as nearly always; to begin a loop costs more than to ask
                continue
            for part in parts:
                if large or len(part.attributes) > most:
                    changed |= trim(part, size, limits, rejected)
    changed |= _trim_groups(request.resource_spans, "scope_spans", size, limits, rejected)
    return number + over, changed


def _judge_logs(request: Any, sent: Sent, size: int, limits: Limits, rejected: Rejected) -> tuple[int, bool]:
    changed = keep_first(request.resource_logs, "scope_logs", "log_records", limits, rejected)
    over = rejected.total
    number = 0
    for number, record in enumerate(logs.records_of(request), 1):  # noqa: B007 - counted
        if found := logs.fault(record, sent.received_ms):
            rejected.add(*found)
        changed |= trim(record, size, limits, rejected)
    changed |= _trim_groups(request.resource_logs, "scope_logs", size, limits, rejected)
    return number + over, changed


def _judge_metrics(
    request: Any, sent: Sent, size: int, limits: Limits, rejected: Rejected
) -> tuple[int, bool]:
    """Take out of the request what is not stored: which metrics are is a setting, and may change."""
    keep_first(request.resource_metrics, "scope_metrics", "metrics", limits, rejected)
    over = rejected.total
    number = metrics.sift(request, limits.metric_names, sent.received_ms, limits.max_spans, rejected.add)
    for point in metrics.points_of(request):
        trim(point, size, limits, rejected)
    _trim_groups(request.resource_metrics, "scope_metrics", size, limits, rejected)
    return number + over, True


def _trim_groups(groups: Any, scopes: str, size: int, limits: Limits, rejected: Rejected) -> bool:
    changed = False
    for group in groups:
        changed |= trim(group.resource, size, limits, rejected)
        for part in getattr(group, scopes):
            changed |= trim(part.scope, size, limits, rejected)
    return changed


_JUDGES = {"traces": _judge_traces, "logs": _judge_logs, "metrics": _judge_metrics}


def _entry(sent: Sent, message: Message, plain: bytes, *, changed: bool) -> Entry:
    body, encoding = sent.wire, Encoding.IDENTITY
    if changed or sent.content_type == JSON:
        body = message.SerializeToString()
    elif sent.encoding.strip().lower() in {"gzip", "x-gzip"}:
        encoding = Encoding.GZIP
    else:
        body = plain
    kind = _KINDS[sent.signal]
    digest = digest_of(kind, sent.project, sent.wire)
    return Entry(kind, sent.project, sent.received_ms, digest, body, encoding, len(plain), message)
