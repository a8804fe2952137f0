"""The journal: what was acknowledged is found again, whatever happened to the file."""

import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kansoku_collector.entries import Entry, Kind, digest_of, read_entries
from kansoku_collector.journal import Journal, JournalFull


def entry(body=b"body", project="default"):
    """Return an entry with a hash of its own body."""
    return Entry(
        Kind.TRACES,
        project,
        time.time_ns() // 10**6,
        digest_of(Kind.TRACES, project, body),
        body,
        raw_bytes=len(body),
    )


def open_journal(path, **changes):
    """Return a journal with ordinary limits."""
    limits = {"max_bytes": 1 << 20, "segment_bytes": 1 << 16, "flush_seconds": 3600.0} | changes
    return Journal(path, **limits)


def bodies(journal):
    """Return every body that waits, in order."""
    return [e.body for segment in journal.due(everything=True) for e in segment.entries()]


ENTRIES = st.lists(st.builds(entry, st.binary(max_size=200), st.text(max_size=8)), min_size=1, max_size=6)


@given(ENTRIES, st.data())
def test_a_torn_tail_costs_only_the_entry_it_tears(entries, data):
    """Cut at any byte, the complete entries before the cut are read and nothing else."""
    encoded = [e.encode() for e in entries]
    whole = b"".join(encoded)
    cut = data.draw(st.integers(0, len(whole)))
    complete = 0
    while complete < len(encoded) and sum(map(len, encoded[: complete + 1])) <= cut:
        complete += 1
    assert [(e.body, e.project) for e in read_entries(whole[:cut])] == [
        (e.body, e.project) for e in entries[:complete]
    ]


@given(ENTRIES, st.data())
def test_a_flipped_bit_is_noticed(entries, data):
    """Damage stops the reading at the damaged entry; what it yields is what was written."""
    whole = bytearray(b"".join(e.encode() for e in entries))
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= 1 << data.draw(st.integers(0, 7))
    found = [e.body for e in read_entries(bytes(whole))]
    assert found == [e.body for e in entries][: len(found)]
    assert len(found) < len(entries)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40))
def test_a_torn_segment_is_continued_by_a_new_one(cut):
    """After a crash the next process keeps what was whole and appends to a segment of its own."""
    with tempfile.TemporaryDirectory() as directory:
        first = open_journal(Path(directory))
        first.append([entry(b"one")])
        first.append([entry(b"two")])
        path = next(Path(directory).glob("*.seg"))
        os.truncate(path, path.stat().st_size - cut)
        second = open_journal(Path(directory))
        second.append([entry(b"three")])
        assert bodies(second) == [b"one", b"three"]


def test_a_retry_is_recognised_before_and_after_a_restart(tmp_path):
    """The hash is known while the entry waits, after it was stored, and in the next process."""
    journal, sent = open_journal(tmp_path), entry()
    assert not journal.known(sent.digest)
    journal.append([sent])
    assert journal.known(sent.digest)
    assert open_journal(tmp_path).known(sent.digest)
    for segment in journal.due(everything=True):
        journal.done(segment)
    assert not list(tmp_path.glob("*.seg"))
    assert open_journal(tmp_path).known(sent.digest)
    assert not open_journal(tmp_path).known(entry(b"other").digest)


def test_the_same_body_of_two_projects_is_two_requests():
    """Hashes of different projects differ."""
    assert entry(b"x", "a").digest != entry(b"x", "b").digest


def test_a_full_journal_refuses_and_keeps_what_it_has(tmp_path):
    """Beyond the limit nothing is written; room comes back when a segment is done."""
    journal = open_journal(tmp_path, max_bytes=300)
    journal.append([entry(b"x" * 100)])
    with pytest.raises(JournalFull, match="limit is 300"):
        journal.append([entry(b"y" * 200)])
    assert bodies(journal) == [b"x" * 100]
    for segment in journal.due(everything=True):
        journal.done(segment)
    journal.append([entry(b"y" * 200)])


def test_a_failed_write_leaves_no_trace(tmp_path, monkeypatch):
    """When the disk refuses half-way, what was written is cut off: the client will send it again."""
    journal = open_journal(tmp_path)
    journal.append([entry(b"good")])

    def refuse(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        with pytest.raises(JournalFull, match="No space left"):
            journal.append([entry(b"lost")])
    journal.append([entry(b"after")])
    assert bodies(journal) == [b"good", b"after"]
    assert not journal.known(entry(b"lost").digest)


def test_segments_close_by_size_and_by_age(tmp_path):
    """A segment is due when it is full, or when it is old enough."""
    journal = open_journal(tmp_path, segment_bytes=50)
    journal.append([entry(b"x" * 10)])
    assert journal.due() == []
    journal.append([entry(b"x" * 60)])
    assert journal.ready.is_set()
    assert len(journal.due()) == 1
    aged = open_journal(tmp_path / "aged", flush_seconds=1e-9)
    aged.append([entry()])
    assert len(aged.due()) == 1


def test_tokens_are_unique_and_ordered(tmp_path):
    """Segment names sort in the order of writing and differ between journals."""
    journal = open_journal(tmp_path / "a", flush_seconds=1e-9)
    names = []
    for number in range(5):
        journal.append([entry(str(number).encode())])
        names.append(journal.due()[-1].token)
    assert names == sorted(set(names))
    other = open_journal(tmp_path / "b")
    other.append([entry()])
    assert other.due(everything=True)[0].token.split("-")[1] != names[0].split("-")[1]


def test_what_cannot_be_stored_is_set_aside_with_its_reason(tmp_path):
    """The file stays for inspection and no longer counts as waiting."""
    journal = open_journal(tmp_path)
    journal.append([entry()])
    segment = journal.due(everything=True)[0]
    path = journal.set_aside(segment, "DataError: broken")
    assert path.exists()
    assert path.with_suffix(".reason").read_text() == "DataError: broken\n"
    assert (journal.bytes, bodies(journal), bodies(open_journal(tmp_path))) == (0, [], [])
