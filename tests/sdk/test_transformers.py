"""Pipelines of transformers, run by the library's own base class; their model is arithmetic, not torch."""

import contextlib
import json
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from support.pages import run_page
from transformers.pipelines import base

import kansoku

CHAT: Any = [{"role": "system", "content": "短く。"}, {"role": "user", "content": "ごみ の 日 は"}]


_Base: Any = base.Pipeline


class Pipe(_Base):  # type: ignore[misc]
    """A pipeline whose model answers with three tokens, whatever it is asked."""

    def __init__(self, task: str = "text-generation") -> None:
        self.task = task
        self.model = SimpleNamespace(
            name_or_path="city/tiny", config=SimpleNamespace(is_encoder_decoder=False)
        )
        self.device = SimpleNamespace(type="cpu")
        self.call_count = 0
        self.full = True
        self._batch_size = self._num_workers = None
        self._preprocess_params: dict[str, Any] = {}
        self._forward_params: dict[str, Any] = {"top_k": 40}
        self._postprocess_params: dict[str, Any] = {}
        self._generate_kwargs = {"max_new_tokens": 3}

    def _sanitize_parameters(self, **given: Any) -> tuple[Any, Any, Any]:
        return {}, given, {}

    def preprocess(self, input_: Any, **_: Any) -> Any:
        """Split into words, one token each."""
        messages = getattr(input_, "messages", None)
        text = " ".join(m["content"] for m in messages) if messages else input_
        if text == "fail":
            raise ValueError("no such word")
        return {"input_ids": numpy.arange(len(text.split()))[None, :], "asked": input_}

    def get_inference_context(self) -> Any:
        """Return a context that does nothing."""
        return contextlib.nullcontext

    def _ensure_tensor_on_device(self, inputs: Any, device: Any) -> Any:  # noqa: ARG002 - there is one device
        return inputs

    def _forward(self, inputs: Any, **_: Any) -> Any:
        made = numpy.concatenate([inputs["input_ids"], numpy.zeros((1, 3), int)], axis=1)
        return {**inputs, "generated_sequence": made[None]}

    def postprocess(self, outputs: Any, **_: Any) -> Any:
        """Write the answer behind the question, as transformers does unless told otherwise."""
        asked = outputs["asked"]
        if self.task == "feature-extraction":
            return [[[0.5, 0.25] for _ in outputs["input_ids"][0]]]
        if self.task == "text-classification":
            return [{"label": "POSITIVE", "score": 0.9}]
        if messages := getattr(asked, "messages", None):
            return [{"generated_text": [*messages, {"role": "assistant", "content": "火曜日。"}]}]
        return [{"generated_text": (asked if self.full else "") + "火曜日。"}]

    def get_iterator(self, inputs: Any, *_: Any) -> Iterator[Any]:
        """Run one after the other, without torch's loader."""
        return (self.run_single(one, {}, {}, {}) for one in inputs)


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the base class the one thing of torch that it uses on its way."""
    if not hasattr(base, "torch"):
        monkeypatch.setattr(base, "torch", SimpleNamespace(device=str), raising=False)


def test_a_pipeline_that_writes_is_one_span_with_everything_said(spans: Any) -> None:
    """Model, parameters, prompt, text and the tokens that passed; no cost, no server."""
    answer = Pipe()(
        "ごみ の 日 は ", temperature=0.5, top_p=0.9, num_return_sequences=1, stop_sequence="。。"
    )
    assert answer == [{"generated_text": "ごみ の 日 は 火曜日。"}]
    found = spans.attributes()
    assert spans.one().name == "text_completion city/tiny"
    assert json.loads(found.pop("gen_ai.input.messages"))[0]["parts"][0]["content"] == "ごみ の 日 は "
    assert json.loads(found.pop("gen_ai.output.messages"))[0]["parts"] == [
        {"type": "text", "content": "火曜日。"}
    ]
    assert found == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "transformers",
        "gen_ai.request.model": "city/tiny",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.max_tokens": 3,
        "gen_ai.request.choice.count": 1,
        "gen_ai.request.stop_sequences": ("。。",),
        "gen_ai.usage.input_tokens": 4,
        "gen_ai.usage.output_tokens": 3,
    }


def test_a_conversation_is_a_chat_and_its_answer_the_last_message(spans: Any) -> None:
    """What a chat returns repeats the question; only the answer is the answer."""
    Pipe()(CHAT)
    assert spans.one().name == "chat city/tiny"
    assert [message["role"] for message in spans.messages("gen_ai.input.messages")] == ["system", "user"]
    assert spans.messages() == [
        {"role": "assistant", "parts": [{"type": "text", "content": "火曜日。"}], "finish_reason": ""}
    ]
    assert spans.attributes()["gen_ai.usage.input_tokens"] == 5


def test_several_inputs_are_one_call_and_their_tokens_add_up(spans: Any) -> None:
    """A list of prompts is answered by a list; each prompt and answer is a message."""
    pipe = Pipe()
    pipe.full = False
    pipe(["a b", "a b c"])
    found = spans.attributes()
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (5, 6)
    assert len(spans.messages("gen_ai.input.messages")) == len(spans.messages()) == 2


def test_padded_batches_and_encoders_have_no_count(spans: Any) -> None:
    """The width of a padded batch is not a number of tokens; nor is that of an encoder's answer."""
    pipe = Pipe()
    pipe.model.config.is_encoder_decoder = True
    pipe("a b")
    assert "gen_ai.usage.input_tokens" not in spans.attributes()


def test_feature_extraction_is_embeddings(spans: Any) -> None:
    """Number and dimensions, no vectors."""
    Pipe("feature-extraction")(["a b", "a"])
    found = spans.attributes()
    assert found["gen_ai.operation.name"] == "embeddings"
    assert (found["kansoku.embeddings.input.count"], found["gen_ai.embeddings.dimension.count"]) == (2, 2)
    assert "gen_ai.output.messages" not in found


def test_other_tasks_and_lazy_inputs_are_left_alone(spans: Any) -> None:
    """A classifier is no generative model, and a generator of inputs has not run yet."""
    Pipe("text-classification")("a b")
    lazy = Pipe()(text for text in ("a", "b"))
    assert len(list(lazy)) == 2
    assert spans.all() == []


def test_an_error_reaches_the_caller_and_the_span(spans: Any) -> None:
    """The exception is the pipeline's own."""
    with pytest.raises(ValueError, match="no such word"):
        Pipe()("fail")
    assert spans.attributes()["error.type"] == "ValueError"


def test_without_content_only_numbers_are_kept(start: Any) -> None:
    """`capture_content=False` records neither question nor answer."""
    spans = start(capture_content=False)
    Pipe()(CHAT)
    found = spans.attributes()
    assert not [key for key in found if "messages" in key]
    assert found["gen_ai.usage.output_tokens"] == 3


def test_the_methods_are_given_back(spans: Any) -> None:
    """After `uninstrument()` the class is the library's own again."""
    kansoku.uninstrument("transformers")
    assert not hasattr(base.Pipeline.__call__, "__wrapped__")
    Pipe()("a b")
    assert spans.all() == []


def test_the_page_runs(spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documentation's code works as it stands, but for the model's size."""
    monkeypatch.setitem(vars(sys.modules["transformers"]), "pipeline", lambda task, **_: Pipe(task))
    run_page("sdk/transformers.md", print=lambda *_: None)
    assert [span.name for span in spans.all()] == ["chat city/tiny"]
