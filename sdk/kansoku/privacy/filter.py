"""Keep what must not leave the process out of finished spans and feedback, in the background thread."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from kansoku import semconv
from kansoku.guard import warn_once
from kansoku.privacy import capture
from kansoku.privacy.mask import Mask
from kansoku.privacy.resource import Resources

_NUMBERS = frozenset({bool, int, float})
_MANY_NAMES = 64  # of attributes, above which nothing is kept of them
_WORDS = ("comment", "correction", "label", "user_id")  # of feedback, besides its metadata


class Changed:
    """A finished span with some of its fields changed; the original is still everybody else's."""

    def __init__(self, span: Any, **fields: Any) -> None:
        self._span = span
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)


class Event:
    """An event of a span whose attributes were changed."""

    __slots__ = ("attributes", "name", "timestamp")

    def __init__(self, name: str, timestamp: int, attributes: Mapping[str, Any]) -> None:
        self.name = name
        self.timestamp = timestamp
        self.attributes = attributes


class Status:
    """A span's status whose description was changed."""

    __slots__ = ("description", "status_code")

    def __init__(self, status_code: Any, description: str | None) -> None:
        self.status_code = status_code
        self.description = description


class Filter:
    """Reduces content to `level` (or to what the span asks for, if that is less) and masks what is left.

    A span whose masking fails keeps its numbers and the names of its model and tools, and says
    `kansoku.masking.failed`; `failed` counts these. A function that never returns holds up all sending.
    """

    def __init__(self, mask: Mask, level: str = capture.FULL) -> None:
        self.failed = 0
        self._mask = mask
        self._level = level
        self._resources = Resources(mask.any)

    def span(self, span: Any) -> Any:
        """Return the span, or one that says less."""
        try:
            shown = self._masked(self._reduced(span))
            if self._mask.hides_fields and (described := self._resources.masked(span.resource)) is not None:
                return Changed(shown, resource=described)
            return shown
        except Exception as error:  # noqa: BLE001 - the border: most likely the user's function
            self._count(error)
            return Changed(
                span,
                name=_named(span),
                attributes={**capture.without_text(span.attributes or {}), semconv.MASKING_FAILED: True},
                events=[
                    Event(event.name, event.timestamp, capture.without_text(event.attributes or {}))
                    for event in span.events
                ],
                links=[],
                status=Status(span.status.status_code, None),
            )

    def feedback(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return feedback with its words masked, or without them if that fails."""
        words = {key: item[key] for key in _WORDS if key in item}
        metadata = item.get("metadata")
        try:
            masked = {**item, **{key: self._mask.text(str(value)) for key, value in words.items()}}
            if metadata:
                masked["metadata"] = self._attributes(metadata)
        except Exception as error:  # noqa: BLE001 - as above
            self._count(error)
            return {key: value for key, value in item.items() if key not in (*_WORDS, "metadata")}
        return masked

    def _count(self, error: Exception) -> None:
        self.failed += 1
        warn_once(
            "mask", "Masking failed (%s); content that could not be masked is left out", type(error).__name__
        )

    def _reduced(self, span: Any) -> Any:
        attributes = span.attributes or {}
        level = capture.stricter(self._level, attributes.get(semconv.CAPTURE_CONTENT))
        if level == capture.FULL:
            return span
        status = span.status
        return Changed(
            span,
            attributes={**capture.reduce(attributes, level), semconv.CAPTURE_CONTENT: level},
            events=[
                Event(event.name, event.timestamp, capture.reduce(event.attributes or {}, level))
                for event in span.events
            ],
            status=Status(status.status_code, None) if status.description else status,
        )

    def _masked(self, span: Any) -> Any:
        if not self._mask.asks and not self._mask.may_change("\n".join(_texts(span))):
            return span
        status = span.status
        words = self._mask.text(status.description) if status.description else None
        return Changed(
            span,
            name=self._mask.recognised(span.name),
            attributes=self._attributes(span.attributes or {}),
            events=[
                Event(event.name, event.timestamp, self._attributes(event.attributes or {}))
                for event in span.events
            ],
            links=[_link(link, self._attributes(link.attributes or {})) for link in span.links],
            status=Status(status.status_code, words),
        )

    def _attributes(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        masked: dict[str, Any] = {}
        for name, value in attributes.items():
            kind = capture.kind_of(name)
            if kind in (capture.STRUCTURE, capture.PART) or isinstance(value, bool | int | float):
                masked[name] = value
            elif kind == capture.SECRET and self._mask.hides_fields:
                # A header of HTTP is a list of its values.
                masked[name] = "[secret]" if isinstance(value, str | bytes) else ["[secret]"] * len(value)
            else:
                masked[name] = self._mask.any(value)
        return masked


def _link(link: Any, attributes: Mapping[str, Any]) -> Any:
    return Changed(link, attributes=attributes) if attributes else link


def _named(span: Any) -> str:
    """Return a name made of what is no text: the operation and the model."""
    attributes = span.attributes or {}
    words = (attributes.get(semconv.OPERATION), attributes.get(semconv.REQUEST_MODEL))
    return " ".join(word for word in words if isinstance(word, str)) or "span"


def _texts(span: Any) -> list[str]:
    """Return every text that may have to be masked."""
    found = [span.name]
    if span.status.description:
        found.append(span.status.description)
    _add_strings(found, span.attributes)
    for event in span.events:
        _add_strings(found, event.attributes)
    for link in span.links:
        _add_strings(found, link.attributes)
    return found


def _add_strings(found: list[str], attributes: Mapping[str, Any] | None) -> None:
    # A span's attributes are a view of a view: its copy is a dict, and costs less than going over it once.
    whole = attributes.copy() if isinstance(attributes, MappingProxyType) else attributes or {}
    names = tuple(whole)
    looked_at = _known_names_of_texts(names) if len(names) <= _MANY_NAMES else _names_of_texts(names)
    for name, is_secret in looked_at:
        value = whole[name]
        if type(value) in _NUMBERS:
            continue
        if is_secret:
            found.append("secret:")  # which is a hint to look closely
        if isinstance(value, str):
            found.append(value)
        else:
            found.extend(_leaves(value))


def _names_of_texts(names: tuple[str, ...]) -> list[tuple[str, bool]]:
    """Return those of the names of attributes that may hold text, and whether that is a secret's name."""
    kinds = [(name, capture.kind_of(name)) for name in names]
    return [
        (name, kind == capture.SECRET)
        for name, kind in kinds
        if kind not in (capture.STRUCTURE, capture.PART)
    ]


# Spans of one kind have the same names, again and again.
_known_names_of_texts = lru_cache(maxsize=128)(_names_of_texts)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield f"{name}:"
            yield from _leaves(item)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for item in value:
            yield from _leaves(item)
