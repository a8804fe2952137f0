"""Answers from a few documents, with LangChain: `python examples/rag_langchain.py "傘は何ごみですか"`."""

import sys

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

import kansoku

DOCUMENTS = [
    Document("傘は粗大ごみです。収集は予約制です。", id="umbrella"),
    Document("ペットボトルの収集日は毎週火曜日です。", id="bottles"),
    Document("The library is open from 9:00 to 20:00, and closed on Mondays.", id="library"),
]
PROMPT = ChatPromptTemplate.from_messages(
    [("system", "Answer from these documents only:\n{documents}"), ("user", "{question}")]
)


def build() -> Runnable[str, str]:
    """Return the chain: retrieve, fill the prompt, ask, take the text."""
    # Whole texts go to the embedding model: no tokeniser has to be downloaded.
    store = InMemoryVectorStore(
        OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False)
    )
    store.add_documents(DOCUMENTS)
    retriever = store.as_retriever(search_kwargs={"k": 2})
    documents = retriever | (lambda found: "\n".join(document.page_content for document in found))
    model = ChatOpenAI(model="gpt-4o-mini", temperature=0)
    return {"documents": documents, "question": RunnablePassthrough()} | PROMPT | model | StrOutputParser()


@kansoku.chain(name="guide")
def answer(question: str, chain: Runnable[str, str]) -> tuple[str, str]:
    """Return the answer and the trace's id, with which feedback can be given later."""
    text = chain.invoke(question)
    with kansoku.guardrail("says something") as check:
        check.set_verdict(bool(text.strip()))
    return text, kansoku.current_trace_id()


if __name__ == "__main__":
    kansoku.init(service_name="rag-example")
    with kansoku.context(prompt_name="guide", prompt_version="1"):
        text, trace_id = answer(" ".join(sys.argv[1:]) or "傘は何ごみですか", build())
    print(text)
    if sys.stdin.isatty():
        kansoku.feedback(trace_id, like=input("Helpful? [y/n] ").lower().startswith("y"))
