"""A collector's process, forked from one that has imported what every collector imports.

The imports take longer than the rest of a start. The engine is loaded in the fork: it brings threads, which
no fork would keep. What a process says when it is started as a user starts it is proven in test_app.py.
"""

import atexit
import importlib
import json
import os
import pkgutil
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_ENGINE = "kansoku_collector.store.gateway"  # its modules load the engine
_servers: list["_Server"] = []


class Forked:
    """A forked process, with what the tests use of a Popen."""

    def __init__(self, arguments: list[str], env: dict[str, str], log: Path) -> None:
        if not _servers:
            _servers.append(_Server())
        self._server = _servers[0]
        self.pid = self._server.fork({"arguments": arguments, "env": env, "log": str(log)})
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code of a process that has ended, else None."""
        if self.returncode is None:
            self.returncode = self._server.code(self.pid, 0)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for the end of the process, at most `timeout` seconds, and return its exit code."""
        if self.returncode is None:
            self.returncode = self._server.code(self.pid, timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("collector", timeout)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to a process that has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End the process at once."""
        self.send_signal(signal.SIGKILL)


class _Server:
    """The process that forks the others, and tells of their ends; it lives as long as this one."""

    def __init__(self) -> None:
        command = [sys.executable, __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._codes: dict[int, int] = {}
        self._forked: list[int] = []
        self._text = b""
        atexit.register(self._close)

    def fork(self, request: dict[str, Any]) -> int:
        """Start a process and return its id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        while not self._forked:
            self._read(60)
        return self._forked.pop()

    def code(self, pid: int, seconds: float) -> int | None:
        """Return the exit code of a process; None when it runs on for that long."""
        until = time.monotonic() + seconds
        while pid not in self._codes:
            if not self._read(max(0.0, until - time.monotonic())) and time.monotonic() >= until:
                return None
        return self._codes.pop(pid)

    def _read(self, seconds: float) -> bool:
        """Read what the server tells within so many seconds; tell whether it told anything."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return False
        piece = self._process.stdout.read(65536)
        assert piece, "the process that forks collectors has ended"
        *lines, self._text = (self._text + piece).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "code" in told:
                self._codes[told["pid"]] = told["code"]
            else:
                self._forked.append(told["pid"])
        return True

    def _close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


def _serve() -> int:
    """Fork a process for each line of the standard input; in it, run a collector and return its exit code."""
    import gc

    import engines  # beside this file

    import kansoku_collector

    engines.interpret()
    for module in pkgutil.walk_packages(kansoku_collector.__path__, "kansoku_collector."):
        if not module.name.startswith(_ENGINE):
            importlib.import_module(module.name)
    assert "chdb" not in sys.modules
    gc.collect()
    gc.freeze()  # a process that ends would look for garbage in all of that, and copy it to do so
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    text = b""
    while True:
        ready = select.select([0, woken], [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
            _tell_of_ends()
        if 0 in ready:
            piece = os.read(0, 65536)
            if not piece:
                return 0
            *lines, text = (text + piece).split(b"\n")
            for line in lines:
                request = json.loads(line)
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    os.close(woken)
                    os.close(wake)
                    return _run(**request)
                _tell(pid=pid)


def _tell_of_ends() -> None:
    """Tell of every process that has ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _tell(pid=pid, code=os.waitstatus_to_exitcode(status))


def _tell(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _run(arguments: list[str], env: dict[str, str], log: str) -> int:
    """Be a collector, as `python -m kansoku_collector` is one with these arguments."""
    from kansoku_collector.__main__ import main

    for number in (signal.SIGCHLD, signal.SIGHUP):  # the tests may run under `nohup`
        signal.signal(number, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    random.seed()  # of its own, as a new interpreter has it
    return main(arguments)


if __name__ == "__main__":
    sys.exit(_serve())
