"""LangChain as its tests use it: its own client of a vendor on loopback, and a chain around it."""

from typing import Any

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI

import kansoku
from support.vendor import Vendor

CHAIN = [
    "RunnableSequence",
    "  ChatPromptTemplate",
    "  ChatOpenAI",
    "    chat gpt-4o-mini $10",
    "  StrOutputParser",
    "  shout",
    "    mine",
]


def make_chat(vendor: Vendor, **more: Any) -> ChatOpenAI:
    """Return LangChain's own client of a vendor."""
    given = {"model": "gpt-4o-mini", "api_key": "k", "base_url": f"{vendor.url}/v1", "max_retries": 0}
    return ChatOpenAI(**{**given, **more})


def make_chain(chat: ChatOpenAI) -> Any:
    """Return a chain of a prompt, a model, a parser and a function with a span of its own; see `CHAIN`."""

    def shout(text: str) -> str:
        with kansoku.span("mine"):
            return text + "!"

    return (
        ChatPromptTemplate.from_messages([("user", "{q}")]) | chat | StrOutputParser() | RunnableLambda(shout)
    )
