"""Trace the `openai` client, every version from 1.0 on, and with it every server that speaks its API."""

from kansoku.instruments import (
    openai_azure,
    openai_background,
    openai_batches,
    openai_realtime,
    openai_sessions,
)
from kansoku.instruments.openai_audio import SpeechReader, TranscriptionReader
from kansoku.instruments.openai_background import BackgroundReader
from kansoku.instruments.openai_chat import ChatReader
from kansoku.instruments.openai_decisions import DecisionReader
from kansoku.instruments.openai_hosts import read_origin
from kansoku.instruments.openai_images import ImageReader
from kansoku.instruments.openai_moderation import ModerationReader
from kansoku.instruments.openai_other import CompletionReader, EmbeddingReader
from kansoku.instruments.targets import Targets, both

_CHAT = ChatReader(read_origin)
_RESPONSES = BackgroundReader(read_origin)
_IMAGES = ImageReader(read_origin)
_TRANSCRIPTIONS = TranscriptionReader(read_origin)
_RESOURCES = "openai.resources."
_targets = Targets(
    {
        f"{_RESOURCES}chat.completions": both("Completions", create=_CHAT, parse=_CHAT),
        f"{_RESOURCES}beta.chat.completions": both("Completions", parse=_CHAT),
        f"{_RESOURCES}responses": both("Responses", create=_RESPONSES, parse=_RESPONSES, compact=_RESPONSES),
        f"{_RESOURCES}beta.responses.responses": both("Responses", create=_RESPONSES, compact=_RESPONSES),
        f"{_RESOURCES}decisions": both("Decisions", create=DecisionReader(read_origin)),
        f"{_RESOURCES}embeddings": both("Embeddings", create=EmbeddingReader(read_origin)),
        f"{_RESOURCES}completions": both("Completions", create=CompletionReader(read_origin)),
        f"{_RESOURCES}images": both("Images", generate=_IMAGES, edit=_IMAGES, create_variation=_IMAGES),
        f"{_RESOURCES}audio.transcriptions": both("Transcriptions", create=_TRANSCRIPTIONS),
        f"{_RESOURCES}audio.translations": both("Translations", create=_TRANSCRIPTIONS),
        f"{_RESOURCES}audio.speech": both("Speech", create=SpeechReader(read_origin)),
        f"{_RESOURCES}moderations": both("Moderations", create=ModerationReader(read_origin)),
    }
)


def start() -> None:
    """Trace the client from now on, or from its import on."""
    _targets.start()
    openai_azure.start()
    openai_background.start(_RESPONSES)
    openai_batches.start(read_origin)
    openai_sessions.start(read_origin)
    openai_realtime.start()


def stop() -> None:
    """Put the client's own methods back."""
    _targets.stop()
    openai_azure.stop()
    openai_background.stop()
    openai_batches.stop()
    openai_sessions.stop()
    openai_realtime.stop()
