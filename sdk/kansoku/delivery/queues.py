"""A queue between threads, and a place in it that somebody waits for."""

import queue
import sys
import threading
from importlib import import_module
from typing import Any


class Marker:
    """Reached when all that was put into the queue before it is done with."""

    __slots__ = ("reached",)

    def __init__(self, reached: threading.Event) -> None:
        self.reached = reached


def new_queue() -> Any:
    """Return a queue that suits the threads of this process: gevent's where a thread is a greenlet."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        # Waiting in the real one would stop every greenlet.
        return import_module("gevent.queue").SimpleQueue()
    # Looked up here, not imported by name: the program may be patched after our import.
    return queue.SimpleQueue()
