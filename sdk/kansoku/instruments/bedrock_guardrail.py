"""Read ApplyGuardrail: a check of a text by itself, without a model that answers."""

from collections.abc import Iterator, Mapping
from typing import Any

from kansoku import semconv
from kansoku.calls.reader import Answer, Request
from kansoku.instruments.bedrock_blocks import read_blocks
from kansoku.instruments.bedrock_origin import read_origin


class GuardrailReader:
    """Reads a check; it is billed by the policies that it applied, not in tokens."""

    operation = "moderation"
    origin = staticmethod(read_origin)

    def request(self, arguments: Mapping[str, Any], capture: bool) -> Request:
        """Read the guardrail, and what it is to check."""
        request = Request("", {semconv.KIND: "guardrail"})
        if isinstance(name := arguments.get("guardrailIdentifier"), str):
            request.attributes[semconv.AWS_GUARDRAIL] = name
        if capture:
            parts = read_blocks([{"guardContent": block} for block in arguments.get("content") or ()])
            role = "assistant" if arguments.get("source") == "OUTPUT" else "user"
            request.messages = [{"role": role, "parts": parts}] if parts else None
        return request

    def response(self, response: Any, capture: bool) -> Answer:
        """Read the verdict: passed unless it stepped in, and by which of its policies."""
        stopped = response.get("action") == "GUARDRAIL_INTERVENED"
        answer = Answer(attributes={semconv.GUARDRAIL_PASSED: not stopped})
        assessments = response.get("assessments") or ()
        reasons = dict.fromkeys(name for assessment in assessments for name in _reasons(assessment))
        if stopped and reasons:
            answer.attributes[semconv.GUARDRAIL_REASON] = ", ".join(reasons)
        outputs = [output.get("text") or "" for output in response.get("outputs") or ()]
        if capture and outputs:
            parts = [{"type": "text", "content": text} for text in outputs]
            answer.messages = [{"role": "assistant", "parts": parts, "finish_reason": ""}]
        return answer

    def fold(self, chunks: list[Any], capture: bool) -> Answer:
        """Read the last chunk: verdicts are not streamed."""
        return self.response(chunks[-1], capture)


def _reasons(assessment: Mapping[str, Any]) -> Iterator[str]:
    """Yield the policies that found something, by name: the finding itself may quote what was said."""
    for policy, said in assessment.items():
        findings = said.values() if isinstance(said, Mapping) else ()
        listed = [finding for found in findings if isinstance(found, list) for finding in found]
        if any(isinstance(each, Mapping) and each.get("action") not in (None, "NONE") for each in listed):
            yield policy.removesuffix("Policy")
