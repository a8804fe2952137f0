"""Programs that fork, exec, exit, die, or are interrupted."""

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from cases import case, everyday, outcome, report
from model import ask, client, text_of


@case("process: fork before the start")
def fork_before(sdk: Any) -> Any:
    """A child that starts by itself, while the parent does as well."""
    return fork(lambda: everyday(sdk, 3), lambda: everyday(sdk, 3))


@case("process: fork after the start")
def fork_after(sdk: Any) -> Any:
    """A child that inherits a running SDK, in the middle of calls of another thread."""
    sdk.start()
    stop = threading.Event()
    # Not a call of the client: a fork in the middle of one hangs now and then without any SDK.
    traced = sdk.observe(lambda: time.sleep(0.001))

    def busy() -> None:
        while not stop.is_set():
            traced()

    thread = threading.Thread(target=busy)
    thread.start()

    def work() -> str:
        answer = text_of(ask(client()))
        sdk.flush()
        return answer

    found = fork(work, work)
    stop.set()
    thread.join()
    return found


def fork(child: Callable[[], Any], parent: Callable[[], Any]) -> Any:
    """Return what child and parent saw, and how the child ended (after its own atexit handlers)."""
    import json
    import warnings

    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks of threaded programs; that is the point here
        pid = os.fork()
    if pid == 0:
        os.close(reading)
        seen = json.dumps(outcome(child))
        os.write(writing, seen.encode())
        os.close(writing)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the parent reports for both
        raise SystemExit(0)
    os.close(writing)
    here = parent()
    with os.fdopen(reading) as pipe:
        there = json.loads(pipe.read())
    return [here, there, os.waitpid(pid, 0)[1]]


@case("process: a pool of forked workers")
def forked_pool(sdk: Any) -> Any:
    """Work in a pool of forked processes, as Celery's prefork and gunicorn's preload do."""
    import multiprocessing
    import warnings

    sdk.start()
    text_of(ask(client()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with multiprocessing.get_context("fork").Pool(2) as pool:
            found = pool.map(in_worker, range(6))
            pool.close()
            pool.join()
    return found


def in_worker(number: int) -> str:
    """Make a call in a worker of a pool."""
    return f"{number} {text_of(ask(client()))}"


@case("process: exec after the start")
def exec_after(sdk: Any) -> Any:
    """A program that replaces itself: the new one runs, and prints what it should."""
    sdk.start()
    text_of(ask(client()))
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-c", 'print(\'{"outcome": "the new program"}\')'])


@case("process: an exit code", exit_code=7)
def exit_code(sdk: Any) -> Any:
    """sys.exit keeps its code while a collector hangs."""
    everyday(sdk, 2)
    report("leaving")
    sys.exit(7)


@case("process: an exception that nobody catches", exit_code=1, collector="hanging")
def uncaught(sdk: Any) -> Any:
    """The program dies of its own exception, with its own words."""
    everyday(sdk, 2)
    report("failing")
    raise LookupError("nobody catches this")


@case("process: os._exit with spans waiting")
def abrupt_exit(sdk: Any) -> Any:
    """A process that leaves without ceremony leaves at once."""
    seen = everyday(sdk, 2)
    report(seen)
    os._exit(0)


@case("process: SIGTERM while a collector hangs", collector="hanging", exit_code=-15)
def terminated(sdk: Any) -> Any:
    """The default way of a signal stays."""
    import signal

    everyday(sdk, 2)
    report("terminating")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)


@case("process: a signal handler in the middle of a call")
def signal_handler(sdk: Any) -> Any:
    """A handler that makes a call itself, many times, does not deadlock with the call it interrupts."""
    import signal

    sdk.start()
    model = client()
    answers: list[str] = []
    text_of(ask(model))  # the client imports half of itself in the first call, and that cannot be interrupted

    def handle(*_: Any) -> None:
        answers.append(text_of(ask(model)))
        signal.setitimer(signal.ITIMER_REAL, 0.002)

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.002)
    for _ in range(100):
        text_of(ask(model))
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    return [set(answers) <= {"Two: Phobos and Deimos. 二つです。"}, bool(answers)]


@case("process: calls while the interpreter ends")
def shutdown_calls(sdk: Any) -> Any:
    """Let atexit handlers and daemon threads that call a model as the process goes down."""
    import atexit

    sdk.start()
    model = client()
    traced = sdk.observe(lambda: text_of(ask(model)))

    def forever() -> None:
        while True:
            traced()

    atexit.register(traced)
    threading.Thread(target=forever, daemon=True).start()
    time.sleep(0.2)
    return traced()


@case("process: objects that call a model when they die")
def finalisers(sdk: Any) -> Any:
    """Finalisers that run in a garbage collection, in the middle of anything."""
    import gc

    sdk.start()
    model = client()
    traced = sdk.observe(lambda: text_of(ask(model)))
    told: list[str] = []

    class Last:
        def __init__(self) -> None:
            self.circle = self

        def __del__(self) -> None:
            told.append(traced())

    gc.set_threshold(50)
    for _ in range(60):
        Last()
        traced()
    until = time.monotonic() + 10
    while len(told) < 60 and time.monotonic() < until:
        gc.collect()  # does nothing while another thread is at it
        time.sleep(0.01)
    return [len(told), set(told)]
