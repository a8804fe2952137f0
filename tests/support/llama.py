"""Models for the tests of LlamaIndex: one over the real client of the vendor, one that no client serves."""

from collections.abc import Iterator
from typing import Any

import openai
from llama_index.core.base.llms.types import ChatResponse, CompletionResponse, LLMMetadata, ToolCallBlock
from llama_index.core.llms import ChatMessage, CustomLLM
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.tools import ToolSelection
from pydantic import PrivateAttr


class Own(CustomLLM):
    """A model of one's own over the real client of the vendor."""

    url: str
    _clients: list[openai.OpenAI] = PrivateAttr(default_factory=list)

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()

    @property
    def metadata(self) -> LLMMetadata:
        """Return the model's name."""
        return LLMMetadata(model_name="gpt-4o-mini")

    def _ask(self, prompt: str, **more: Any) -> Any:
        client = openai.OpenAI(api_key="k", base_url=f"{self.url}/v1", max_retries=0)
        self._clients.append(client)
        message: Any = {"role": "user", "content": prompt}
        return client.chat.completions.create(model="gpt-4o-mini", messages=[message], **more)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:  # noqa: ARG002
        """Answer."""
        answer = self._ask(prompt)
        return CompletionResponse(text=answer.choices[0].message.content, raw=answer)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> Any:  # noqa: ARG002
        """Answer in pieces; the client is asked when the first is wanted."""

        def pieces() -> Iterator[CompletionResponse]:
            text = ""
            for item in self._ask(prompt, stream=True):
                if item.choices and (delta := item.choices[0].delta.content):
                    text += delta
                    yield CompletionResponse(text=text, delta=delta, raw=item)

        return pieces()


class Scripted(FunctionCallingLLM):
    """A model that no client serves: it calls a tool, then answers."""

    name: str = "own-1"

    @property
    def metadata(self) -> LLMMetadata:
        """Return the model's name."""
        return LLMMetadata(model_name=self.name, is_function_calling_model=True)

    def _answer(self, messages: Any) -> ChatResponse:
        raw = {"model": "own-1-b", "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
        if any(str(message.role.value) == "tool" for message in messages):
            return ChatResponse(message=ChatMessage(role="assistant", content="火曜日"), raw=raw)
        call = ToolCallBlock(tool_call_id="c1", tool_name="find_day", tool_kwargs={"ward": "北区"})
        return ChatResponse(message=ChatMessage(role="assistant", blocks=[call]), raw=raw)

    def chat(self, messages: Any, **_: Any) -> ChatResponse:
        """Answer."""
        return self._answer(messages)

    async def achat(self, messages: Any, **_: Any) -> ChatResponse:
        """Answer."""
        return self._answer(messages)

    def stream_chat(self, messages: Any, **_: Any) -> Any:
        """Answer in one piece."""
        return iter([self._answer(messages)])

    async def astream_chat(self, messages: Any, **_: Any) -> Any:
        """Answer in one piece."""

        async def pieces() -> Any:
            yield self._answer(messages)

        return pieces()

    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:  # noqa: ARG002
        """Answer."""
        return CompletionResponse(text="ja")

    acomplete = stream_complete = astream_complete = complete  # type: ignore[assignment]

    def _prepare_chat_with_tools(self, *_: Any, **given: Any) -> Any:
        return {"messages": given.get("chat_history") or []}

    def get_tool_calls_from_response(self, response: Any, *_: Any, **__: Any) -> list[ToolSelection]:
        """Return the calls of an answer."""
        calls: list[Any] = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        return [
            ToolSelection(tool_id=c.tool_call_id, tool_name=c.tool_name, tool_kwargs=c.tool_kwargs)
            for c in calls
        ]
