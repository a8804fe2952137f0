"""Tell the chunks of a streamed chat completion that are a piece of text and nothing else."""

from typing import Any

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
            if (
                said["finish_reason"] is not None
                or said["index"] != 0
                or said.get("logprobs") is not None
                or fields.get("usage") is not None
                or choice.__pydantic_extra__
                or delta.__pydantic_extra__
                or not _HARMLESS.issuperset(chunk.__pydantic_extra__ or ())
            ):
                return None
            found = delta.__dict__
            for name in delta.__pydantic_fields_set__:
                if name != "content" and found[name] is not None:
                    return None
            text = found["content"]
        except (AttributeError, KeyError, TypeError, ValueError):  # a dictionary, another client's model
            return None
        return text if type(text) is str else None

    def chunk_of(self, text: str) -> dict[str, Any]:
        """Return a chunk that says just `text`."""
        return {"choices": [{"index": 0, "delta": {"content": text}}]}
