"""API keys: hashed in keys.json, with the plain text of the one-machine install's own keys in secrets.json.

keys = Keys.open(Path("data"))
keys.check("ksk_...")        # Grant(project, scopes, name), or None
keys.local["ingest"]         # the key to give to an application on this machine
"""

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kansoku_collector.errors import SettingsError

SCOPES = frozenset({"ingest", "feedback", "read", "admin"})
# What the first start creates; admin may do everything, ingest may also give feedback.
_FIRST = {"ingest": ["ingest", "feedback"], "read": ["read"], "admin": sorted(SCOPES)}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key allows, and the project that its data belongs to."""

    project: str
    scopes: frozenset[str]
    name: str

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
        return found

    def add(self, name: str, scopes: list[str], *, project: str = "default") -> str:
        """Create a key and return its plain text, which is stored nowhere."""
        if unknown := set(scopes) - SCOPES:
            raise SettingsError(
                f"unknown scope {sorted(unknown)[0]!r}; known are {', '.join(sorted(SCOPES))}"
            )
        key = f"ksk_{secrets.token_hex(32)}"
        entries = _read(self._path)["keys"] if self._path.exists() else []
        entries.append({"name": name, "hash": digest_of(key), "scopes": scopes, "project": project})
        write_private(self._path, {"keys": entries})
        self._stamp = None
        return key

    def listed(self) -> list[dict[str, Any]]:
        """Return name, project and scopes of every key, oldest first."""
        entries = _read(self._path)["keys"] if self._path.exists() else []
        return [{field: entry.get(field, "") for field in ("name", "project", "scopes")} for entry in entries]

    def revoke(self, name: str, *, project: str = "default") -> int:
        """Take back every key of this name; running collectors refuse it from their next request on."""
        entries = _read(self._path)["keys"] if self._path.exists() else []
        kept = [e for e in entries if (e.get("name"), e.get("project", "default")) != (name, project)]
        if len(kept) == len(entries):
            raise SettingsError(f"there is no key {name!r} in project {project!r}")
        write_private(self._path, {"keys": kept})
        self._stamp = None
        return len(entries) - len(kept)

    def _create(self) -> None:
        write_private(self._secrets, {name: self.add(name, scopes) for name, scopes in _FIRST.items()})

    def _refresh(self) -> None:
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp == self._stamp:
            return
        try:
            entries = [(str(e["hash"]), _grant(e)) for e in _read(self._path)["keys"]]
        except (KeyError, TypeError) as error:
            raise SettingsError(
                f"{self._path} is not a keys file: {error!r} is missing or of the wrong type"
            ) from error
        self._grants, self._stamp = dict(entries), stamp


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


def _grant(entry: dict[str, Any]) -> Grant:
    return Grant(str(entry.get("project", "default")), frozenset(entry["scopes"]), str(entry.get("name", "")))


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SettingsError(f"{path} must hold a JSON object")
    return value
