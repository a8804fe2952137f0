"""`kansoku alerts`: check a rules file, replay it on history, test its channels, decide about incidents."""

import argparse
import getpass
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kansoku.errors import KansokuError
from kansoku_cli import access, parts
from kansoku_cli.shown import shown


def check(args: argparse.Namespace) -> int:
    """Print each rule as a sentence; a wrong file is an error with file, line and reason."""
    from kansoku_collector.watch.rules import check_rules  # noqa: PLC0415 - the SDK alone has no rules

    path: Path = args.file
    print("\n".join(check_rules(path)))
    return 0


def replay(args: argparse.Namespace) -> int:
    """Print what rules and detector would have opened and how good they are; 1 where that is too bad."""
    from kansoku_collector.watch.builtin import Builtin  # noqa: PLC0415
    from kansoku_collector.watch.replay import detectors_of  # noqa: PLC0415
    from kansoku_collector.watch.replay import replay as replay_rules  # noqa: PLC0415
    from kansoku_collector.watch.report import read_labels, report  # noqa: PLC0415
    from kansoku_collector.watch.rules import Contents, read_file  # noqa: PLC0415

    said = read_file(args.file) if args.file else Contents([], Builtin())
    labels = read_labels(args.labels) if args.labels else []
    end = datetime.now(UTC)
    start = end - timedelta(days=args.since if args.days is None else args.days)
    step = timedelta(minutes=args.step)
    client = access.filled(args)
    detectors = detectors_of(client, said.detector, start, end)
    incidents = replay_rules(client, said.rules, start, end, step, detectors)
    for incident in incidents:
        print(shown(incident))
    found = report(said.rules, incidents, labels, start, end)
    print(found)
    problems = found.problems(args.max_pages_per_week, never_fires=args.fail_on_silent_rules)
    for problem in problems:
        print(f"FAILED: {problem}")
    return 1 if problems else 0


def test(args: argparse.Namespace) -> int:
    """Send a test message to a channel; 1 where it did not arrive."""
    from kansoku_collector.watch.message import sample  # noqa: PLC0415
    from kansoku_collector.watch.notify import deliver  # noqa: PLC0415
    from kansoku_collector.watch.rules import read_channels, read_dashboard_url  # noqa: PLC0415

    path = args.file or parts.settings(args).alerts_file
    if path is None:
        raise KansokuError("which rules file? Name it with --file or set KANSOKU_ALERTS_FILE")
    channels = read_channels(path)
    if args.channel not in channels:
        raise KansokuError(
            f"{path} has no channel {args.channel!r} (expected one of: {', '.join(channels) or 'none'})"
        )
    channel = channels[args.channel]
    delivery = deliver(sample(channel, read_dashboard_url(path)))
    told = "accepted" if delivery.delivered else "FAILED"
    print(f"{channel.name} ({channel.host}): {told} {_tries(delivery.attempts)}: {delivery.detail}")
    return 0 if delivery.delivered else 1


def _tries(number: int) -> str:
    return "at the first attempt" if number == 1 else f"after {number} attempts"


def listing(args: argparse.Namespace) -> int:
    """Print the incidents that are open, with their ids and states."""
    from kansoku_collector.store.read.incidents import open_incidents  # noqa: PLC0415

    found = open_incidents(access.filled(args), args.project)
    for one in found:
        where = " ".join(f"{name}={value}" for name, value in one.scope.items() if value)
        line = [one.incident_id, one.state, one.severity, f"{one.opened:%Y-%m-%d %H:%M}", one.rule, where]
        print(shown("  ".join(part for part in line if part)))
    print(f"{len(found)} open")
    return 0


def decide(args: argparse.Namespace) -> int:
    """Acknowledge, silence or release an incident, named by the beginning of its id."""
    from kansoku_collector.store.read.incidents import find_incident  # noqa: PLC0415

    found = find_incident(access.filled(args), args.project, args.incident)
    if len(found) != 1:
        raise KansokuError(
            f"{len(found)} incidents have an id that begins with {args.incident!r} (expected one;"
            " `kansoku alerts list` shows them)"
        )
    item: dict[str, Any] = {
        "incident_id": found[0].incident_id,
        "action": args.action,
        "person": args.person or getpass.getuser(),
        "note": args.note,
    }
    if args.action == "silence":
        from kansoku_collector.watch.quantities import duration  # noqa: PLC0415

        item["minutes"] = duration(args.length) / timedelta(minutes=1)
    _post(args, item)
    print(f"{args.action}: {found[0].rule} ({found[0].incident_id})")
    return 0


def _post(args: argparse.Namespace, item: dict[str, Any]) -> None:
    """Give a decision to the collector, which alone writes."""
    chosen = parts.settings(args)
    url = args.collector or f"http://127.0.0.1:{chosen.port}"
    secrets = chosen.data / "secrets.json"
    key = args.key or (json.loads(secrets.read_text("utf-8"))["ingest"] if secrets.exists() else "")
    request = urllib.request.Request(  # noqa: S310 - the collector that its owner names
        f"{url.rstrip('/')}/v1/incidents/actions",
        json.dumps(item).encode(),
        {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {}),
    )
    try:
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        with error:
            reason = error.read(400).decode("utf-8", "replace")
        raise KansokuError(f"the collector at {url} refused it: HTTP {error.code} {reason}") from error
    except OSError as error:
        raise KansokuError(f"no collector answers at {url}: {error}; name it with --collector") from error


def add_commands(commands: Any) -> None:
    """Add `kansoku alerts` and its actions."""
    rules = commands.add_parser("alerts", help="check, replay and test alert rules; decide about incidents")
    actions = rules.add_subparsers(required=True, metavar="ACTION")
    one = actions.add_parser("check", help="read a rules file; say every error with file, line and reason")
    one.add_argument("file", type=Path)
    one.set_defaults(command=check)
    _add_replay(actions)
    one = actions.add_parser("test", help="send a test message to a channel of the rules file")
    one.add_argument("channel")
    one.add_argument("--file", type=Path, help="the rules file (default: KANSOKU_ALERTS_FILE)")
    _data(one)
    one.set_defaults(command=test)
    one = actions.add_parser("list", help="list the open incidents")
    one.add_argument("--project", default="default")
    _data(one)
    one.set_defaults(command=listing)
    for name, what in (
        ("acknowledge", "say that somebody is at it: ends the reminders"),
        ("silence", "send no message about an incident for a while"),
        ("release", "take acknowledgement and silence back"),
    ):
        one = actions.add_parser(name, help=what)
        one.add_argument("incident", help="its id, or the beginning of it")
        if name == "silence":
            one.add_argument("--for", dest="length", default="4h", help="how long (default 4h)")
        one.add_argument("--project", default="default")
        one.add_argument("--person", default="", help="who decides (default: the user of this machine)")
        one.add_argument("--note", default="")
        one.add_argument("--collector", default="", help="the collector's address (default: on this machine)")
        one.add_argument("--key", default="", help="API key with the scope ingest (default: the local one)")
        _data(one)
        one.set_defaults(command=decide, action=name)


def _add_replay(actions: Any) -> None:
    one = actions.add_parser(
        "replay",
        help="list the incidents that rules and detector would have opened; nothing is stored or sent",
    )
    one.add_argument("file", type=Path, nargs="?", help="the rules file (default: none, the detector alone)")
    one.add_argument("--since", type=_days, default=14.0, help="how far back to go: 90d (default 14d)")
    one.add_argument("--days", type=float, help="the same as a number of days")
    one.add_argument("--step", type=float, default=15.0, help="minutes between two evaluations (default 15)")
    one.add_argument("--labels", type=Path, help="YAML list of incidents that were: from, to, rules")
    one.add_argument("--max-pages-per-week", type=float, help="fail when the rules would page more often")
    one.add_argument(
        "--fail-on-silent-rules", action="store_true", help="fail when a rule never fires in the period"
    )
    _data(one)
    one.set_defaults(command=replay)


def _days(text: str) -> float:
    number = text.strip().removesuffix("d")
    try:
        return float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days (expected 90d)") from None


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, help="data directory (default: KANSOKU_DATA, else ~/.local/share/kansoku)"
    )
