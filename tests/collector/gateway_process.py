"""Serve the gateway in a process of its own, as the collector does: DIRECTORY PORT LIMIT."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

KEYS = {"ksk_read": {"read"}, "ksk_admin": {"read", "admin"}, "ksk_ingest": {"ingest"}}


class FixedKeys:
    """Three keys, one a scope."""

    def check(self, key: str) -> SimpleNamespace | None:
        """Return the scopes of `key`."""
        return SimpleNamespace(scopes=frozenset(KEYS[key])) if key in KEYS else None


class Server(NamedTuple):
    """A running gateway."""

    port: int
    pid: int

    def memory(self) -> int:
        """Resident memory of the process, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("the process has no VmRSS")


@contextlib.contextmanager
def serve(directory: Path, *, limit: int = 16) -> Iterator[Server]:
    """Run a gateway on `directory` in another process whose host is not in UTC."""
    from support import stores  # here: the other process runs this file as well, and has no `support`

    stores.prepare(directory)
    port = free_port()
    arguments = [sys.executable, __file__, str(directory), str(port), str(limit)]
    process = subprocess.Popen(arguments, env=os.environ | {"TZ": "Asia/Tokyo"})
    try:
        for _ in range(300):
            assert process.poll() is None, "the gateway's process ended"
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/ping"):
                break
            time.sleep(0.1)
        yield Server(port, process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """Return a port of the range 42100 to 42199 that nobody listens on."""
    for port in range(42100, 42200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


def main(directory: str, port: str, limit: str) -> None:
    """Migrate the store and serve it until killed."""
    import uvicorn

    from kansoku_collector.store.connect import connect
    from kansoku_collector.store.gateway import build
    from kansoku_collector.store.migrate import migrate

    migrate(connect(f"chdb:///{directory}"))
    app = build(directory, FixedKeys(), limit=int(limit))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
