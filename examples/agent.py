"""An agent that calculates and looks things up: `python examples/agent.py "What is 12.5 % of 1,840?"`."""

import ast
import json
import operator
import sys
from collections.abc import Callable
from typing import Any

import openai

import kansoku

MODEL = "gpt-4o-mini"
MAX_TURNS = 6
_OPERATIONS: dict[type, Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
}


@kansoku.tool(name="calculate")
def calculate(expression: str) -> float:
    """Return the value of an arithmetic expression."""
    return _value(ast.parse(expression, mode="eval").body)


@kansoku.tool(name="opening_hours")
def opening_hours(place: str) -> str:
    """Return the opening hours of a place."""
    return {"library": "9:00-20:00, closed on Mondays"}.get(place, "unknown place")


TOOLS: dict[str, Callable[..., Any]] = {"calculate": calculate, "opening_hours": opening_hours}
_ARGUMENTS = {"calculate": "expression", "opening_hours": "place"}
DEFINITIONS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": tool.__doc__,
            "parameters": {
                "type": "object",
                "properties": {_ARGUMENTS[name]: {"type": "string"}},
                "required": [_ARGUMENTS[name]],
            },
        },
    }
    for name, tool in TOOLS.items()
]


@kansoku.agent(name="helper")
def answer(question: str) -> str:
    """Let the model use the tools until it answers."""
    client = openai.OpenAI()
    messages: list[Any] = [{"role": "user", "content": question}]
    for _ in range(MAX_TURNS):
        reply = (
            client.chat.completions.create(model=MODEL, messages=messages, tools=DEFINITIONS)
            .choices[0]
            .message
        )
        if not reply.tool_calls:
            return reply.content or ""
        messages.append(reply)
        for call in reply.tool_calls:
            result = _run(call.function.name, call.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    return "I could not find out."


def _run(name: str, arguments: str) -> str:
    """Run a tool; what goes wrong is told to the model, and marked as an error on the tool's span."""
    try:
        return str(TOOLS[name](**json.loads(arguments)))
    except Exception as error:  # noqa: BLE001 - whatever a tool does, the model should hear of it
        return f"{type(error).__name__}: {error}"


def _value(node: ast.AST) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.BinOp):
        return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.UnaryOp):
        return _OPERATIONS[type(node.op)](_value(node.operand))
    raise ValueError("only numbers and + - * /")


if __name__ == "__main__":
    kansoku.init(service_name="agent-example")
    with kansoku.context(session_id="example", tags=["agent"]):
        print(answer(" ".join(sys.argv[1:]) or "What is 12.5 % of 1,840?"))
