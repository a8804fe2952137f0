"""What the Overview asks: totals, series by time, shares by model, feedback, movers. Rollups only."""

from typing import NamedTuple

from clickhouse_connect.driver.client import Client


class Dimensions(NamedTuple):
    """The values that a reader can filter by, seen in the last 35 days; prompts as `name@version`."""

    environments: list[str]
    services: list[str]
    models: list[str]
    prompts: list[str]


def dimensions(client: Client, project: str) -> Dimensions:
    """Return what there is to filter by."""
    rows = client.query(
        """SELECT groupUniqArrayIf(1000)(environment, environment != ''), groupUniqArrayIf(1000)(service, service != ''),
            groupUniqArrayIf(1000)(model, model != ''),
            groupUniqArrayIf(1000)(concat(prompt_name, '@', prompt_version), prompt_version != '')
        FROM rollup_hour WHERE project = {project:String} AND time >= now() - INTERVAL 35 DAY""",
        parameters={"project": project},
    ).result_rows
    return Dimensions(*(sorted(values) for values in rows[0]))
