"""Canaries for an assistant: `kansoku canary run canaries:suite`, then `kansoku canary report assistant`."""

import openai

import kansoku
from kansoku.canary import Suite

MODEL = "gpt-4o-mini"

kansoku.init(service_name="canary-example")
client = openai.OpenAI()


def ask(prompt: str, temperature: float) -> str:
    """Ask the model as the program does."""
    reply = client.chat.completions.create(
        model=MODEL, temperature=temperature, messages=[{"role": "user", "content": prompt}]
    )
    return reply.choices[0].message.content or ""


suite = Suite(
    "assistant",
    ask,
    {
        "capital": "What is the capital of Japan? Answer in one word.",
        "sum": "What is 17 + 25? Answer with the number alone.",
        "battery": "使い終わった乾電池はどう捨てればよいですか。一文で答えてください。",
        "json": 'Return {"city": ..., "country": ...} for Kyoto as JSON, nothing else.',
    },
    repeats=5,
)
