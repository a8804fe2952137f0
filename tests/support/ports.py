"""Ports for servers that tests start: nobody else gets one between its choice and the server's start.

A port that is only looked for and let go belongs to whoever binds next, and a run has thousands of servers.
Here a socket stays bound to it. Nobody is accepted there until a server that sets SO_REUSEADDR, as servers
do, listens on the same address; the system gives it to no other program that asks for any port.
"""

import atexit
import socket
from collections import deque

_held: deque[socket.socket] = deque()
_MANY = 200  # of more, those of tests long over are let go


def free_port() -> int:
    """Return a port on loopback that nobody listens on, and that is kept for who was given it."""
    return keep(0)


def keep(port: int) -> int:
    """Keep a port on loopback from everybody who asks for any, and return it."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", port))
    _held.append(holder)
    while len(_held) > _MANY:
        _held.popleft().close()
    return int(holder.getsockname()[1])


@atexit.register
def _let_go() -> None:
    while _held:
        _held.pop().close()
