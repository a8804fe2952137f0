"""API keys: created once, hashed at rest, read again when they change."""

import json
import stat
import threading
import time

import pytest

from kansoku_collector import keys as keys_module
from kansoku_collector.errors import SettingsError
from kansoku_collector.keys import Keys, write_private


def test_the_first_start_creates_one_key_a_scope(tmp_path):
    """The local secrets open exactly what they are for, and a second start keeps them."""
    keys = Keys.open(tmp_path)
    assert set(keys.local) == {"ingest", "read", "admin"}
    grant = keys.check(keys.local["ingest"])
    assert (grant.project, grant.allows("ingest"), grant.allows("feedback"), grant.allows("read")) == (
        "default",
        True,
        True,
        False,
    )
    assert keys.check(keys.local["admin"]).allows("read")
    assert Keys.open(tmp_path).local == keys.local


def test_files_hold_hashes_and_are_private(tmp_path):
    """keys.json never contains a key; both files are for the owner only."""
    keys = Keys.open(tmp_path)
    assert not any(secret in (tmp_path / "keys.json").read_text() for secret in keys.local.values())
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("keys.json", "secrets.json")} == {
        0o600
    }


def test_a_wrong_key_opens_nothing(tmp_path):
    """Unknown, empty and strange keys are refused alike."""
    keys = Keys.open(tmp_path)
    assert [keys.check(key) for key in ("", "ksk_0", "鍵", "\udcff")] == [None] * 4


def test_a_change_on_disk_takes_effect(tmp_path):
    """A key added or removed by another process counts at the next request."""
    keys, other = Keys.open(tmp_path), Keys.open(tmp_path)
    added = other.add("app", ["ingest"], project="shop")
    assert keys.check(added).project == "shop"
    (tmp_path / "keys.json").write_text(json.dumps({"keys": []}))
    assert keys.check(added) is None


def test_an_unknown_scope_and_a_broken_file_are_named(tmp_path):
    """The message says which scope or which file."""
    keys = Keys.open(tmp_path)
    with pytest.raises(SettingsError, match="unknown scope 'write'"):
        keys.add("x", ["write"])
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(SettingsError, match=r"keys\.json is not JSON"):
        Keys.open(tmp_path)


def test_a_revoked_key_is_refused_and_the_others_stay(tmp_path):
    """Revoking takes effect in a running collector's keys; a name that is not there is named."""
    keys = Keys.open(tmp_path)
    web = keys.add("web", ["feedback"], project="shop")
    assert keys.check(web).scopes == {"feedback"}
    other = Keys.open(tmp_path)
    assert {"name": "web", "project": "shop", "scopes": ["feedback"]} in other.listed()
    assert other.revoke("web", project="shop") == 1
    assert keys.check(web) is None
    assert keys.check(keys.local["read"]) is not None
    with pytest.raises(SettingsError, match="'web' in project 'shop'"):
        other.revoke("web", project="shop")


def test_a_rotated_key_goes_when_its_grace_is_over(tmp_path, monkeypatch):
    """Scopes and project stay; the old key is good for its grace, and none is good without."""
    keys = Keys.open(tmp_path)
    first = keys.add("app", ["ingest", "read"], project="shop")
    second = keys.rotate("app", project="shop", grace_seconds=60)
    assert keys.check(first).scopes == keys.check(second).scopes == {"ingest", "read"}
    assert keys.check(second).project == "shop"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert keys.check(first) is None
    third = keys.rotate("app", project="shop")
    assert [keys.check(key) is None for key in (first, second, third)] == [True, True, False]
    with pytest.raises(SettingsError, match="'other'"):
        keys.rotate("other")


def test_a_clock_that_is_set_back_prolongs_no_key(tmp_path, monkeypatch):
    """A key that was replaced after a leak must not come back with the time at which it was good."""
    keys = Keys.open(tmp_path)
    old = keys.add("app", ["ingest"])
    keys.rotate("app", grace_seconds=60)
    assert keys.check(old) is not None
    monotonic, wall = time.monotonic(), time.time()
    monkeypatch.setattr(time, "time", lambda: wall - 3 * 86400)
    assert keys.check(old) is not None
    monkeypatch.setattr(time, "monotonic", lambda: monotonic + 61)
    assert keys.check(old) is None
    restarted = Keys.open(tmp_path)  # knows when the key was replaced from the file alone
    assert restarted.check(old) is not None
    monkeypatch.setattr(time, "monotonic", lambda: monotonic + 123)
    assert restarted.check(old) is None


def test_a_first_start_without_room_is_made_anew(tmp_path, monkeypatch):
    """Keys whose plain text was never written are of no use to any part of the install."""

    def refuse(path, value):
        if path.name == "secrets.json":
            raise OSError(28, "No space left on device", str(path))
        write_private(path, value)

    with monkeypatch.context() as patch:
        patch.setattr(keys_module, "write_private", refuse)
        with pytest.raises(OSError, match="No space left"):
            Keys.open(tmp_path)
    keys = Keys.open(tmp_path)
    assert {kind: keys.check(key).name for kind, key in keys.local.items()} == {
        "ingest": "ingest",
        "read": "read",
        "admin": "admin",
    }


def test_a_rotated_key_of_the_install_is_the_one_that_the_other_parts_read(tmp_path):
    """secrets.json follows, so that dashboard and demo go on after a restart."""
    keys = Keys.open(tmp_path)
    before = keys.local
    new = keys.rotate("ingest")
    assert Keys.open(tmp_path).local == before | {"ingest": new}
    assert keys.check(before["ingest"]) is None


def test_a_broken_file_leaves_the_keys_of_before_in_force(tmp_path, caplog):
    """A hand that slips in keys.json does not shut out every sender; it is said once."""
    keys = Keys.open(tmp_path)
    good = keys.local["ingest"]
    (tmp_path / "keys.json").write_text('{"keys": [{"name": "x"}]}')
    assert keys.check(good) is not None
    assert keys.check(good) is not None
    assert len([record for record in caplog.records if "stay in force" in record.message]) == 1
    with pytest.raises(SettingsError, match="not a keys file"):
        Keys.open(tmp_path)


def test_keys_added_at_the_same_time_are_all_there(tmp_path):
    """Two commands take turns: neither overwrites what the other wrote."""
    Keys.open(tmp_path)
    threads = [
        threading.Thread(target=lambda n=n: Keys.open(tmp_path).add(f"k{n}", ["ingest"])) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key["name"] for key in Keys.open(tmp_path).listed()} >= {f"k{n}" for n in range(8)}
