"""The garbage guide: a retriever, an agent with two tools, an answer or the fallback.

kansoku.init(service_name="gomi-guide", environment="production", release="2.8.1")
guide = GarbageGuide(OpenAI())
reply = guide.ask("モバイルバッテリーの捨て方は？", language="ja", user_id="u-0042", session_id="s-1")
kansoku.feedback(reply.trace_id, like=True)
"""

import json
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from openai import OpenAI

import kansoku
from kansoku_demo import guide, prompts
from kansoku_demo.guide import Entry

MODEL, EMBEDDING_MODEL, DIMENSIONS = "gpt-5.6-luna", "text-embedding-3-small", 512
TOP_K, MINIMUM_SCORE = 3, 0.16


@dataclass(frozen=True, slots=True)
class Reply:
    """What a citizen gets, and the trace to give feedback on."""

    text: str
    trace_id: str
    fallback: bool


class GarbageGuide:
    """Answers questions about garbage from the city's guide, in Japanese and English."""

    def __init__(self, client: OpenAI, judge: OpenAI | None = None) -> None:
        """`judge` is a server with a small model of our own that checks answers when asked to."""
        self._client = client
        self._judge = judge
        self._index = {language: self._read_guide(language) for language in ("ja", "en")}

    def ask(
        self,
        question: str,
        *,
        language: str,
        user_id: str,
        session_id: str,
        history: Sequence[dict[str, Any]] = (),
        prompt_version: str = "v14",
        check: bool = False,
    ) -> Reply:
        """Answer one question of a conversation; `history` is what was said before, as chat messages."""
        with (
            kansoku.context(session_id=session_id, user_id=user_id, tags=[language]),
            kansoku.context(prompt_name=prompts.NAME, prompt_version=prompt_version),
            kansoku.span("answer_question", kind="agent") as span,
        ):
            span.set_input(question)
            documents, similar = self._search(question, language)
            if not documents and history:  # "Is that free?" means what was talked about
                documents, similar = self._search(f"{history[-2]['content']} {question}", language)
            system = prompts.system(language, prompt_version, documents, similar)
            messages = [
                {"role": "system", "content": system},
                *history,
                {"role": "user", "content": question},
            ]
            text = self._converse(messages, language)
            if check and self._judge:
                _check(self._judge, documents, text)
            span.set_output(text)
            return Reply(text, span.trace_id, guide.city()[f"fallback_{language}"] in text)

    def _read_guide(self, language: str) -> list[tuple[Entry, list[float]]]:
        entries = guide.entries(language)
        texts = [f"{entry.title} {entry.keywords} {entry.text}" for entry in entries]
        found = self._client.embeddings.create(model=EMBEDDING_MODEL, input=texts, dimensions=DIMENSIONS)
        return [(entry, item.embedding) for entry, item in zip(entries, found.data, strict=True)]

    def _search(self, question: str, language: str) -> tuple[list[Entry], list[Entry]]:
        """Return the entries that answer the question, and those that come next to serve as examples."""
        with kansoku.span("search_guide", kind="retrieval") as span:
            found = self._client.embeddings.create(
                model=EMBEDDING_MODEL, input=question, dimensions=DIMENSIONS
            )
            asked = found.data[0].embedding
            scored = [
                (sum(map(operator.mul, asked, vector)), entry) for entry, vector in self._index[language]
            ]
            scored.sort(key=operator.itemgetter(0), reverse=True)
            hits = [(score, entry) for score, entry in scored[:TOP_K] if score >= MINIMUM_SCORE]
            span.set_documents(
                [
                    {"id": e.id, "score": round(score, 4), "content": f"{e.title}\n{e.text}"}
                    for score, e in hits
                ],
                query=question,
                top_k=TOP_K,
                source=f"city-guide-{language}",
            )
            return [entry for _, entry in hits], [entry for _, entry in scored[len(hits) : len(hits) + 8]]

    def _converse(self, messages: list[Any], language: str) -> str:
        """Let the model answer, or call tools first; an answer after tools is streamed."""
        first = self._client.chat.completions.create(
            model=MODEL, messages=messages, tools=_tools(language), temperature=0.2, max_completion_tokens=700
        )
        message = first.choices[0].message
        if not message.tool_calls:
            return message.content or ""
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            if call.type != "function":
                continue
            result = _run_tool(call.function.name, json.loads(call.function.arguments), call.id, language)
            messages.append(
                {"role": "tool", "tool_call_id": call.id, "content": json.dumps(result, ensure_ascii=False)}
            )
        stream = self._client.chat.completions.create(
            model=MODEL,
            messages=messages,
            temperature=0.2,
            max_completion_tokens=700,
            stream=True,
            stream_options={"include_usage": True},
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def _check(judge: OpenAI, documents: list[Entry], text: str) -> None:
    """Have a small model of our own grade how much of an answer stands in the documents."""
    with kansoku.evaluation("check_answer") as span:
        content = "\n".join(entry.text for entry in documents) + f"\n<answer>{text}</answer>"
        instruction = "Grade from 1 to 5 how much of the answer stands in the documents. Answer in JSON."
        found = judge.chat.completions.create(
            model="qwen3-8b",
            messages=[{"role": "system", "content": instruction}, {"role": "user", "content": content}],
            temperature=0,
        )
        verdict = json.loads(found.choices[0].message.content or "{}")
        span.set_output(verdict)
        span.set_score("grounded", verdict["grade"], explanation=verdict["reason"])


_FUNCTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "collection_day": guide.collection_day,
    "bulky_waste_fee": guide.bulky_waste_fee,
}


def _run_tool(name: str, arguments: dict[str, str], call_id: str, language: str) -> dict[str, Any]:
    with kansoku.span(name, kind="tool") as span:
        tool = _FUNCTIONS[name]
        result = tool(**arguments, language=language)
        span.set_tool(name, call_id=call_id, arguments=arguments, result=result)
        return result


def _tools(language: str) -> list[Any]:
    item = {"type": "string", "enum": list(guide.items(language))}
    district = {"type": "string", "enum": list(guide.districts(language))}
    return [
        _tool(
            "collection_day", "Look up when an item is collected in a district.", district=district, item=item
        ),
        _tool("bulky_waste_fee", "Look up the fee for collecting an item of bulky waste.", item=item),
    ]


def _tool(name: str, description: str, **properties: Any) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    function = {"name": name, "description": description, "parameters": parameters, "strict": True}
    return {"type": "function", "function": function}
