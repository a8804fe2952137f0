"""`kansoku alerts`: check a rules file, or replay it on history."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kansoku_cli import parts


def check(args: argparse.Namespace) -> int:
    """Print each rule as a sentence; a wrong file is an error with file, line and reason."""
    from kansoku_collector.watch.rules import check_rules  # noqa: PLC0415 - the SDK alone has no rules

    path: Path = args.file
    print("\n".join(check_rules(path)))
    return 0


def replay(args: argparse.Namespace) -> int:
    """Print the incidents that the rules would have opened; store and send nothing."""
    from kansoku_collector.store.connect import connect  # noqa: PLC0415
    from kansoku_collector.watch.replay import replay as replay_rules  # noqa: PLC0415
    from kansoku_collector.watch.rules import read_rules  # noqa: PLC0415

    end = datetime.now(UTC)
    incidents = replay_rules(
        connect(parts.read_url(args)),
        read_rules(args.file),
        end - timedelta(days=args.days),
        end,
        timedelta(minutes=args.step),
    )
    for incident in incidents:
        print(incident)
    print(f"{len(incidents)} incidents in {args.days:g} days")
    return 0
