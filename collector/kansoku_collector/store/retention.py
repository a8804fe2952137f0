"""How long what is kept: defaults, values of single projects, and the TTL that the tables get from them.

Three kinds age apart: `content` (texts, messages, attributes: they are emptied, the row stays), `spans` (rows
of single spans) and `rollups` (traces, sums, feedback). ClickHouse removes what is too old while it merges.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clickhouse_connect.driver.client import Client

from kansoku_collector.errors import StoreError
from kansoku_collector.store.cluster import local

KINDS = ("content", "spans", "rollups")
LONGEST_DAYS = 25_000  # beyond it ClickHouse's times end
# A change of the retention then reads times, not rows; and a part is rewritten for it once a day at most.
_SETTINGS = "materialize_ttl_recalculate_only = 1, merge_with_ttl_timeout = 86400"
_DAY_NS = 24 * 3600 * 10**9

# Table -> the column that its rows age by, and as what they age.
ROWS = {
    "spans": ("start", "spans"),
    "corrections": ("start", "spans"),
    "errors": ("start", "spans"),
    "metric_points": ("time", "spans"),
    "traces": ("hour", "rollups"),
    "feedback": ("time", "rollups"),
    "rollup_minute": ("time", "rollups"),
    "rollup_hour": ("time", "rollups"),
    "rollup_day": ("time", "rollups"),
    "rollup_session": ("day", "rollups"),
}
# Table -> its columns with what people and models said, beyond what ages with the row.
TEXTS = {
    "spans": (
        "system_instructions", "input_messages", "output_messages", "tool_definitions", "input_text",
        "output_text", "tool_arguments", "tool_result", "retrieval_query", "documents", "attributes",
        "events",
    ),
    "traces": ("root_input", "root_output", "call_input", "call_output"),
    "feedback": ("comment", "correction"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Retention:
    """Days by kind: everybody's, and those of single projects that differ."""

    defaults: Mapping[str, int]
    projects: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Any, projects: Mapping[str, Mapping[str, int]] | None = None) -> "Retention":
        """Return the defaults of the settings with the projects' own values."""
        spans = settings.retention_days
        content = settings.content_retention_days or spans
        rollups = settings.rollup_retention_days or min(LONGEST_DAYS, 10 * spans)
        return cls({"content": content, "spans": spans, "rollups": rollups}, projects or {})

    def days(self, project: str, kind: str) -> int:
        """Return for how many days a project keeps a kind."""
        return self.projects.get(project, {}).get(kind) or self.defaults[kind]

    def oldest_ns(self, project: str, now_ns: int) -> int:
        """Return the time before which a span of a project would not be kept at all."""
        return now_ns - self.days(project, "spans") * _DAY_NS

    def check(self) -> None:
        """Raise StoreError for rollups that go before their spans: pages read both."""
        for project in ("", *self.projects):
            spans, rollups = self.days(project, "spans"), self.days(project, "rollups")
            if rollups < spans:
                where = f"project {project}" if project else "the defaults"
                raise StoreError(
                    f"{where}: rollups cannot be kept for {rollups} days, shorter than spans ({spans}):"
                    " keep them as long, or longer"
                )

    def expression(self, kind: str, column: str) -> str:
        """Return the SQL of the time at which a row is too old."""
        own = {p: values[kind] for p, values in sorted(self.projects.items()) if values.get(kind)}
        default = self.defaults[kind]
        if not own:
            return f"toDateTime({column}) + toIntervalDay({default})"
        names = ", ".join(map(_quoted, own))
        days = ", ".join(map(str, own.values()))
        return f"toDateTime({column}) + toIntervalDay(transform(project, [{names}], [{days}], {default}))"

    def removes_content_early(self) -> bool:
        """Tell whether content goes before its span anywhere."""
        return any(self.days(p, "content") < self.days(p, "spans") for p in ("", *self.projects))


def read_projects(client: Client) -> dict[str, dict[str, int]]:
    """Return the values that single projects have of their own."""
    found: dict[str, dict[str, int]] = {}
    for project, kind, days in client.query(
        "SELECT project, toString(kind), days FROM retention FINAL WHERE days > 0 ORDER BY project, kind"
    ).result_rows:
        found.setdefault(str(project), {})[str(kind)] = int(days)
    return found


def save(client: Client, project: str, values: Mapping[str, int]) -> None:
    """Store values of a project; 0 days mean the default again."""
    client.insert(
        "retention", [[project, kind, days] for kind, days in values.items()], ["project", "kind", "days"]
    )


def apply(client: Client, retention: Retention, cluster: str = "") -> list[str]:
    """Make the tables keep what `retention` says; return those that were altered.

    Nothing is altered when they do already, so it may run at every start. It holds for what is stored, too.
    """
    retention.check()
    found = client.query("SELECT name, comment FROM system.tables WHERE database = currentDatabase()")
    comments = {str(name): str(comment) for name, comment in found.result_rows}
    altered = []
    for table, (column, kind) in ROWS.items():
        name = local(table) if cluster else table
        texts = TEXTS.get(table, ()) if kind != "spans" or retention.removes_content_early() else ()
        rows, content = retention.expression(kind, column), retention.expression("content", column)
        mark = _mark(rows, content if texts else "")
        if comments[name] == mark:
            continue
        head = f"ALTER TABLE {name}" + (f" ON CLUSTER '{cluster}'" if cluster else "")
        commands = _text_commands(client, name, TEXTS.get(table, ()), content if texts else "")
        # The rows' TTL comes last: a comma behind it would go on with it.
        everything = [*commands, f"MODIFY COMMENT {_quoted(mark)}", f"MODIFY TTL {rows}"]
        client.command(f"{head} MODIFY SETTING {_SETTINGS}")
        client.command(f"{head} {', '.join(everything)}")
        altered.append(table)
    return altered


def _text_commands(client: Client, table: str, columns: tuple[str, ...], expression: str) -> list[str]:
    """Return the commands after which these columns are emptied at `expression`, or not at all."""
    if expression:
        return [f"MODIFY COLUMN {name} TTL {expression}" for name in columns]
    text = str(client.command(f"SHOW CREATE TABLE {table}"))
    lines = [line.strip() for line in text.replace("\\n", "\n").split("\n")]
    ageing = [c for c in columns if any(line.startswith(f"`{c}` ") and " TTL " in line for line in lines)]
    return [f"MODIFY COLUMN {name} REMOVE TTL" for name in ageing]


def _mark(rows: str, content: str) -> str:
    digest = hashlib.sha256(f"{rows}\n{content}".encode()).hexdigest()
    return f"retention {digest[:16]}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
