"""Know ordinary chat completions at a glance: plain texts asked and answered."""

from collections.abc import Mapping
from typing import Any

# What cannot change: a copy may share it with its original.
_FIXED = frozenset({str, int, float, bool, type(None)})
_NOT_GIVEN = ("NotGiven", "Omit")


class ChatBrief:
    """See `kansoku.calls.recording.Brief`; whatever is not certain is read at once."""

    def copy_request(self, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a copy of the arguments of a request that has only texts, numbers and plain messages."""
        if type(arguments.get("model")) is not str:
            return None
        copied = dict(arguments)
        for name, value in arguments.items():
            kind = type(value)
            if kind in _FIXED or kind.__name__ in _NOT_GIVEN:
                continue
            if kind is dict and _FIXED.issuperset(map(type, value.values())):
                copied[name] = value.copy()
            elif kind is list and name == "messages":
                messages = copied[name] = []
                for message in value:
                    if type(message) is not dict or not _FIXED.issuperset(map(type, message.values())):
                        return None
                    messages.append(message.copy())
            else:
                return None
        return copied

    def copy_response(self, response: Any) -> dict[str, Any] | None:
        """Return a copy of the fields of a response that has one choice, which is a text."""
        try:
            (choice,) = response.__dict__["choices"]
            copied = _fields(response, "choices", "usage")
            picked = _fields(choice, "message") if copied is not None else None
            message = _fields(choice.__dict__["message"]) if picked is not None else None
            usage = _copy_usage(response.__dict__.get("usage"))
        except Exception:  # noqa: BLE001 - the border: a dictionary, another client's model
            return None
        if copied is None or picked is None or message is None or usage is None:
            return None
        picked["message"] = message
        copied["choices"] = [picked]
        copied["usage"] = usage or None
        return copied


def _fields(model: Any, *others: str) -> dict[str, Any] | None:
    """Return a copy of a model's fields, None if any but the `others` could change."""
    fields: dict[str, Any] = {**model.__dict__, **(model.__pydantic_extra__ or {})}
    for name, value in fields.items():
        # An empty list, of annotations for instance, says nothing; and stays so in the copy.
        if type(value) not in _FIXED and name not in others:
            if value:
                return None
            fields[name] = None
    return fields


def _copy_usage(usage: Any) -> dict[str, Any] | None:
    """Return a copy of the token counts, empty without any; None if it is no ordinary one."""
    if usage is None:
        return {}
    fields: dict[str, Any] = {**usage.__dict__, **(usage.__pydantic_extra__ or {})}
    for name, value in fields.items():
        if type(value) not in _FIXED:
            if type(value) is dict:
                detail = value.copy()
            else:
                detail = {**value.__dict__, **(value.__pydantic_extra__ or {})}
            if not _FIXED.issuperset(map(type, detail.values())):
                return None
            fields[name] = detail
    return fields
