"""API keys: hashed in keys.json, with the plain text of the one-machine install's own keys in secrets.json.

keys = Keys.open(Path("data"))
keys.check("ksk_...")        # Grant(project, scopes, name), or None
keys.local["ingest"]         # the key to give to an application on this machine
"""

import fcntl
import hashlib
import hmac
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kansoku_collector.errors import SettingsError

T = TypeVar("T")
SCOPES = frozenset({"ingest", "feedback", "read", "admin"})
# What the first start creates; admin may do everything, ingest may also give feedback.
_FIRST = {"ingest": ["ingest", "feedback"], "read": ["read"], "admin": sorted(SCOPES)}
log = logging.getLogger("kansoku")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key allows, and the project that its data belongs to."""

    project: str
    scopes: frozenset[str]
    name: str
    until: float = float("inf")  # seconds since the epoch: the end of a key that was rotated

    def allows(self, scope: str) -> bool:
        """Tell whether this key may do `scope`."""
        return scope in self.scopes or "admin" in self.scopes


class Keys:
    """The keys of one data directory; keys.json is read again whenever it changes on disk."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "keys.json"
        self._secrets = directory / "secrets.json"
        self._stamp: tuple[int, int, int] | None = None
        self._grants: dict[str, Grant] = {}
        self._warned = ""
        self._known = (0.0, time.monotonic())  # a time that has been, and when by a clock that nobody sets
        self._used: dict[tuple[str, str], float] = {}

    @classmethod
    def open(cls, directory: Path) -> "Keys":
        """Open the keys of `directory`, creating one of each kind on the first start."""
        keys = cls(directory)
        if not keys._path.exists():
            keys._create()
        keys._refresh()
        return keys

    @property
    def local(self) -> dict[str, str]:
        """Plain-text keys of the one-machine install by kind: ingest, read, admin."""
        return {str(k): str(v) for k, v in _read(self._secrets).items()} if self._secrets.exists() else {}

    def check(self, key: str) -> Grant | None:
        """Return what `key` allows, or None when it is not one of ours."""
        self._refresh()
        digest = digest_of(key)
        found = None
        for (
            known,
            grant,
        ) in self._grants.items():  # all of them, so that time tells nothing about which matched
            if hmac.compare_digest(known, digest):
                found = grant
        if found is None or found.until <= self._now():
            return None
        self._used[found.project, found.name] = time.time()
        return found

    @property
    def last_used(self) -> dict[tuple[str, str], float]:
        """When this process last met a key, by project and name, in seconds since the epoch."""
        return dict(self._used)

    def add(self, name: str, scopes: list[str], *, project: str = "default") -> str:
        """Create a key and return its plain text, which is stored nowhere."""
        if unknown := set(scopes) - SCOPES:
            raise SettingsError(
                f"unknown scope {sorted(unknown)[0]!r}; known are {', '.join(sorted(SCOPES))}"
            )
        for what, text in (("name", name), ("project", project)):
            if not text.strip():
                raise SettingsError(f"a key needs a {what}: it is empty")
        key, entry = _new(name, scopes, project)
        self._change(lambda entries: entries.append(entry))
        return key

    def listed(self) -> list[dict[str, Any]]:
        """Return name, project, scopes and, of a rotated one, the end of every key, oldest first."""
        return [
            {name: entry.get(name, "") for name in ("name", "project", "scopes")}
            | ({"until": entry["until"]} if "until" in entry else {})
            for entry in self._entries()
        ]

    def revoke(self, name: str, *, project: str = "default") -> int:
        """Take back every key of this name; running collectors refuse it from their next request on."""

        def remove(entries: list[dict[str, Any]]) -> int:
            before = len(entries)
            entries[:] = [entry for entry in entries if not _is(entry, name, project)]
            return before - len(entries)

        if not (removed := self._change(remove)):
            raise SettingsError(f"there is no key {name!r} in project {project!r}")
        return removed

    def rotate(self, name: str, *, project: str = "default", grace_seconds: float = 0.0) -> str:
        """Replace the keys of a name by a new one with their scopes; return its plain text.

        The old ones stay valid for `grace_seconds`, so that programs can be given the new one in turn.
        """
        now = time.time()

        def replace(entries: list[dict[str, Any]]) -> str:
            old = [entry for entry in entries if _is(entry, name, project)]
            if not old:
                raise SettingsError(f"there is no key {name!r} in project {project!r}")
            key, entry = _new(name, sorted({scope for each in old for scope in each["scopes"]}), project)
            for each in old:
                each["until"] = min(each.get("until", now + grace_seconds), now + grace_seconds)
            entries[:] = [each for each in entries if each.get("until", now + 1) > now]
            entries.append(entry)
            hashes = {each["hash"] for each in old}
            local = {kind: key if digest_of(text) in hashes else text for kind, text in self.local.items()}
            if key in local.values():  # one of the install's own: the other parts read it here
                write_private(self._secrets, local)
            return key

        return self._change(replace)

    def _now(self) -> float:
        """Return the time by which keys end: a clock that is set back makes none of them valid for longer."""
        then, at = self._known
        return max(time.time(), then + time.monotonic() - at)

    def _create(self) -> None:
        made = {name: _new(name, scopes, "default") for name, scopes in _FIRST.items()}
        # The plain text first: keys without it would be found by the next start, and known to nobody.
        write_private(self._secrets, {name: key for name, (key, _) in made.items()})
        self._change(lambda entries: entries.extend(entry for _, entry in made.values()))

    def _entries(self) -> list[dict[str, Any]]:
        return list(_read(self._path)["keys"]) if self._path.exists() else []

    def _change(self, change: Callable[[list[dict[str, Any]]], T]) -> T:
        """Write what `change` makes of the entries; two commands at the same time take turns."""
        with _locked(self._path.with_name(".keys.lock")):
            entries = self._entries()
            result = change(entries)
            write_private(self._path, {"keys": entries})
        self._stamp = None
        return result

    def _refresh(self) -> None:
        """Read the file if it has changed. One that cannot be read leaves the keys of before in force."""
        try:
            self._load()
        except (SettingsError, OSError) as error:
            if not self._grants:
                raise
            if self._warned != str(error):
                self._warned = str(error)
                log.error("the API keys of before stay in force: %s", error)

    def _load(self) -> None:
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp == self._stamp:
            return
        try:
            entries = [(str(e["hash"]), _grant(e)) for e in _read(self._path)["keys"]]
        except (KeyError, TypeError, ValueError) as error:
            raise SettingsError(
                f"{self._path} is not a keys file: {error!r} is missing or of the wrong type"
            ) from error
        self._grants, self._stamp, self._warned = dict(entries), stamp, ""
        self._known = max(self._now(), status.st_mtime), time.monotonic()


def digest_of(key: str) -> str:
    """Return what is stored of a key: its SHA-256; 256 random bits need no salt and no stretching."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def write_private(path: Path, value: dict[str, Any]) -> None:
    """Write JSON readable by the owner only; a reader sees the old file or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _new(name: str, scopes: list[str], project: str) -> tuple[str, dict[str, Any]]:
    key = f"ksk_{secrets.token_hex(32)}"
    return key, {"name": name, "hash": digest_of(key), "scopes": scopes, "project": project}


def _is(entry: dict[str, Any], name: str, project: str) -> bool:
    return (entry.get("name"), entry.get("project", "default")) == (name, project)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _grant(entry: dict[str, Any]) -> Grant:
    project, name = str(entry.get("project", "default")), str(entry.get("name", ""))
    return Grant(project, frozenset(entry["scopes"]), name, float(entry.get("until", "inf")))


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SettingsError(f"{path} must hold a JSON object")
    return value
