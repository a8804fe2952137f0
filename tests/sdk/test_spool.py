"""The spool: files written whole, read oldest first by one process at a time; a bad disk is counted."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kansoku.delivery.spool import Spool, directory

ME, OTHER = "a" * 32, "b" * 32


class Losses(list[tuple[str, int, str]]):
    """What a spool gave up."""

    def note(self, process: str, items: int, reason: str) -> None:
        """Remember a loss."""
        self.append((process, items, reason))


def make(path: Path, losses: Losses | None = None, **arguments: Any) -> Spool:
    """Return a spool with settings for tests."""
    given = {"max_bytes": 1000, "max_seconds": 3600.0, **arguments}
    return Spool(path / "spool", lost=(losses if losses is not None else Losses()).note, **given)


@pytest.fixture(autouse=True)
def _forget_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kansoku.guard._warned", set())


def test_requests_come_back_oldest_first_and_only_for_their_owner_to_read(tmp_path: Path) -> None:
    """Three requests are claimed in the order of writing; directory 0700, files 0600, none left over."""
    spool = make(tmp_path)
    for number in (1, 2, 3):
        assert spool.put(b"x" * number, number * 10, ME) == ""
    home = tmp_path / "spool"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in home.iterdir()} == {0o600}
    seen = []
    while claim := spool.claim():
        seen.append((claim.body, claim.items, claim.process))
        assert claim.done()
    assert seen == [(b"x", 10, ME), (b"xx", 20, ME), (b"xxx", 30, ME)]
    assert not spool.waiting()
    assert list(home.iterdir()) == []


def test_a_directory_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    """An existing directory loses its rights for others before prompts are written there."""
    (tmp_path / "spool").mkdir(mode=0o755)
    assert make(tmp_path).put(b"x", 1, ME) == ""
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700


def test_two_processes_never_have_the_same_file(tmp_path: Path) -> None:
    """What one holds, another passes over; released, it is free again; a process that dies holds nothing."""
    spool = make(tmp_path)
    spool.put(b"one", 1, ME)
    claim = spool.claim()
    assert claim is not None
    code = (
        "import sys; from pathlib import Path; from kansoku.delivery.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]), max_bytes=9, max_seconds=3600, lost=print)\n"
        "claim = spool.claim(); print(claim and claim.body)"
    )

    def other() -> str:
        command = [sys.executable, "-c", code, str(tmp_path / "spool")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert other() == "None"
    claim.release()
    assert other() == "b'one'"
    again = make(tmp_path).claim()
    assert again is not None
    assert again.body == b"one"
    again.release()


def test_a_fork_does_not_keep_the_file_of_its_parent(tmp_path: Path) -> None:
    """A child forked while its parent sends does not hold the lock when the parent has let go."""
    spool = make(tmp_path)
    spool.put(b"one", 1, ME)
    claim = spool.claim()
    assert claim is not None
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(read, 1)
        os._exit(0)
    claim.release()
    again = make(tmp_path).claim()
    os.write(write, b"x")
    os.waitpid(child, 0)
    os.close(read)
    os.close(write)
    assert again is not None
    again.release()


def test_a_full_spool_takes_nothing_more(tmp_path: Path) -> None:
    """Beyond its size requests are refused with a reason; what is there stays."""
    spool = make(tmp_path, max_bytes=10)
    assert spool.put(b"12345678", 1, ME) == ""
    assert spool.put(b"123", 1, ME) == "spool_full"
    assert spool.put(b"12", 1, ME) == ""


def test_old_and_damaged_files_are_given_up_with_their_items(tmp_path: Path) -> None:
    """A file beyond its age and one that was cut short are removed and reported; the good one is sent."""
    losses = Losses()
    spool = make(tmp_path, losses)
    spool.put(b"damaged", 2, OTHER)
    (file,) = (tmp_path / "spool").iterdir()
    file.write_bytes(b"dam")
    old = tmp_path / "spool" / f"{1_000_000_000 * 10**9:020d}-{ME}-1-5-3.spool"
    old.write_bytes(b"old")
    spool.put(b"good", 1, ME)
    claim = spool.claim()
    assert claim is not None
    assert claim.body == b"good"
    claim.done()
    assert losses == [(ME, 5, "spool_expired"), (OTHER, 2, "spool_error")]
    assert list((tmp_path / "spool").iterdir()) == []


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """What is not named like ours is neither sent nor removed nor counted."""
    spool = make(tmp_path)
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "notes.txt").write_text("x" * 5000)
    assert not spool.waiting()
    assert spool.claim() is None
    assert spool.put(b"x", 1, ME) == ""
    assert (tmp_path / "spool" / "notes.txt").exists()


def test_an_unreadable_file_is_passed_over_for_good(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that cannot be opened is told once, and does not stand in the way of the next."""
    spool = make(tmp_path)
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / f"{1:020d}-{ME}-1-1-1.spool").symlink_to(tmp_path / "spool")
    broken = tmp_path / "spool" / f"{2:020d}-{ME}-1-1-1.spool"
    broken.symlink_to(broken)
    spool.put(b"good", 1, ME)
    claim = spool.claim()
    assert claim is not None
    assert claim.body == b"good"
    claim.done()
    assert spool.claim() is None
    assert not spool.waiting()
    assert caplog.text.count("cannot read") == 1


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "spool_full"), (errno.EROFS, "spool_error"), (errno.EIO, "spool_error")],
)
def test_a_disk_that_fails_is_counted_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    """A full, a read-only and a broken disk give a reason, and leave no half-written file."""
    spool = make(tmp_path)

    class Failing:
        def __init__(self, handle: int, *_: Any) -> None:
            self.handle = handle

        def __enter__(self) -> "Failing":
            return self

        def __exit__(self, *_: object) -> None:
            os.close(self.handle)

        def write(self, _: bytes) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fdopen", Failing)
    assert spool.put(b"x", 1, ME) == reason
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_place_that_is_no_directory_is_counted_not_raised(tmp_path: Path) -> None:
    """A file where the directory should be means that nothing is spooled."""
    (tmp_path / "spool").write_text("a file")
    spool = make(tmp_path)
    assert spool.put(b"x", 1, ME) == "spool_error"
    assert spool.claim() is None
    assert not spool.waiting()


def test_each_service_and_destination_has_a_directory_of_its_own(tmp_path: Path) -> None:
    """Names that a file system dislikes are spelt out of it; another endpoint is another directory."""
    one = directory(tmp_path, "観測/guide", "production", "http://a", "traces")
    two = directory(tmp_path, "観測/guide", "production", "http://b", "traces")
    assert one != two
    assert one.parent == two.parent == tmp_path
    assert directory(tmp_path, "", "", "http://a", "traces").name.startswith("unnamed-")
