"""The slice of time and traffic that a question is about."""

from datetime import UTC, datetime, timedelta, timezone

from kansoku_collector.store.scope import Period, Scope

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_previous_period_ends_where_this_one_starts():
    """Comparisons use the same length just before."""
    period = Period.last(timedelta(hours=2), now=NOON)
    assert period.previous() == Period(NOON - timedelta(hours=4), NOON - timedelta(hours=2))


def test_a_period_is_bound_in_utc():
    """A zone of the caller does not shift the question."""
    tokyo = timezone(timedelta(hours=9))
    period = Period(NOON.astimezone(tokyo), (NOON + timedelta(hours=1)).astimezone(tokyo))
    assert period.params() == {"start": NOON, "end": NOON + timedelta(hours=1)}
    assert all(value.tzinfo is UTC for value in period.params().values())


def test_a_scope_names_only_what_is_set_and_binds_it():
    """Values travel as parameters, never as text."""
    scope = Scope(project="p", service="it's", model="m")
    where = scope.where(model_column="response_model")
    assert (
        where
        == "project = {project:String} AND service = {service:String} AND response_model = {model:String}"
    )
    assert scope.params() == {"project": "p", "service": "it's", "model": "m"}
    assert Scope().where() == "project = {project:String}"
