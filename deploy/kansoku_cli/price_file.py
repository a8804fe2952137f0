"""Write one price into the overrides file: checked before, whole or not at all, comments kept."""

import os
import tempfile
from pathlib import Path
from typing import Any

from kansoku.errors import PricesError
from kansoku.pricing.price_overrides import overrides_text, parse_overrides

_KEY = ("model", "provider", "from", "tier", "above")  # what makes two entries the same one


def set_price(path: Path, fields: dict[str, Any]) -> bool:
    """Add an entry, or replace the one of the same model, provider, day, tier and length.

    Tell whether one was replaced. A file that is wrong already is not touched.
    """
    path = path.resolve()  # of a link, the file that it names
    old = overrides_text(path) if path.exists() else ""
    parse_overrides(old, path)
    block = ["[[price]]", *(f"{name} = {_toml(value)}" for name, value in fields.items())]
    lines = old.splitlines()
    for first, end in _blocks(lines):
        if _key(lines[first:end], path) == tuple(str(fields.get(name, "")) for name in _KEY):
            kept = [line for line in lines[first + 1 : end] if line.strip().startswith("#")]
            new = [*lines[:first], block[0], *kept, *block[1:], *lines[end:]]
            break
    else:
        new = [*lines, *([""] if lines and lines[-1].strip() else []), *block]
        end = 0
    text = "\n".join(new) + "\n"
    parse_overrides(text, path)
    _replace(path, text)
    return bool(end)


def _blocks(lines: list[str]) -> list[tuple[int, int]]:
    """Return where each [[price]] begins and ends; remarks after its last field are the next one's."""
    heads = [at for at, line in enumerate(lines) if line.lstrip().startswith("[")]
    found = []
    for at, stop in zip(heads, [*heads[1:], len(lines)], strict=False):
        end = stop
        while lines[end - 1].lstrip()[:1] in ("", "#"):
            end -= 1
        if lines[at].lstrip().startswith("[[price]]"):
            found.append((at, end))
    return found


def _key(lines: list[str], path: Path) -> tuple[str, ...]:
    (entry,) = parse_overrides("\n".join(lines), path).prices
    since = "" if not any(line.partition("=")[0].strip() == "from" for line in lines) else str(entry.since)
    return entry.model, entry.provider, since, entry.tier, str(entry.above or "")


def _toml(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        if not escaped.isprintable():
            raise PricesError(f"{value!r} cannot be a name")
        return f'"{escaped}"'
    return str(value)


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise PricesError(f"{path}: cannot be written: {error.strerror}") from error
