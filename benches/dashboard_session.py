"""A reader without a browser: asks the dashboard for a screen, takes what comes and paints nothing.

A browser on the same cores takes more of them than the dashboard and the store together, and in service is on
another machine: what the server alone needs is measured so.
"""

import time
from typing import NamedTuple
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

PATIENCE = 120  # seconds


class Run(NamedTuple):
    """One run of a screen: how long from the question to its end, and what was sent of it."""

    ms: float
    kilobytes: float


def run(host: str, path: str, language: str = "en-GB") -> Run:
    """Ask for a screen in a session of its own, as a browser that opens it does; wait for its end."""
    address = urlsplit(path)
    asked = BackMsg()
    asked.rerun_script.query_string = address.query
    asked.rerun_script.page_name = address.path.strip("/")
    asked.rerun_script.context_info.timezone = "UTC"
    asked.rerun_script.context_info.locale = language
    asked.rerun_script.context_info.url = f"{host}{address.path}"
    socket = f"ws{host.removeprefix('http')}/_stcore/stream"
    options = {"origin": host, "subprotocols": ["streamlit"], "max_size": None}
    with connect(socket, **options) as session:  # type: ignore[arg-type]
        began, size = time.perf_counter(), 0
        session.send(asked.SerializeToString())
        while True:
            frame = session.recv(timeout=PATIENCE)
            size += len(frame)
            if _ends(frame):
                return Run(1000 * (time.perf_counter() - began), size / 1000)


def _ends(frame: str | bytes) -> bool:
    message = ForwardMsg()
    message.ParseFromString(bytes(frame, "latin-1") if isinstance(frame, str) else frame)
    early = ForwardMsg.ScriptFinishedStatus.FINISHED_EARLY_FOR_RERUN
    return message.WhichOneof("type") == "script_finished" and message.script_finished != early
