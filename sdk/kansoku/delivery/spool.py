"""Encoded requests on disk while the collector is away: written whole, sent oldest first, by any process."""

import errno
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from kansoku import semconv
from kansoku.guard import warn_once

try:
    import fcntl
except ImportError:  # Windows: two processes may send a file twice; the collector stores it once
    fcntl = None  # type: ignore[assignment]

# time in ns, process, number of the file, items, bytes
_NAME = re.compile(r"(\d{20})-([0-9a-f]{32})-(\d+)-(\d+)-(\d+)\.spool")
_HALF_WRITTEN = ".part"


class Spool:
    """A directory of files, one a request; `lost(process, items, reason)` hears of what is given up there.

    Whatever is wrong with the disk is counted, and told once; nothing here raises OSError.
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int,
        max_seconds: float,
        lost: Callable[[str, int, str], None],
    ) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._lost = lost
        self._number = 0
        self._unreadable: set[str] = set()

    def put(self, packed: bytes, items: int, process: str) -> str:
        """Write a request; return "" or the reason why it is not on the disk."""
        try:
            self._prepare()
            if self._used() + len(packed) > self._max_bytes:
                warn_once("spool", "Kansoku's spool %s is full; what follows is dropped", self._directory)
                return semconv.SPOOL_FULL
            self._number += 1
            name = f"{time.time_ns():020d}-{process}-{self._number}-{items}-{len(packed)}.spool"
            self._write(self._directory / name, packed)
        except OSError as error:
            warn_once("spool", "Kansoku cannot write its spool %s: %s", self._directory, error)
            return semconv.SPOOL_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else semconv.SPOOL_ERROR
        return ""

    def claim(self) -> "Claim | None":
        """Return the oldest request that no other process is sending, or None."""
        for name in self._names():
            if name in self._unreadable:
                continue
            found = _NAME.fullmatch(name)
            assert found is not None  # noqa: S101 - _names() lets nothing else through
            claim = self._open(name, found)
            if claim is not None:
                return claim
        return None

    def waiting(self) -> bool:
        """Tell whether there is anything that can be sent."""
        return any(name not in self._unreadable for name in self._names())

    def _prepare(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = self._directory.stat()
        if hasattr(os, "geteuid") and state.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "the directory belongs to somebody else")
        if state.st_mode & 0o077:
            self._directory.chmod(0o700)

    def _write(self, path: Path, packed: bytes) -> None:
        part = path.with_suffix(_HALF_WRITTEN)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(packed)
            part.rename(path)
        except OSError:
            with suppress(OSError):
                part.unlink()
            raise

    def _names(self) -> list[str]:
        try:
            return sorted(path.name for path in self._directory.iterdir() if _NAME.fullmatch(path.name))
        except OSError:
            return []

    def _used(self) -> int:
        return sum(int(found[5]) for name in self._names() if (found := _NAME.fullmatch(name)))

    def _open(self, name: str, found: "re.Match[str]") -> "Claim | None":
        path = self._directory / name
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None  # somebody else has just sent it
        except OSError as error:
            self._unreadable.add(name)
            warn_once("spool-read", "Kansoku cannot read %s: %s", path, error)
            return None
        claim = Claim(path, handle, int(found[4]), found[2])
        if not claim.lock():
            return None
        reason = ""
        if time.time() - int(found[1]) / 1e9 > self._max_seconds:
            reason = semconv.SPOOL_EXPIRED
        elif not claim.read(int(found[5])):
            reason = semconv.SPOOL_ERROR
        if not reason:
            return claim
        if not claim.done():
            self._unreadable.add(name)
        self._lost(claim.process, claim.items, reason)
        return None


class Claim:
    """A file that this process alone may send now; ends with `done` or `release`."""

    def __init__(self, path: Path, handle: int, items: int, process: str) -> None:
        self.body = b""
        self.items = items
        self.process = process
        self.path = path
        self._handle = handle

    def lock(self) -> bool:
        """Take the file; False when another process has it or has finished with it."""
        try:
            if fcntl is not None:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._handle)
            return False
        except OSError:
            pass  # a file system without locks: the collector stores what comes twice once
        if not self.path.exists():  # sent and removed between our opening and our locking
            self.release()
            return False
        return True

    def read(self, size: int) -> bool:
        """Read the request; False when it is not the one that was written."""
        parts: list[bytes] = []
        try:
            while part := os.read(self._handle, 1 << 20):
                parts.append(part)
        except OSError:
            return False
        self.body = b"".join(parts)
        return len(self.body) == size

    def done(self) -> bool:
        """Remove the file: it was accepted, or given up; False when it cannot be removed."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            warn_once("spool-read", "Kansoku cannot remove %s: %s", self.path, error)
            return False
        finally:
            self.release()
        return True

    def release(self) -> None:
        """Let others have the file."""
        with suppress(OSError):
            if fcntl is not None:
                # By hand: a process forked meanwhile holds the same lock, and closing ours would not end it.
                fcntl.flock(self._handle, fcntl.LOCK_UN)
        with suppress(OSError):
            os.close(self._handle)


def directory(root: Path, *parts: Any) -> Path:
    """Return the directory for one service and one destination below the root that the user names."""
    from hashlib import blake2b  # noqa: PLC0415 - only with a spool

    which = blake2b("\0".join(map(str, parts)).encode("utf-8", "replace"), digest_size=6).hexdigest()
    return root / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', str(parts[0]))[:64] or 'unnamed'}-{which}"
