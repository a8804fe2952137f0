"""The journal: what was acknowledged is found again, whatever happened to the file."""

import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given, settings
from hypothesis import strategies as st

from kansoku_collector import aside
from kansoku_collector import journal as journal_module
from kansoku_collector import recent as recent_module
from kansoku_collector.entries import Entry, Kind, digest_of, read_entries
from kansoku_collector.journal import Journal, JournalFull
from kansoku_collector.recent import Recent


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
def test_damage_costs_only_what_it_hits(entries, data):
    """A flipped bit in a body loses this entry and no other; nothing is read that was not written."""
    encoded = [e.encode() for e in entries]
    whole = bytearray(b"".join(encoded))
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= 1 << data.draw(st.integers(0, 7))
    hit = next(n for n in range(len(encoded)) if position < sum(map(len, encoded[: n + 1])))
    inside = position - sum(map(len, encoded[:hit]))
    found = [e.body for e in read_entries(bytes(whole))]
    others = [e.body for n, e in enumerate(entries) if n != hit]
    assert found == (others if inside >= 4 else others[: len(found)])


def test_damage_is_kept_aside_and_a_torn_tail_is_not(tmp_path):
    """What the disk changed is kept, also where a wrong length hides what follows; a tail is not."""
    whole = [entry(b"one"), entry(b"two"), entry(b"three")]
    data = b"".join(e.encode() for e in whole)
    second = len(whole[0].encode())
    for name, change, kept in (("body", 40, ["one", "three"]), ("length", 3, ["one"])):
        folder = tmp_path / name
        folder.mkdir()
        broken = bytearray(data)
        broken[second + change] ^= 1
        (folder / "00000000000000000001-abcdabcd.seg").write_bytes(broken)
        assert bodies(open_journal(folder)) == [body.encode() for body in kept]
        (found,) = aside.listed(folder)
        assert (found.state, found.reasons[0][:19]) == ("waits", "damaged on the disk")
    folder = tmp_path / "torn"
    folder.mkdir()
    (folder / "00000000000000000001-abcdabcd.seg").write_bytes(data[:-1])
    assert bodies(open_journal(folder)) == [b"one", b"two"]
    assert aside.listed(folder) == []


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


@pytest.mark.parametrize("rest", ["nothing", "zeros", "noise"])
def test_a_power_cut_at_every_byte_of_the_last_record_loses_nothing_else(tmp_path, rest):
    """Whatever the disk shows of an unfinished write, what was acknowledged is read, and no more."""
    whole = b"".join(e.encode() for e in (entry(b"one"), entry(b"two")))
    last = entry(b"three").encode()
    for kept in range(len(last)):
        missing = len(last) - kept
        filler = {"nothing": b"", "zeros": bytes(missing), "noise": os.urandom(missing)}[rest]
        folder = tmp_path / str(kept)
        folder.mkdir()
        (folder / "00000000000000000001-abcdabcd.seg").write_bytes(whole + last[:kept] + filler)
        journal = open_journal(folder)
        journal.append([entry(b"after")])
        found = bodies(journal)
        # A byte of the record may happen to be what the filler has there.
        assert found in ([b"one", b"two", b"after"], [b"one", b"two", b"three", b"after"])
        assert (b"three" in found) == (last[:kept] + filler == last)
        assert rest != "nothing" or aside.listed(folder) == []


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


def test_a_full_segment_takes_no_more_while_the_writer_is_busy(tmp_path):
    """A segment keeps its size however long nobody asks for it: what an insert and memory hold is bounded."""
    journal = open_journal(tmp_path, segment_bytes=50)
    for _ in range(4):
        journal.append([entry(b"x" * 30)])
    journal.append([entry(b"last")])
    assert [len(list(segment.entries())) for segment in journal.due(everything=True)] == [2, 2, 1]


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
    """The file stays for inspection and no longer counts as waiting; it counts towards the limit."""
    journal = open_journal(tmp_path, max_bytes=200)
    journal.append([entry(b"x" * 100)])
    segment = journal.due(everything=True)[0]
    path = journal.set_aside(segment, "DataError: broken")
    assert path.exists()
    assert aside.listed(tmp_path)[0].reasons == ["DataError: broken"]
    assert (journal.bytes, bodies(journal), bodies(open_journal(tmp_path))) == (0, [], [])
    assert journal.carry_out() == 1
    with pytest.raises(JournalFull):
        journal.append([entry(b"y" * 100)])


@pytest.mark.parametrize("running", [True, False])
def test_a_retry_brings_the_requests_back_once(tmp_path, running):
    """Decided beside a running journal or a stopped one, the requests become one segment, received now."""
    journal = open_journal(tmp_path)
    journal.append([replace(entry(b"one"), received_ms=5), replace(entry(b"two"), received_ms=5)])
    journal.set_aside(journal.due(everything=True)[0], "broken")
    assert aside.decide(tmp_path, ["other"], "retry") == []
    (name,) = aside.decide(tmp_path, [], "retry")
    assert aside.listed(tmp_path)[0].state == "retry"
    if running:
        assert journal.carry_out() == 0
    else:
        journal = open_journal(tmp_path)
    (segment,) = journal.due(everything=True)
    assert (segment.retried, segment.token) == (True, f"{name}r1")
    assert [e.body for e in segment.entries()] == [b"one", b"two"]
    assert all(e.received_ms > time.time() * 1000 - 60_000 for e in segment.entries())
    assert aside.listed(tmp_path) == []
    journal.set_aside(segment, "still broken")
    aside.decide(tmp_path, [], "retry")
    journal.carry_out()
    assert journal.due()[0].token == f"{name}r2"


def test_a_retry_interrupted_half_way_is_made_once(tmp_path):
    """A crash between the new segment and the end of the old file repeats nothing."""
    journal = open_journal(tmp_path)
    journal.append([entry(b"one")])
    path = journal.set_aside(journal.due(everything=True)[0], "broken")
    saved = path.read_bytes()
    aside.decide(tmp_path, [], "retry")
    journal.carry_out()
    path.with_suffix(".retry").write_bytes(saved)
    assert bodies(open_journal(tmp_path)) == [b"one"]
    assert not list(path.parent.glob("*"))


def test_dropping_leaves_a_note_of_how_many_spans_it_cost(tmp_path):
    """The requests go; what remains is an entry that the receipts are made of."""
    journal = open_journal(tmp_path)
    sent = entry(b"one")
    journal.append([sent])
    segment = journal.due(everything=True)[0]
    journal.keep(segment, [(sent, "odd")], [aside.Lacking("default", "p", 3)])
    journal.done(segment)
    aside.decide(tmp_path, [segment.token], "drop")
    assert journal.carry_out() == 0
    (note,) = journal.due()[0].entries()
    assert (note.kind, note.project) == (Kind.NOTE, "default")
    assert json.loads(note.body) == {"process": "p", "dropped": {"given_up": 3}}


def test_a_torn_hash_does_not_hide_those_written_after_it(tmp_path):
    """The file of hashes is cut to whole records before anything is appended to it."""
    recent = Recent(tmp_path / "recent.bin")
    now = time.time_ns() // 10**6
    recent.save([(b"a" * 16, now), (b"b" * 16, now)])
    os.truncate(tmp_path / "recent.bin", 24 + 7)
    recent = Recent(tmp_path / "recent.bin")
    recent.load()
    recent.save([(b"c" * 16, now)])
    recent = Recent(tmp_path / "recent.bin")
    recent.load()
    assert [recent.holds(x * 16) for x in (b"a", b"b", b"c")] == [True, False, True]


def test_the_hashes_in_memory_and_on_disk_are_bounded(tmp_path, monkeypatch):
    """Beyond the limit the oldest generation goes; the file is written anew with what is remembered."""
    monkeypatch.setattr(recent_module, "RECENT_ENTRIES", 10)
    recent, now = Recent(tmp_path / "recent.bin"), time.time_ns() // 10**6
    for number in range(100):
        digest = number.to_bytes(16, "little")
        recent.add(digest, now)
        recent.save([(digest, now)])
    assert (tmp_path / "recent.bin").stat().st_size <= 24 * 45
    recent = Recent(tmp_path / "recent.bin")
    recent.load()
    assert [n for n in range(100) if recent.holds(n.to_bytes(16, "little"))] == list(range(80, 100))


def test_entries_stay_in_memory_while_there_is_room(tmp_path, monkeypatch):
    """The writer is given what was parsed for the answer; beyond the room it reads the same from the disk."""
    monkeypatch.setattr(journal_module, "_HELD_BYTES", 10)
    journal = open_journal(tmp_path)
    small, large = (replace(entry(body), message=StringValue(value="x")) for body in (b"small", b"too large"))
    journal.append([small])
    (first,) = journal.due(everything=True)
    assert [(e.body, e.message) for e in first.entries()] == [(b"", small.message)]
    assert [e.body for e in read_entries(first.path.read_bytes())] == [b"small"]
    journal.append([large])
    second = journal.due(everything=True)[1]
    assert [(e.body, e.message) for e in second.entries()] == [(b"too large", None)]
    journal.done(first)
    journal.append([entry(b"again")])
    assert journal.due(everything=True)[1].held is not None
    assert journal.known(small.digest)


def test_a_request_held_as_parsed_goes_aside_with_all_it_says(tmp_path):
    """In memory it has no body beside what was parsed of it; set aside, it is a request that can be read."""
    journal = open_journal(tmp_path)
    message = StringValue(value="all of it")
    journal.append([replace(entry(message.SerializeToString()), message=message)])
    (segment,) = journal.due(everything=True)
    path = journal.keep(segment, [(held, "odd") for held in segment.entries()], [])
    (kept,) = read_entries(path.read_bytes())
    assert StringValue.FromString(kept.body) == message


def test_after_a_pause_a_segment_does_not_wait(tmp_path, monkeypatch):
    """Who sends once and stops is stored soon; who goes on sending waits for the age, whatever the gaps."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    journal = open_journal(tmp_path, flush_seconds=1.0)

    def after(seconds, sent=b""):
        now[0] += seconds
        if sent:
            journal.append([entry(sent)])
        found = len(journal.due())
        for segment in journal.due():
            journal.done(segment)
        return found

    assert (after(0, b"a"), after(0.1), after(0.15)) == (0, 0, 1)
    assert (after(0.3, b"b"), after(0.5), after(0.6)) == (0, 0, 1)
    assert after(5, b"c") == 0
    assert [after(0.15, bytes([n])) for n in range(7)] == [0] * 6 + [1]


def test_segments_that_pile_up_are_read_from_the_disk_again(tmp_path):
    """While ClickHouse is away memory does not grow with what waits; every body is there, in order."""
    journal = open_journal(tmp_path, segment_bytes=1)
    for number in range(6):
        journal.append([entry(b"%d" % number)])
    waiting = journal.due()
    assert [segment.held is not None for segment in waiting] == [True, True, False, False, False, False]
    assert bodies(journal) == [b"%d" % number for number in range(6)]
