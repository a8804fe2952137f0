"""A chat service: `uvicorn --app-dir examples chat_fastapi:app`, then open http://127.0.0.1:8000.

Each request is one trace with session and user; answers are streamed; the page sends a like to the service,
which passes it on. (A page may also send feedback to the collector itself: docs/sdk/feedback.md.)
"""

from collections.abc import AsyncIterator

import openai
from fastapi import FastAPI, Header
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel

import kansoku

kansoku.init(service_name="chat-example")
# Newer versions of FastAPI trace every path themselves: each like would be a request of its own.
app = FastAPI(telemetry={"tracing": False})
app.add_middleware(kansoku.Middleware, skip=["/", "/feedback"])


class Question(BaseModel):
    """What the page sends."""

    text: str
    session_id: str


class Opinion(BaseModel):
    """What somebody thinks of an answer."""

    trace_id: str
    like: bool
    comment: str = ""


@app.post("/chat")
async def chat(question: Question, x_user: str = Header(default="anonymous")) -> StreamingResponse:
    """Answer in pieces; the trace's id is in a header."""
    with kansoku.context(session_id=question.session_id, user_id=x_user):
        stream = await openai.AsyncOpenAI().chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": question.text}],
            stream=True,
            stream_options={"include_usage": True},
        )

    async def pieces() -> AsyncIterator[str]:
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    headers = {"x-trace-id": kansoku.current_trace_id()}
    return StreamingResponse(pieces(), media_type="text/plain; charset=utf-8", headers=headers)


@app.post("/feedback", status_code=202)
async def feedback(opinion: Opinion) -> None:
    """Pass an opinion on to the collector; returns at once."""
    kansoku.feedback(opinion.trace_id, like=opinion.like, comment=opinion.comment or None)


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    """Return the page."""
    return PAGE


PAGE = """<!doctype html><meta charset="utf-8"><title>Chat</title>
<form><input name="text" size="60" autofocus><button>Ask</button></form>
<pre style="white-space: pre-wrap"></pre><button id="up">👍</button> <button id="down">👎</button>
<script>
const session_id = crypto.randomUUID(), out = document.querySelector("pre");
let trace_id = "";
const post = (path, body) => fetch(path, {
  method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(body)});
document.querySelector("form").onsubmit = async (event) => {
  event.preventDefault();
  const answer = await post("/chat", {text: event.target.text.value, session_id});
  trace_id = answer.headers.get("x-trace-id");
  out.textContent = "";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part; !(part = await reader.read()).done;) out.textContent += part.value;
};
document.querySelector("#up").onclick = () => post("/feedback", {trace_id, like: true});
document.querySelector("#down").onclick = () => post("/feedback", {trace_id, like: false});
</script>"""
