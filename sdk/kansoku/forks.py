"""What has a background thread, in a process that forks: the thread is not in the child."""

import os
import weakref
from typing import Protocol

from kansoku.guard import swallow


class Forked(Protocol):
    """Has a thread, and what only the process has that made it."""

    def wait_until_ready(self) -> None:
        """Wait, not for long, until a fork does no harm."""

    def restart(self) -> None:
        """Begin anew in the child."""


_all: "weakref.WeakSet[Forked]" = weakref.WeakSet()


def follow(one: Forked) -> None:
    """Tell one of every fork, as long as it lives."""
    _all.add(one)


def _before_fork() -> None:
    for one in list(_all):
        try:
            one.wait_until_ready()
        except Exception as error:  # noqa: BLE001 - the border: a fork must succeed without its tracing
            swallow("forks.before", error)


def _after_fork() -> None:
    for one in list(_all):
        try:
            one.restart()
        except Exception as error:  # noqa: BLE001 - the border: a fork must succeed without its tracing
            swallow("forks.after", error)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
