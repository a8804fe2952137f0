"""POST /v1/feedback: likes, scores, comments and corrections as JSON, one or up to a thousand."""

import hashlib
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kansoku_collector.decode.json import load_json
from kansoku_collector.enrich.names import short_name
from kansoku_collector.entries import Entry, Kind, digest_of
from kansoku_collector.errors import PayloadError
from kansoku_collector.receive.answer import Refusal, headers_of
from kansoku_collector.receive.body import inflate, read_body
from kansoku_collector.receive.receiver import Receiver

MAX_ITEMS = 1000
MAX_BYTES = 16 << 20  # inflated: keys that may give feedback stand in web pages, where anybody reads them
_SOURCES = frozenset({"user", "reviewer", "evaluator"})
_TEXTS = (
    "trace_id",
    "span_id",
    "session_id",
    "name",
    "label",
    "comment",
    "correction",
    "user_id",
    "source",
    "id",
)
_FIELDS = frozenset({*_TEXTS, "like", "score", "metadata", "time"})
Row = dict[str, Any]

_INVALID = "invalid"  # the reason under which an item that cannot be stored counts


def feedback_route(receiver: Receiver, origins: Sequence[str] = ()) -> Route:
    """Return the route of /v1/feedback; pages of `origins` may post to it from a browser."""

    async def post(request: Request) -> Response:
        if request.method == "OPTIONS":  # one that is no preflight; those are answered by the middleware
            return Response(status_code=405, headers={"allow": "POST"})
        try:
            answer = await _accept(request, receiver)
        except Exception as error:  # noqa: BLE001 - a border: every request has an answer
            refusal = receiver.refusal(error, "feedback")
            answer = JSONResponse({"error": refusal.message}, refusal.status, headers=headers_of(refusal))
        receiver.metrics.requests.labels("feedback", str(answer.status_code)).inc()
        return answer

    cross_origin = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["POST"],
        allow_headers=["authorization", "content-type", "x-api-key"],
        max_age=3600,
    )
    return Route("/v1/feedback", post, methods=["POST", "OPTIONS"], middleware=[cross_origin])


async def _accept(request: Request, receiver: Receiver) -> Response:
    grant, limits = receiver.admit(request.headers.get, "feedback"), receiver.limits
    with receiver.room.hold() as take:
        wire = await read_body(request, limits.max_body_bytes, seconds=limits.request_seconds, take=take)
        encoding = request.headers.get("content-encoding", "")
        now = time.time_ns() // 10**6
        size, rows, rejected = await receiver.apart(
            _read, wire, encoding, limits.max_inflated_bytes, grant.project, now
        )
    receiver.rates.charge(grant.project, len(rows) + len(rejected), size)
    if rows:
        body = json.dumps(rows, ensure_ascii=True).encode()
        # A person may press the same button twice on purpose, so only items with an `id` are recognised as
        # retries.
        mark = wire if all(row["keyed"] for row in rows) else wire + time.time_ns().to_bytes(8, "little")
        digest = digest_of(Kind.FEEDBACK, grant.project, mark)
        await receiver.intake.store(
            Entry(Kind.FEEDBACK, grant.project, now, digest, body, raw_bytes=len(body))
        )
    if not rows and len(rejected) == 1:
        raise Refusal(400, str(rejected[0]["reason"]), _INVALID)  # which counts it
    if rejected:
        receiver.metrics.dropped.labels("feedback", _INVALID).inc(len(rejected))
    accepted = len({row["item"] for row in rows})
    answer: dict[str, Any] = {"accepted": accepted} | ({"rejected": rejected} if rejected else {})
    return JSONResponse(answer, 400 if rejected and not rows else 202)


def _read(
    wire: bytes, encoding: str, limit: int, project: str, now_ms: int
) -> tuple[int, list[Row], list[dict[str, Any]]]:
    plain = inflate(wire, encoding, limit)
    if len(plain) > MAX_BYTES:
        raise Refusal(
            413, f"feedback of {len(plain)} bytes in one request; the limit is {MAX_BYTES}", "too_large"
        )
    return len(plain), *read_feedback(plain, project, now_ms)


def read_feedback(body: bytes, project: str, now_ms: int) -> tuple[list[Row], list[dict[str, Any]]]:
    """Return the rows of a body and the items refused, each with index and reason; raise PayloadError."""
    value = load_json(body)
    items = value if isinstance(value, list) else [value]
    if len(items) > MAX_ITEMS:
        raise PayloadError(f"{len(items)} items in one request; the limit is {MAX_ITEMS}")
    rows: list[Row] = []
    rejected = []
    for index, item in enumerate(items):
        try:
            rows += [row | {"item": index} for row in _rows(item, project, now_ms)]
        except PayloadError as error:
            rejected.append({"index": index, "reason": str(error)})
    return rows, rejected


def _rows(item: Any, project: str, now_ms: int) -> list[Row]:
    """Return one row for the like and one for the score; comment and correction ride on the first."""
    if not isinstance(item, dict):
        raise PayloadError("each item must be a JSON object")
    _validate(item)
    base: Row = {name: item.get(name) or "" for name in ("trace_id", "span_id", "session_id", "user_id")}
    base |= {"trace_id": base["trace_id"].lower(), "span_id": base["span_id"].lower()}
    base |= {
        "project": project,
        "source": item.get("source") or "user",
        "time": _time(item.get("time"), now_ms),
    }
    base |= {name: short_name(base[name]) for name in ("session_id", "user_id")}  # as on their spans
    base |= {"received": now_ms, "metadata": item.get("metadata") or {}, "keyed": bool(item.get("id"))}
    values: list[tuple[str, float | None]] = []
    if item.get("like") is not None:
        values.append(("like", float(item["like"])))
    if item.get("score") is not None:
        values.append((item.get("name") or "score", float(item["score"])))
    if not values and item.get("label"):
        values.append((item.get("name") or "score", None))
    if not values:
        values.append(("comment", None))
    words = {name: item.get(name) or "" for name in ("label", "comment", "correction")}
    rows: list[Row] = []
    for number, (name, value) in enumerate(values):
        row = base | {"name": name, "value": value} | (words if number == 0 else dict.fromkeys(words, ""))
        if number == 1:
            row["label"], rows[0]["label"] = words["label"], ""
        rows.append(row | {"feedback_id": _identity(item, row, project)})
    return rows


def _validate(item: dict[str, Any]) -> None:
    if unknown := sorted(set(item) - _FIELDS):
        raise PayloadError(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(_FIELDS))}")
    for name in _TEXTS:
        if not isinstance(item.get(name) or "", str):
            raise PayloadError(f"{name!r} must be text")
    _hexadecimal(item, "trace_id", 32)
    _hexadecimal(item, "span_id", 16)
    if not (item.get("trace_id") or item.get("session_id")):
        raise PayloadError("'trace_id' or 'session_id' is missing")
    if item.get("like") is not None and not isinstance(item["like"], bool):
        raise PayloadError("'like' must be true or false")
    score = item.get("score")
    if score is not None and not (type(score) in {int, float} and abs(score) < 1e300):  # NaN compares false
        raise PayloadError("'score' must be a finite number")
    if all(item.get(name) in (None, "") for name in ("like", "score", "label", "comment", "correction")):
        raise PayloadError("nothing is said: give 'like', 'score', 'label', 'comment' or 'correction'")
    if item.get("source") and item["source"] not in _SOURCES:
        raise PayloadError(f"'source' must be one of {', '.join(sorted(_SOURCES))}")
    metadata = item.get("metadata") or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise PayloadError("'metadata' must be an object of text values")


def _hexadecimal(item: dict[str, Any], name: str, length: int) -> None:
    value = item.get(name) or ""
    if value and (
        len(value) != length or set(value.lower()) - set("0123456789abcdef") or not value.strip("0")
    ):
        raise PayloadError(f"{name!r} must be {length} hex digits, not all zero; it is {value[:40]!r}")


def _time(value: Any, now_ms: int) -> int:
    if value is None:
        return now_ms
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value)
        else:
            raise TypeError(type(value).__name__)
        milliseconds = int(seconds * 1000)
    except (TypeError, ValueError, OverflowError) as error:
        raise PayloadError(f"'time' must be seconds since the epoch or ISO 8601, not {value!r}") from error
    if not 946_684_800_000 <= milliseconds <= now_ms + 86_400_000:
        raise PayloadError(f"'time' is before 2000 or more than a day ahead: {value!r}")
    return milliseconds


def _identity(item: dict[str, Any], row: Row, project: str) -> str:
    """Return the row's id: the same for a retry with the same `id`, otherwise unique by its moment."""
    parts = [project, item.get("id") or "", row["trace_id"], row["span_id"], row["session_id"], row["name"]]
    if not item.get("id"):
        parts += [row["user_id"], str(time.time_ns())]
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
