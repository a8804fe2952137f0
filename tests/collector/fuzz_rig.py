"""A collector without a process: any request in, an answer and the bytes of its rows out."""

import asyncio
import json
from pathlib import Path

from google.protobuf.json_format import Parse
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.applications import Starlette

from kansoku.pricing.prices import Prices
from kansoku_collector.enrich.cost import pricing
from kansoku_collector.enrich.signals import read_signals
from kansoku_collector.journal import Journal
from kansoku_collector.keys import Keys
from kansoku_collector.metrics import Metrics
from kansoku_collector.pipeline import Pipeline
from kansoku_collector.receive.answer import JSON, PROTOBUF
from kansoku_collector.receive.feedback import feedback_route
from kansoku_collector.receive.http import Receiver, otlp_routes
from kansoku_collector.receive.intake import Intake
from kansoku_collector.receive.limits import Limits, Rates, Room
from kansoku_collector.store.native import pieces
from kansoku_collector.store.write import Writer

HERE = Path(__file__).resolve()
CAPTURES = [HERE.parents[1] / "data/otlp", HERE.parents[3] / "shared/corpus/otlp"]
REQUESTS = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
RESPONSES = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}
STATUSES = {200, 400, 413, 415, 503}
SMALL = Limits(
    max_body_bytes=1 << 20, max_inflated_bytes=1 << 20, max_spans=200, max_attributes=60, metric_names=("*",)
)


def captures():
    """Return the plain bodies of recorded exports; those outside this project where they are present."""
    found = [path for folder in CAPTURES for path in sorted(folder.glob("*/*/request*.bin"))]
    return [body for path in found if not (body := path.read_bytes()).startswith(b"\x1f\x8b")]


class Serialiser(Writer):
    """A writer that makes the bytes of every insert, as they would go to ClickHouse, and sends none."""

    def stored(self, _sought):
        """Know of nothing."""
        return {}

    def others_until(self):
        """Know of nobody else who stores here."""
        return 0

    def recalled(self, _before_ms, _wanted):
        """Know of nothing."""
        return []

    def _send(self, table, names, columns, token):
        assert token
        assert sum(len(piece) for piece in pieces(self._told(table, names, columns)))


class Rig:
    """The routes, the journal and the pipeline of a collector, in this process."""

    def __init__(self, folder, client):
        self.metrics = Metrics()
        self.journal = Journal(
            folder / "journal", max_bytes=1 << 30, segment_bytes=1 << 24, flush_seconds=3600
        )
        receiver = Receiver(
            Intake(self.journal, self.metrics),
            Keys.open(folder),
            self.metrics,
            SMALL,
            Rates(),
            Room(1 << 30),
            insecure=True,
        )
        self.app = Starlette(routes=[*otlp_routes(receiver), feedback_route(receiver)])
        self.pipeline = Pipeline([pricing(Prices(), self.metrics), read_signals], self.metrics)
        self.writer = Serialiser(client)

    def send(self, path, body, **headers):
        """Post a body; return status, headers and body of the answer."""
        return asyncio.run(self._send(path, body, headers))

    async def _send(self, path, body, headers):
        answer = {"body": b""}
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
        }
        scope |= {"headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]}
        scope |= {
            "http_version": "1.1",
            "scheme": "http",
            "server": ("x", 1),
            "client": ("x", 1),
            "root_path": "",
        }

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            answer["status"] = message.get("status", answer.get("status"))
            answer.setdefault("headers", dict(message.get("headers", ())))
            answer["body"] += message.get("body", b"")

        await self.app(scope, receive, send)
        return answer["status"], answer["headers"], answer["body"]

    def drain(self):
        """Turn everything that was acknowledged into rows; fail where a part of it cannot be."""
        for segment in self.journal.due(everything=True):
            written = self.pipeline.write(segment, self.writer)
            assert written.refused == []
            for held in self.pipeline.late.overdue(everything=True):
                self.pipeline.write_late(held, self.writer)
            self.journal.done(segment)
        assert self.metrics.values()["unreadable_spans"] == 0

    def check(self, signal, body, content_type=PROTOBUF, encoding=""):
        """Send a request; the answer is one that an exporter understands, and the rows can be written."""
        headers = {"content_type": content_type} | ({"content_encoding": encoding} if encoding else {})
        status, given, answer = self.send(f"/v1/{signal}", body, **headers)
        assert status in STATUSES, answer
        kind = RESPONSES[signal] if status == 200 else Status
        assert given[b"content-type"].decode() == (content_type if content_type == PROTOBUF else JSON)
        message = kind.FromString(answer) if content_type == PROTOBUF else Parse(answer, kind())
        assert status == 200 or message.message
        assert (status == 503) == (b"retry-after" in given)
        self.drain()

    def check_feedback(self, body, encoding=""):
        """Send feedback; the answer is JSON and says what is wrong."""
        headers = {"content_encoding": encoding} if encoding else {}
        status, _, answer = self.send("/v1/feedback", body, **headers)
        assert status in {202, 400, 413, 415}
        found = json.loads(answer)
        assert status == 202 or found.get("error") or found["rejected"]
        self.drain()
