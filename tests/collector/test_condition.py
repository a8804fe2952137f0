"""GET /v1/condition: what an administrator may know of a collector, and nobody else."""

import json

from collector.conftest import Running


def test_only_an_admin_key_is_answered(collector: Running) -> None:
    """Names of keys and reasons for refusals are about every project."""
    assert collector.call("GET", "/v1/condition")[0] == 401
    for kind in ("ingest", "read"):
        assert collector.call("GET", "/v1/condition", headers=collector.key(kind))[0] == 403


def test_it_tells_keys_retention_and_journal_and_no_secret(collector: Running) -> None:
    """The text of a key and its hash are nobody's business."""
    status, body, _ = collector.call("GET", "/v1/condition", headers=collector.key("admin"))
    assert status == 200
    told = json.loads(body)
    keys = {key["name"]: key for key in told["keys"]}
    assert set(keys) == {"ingest", "read", "admin"}
    assert keys["ingest"]["scopes"] == ["ingest", "feedback"]
    assert keys["admin"]["last_used"] is not None
    assert told["retention"]["defaults"] == {"content": 2500, "spans": 2500, "rollups": 25000}
    assert told["journal"]["set_aside"] == []
    stored = json.loads((collector.data / "keys.json").read_text())["keys"]
    secrets = json.loads((collector.data / "secrets.json").read_text()).values()
    for secret in [*secrets, *(entry["hash"] for entry in stored)]:
        assert secret not in body.decode()


def test_what_is_set_aside_is_told_with_its_reason(collector: Running) -> None:
    """Somebody has to decide about it, and needs to know why."""
    folder = collector.data / "journal" / "aside"
    folder.mkdir(parents=True, exist_ok=True)
    lacking = [{"project": "shop", "process": "p", "spans": 3}]
    reason = {"at": 1_790_000_000.0, "reasons": ["DataError: broken"], "lacking": lacking}
    (folder / "01-x.bad").write_bytes(b"123")
    (folder / "01-x.reason").write_text(json.dumps(reason))
    told = json.loads(collector.call("GET", "/v1/condition", headers=collector.key("admin"))[1])["journal"]
    assert told["set_aside_segments"] == 1
    found = told["set_aside"][0]
    assert (found["name"], found["state"], found["bytes"]) == ("01-x", "waits", 3)
    assert found["reasons"] == ["DataError: broken"]
    assert found["spans"] == {"shop": 3}
