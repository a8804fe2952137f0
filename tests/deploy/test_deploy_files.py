"""The image, and the files that run it, agree with the program and with one another."""

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from kansoku_cli import up, variables
from kansoku_collector.receive.api import Api
from kansoku_collector.settings import Settings
from kansoku_dashboard.settings import DashboardSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
IMAGE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
UNIT = (DEPLOY / "kansoku.service").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["kansoku"]
SERVICE, STATEFUL = yaml.safe_load_all((DEPLOY / "kubernetes/kansoku.yaml").read_text(encoding="utf-8"))
POD = STATEFUL["spec"]["template"]["spec"]
PARTS = 2  # collector and dashboard, which `up` stops one after the other


def default(model: Any, name: str) -> Any:
    """Return what a setting is unless it is set."""
    return model.model_fields[name].default


PORTS = {
    default(Settings, "grpc_port"),
    default(Settings, "port"),
    default(DashboardSettings, "dashboard_port"),
}


@pytest.mark.parametrize(
    "text", [IMAGE, UNIT, str(COMPOSE), str(POD)], ids=["image", "unit", "compose", "pod"]
)
def test_every_setting_that_is_made_exists(text: str) -> None:
    """A misspelt one would do nothing, and nobody would notice."""
    names = re.findall(r"\bKANSOKU_[A-Z_]+\b", text)
    assert names
    assert list(variables.unknown(dict.fromkeys(names, "1"))) == []


def test_the_ports_are_those_of_the_program() -> None:
    """What is opened is what is listened on, and ClickHouse is not among it."""
    exposed = re.search(r"^EXPOSE (.+)$", IMAGE, re.M)
    assert exposed
    assert {int(port) for port in exposed[1].split()} == PORTS
    assert set(COMPOSE["ports"]) == {f"127.0.0.1:{port}:{port}" for port in PORTS}
    named = {port["name"]: port["containerPort"] for port in POD["containers"][0]["ports"]}
    assert set(named.values()) == PORTS
    assert {port["targetPort"]: port["port"] for port in SERVICE["spec"]["ports"]} == named


def test_nothing_runs_as_root_and_what_it_runs_as_owns_its_data() -> None:
    """Whoever breaks in can change neither the program nor another user's files."""
    user = re.search(r"^USER (\d+):(\d+)$", IMAGE, re.M)
    assert user
    security = POD["securityContext"]
    assert [str(security[name]) for name in ("runAsUser", "runAsGroup", "fsGroup")] == [
        *user.groups(),
        user[2],
    ]
    assert security["runAsNonRoot"] is True
    assert COMPOSE["read_only"] is True
    assert "DynamicUser=yes" in UNIT
    assert STATEFUL["spec"]["replicas"] == 1  # embedded ClickHouse belongs to one process


def test_a_stop_waits_for_what_up_waits_for() -> None:
    """A part that takes its time is not killed before it is given up."""
    longest = PARTS * up.STOP_SECONDS
    assert int(COMPOSE["stop_grace_period"].removesuffix("s")) > longest
    assert POD["terminationGracePeriodSeconds"] > longest
    unit = re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.M)
    assert unit
    assert int(unit[1]) > longest


def test_probes_ask_for_what_is_answered() -> None:
    """A probe of a wrong path restarts a healthy collector for ever."""
    api = Api(cast(Any, SimpleNamespace()), cast(Any, None), str)
    routes = {route.path for route in api.routes()}
    probes = [value["httpGet"] for name, value in POD["containers"][0].items() if name.endswith("Probe")]
    assert len(probes) == 3
    assert {probe["path"] for probe in probes} <= routes
    assert {probe["port"] for probe in probes} == {"otlp-http"}
    check = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", IMAGE)
    assert check
    assert (int(check[1]), check[2] in routes) == (default(Settings, "port"), True)


def test_the_image_is_built_from_what_the_package_needs_and_nothing_else() -> None:
    """A folder that is missing would be missing from the package in silence; data and keys stay outside."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"}
    assert kept == {package.partition("/")[0] for package in packages} | files
    assert "*" in ignored
