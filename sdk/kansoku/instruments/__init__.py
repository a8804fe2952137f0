"""`instrument()`: trace the clients that the program has installed; `uninstrument()` undoes it."""

from collections.abc import Callable
from importlib import import_module

from kansoku.guard import guard, warn_once

# Client -> module with start() and stop(); a client that is not installed costs nothing.
_CLIENTS = {"openai": "kansoku.instruments.openai"}


@guard
def instrument(*clients: str) -> None:
    """Trace the named clients, all that are known by default; a second call changes nothing."""
    for client in clients or _CLIENTS:
        _call(client, "start")


@guard
def uninstrument(*clients: str) -> None:
    """Stop tracing the named clients, all by default."""
    for client in clients or _CLIENTS:
        _call(client, "stop")


def _call(client: str, action: str) -> None:
    home = _CLIENTS.get(client)
    if home is None:
        warn_once(f"client:{client}", "Kansoku cannot trace %r; it knows %s", client, ", ".join(_CLIENTS))
        return
    run: Callable[[], None] = getattr(import_module(home), action)
    run()
