"""Run programs of the fault suite, each in a process of its own, forked from this one for speed.

`python worker.py [ADAPTER]`: with an adapter, its SDK's modules are imported here already, never started.
Reads one request a line on stdin: {"adapter", "case", "endpoint", "stdout", "stderr"}, the last two paths.
Answers with one line {"exit_code", "seconds"}; `exit_code` is null when the process had to be killed.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))


def tell(seen: Any) -> None:
    """Print what was seen as one line of JSON, with the peak of memory in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"outcome": seen, "megabytes": peak}, default=sorted, ensure_ascii=True), flush=True)


def main() -> None:
    """Serve requests until stdin ends; in a forked process, run the program and return."""
    # What every program needs is imported once, before the forks. No SDK is.
    from adapters import ADAPTERS
    from cases import everyday
    from model import ask, client, text_of
    from programs import CASES

    text_of(ask(client(), stream=True))  # the client imports half of itself in its first call
    for adapter in sys.argv[1:]:
        for name in imported(lambda adapter=adapter: everyday(ADAPTERS[adapter](), 1)):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    # A process that ends would look for garbage in all of that, and copy every page of it to do so.
    gc.collect()
    gc.freeze()

    for line in sys.stdin:
        request = json.loads(line)
        case = CASES[request["case"]]
        pid = os.fork()
        if pid == 0:
            for name, number in (("stdout", 1), ("stderr", 2)):
                os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT, 0o600), number)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.environ["FAULTS_ENDPOINT"] = request["endpoint"]
            tell(case.program(ADAPTERS[request["adapter"]]()))
            return  # and end as a program does: atexit handlers, threads, the interpreter
        print(json.dumps(wait(pid, case.seconds)), flush=True)


def imported(action: Callable[[], Any]) -> list[str]:
    """Return the names of the modules that an action imports, which is done in a process of its own."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        known = set(sys.modules)
        os.environ["FAULTS_ENDPOINT"] = "http://127.0.0.1:9"  # where nobody listens
        action()
        os.write(writing, json.dumps(sorted(set(sys.modules) - known)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        names: list[str] = json.loads(pipe.read())
    os.waitpid(pid, 0)
    return names


def wait(pid: int, limit: float) -> dict[str, Any]:
    """Wait for a process, at most `limit` seconds."""
    started = time.monotonic()
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        seconds = time.monotonic() - started
        if done:
            return {"exit_code": os.waitstatus_to_exitcode(status), "seconds": seconds}
        if seconds > limit:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return {"exit_code": None, "seconds": seconds}
        time.sleep(0.005)


if __name__ == "__main__":
    sys.modules["worker"] = sys.modules["__main__"]
    main()
