"""Values of a vendor's own types: every variant of every union comes, and every text is a marker."""

import enum
import types
import typing
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin

import pydantic

_DEEPEST = 12


class Variants:
    """Makes JSON of annotations; `texts` has each marker with the field that it is in."""

    def __init__(self, marker: str) -> None:
        self.texts: dict[str, str] = {}
        self._marker = marker
        self._seen: dict[tuple[str, int], int] = {}
        self._number = 0

    def make(self, kind: Any, place: str = "", depth: int = 0) -> Any:
        """Return a value of a type; the variant that came least so far where there are several."""
        origin, inner = get_origin(kind), get_args(kind)
        if origin is typing.Annotated:
            return self.make(inner[0], place, depth)
        if origin is Literal:
            return inner[self._choose(place, len(inner))]
        if origin in (Union, types.UnionType):
            return self._one_of(inner, place, depth)
        if origin is list:
            return [self.make(inner[0], place, depth + 1)] if depth < _DEEPEST else []
        if origin is dict:
            return {"key": self.make(inner[1], place, depth + 1)} if depth < _DEEPEST else {}
        if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
            return self._model(kind, depth)
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return list(kind)[self._choose(place, len(kind))].value
        if kind is bool:
            return bool(self._choose(place, 2))
        if kind in (int, float):
            self._number += 1
            return self._number
        if kind is datetime:
            return "2026-11-01T00:00:00Z"
        return None if kind is type(None) else self._text(place)

    def _one_of(self, kinds: tuple[Any, ...], place: str, depth: int) -> Any:
        known = [kind for kind in kinds if kind is not type(None)]
        if any(get_origin(kind) is Literal for kind in known):
            known = [kind for kind in known if kind is not str]  # known words alone
        number = self._choose(f"{place}|", len(known))
        return self.make(known[number], place, depth)

    def _model(self, kind: type[pydantic.BaseModel], depth: int) -> dict[str, Any]:
        found = {}
        for name, field in kind.model_fields.items():
            place = f"{kind.__name__}.{name}"
            if field.is_required() or (depth < _DEEPEST and self._choose(f"{place}?", 4)):
                found[field.alias or name] = self.make(field.annotation, place, depth + 1)
        return found

    def _choose(self, place: str, count: int) -> int:
        number = min(range(count), key=lambda each: self._seen.get((place, each), 0))
        self._seen[place, number] = self._seen.get((place, number), 0) + 1
        return number

    def _text(self, place: str) -> str:
        self._number += 1
        marker = self._marker.format(self._number)
        self.texts[marker] = place
        return marker
