"""Write files so that they are there after a crash, and after a power cut."""

import contextlib
import fcntl
import os
import resource
import stat
import sys
from pathlib import Path

_MOST_FILES = 65_536


def write_all(handle: int, data: bytes) -> None:
    """Write all of `data`, however many calls it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def sync(handle: int) -> None:
    """Return when the file's bytes are on the disk itself."""
    if sys.platform == "darwin":  # its fsync stops at the drive's cache
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(handle)


def sync_directory(path: Path) -> None:
    """Return when the names in a directory are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    with contextlib.suppress(OSError):  # some file systems cannot; the file's own fdatasync still counts
        os.fsync(handle)
    os.close(handle)


def private_directory(path: Path) -> None:
    """Make a directory, or take one that is there from everybody who is neither its user nor of its group.

    What lies beneath is closed with it, whatever the umask of the process that wrote it: other users of the
    machine must not read prompts in the files of the engine. Raises OSError when it cannot be made.
    """
    path.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o007:
        with contextlib.suppress(PermissionError):  # somebody else's, who has let us in
            path.chmod(mode & ~0o007)


def hold(path: Path) -> None:
    """Take a directory for this process, as long as it lives; raise BlockingIOError when another has it."""
    handle = os.open(path / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:  # a file system without locks
        os.close(handle)


def open_standard_streams() -> None:
    """Give a process that was started without standard streams empty ones.

    The next files that it opens would take their numbers, and what the engine and the interpreter say would
    be written into them: into the journal, or into the engine's own files, which ends in a crash.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:  # as the interpreter leaves it; the web server asks it for colours
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def allow_open_files() -> int:
    """Let this process open as many files as its user may; return how many, 65,536 at the most.

    What a shell or a service manager begins with is meant for small programs.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # some systems have a limit beyond which they say no
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    now, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_FILES if now == resource.RLIM_INFINITY else min(now, _MOST_FILES)


def append_durably(path: Path, data: bytes) -> None:
    """Append to a file, which may be new: all of `data`, or nothing and an OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        try:
            write_all(handle, data)
            sync(handle)
        except OSError:
            with contextlib.suppress(OSError):  # half a record would shift all that follow it
                os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file as a whole: whoever reads it finds the old content or the new one."""
    draft = path.with_name(f".{path.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(handle, data)
        sync(handle)
    finally:
        os.close(handle)
    draft.replace(path)
    sync_directory(path.parent)
