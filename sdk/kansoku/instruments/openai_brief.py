"""Tell the chunks of a streamed chat completion that are a piece of text and nothing else."""

from typing import Any

_TEXT = {"content"}
_HARMLESS = {"obfuscation"}  # random letters that hide the length of a piece


class ChatBrief:
    """See `kansoku.stream.Brief`; whatever is not certain is kept whole, as the exceptions are."""

    def text_of(self, chunk: Any) -> str | None:
        """Return the text of a chunk of one choice that has neither reason, usage, role nor any extra."""
        try:
            fields = chunk.__dict__
            (choice,) = fields["choices"]
            said = choice.__dict__
            delta = said["delta"]
            text = delta.__dict__["content"]
            extra = chunk.__pydantic_extra__
            if (
                type(text) is not str
                or said["finish_reason"] is not None
                or said["index"] != 0
                or said.get("logprobs") is not None
                or fields.get("usage") is not None
                or choice.__pydantic_extra__
                or delta.__pydantic_extra__
                or (extra and not _HARMLESS.issuperset(extra))
            ):
                return None
            given = delta.__pydantic_fields_set__
            if given != _TEXT and any(n != "content" and delta.__dict__[n] is not None for n in given):
                return None
        except Exception:  # noqa: BLE001 - the border: a dictionary, another client's model
            return None
        return text

    def chunk_of(self, text: str) -> dict[str, Any]:
        """Return a chunk that says just `text`."""
        return {"choices": [{"index": 0, "delta": {"content": text}}]}
