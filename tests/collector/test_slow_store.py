"""A store that takes questions and does not answer: what comes in must not wait for it."""

import asyncio
import gzip
import threading
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from starlette.applications import Starlette
from tests.collector.conftest import PROTOBUF, request_of

from kansoku_collector.journal import Journal
from kansoku_collector.keys import Keys
from kansoku_collector.metrics import Metrics
from kansoku_collector.receive import api as module
from kansoku_collector.receive.api import Api, Clients
from kansoku_collector.receive.http import otlp_routes
from kansoku_collector.receive.intake import Intake
from kansoku_collector.receive.receiver import Receiver


def test_questions_without_an_answer_hold_up_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What watches a collector asks every few seconds whether it is ready, and needs no key for it."""
    monkeypatch.setattr(module, "_PROBE_SECONDS", 0.01)
    answers = threading.Event()
    asked = 0

    def ready() -> str:
        nonlocal asked
        asked += 1
        answers.wait()
        return ""

    metrics = Metrics()
    journal = Journal(tmp_path / "journal", max_bytes=1 << 20, segment_bytes=1 << 20, flush_seconds=3600)
    receiver = Receiver(Intake(journal, metrics), Keys.open(tmp_path), metrics, insecure=True)
    api = Api(receiver, Clients(cast("Any", object)), ready)
    app = Starlette(routes=[*otlp_routes(receiver), *api.routes()])

    async def attack() -> tuple[set[int], int, set[int]]:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            reads = [asyncio.create_task(client.get("/v1/stats")) for _ in range(60)]
            probes = {answer.status_code for answer in [await client.get("/readyz") for _ in range(60)]}
            headers = {"content-type": PROTOBUF, "content-encoding": "gzip"}
            body = gzip.compress(request_of({"name": "span"}).SerializeToString())
            sent = await client.post("/v1/traces", content=body, headers=headers)
            answers.set()
            return probes, sent.status_code, {answer.status_code for answer in await asyncio.gather(*reads)}

    async def in_time() -> tuple[set[int], int, set[int]]:
        try:
            return await asyncio.wait_for(attack(), 60)
        finally:
            answers.set()

    monkeypatch.setattr(Api, "_sums_of", lambda *_: answers.wait() and {})
    assert asyncio.run(in_time()) == ({503}, 200, {200})
    assert asked <= 2
