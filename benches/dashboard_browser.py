"""A browser that counts: bytes on the wire, the time of a rerun, the time to painted charts, DOM nodes."""

import base64
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "end_to_end"))
from browser import chromium, launch  # the same browser as the tests'

__all__ = ["Counts", "Visit", "chromium", "launch", "visit"]

PATIENCE = 120_000  # ms
SMALL = 4096  # the end of a run is a small message; larger ones are not read
NODES = """() => { let count = 0; const walk = (root) => { for (const node of root.querySelectorAll('*')) {
    count += 1; if (node.shadowRoot) walk(node.shadowRoot); } }; walk(document); return count; }"""
PAINTED = """(charts) => document.querySelector('.st-key-footer')
    && !document.querySelector('[data-testid=stSkeleton]')
    && document.querySelectorAll('.js-plotly-plot .main-svg').length >= charts"""
MARK = "() => document.querySelectorAll('.js-plotly-plot').forEach((node) => { node.kansokuMark = true; })"
DRAWINGS = """() => { window.drawings = 0; document.querySelectorAll('.js-plotly-plot').forEach(
    (node) => node.on('plotly_afterplot', () => { window.drawings += 1; })); }"""
KEPT = """() => { const nodes = [...document.querySelectorAll('.js-plotly-plot')];
    return [nodes.filter((node) => node.kansokuMark).length, nodes.length]; }"""


@dataclass
class Counts:
    """What went over the wire since the last `start`, and when runs began and ended (browser's clock)."""

    http: int = 0
    socket: int = 0
    left: int = 0  # requests to another host
    asked: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Count from now on."""
        self.http = self.socket = 0
        self.asked, self.ended = [], []

    @property
    def bytes(self) -> int:
        """All bytes."""
        return self.http + self.socket

    def rerun_ms(self) -> float:
        """Return how long the server took from the first question to the last end of a run."""
        return 1000 * (self.ended[-1] - self.asked[0]) if self.asked and self.ended else 0.0


@dataclass
class Visit:
    """A page with its counts."""

    page: Page
    counts: Counts
    host: str

    def open(self, path: str, charts: int = 0) -> float:
        """Open a path; return the milliseconds until it is painted, by the browser's own clock."""
        self.counts.start()
        self.page.goto(f"{self.host}{path}", wait_until="commit")
        return self.painted(charts)

    def painted(self, charts: int) -> float:
        """Wait for the charts; return the page's age in milliseconds."""
        self.page.wait_for_function(PAINTED, arg=charts, polling=20, timeout=PATIENCE)
        age = float(self.page.evaluate("performance.now()"))
        self.quiet()
        return age

    def quiet(self) -> None:
        """Wait until the run has ended and nothing more comes."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not self.counts.ended and time.monotonic() < deadline:
            self.page.wait_for_timeout(20)
        self.page.wait_for_timeout(300)

    def nodes(self) -> int:
        """Return the elements of the page, shadow roots included."""
        return int(self.page.evaluate(NODES))


def visit(context: BrowserContext | Browser, host: str) -> Visit:
    """Open an empty page that counts."""
    page = context.new_page()
    counts = Counts()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: _add(counts, event["encodedDataLength"]))
    session.on("Network.webSocketFrameSent", lambda event: _sent(counts, event))
    session.on("Network.webSocketFrameReceived", lambda event: _received(counts, event))
    page.on("request", lambda request: _left(counts, request.url, host))
    return Visit(page, counts, host)


def _add(counts: Counts, length: float) -> None:
    counts.http += int(length)


def _left(counts: Counts, url: str, host: str) -> None:
    if not url.startswith((host, "data:", "blob:")):
        counts.left += 1


def _sent(counts: Counts, event: dict[str, Any]) -> None:
    payload = _payload(counts, event)
    message = BackMsg()
    message.ParseFromString(payload)
    if message.WhichOneof("type") == "rerun_script":
        counts.asked.append(event["timestamp"])


def _received(counts: Counts, event: dict[str, Any]) -> None:
    payload = _payload(counts, event)
    if len(payload) > SMALL:
        return
    message = ForwardMsg()
    message.ParseFromString(payload)
    early = ForwardMsg.ScriptFinishedStatus.FINISHED_EARLY_FOR_RERUN
    if message.WhichOneof("type") == "script_finished" and message.script_finished != early:
        counts.ended.append(event["timestamp"])


def _payload(counts: Counts, event: dict[str, Any]) -> bytes:
    frame = event["response"]
    payload = base64.b64decode(frame["payloadData"]) if frame["opcode"] == 2 else b""
    counts.socket += len(payload) or len(frame["payloadData"])
    return payload
