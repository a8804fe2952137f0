"""A PostgreSQL server on loopback, as much of it as a client needs to be told rows: no SQL is understood."""

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

INT, TEXT, DOUBLE = 23, 25, 701


@dataclass
class Rows:
    """The result of a statement: columns by name and type, and rows of text; or an error's message."""

    columns: list[tuple[str, int]] = field(default_factory=list)
    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    error: str = ""


class Postgres:
    """A server that answers each statement as `respond` says and remembers the statements in `asked`."""

    def __init__(self, respond: Callable[[str], Rows]) -> None:
        self.respond = respond
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"postgresql://reader@127.0.0.1:{self.port}/library?sslmode=disable&gssencmode=disable"
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as incoming:
            try:
                self._talk(connection, incoming.read)
            except (OSError, struct.error):
                return  # the client went away

    def _talk(self, connection: socket.socket, read: Callable[[int], bytes]) -> None:
        read(struct.unpack("!i", read(4))[0] - 4)  # who it is, and which database
        settings = {"server_version": "16.1", "client_encoding": "UTF8", "standard_conforming_strings": "on"}
        told = b"".join(_message(b"S", _text(key) + _text(value)) for key, value in settings.items())
        connection.sendall(_message(b"R", struct.pack("!i", 0)) + told + _ready())
        statement, binary, failed = "", False, False
        while kind := read(1):
            body = read(struct.unpack("!i", read(4))[0] - 4)
            if kind == b"X":
                return
            if kind == b"Q":
                connection.sendall(self._answer(body[:-1].decode(), False, True) + _ready())
            elif kind == b"P":
                statement = body.split(b"\0")[1].decode()
                connection.sendall(_message(b"1", b""))
            elif kind == b"B":
                binary = body.endswith(struct.pack("!hh", 1, 1))
                connection.sendall(_message(b"2", b""))
            elif kind == b"E":
                answer = self._answer(statement, binary, True)
                failed = answer.startswith(b"E")
                connection.sendall(answer)
            elif kind == b"S":
                connection.sendall(_ready())
                failed = False
            elif not failed and kind not in (b"D", b"H"):
                connection.sendall(_message(b"E", b"SERROR\0C0A000\0Mnot understood\0\0"))

    def _answer(self, statement: str, binary: bool, describe: bool) -> bytes:
        self.asked.append(statement)
        found = self.respond(statement)
        if found.error:
            return _message(b"E", b"SERROR\0C42P01\0M" + _text(found.error) + b"\0")
        if not found.columns:
            return _message(b"C", _text(statement.split(maxsplit=1)[0].upper()))
        columns = b"".join(
            _text(name) + struct.pack("!ihihih", 0, 0, kind, -1, -1, int(binary))
            for name, kind in found.columns
        )
        described = _message(b"T", struct.pack("!h", len(found.columns)) + columns) if describe else b""
        rows = b"".join(
            _message(
                b"D",
                struct.pack("!h", len(row))
                + b"".join(
                    _cell(value, kind, binary) for value, (_, kind) in zip(row, found.columns, strict=True)
                ),
            )
            for row in found.rows
        )
        return described + rows + _message(b"C", _text(f"SELECT {len(found.rows)}"))


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _ready() -> bytes:
    return _message(b"Z", b"I")


def _cell(value: str | None, kind: int, binary: bool) -> bytes:
    if value is None:
        return struct.pack("!i", -1)
    packed = {INT: "!i", DOUBLE: "!d"}.get(kind)
    if binary and packed:
        encoded = struct.pack(packed, int(value) if kind == INT else float(value))
    else:
        encoded = value.encode()
    return struct.pack("!i", len(encoded)) + encoded
