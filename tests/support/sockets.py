"""A vendor's server of WebSockets on loopback: it plays what a test wrote, and remembers what it heard."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

# One connection's side of a conversation: it talks and listens through the socket until it returns.
Play = Callable[["Socket"], None]


class Socket:
    """The server's end of a connection, in messages of JSON."""

    def __init__(self, connection: ServerConnection, heard: list[Any]) -> None:
        self.connection = connection
        self.heard = heard

    def say(self, *messages: dict[str, Any], as_bytes: bool = False) -> None:
        """Send messages."""
        for message in messages:
            text = json.dumps(message, ensure_ascii=False)
            self.connection.send(text.encode() if as_bytes else text)

    def hear(self) -> Any:
        """Wait for a message."""
        message = json.loads(self.connection.recv())
        self.heard.append(message)
        return message

    def listen(self) -> Iterator[Any]:
        """Yield what the client sends until it goes away."""
        while True:
            try:
                yield self.hear()
            except ConnectionClosed:
                return

    def wait(self) -> None:
        """Wait until the client goes away."""
        for _ in self.listen():
            pass


class SocketVendor:
    """A server that plays one part for each connection, the last one again for all others."""

    def __init__(self) -> None:
        self.plays: list[Play] = []
        self.heard: list[Any] = []
        self.paths: list[str] = []
        self.faults: list[BaseException] = []
        self._server = serve(self._meet, "127.0.0.1", 0, max_size=None)
        self.port: int = self._server.socket.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def play(self, *plays: Play) -> "SocketVendor":
        """Play these from now on."""
        self.plays = list(plays)
        return self

    def _meet(self, connection: ServerConnection) -> None:
        self.paths.append(connection.request.path if connection.request is not None else "")
        play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
        try:
            play(Socket(connection, self.heard))
        except ConnectionClosed:
            pass
        except BaseException as fault:
            self.faults.append(fault)
            raise

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        assert not self.faults, self.faults
