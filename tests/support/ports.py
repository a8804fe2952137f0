"""Ports for servers that tests start: nobody else gets one between its choice and the server's start.

A port that is only looked for and let go belongs to whoever binds next, and a run has thousands of servers.
Here a socket stays bound to it. Nobody is accepted there until a server that sets SO_REUSEADDR, as servers
do, listens on the same address; the system gives it to no other program that asks for any port.
"""

import atexit
import socket
from collections import deque

_lent: deque[socket.socket] = deque()
_kept: list[socket.socket] = []
_MANY = 200  # of more that were lent, those of tests long over are let go


def free_port() -> int:
    """Return a port on loopback that nobody listens on, and that is kept for who was given it."""
    _lent.append(_holding(0))
    while len(_lent) > _MANY:
        _lent.popleft().close()
    return int(_lent[-1].getsockname()[1])


def keep(port: int) -> None:
    """Keep a port on loopback, to the end of this process, from everybody who asks for any."""
    _kept.append(_holding(port))


def _holding(port: int) -> socket.socket:
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        holder.close()
        raise
    return holder


@atexit.register
def _let_go() -> None:
    for holder in (*_lent, *_kept):
        holder.close()
