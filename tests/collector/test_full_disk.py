"""A full disk and a damaged journal: what is stored goes, what is said names the thing, the rest goes on."""

import contextlib
import logging
import os
import resource
import signal

import pytest
from collector.test_journal import bodies, entry, open_journal

from kansoku_collector import aside
from kansoku_collector.files import append_durably
from kansoku_collector.journal import JournalFull
from kansoku_collector.recent import Recent


@contextlib.contextmanager
def no_file_longer_than(size):
    """Let no file of this process grow beyond `size`, as a disk without room does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_segment_that_fills_the_disk_goes_when_it_is_stored(tmp_path):
    """Nothing can be written before it is gone: it must not wait for its hashes to be on the disk."""
    journal = open_journal(tmp_path)
    journal.append([entry(b"x" * 500)])
    (segment,) = journal.due(everything=True)
    with no_file_longer_than(0):
        journal.done(segment)
    assert not list(tmp_path.glob("*.seg"))
    assert journal.bytes == 0
    assert journal.known(entry(b"x" * 500).digest)


def test_an_append_that_finds_no_room_leaves_no_half_record(tmp_path):
    """Hashes written later would all be read at the wrong place, and no retry be recognised."""
    path = tmp_path / "recent.bin"
    append_durably(path, bytes(48))
    with no_file_longer_than(60), pytest.raises(OSError, match="too large"):
        append_durably(path, b"x" * 24)
    recent, late = Recent(path), entry(b"late")
    recent.save([(late.digest, late.received_ms)])
    found = Recent(path)
    found.load()
    assert found.holds(late.digest)


def test_a_journal_that_refuses_says_so_in_the_log(tmp_path, caplog):
    """Senders see a 503; who looks after the collector needs the reason, and once is enough."""
    journal = open_journal(tmp_path)
    with caplog.at_level(logging.ERROR), no_file_longer_than(100):
        for _ in range(3):
            with pytest.raises(JournalFull):
                journal.append([entry(os.urandom(200))])
    (said,) = caplog.messages
    assert "503" in said
    assert str(tmp_path) in said
    assert "too large" in said


def test_files_of_others_in_the_journal_are_left_alone(tmp_path, caplog):
    """A copy made by hand under another name stops no start and is not stored, nor removed."""
    journal = open_journal(tmp_path)
    journal.append([entry(b"good")])
    foreign = [tmp_path / "backup.seg", tmp_path / "aside" / "error.drop", tmp_path / "aside" / "notes.retry"]
    foreign[1].parent.mkdir()
    for path in foreign:
        path.write_bytes(b"somebody's")
    (tmp_path / "7-directory.seg").mkdir()
    journal = open_journal(tmp_path)
    assert bodies(journal) == [b"good"]
    assert journal.carry_out() == 0
    assert all(path.read_bytes() == b"somebody's" for path in foreign)
    assert "backup.seg is no segment" in caplog.text


def test_a_copy_of_a_segment_set_aside_can_be_retried(tmp_path):
    """An operator who keeps a copy beside it, with a name that goes on, and decides for all."""
    (tmp_path / "aside").mkdir()
    for name in ("12-abcdef01", "12-abcdef01.orig"):
        (tmp_path / "aside" / f"{name}.bad").write_bytes(entry(b"kept").encode())
    assert len(aside.decide(tmp_path, [], "retry")) == 2
    assert bodies(open_journal(tmp_path)) == [b"kept", b"kept"]


@pytest.mark.parametrize("left", [b"", b"\xff\xfe/x", b"abc\n"])
def test_a_journal_whose_name_is_damaged_takes_another(tmp_path, left):
    """What a full disk or a power cut left of the file neither ends the start nor names segments."""
    (tmp_path / "id").write_bytes(left)
    journal = open_journal(tmp_path)
    journal.append([entry()])
    (segment,) = journal.due(everything=True)
    name = (tmp_path / "id").read_text(encoding="ascii")
    assert len(name) == 8
    assert segment.token.endswith(f"-{name}")
