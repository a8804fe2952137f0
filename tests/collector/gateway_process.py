"""Serve the gateway in a process of its own, as the collector does: DIRECTORY PORT LIMIT."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

KEYS = {
    "ksk_read": ("default", {"read"}),
    "ksk_admin": ("default", {"read", "admin"}),
    "ksk_ingest": ("default", {"ingest"}),
    "ksk_shop": ("shop", {"read"}),
    "ksk_shop_admin": ("shop", {"read", "admin"}),
}


class FixedKeys:
    """A key of each scope that matters, and two of another project."""

    def check(self, key: str) -> SimpleNamespace | None:
        """Return project and scopes of `key`."""
        if key not in KEYS:
            return None
        project, scopes = KEYS[key]
        return SimpleNamespace(project=project, scopes=frozenset(scopes))


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
    from support import ports, stores  # here: the other process runs this file too, and has no `support`

    stores.prepare(directory)
    port = ports.free_port()
    arguments = [sys.executable, __file__, str(directory), str(port), str(limit)]
    process = subprocess.Popen(arguments, env=os.environ | {"TZ": "Asia/Tokyo"})
    try:
        deadline = time.monotonic() + 120
        while not _answers(port):
            assert process.poll() is None, "the gateway's process ended"
            assert time.monotonic() < deadline, "the gateway does not answer"
            time.sleep(0.1)
        yield Server(port, process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/ping"):
        return True
    return False


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
