"""`kansoku keys`: API keys of a data directory; a running collector follows within one request."""

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kansoku.errors import KansokuError
from kansoku_cli import access, parts

if TYPE_CHECKING:
    from kansoku_collector.keys import Keys


def create(args: argparse.Namespace) -> int:
    """Create a key and print it; it is stored nowhere in plain text."""
    settings = parts.settings(args)
    if not (settings.data / "keys.json").exists() and parts.listens(settings.port):
        raise KansokuError(
            f"there are no keys in {settings.data}, so the collector on port {settings.port} has other data:"
            f" {access.CHOOSE}"
        )
    from kansoku_collector.keys import Keys  # noqa: PLC0415 - settings() says what to install if it is missing

    print(Keys.open(settings.data).add(args.name, args.scope, project=args.project))
    print(f"Good at the collector whose data is {settings.data}; it is printed only here.", file=sys.stderr)
    return 0


def revoke(args: argparse.Namespace) -> int:
    """Take back every key of a name."""
    count = _open(args).revoke(args.name, project=args.project)
    print(f"{count} revoked.")
    return 0


def rotate(args: argparse.Namespace) -> int:
    """Replace the keys of a name by a new one and print it."""
    grace = args.grace * 3600
    print(_open(args).rotate(args.name, project=args.project, grace_seconds=grace))
    return 0


def show(args: argparse.Namespace) -> int:
    """List the keys: name, project, scopes, and until when a rotated one is good."""
    for key in _open(args).listed():
        end = (
            f"  until {datetime.fromtimestamp(key['until'], UTC):%Y-%m-%d %H:%M} UTC"
            if "until" in key
            else ""
        )
        print(f"{key['name']:<20} {key['project'] or 'default':<20} {', '.join(key['scopes'])}{end}")
    return 0


def _open(args: argparse.Namespace) -> "Keys":
    settings = access.with_keys(args)
    from kansoku_collector.keys import Keys  # noqa: PLC0415 - settings() says what to install if it is missing

    return Keys.open(settings.data)
