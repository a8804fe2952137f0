"""API keys: created once, hashed at rest, read again when they change."""

import json
import stat

import pytest

from kansoku_collector.errors import SettingsError
from kansoku_collector.keys import Keys


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
