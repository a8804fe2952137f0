"""One turn of a citizen with the garbage guide, the same in history and in live traffic."""

import random
from dataclasses import dataclass, field
from typing import Any

import openai

import kansoku
from kansoku.spans import clock
from kansoku_demo.app import GarbageGuide
from kansoku_demo.opinion import opinion
from kansoku_demo.scenario import Scenario
from kansoku_demo.traffic import Session

_REMEMBERED = 4  # messages of the conversation that the application sends along
_CHECKED_SHARE = 0.1


@dataclass
class Conversation:
    """A session under way: what was said, and which turn is next."""

    session: Session
    said: list[dict[str, Any]] = field(default_factory=list)
    turn: int = 0

    @property
    def over(self) -> bool:
        """Tell whether the citizen has asked everything."""
        return self.turn >= len(self.session.turns)

    def next_pause(self) -> float:
        """Return the seconds that the citizen takes before the next turn."""
        return self.session.pauses[self.turn - 1]

    def take_turn(self, guide: GarbageGuide, scenario: Scenario, at: float, patient: bool) -> bool:
        """Ask the next question at a time and say what the citizen thinks; False when the guide failed.

        With `patient` feedback carries the time at which the citizen will have given it, else the present.
        """
        session, turn = self.session, self.session.turns[self.turn]
        dice = random.Random(f"{scenario.seed}/{session.id}/{self.turn}")  # noqa: S311 - reproducible, not secret
        self.turn += 1
        try:
            reply = guide.ask(
                turn.question,
                language=session.language,
                user_id=session.user_id,
                session_id=session.id,
                history=self.said[-_REMEMBERED:],
                prompt_version=scenario.prompt_version(at, session.user_id),
                check=dice.random() < _CHECKED_SHARE,
            )
        except openai.APIError:
            self.turn = len(session.turns)  # the chat window shows an error; the citizen gives up
            return False
        self.said += [
            {"role": "user", "content": turn.question},
            {"role": "assistant", "content": reply.text},
        ]
        found = opinion(turn, reply.text, reply.fallback, session.language, dice)
        if found:
            kansoku.feedback(
                reply.trace_id,
                like=found.like,
                comment=found.comment,
                correction=found.correction,
                user_id=session.user_id,
                time=clock.now() / 1e9 + found.after_seconds if patient else None,
            )
        return True
