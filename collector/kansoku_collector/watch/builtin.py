"""The detector as the rules file names it: a rule that needs no line of YAML, and may have some."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kansoku_collector.watch.channels import Channel
from kansoku_collector.watch.rule import DASHBOARD, Duration
from kansoku_collector.watch.signals import SIGNALS

NAME = "detector"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _ignorable(value: Any) -> Any:
    """Refuse a signal that does not exist."""
    if value in SIGNALS or str(value).startswith("score:"):
        return value
    raise ValueError(f"{value!r} is no signal (expected one of: {', '.join(SIGNALS)}, score:NAME)")


def _offset(value: Any) -> Any:
    """Read the distance of a clock from UTC in whole hours: `+09:00`, `9`, `-3`."""
    text = str(value).strip().removesuffix(":00")
    try:
        hours = int(text)
    except ValueError:
        hours = 99
    if not -12 <= hours <= 14:
        raise ValueError(f"{value!r} is no offset in whole hours (expected +09:00)")
    return hours


class DetectorEntry(BaseModel):
    """What may be said of the detector; docs/alerts lists the same fields and a test compares them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    severity: Literal["page", "ticket", "info"] = Field(default="page", description="How grave a change is.")
    notify: Annotated[tuple[str, ...] | None, BeforeValidator(_listed)] = Field(
        default=None, description="Names of the channels that are told. Default: all of the file; `[]`: none."
    )
    remind: Duration | None = Field(
        default=None,
        description="Tell again each time this long has passed, until it is acknowledged, silenced or over.",
    )
    false_alarm_days: int = Field(
        default=30,
        ge=7,
        le=3650,
        description="How sensitive: at most one false alarm is to be expected in so many days, in a project.",
    )
    warm_up_days: int = Field(
        default=14, ge=7, le=42, description="Days of traffic that are learned before anything is said."
    )
    utc_offset: Annotated[int, BeforeValidator(_offset)] = Field(
        default=0, description="The clock of days and weekends, in whole hours from UTC: `+09:00`."
    )
    ignore: Annotated[tuple[Annotated[str, BeforeValidator(_ignorable)], ...], BeforeValidator(_listed)] = (
        Field(default=(), description="Signals that are not watched.")
    )
    projects: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description="The projects that are watched. Default: all with traffic."
    )
    description: str = Field(
        default="", max_length=2000, description="What to do, for the reader of the message."
    )


class Builtin(DetectorEntry):
    """The detector of one project, with its channels found and the address of the dashboard for its links."""

    name: str = NAME
    project: str = "default"
    channels: tuple[Channel, ...] = ()
    dashboard_url: str = DASHBOARD
    time_zone: str = "UTC"

    @property
    def offset(self) -> timedelta:
        """How far its clock is ahead of UTC."""
        return timedelta(hours=self.utc_offset)

    def of(self, project: str) -> "Builtin":
        """Return the same for a project."""
        return self.model_copy(update={"project": project})

    def describe(self) -> str:
        """Return what it does, in English."""
        told = ", ".join(channel.name for channel in self.channels) or "nobody, shown on the dashboard"
        without = f"; not watched: {', '.join(self.ignore)}" if self.ignore else ""
        return (
            f"{self.name}: {self.severity} when any signal of a service changes, learned over"
            f" {self.warm_up_days} days; at most one false alarm in {self.false_alarm_days} days a project"
            f"{without}; tells {told}."
        )
