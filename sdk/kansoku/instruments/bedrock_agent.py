"""Read InvokeAgent and InvokeInlineAgent: what an agent of Bedrock was asked, answered, and used.

An agent asks its models itself, out of sight. What they used it tells in its traces, which a program has to
ask for (`enableTrace`); without them the answer is all that there is.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.content import plain
from kansoku.instruments.bedrock_origin import read_origin
from kansoku.instruments.bedrock_retrieve import read_documents
from kansoku.instruments.openai_tokens import count
from kansoku.usage import Usage

_DEPTH = 6


class AgentReader:
    """Reads the events of an agent's answer."""

    operation = "chat"
    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the question, the agent and the session; an inline agent names its model."""
        request = Request(_model(arguments.get("foundationModel")))
        given = {
            semconv.AGENT_ID: arguments.get("agentId"),
            semconv.AGENT_NAME: arguments.get("agentName"),
            semconv.CONVERSATION_ID: arguments.get("sessionId"),
        }
        request.attributes.update({key: value for key, value in given.items() if isinstance(value, str)})
        if capture:
            state = arguments.get("sessionState") or arguments.get("inlineSessionState") or {}
            results = [_result(state, result) for result in state.get("returnControlInvocationResults") or ()]
            request.messages = [{"role": "tool", "parts": results}] if results else []
            if isinstance(question := arguments.get("inputText"), str) and question:
                part = {"type": "text", "content": question}
                request.messages.append({"role": "user", "parts": [part]})
            instruction = arguments.get("instruction")
            request.instructions = instruction if isinstance(instruction, str) else ""
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read an answer that is not streamed; there is none."""
        return self.fold([response], capture)

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Put the events of a stream together."""
        words: list[bytes] = []
        cited: list[Mapping[str, Any]] = []
        calls: list[dict[str, Any]] = []
        steps: list[Mapping[str, Any]] = []
        files: list[dict[str, Any]] = []
        for event in chunks:
            if (chunk := event.get("chunk")) is not None:
                words.append(chunk.get("bytes") or b"")
                cited += (chunk.get("attribution") or {}).get("citations") or ()
            elif (control := event.get("returnControl")) is not None:
                calls += _calls(control)
            elif (made := event.get("files")) is not None:
                files += [_file(each) for each in made.get("files") or ()]
            elif (trace := event.get("trace")) is not None:
                steps += _steps(trace.get("trace") or {})
        models = {model for step in steps if (model := _asked(step))}
        # Nothing in the stream says that it is complete: an answer may be one that was left, or broke off.
        finish = "content_filter" if any(map(_intervened, steps)) else "tool_calls" if calls else ""
        answer = Answer(
            model=models.pop() if len(models) == 1 else "",  # of several, none answered alone
            finish_reasons=[finish] if finish else [],
            usage=_usage(steps),
            attributes=read_documents(cited, capture),
        )
        if capture:
            parts = [{"type": "reasoning", "content": text} for step in steps if (text := _thought(step))]
            if words:
                parts.append({"type": "text", "content": b"".join(words).decode("utf-8", "replace")})
            message = {"role": "assistant", "parts": [*parts, *files, *calls], "finish_reason": finish}
            answer.messages = [message] if message["parts"] else []
        return answer


def _file(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file that the agent's code made, by name, type and size."""
    kind = str(made.get("type") or "")
    found = kind.partition("/")[0]
    modality = found if found in ("image", "audio", "video") else "document"
    size = len(made.get("bytes") or b"")
    return {
        "type": "blob",
        "modality": modality,
        "mime_type": kind,
        "size": size,
        "name": made.get("name") or "",
    }


def _model(name: Any) -> str:
    return name.rpartition("/")[2] if isinstance(name, str) else ""


def _steps(trace: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what a trace event tells, whichever of the agent's stages it is of."""
    for step in trace.values():
        if isinstance(step, Mapping):
            yield step


def _asked(step: Mapping[str, Any]) -> str:
    return _model((step.get("modelInvocationInput") or {}).get("foundationModel"))


def _intervened(step: Mapping[str, Any]) -> bool:
    return step.get("action") == "INTERVENED"


def _thought(step: Mapping[str, Any]) -> str:
    reasoning = (step.get("modelInvocationOutput") or {}).get("reasoningContent") or {}
    return str((reasoning.get("reasoningText") or {}).get("text") or "")


def _usage(steps: list[Mapping[str, Any]]) -> Usage | None:
    """Return what all models together used; None where the agent was not asked to tell."""
    told = [((step.get("modelInvocationOutput") or {}).get("metadata") or {}).get("usage") for step in steps]
    known = [usage for usage in told if usage]
    if not known:
        return None
    return Usage(
        input_fresh=sum(count(usage, "inputTokens") or 0 for usage in known),
        output_visible=sum(count(usage, "outputTokens") or 0 for usage in known),
    )


def _calls(control: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the calls that the agent leaves to the program: of functions, or of an API."""
    for given in control.get("invocationInputs") or ():
        function, api = given.get("functionInvocationInput"), given.get("apiInvocationInput")
        called = function or api or {}
        arguments: dict[str, Any] = {
            str(each.get("name")): each.get("value") for each in called.get("parameters") or ()
        }
        if body := (called.get("requestBody") or {}).get("content"):
            arguments["body"] = plain(body, _DEPTH)
        yield {
            "type": "tool_call",
            "id": control.get("invocationId") or "",
            "name": called.get("function") or called.get("apiPath") or "",
            "arguments": arguments,
        }


def _result(state: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the program says came out of a call."""
    told = result.get("functionResult") or result.get("apiResult") or {}
    bodies = [body.get("body") for body in (told.get("responseBody") or {}).values()]
    part = {
        "type": "tool_call_response",
        "id": state.get("invocationId") or "",
        "name": told.get("function") or told.get("apiPath") or "",
        "response": bodies[0] if len(bodies) == 1 else bodies,
    }
    return {**part, "is_error": True} if told.get("responseState") == "FAILURE" else part
