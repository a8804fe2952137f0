"""Scores that dialects tell on spans of their own: Logfire's feedback, Pydantic Evals' experiments."""

import json

import pytest
from tests.collector.test_normalise import NOW_MS, raw

from kansoku_collector.normalise import normalise


def scores(attributes, scope):
    """Return the scores on a span with these attributes, and the span that they are about."""
    found = raw(attributes, scope=scope)
    found.parent_span_id = "parent"
    feedback = normalise(found, "default", NOW_MS)[1]
    told = [(score.name, score.value, score.label, score.comment, score.source) for score in feedback]
    return told, {"own" if score.span_id == found.span_id else score.span_id for score in feedback}


@pytest.mark.parametrize(
    ("value", "stored"), [(0.82, (0.82, "")), (True, (1.0, "true")), ("good", (None, "good"))]
)
def test_feedback_of_logfire_is_about_the_span_around_it(value, stored):
    """A user's word is a span whose attribute has the feedback's own name."""
    told = {
        "logfire.feedback.name": "helpful",
        "helpful": value,
        "logfire.feedback.comment": "Clear",
        "logfire.span_type": "annotation",
    }
    assert scores(told, "logfire.feedback") == ([("helpful", *stored, "Clear", "user")], {"parent"})


def test_an_experiments_case_has_the_results_of_its_evaluators():
    """Numbers, words and verdicts are three objects, each by the evaluator's name."""
    case = {
        "case_name": "c1",
        "scores": json.dumps({"Relevance": {"value": 0.87, "reason": "Checked"}}),
        "labels": json.dumps({"Topic": {"value": "hours", "reason": None}}),
        "assertions": json.dumps({"Polite": {"value": False}}),
    }
    assert scores(case, "pydantic-evals") == (
        [
            ("Relevance", 0.87, "", "Checked", "evaluator"),
            ("Topic", None, "hours", "", "evaluator"),
            ("Polite", 0.0, "fail", "", "evaluator"),
        ],
        {"own"},
    )
    assert scores({"name": "ds", "scores": "{}"}, "pydantic-evals") == ([], set())
