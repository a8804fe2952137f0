"""`kansoku canary`: ask a fixed set of prompts on a schedule, and say whether the answers changed."""

import argparse
import importlib
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kansoku.canary import Run, Suite
from kansoku.canary_meter import agreement, compare
from kansoku.errors import KansokuError
from kansoku_cli import access
from kansoku_cli.shown import shown

if TYPE_CHECKING:
    from kansoku_collector.store.read.canaries import CanaryRun

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_commands(commands: Any, add_data: Any) -> None:
    """Register the command and its actions."""
    parser = commands.add_parser("canary", help="ask a fixed set of prompts again and again; compare answers")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    asking = actions.add_parser("run", help="ask a suite's prompts, once or on a schedule")
    asking.add_argument("suite", metavar="MODULE:NAME", help="where the suite is, such as app.canaries:suite")
    asking.add_argument("--every", type=_seconds, metavar="TIME", help="ask again after 30m, 6h, 1d ...")
    asking.add_argument("--times", type=int, default=0, help="stop after so many runs (default: never)")
    asking.set_defaults(command=run)
    telling = actions.add_parser(
        "report", help="compare the latest run with those before; exit code 1 when the answers changed"
    )
    telling.add_argument("suite", help="the suite's name")
    telling.add_argument("--days", type=float, default=30.0, help="how far back to look (default 30)")
    telling.add_argument("--runs", type=int, default=5, help="runs to compare with (default 5)")
    telling.add_argument(
        "--alpha", type=float, default=0.01, help="chance of a false alarm that is accepted (default 0.01)"
    )
    telling.add_argument("--project", default="default")
    add_data(telling)
    telling.set_defaults(command=report)


def run(args: argparse.Namespace) -> int:
    """Ask a suite's prompts and print how far the answers agree; return 1 when every call failed."""
    import kansoku  # noqa: PLC0415 - `--help` needs no SDK
    from kansoku import runtime  # noqa: PLC0415

    suite = _load(args.suite)
    if runtime.current() is None:
        kansoku.init(service_name="canary")
    done = 0
    while True:
        began = time.monotonic()
        found = suite.run()
        kansoku.flush()
        _print_run(found)
        done += 1
        if args.every is None or done == args.times:
            return 0 if any(found.answers.values()) else 1
        time.sleep(max(0.0, args.every - (time.monotonic() - began)))


def report(args: argparse.Namespace) -> int:
    """Print the runs of a suite and whether the latest differs from those before; return 1 if it does."""
    from kansoku_collector.store.read.canaries import canary_runs  # noqa: PLC0415 - the SDK alone has none

    since = datetime.now(UTC) - timedelta(days=args.days)
    runs = canary_runs(access.filled(args), args.project, args.suite, since)
    if not runs:
        raise KansokuError(
            f"the canary suite {args.suite!r} has no run in {args.days:g} days:"
            " ask with `kansoku canary run MODULE:NAME`"
        )
    for each in runs:
        print(shown(_line(each)))
    *earlier, latest = runs
    return _verdict(earlier[-args.runs :], latest, args.alpha)


def _verdict(earlier: "Sequence[CanaryRun]", latest: "CanaryRun", alpha: float) -> int:
    before: dict[tuple[str, str], list[str]] = {}
    for each in earlier:
        for probe, answers in each.answers.items():
            before.setdefault(probe, []).extend(answers)
    found = compare(before, latest.answers)
    if found is None:
        print("There is no earlier run to compare with.")
        return 0
    changed = found.p_value <= alpha
    verdict = "the answers changed" if changed else "no change beyond chance"
    print(f"Latest against the {len(earlier)} before: {verdict} (p = {found.p_value:.3f}).")
    if changed:
        for (prompt, temperature), distance in sorted(found.by_probe.items(), key=lambda item: -item[1])[:5]:
            print(f"  {prompt} at temperature {temperature}: moved by {distance:.2f}")
        models = {model for each in earlier for model in each.models}
        if latest.models and models and set(latest.models) != models:
            told = f"answered by {', '.join(latest.models)}; before: {', '.join(sorted(models))}"
            print(f"  {shown(told)}")
    return int(changed)


def _line(each: "CanaryRun") -> str:
    """Return a run in a line: when, who answered, and how far answers agree by temperature."""
    cells = []
    for temperature in sorted({temperature for _, temperature in each.answers}, key=_number):
        found = [agreement(a) for (_, t), a in each.answers.items() if t == temperature]
        shares = [one.agreeing for one in found if one.agreeing is not None]
        mean = f"{sum(shares) / len(shares):.0%}" if shares else "-"
        distinct = sum(one.distinct for one in found) / len(found)
        cells.append(f"t={temperature}: agreement {mean}, {distinct:.1f} distinct")
    failed = f"; {each.errors} failed" if each.errors else ""
    who = f" [{', '.join(each.models)}]" if each.models else ""
    return f"{each.start:%Y-%m-%d %H:%M} UTC  {'; '.join(cells)}{failed}{who}"


def _print_run(found: Run) -> None:
    for probe, one in found.agreements().items():
        agreeing = "-" if one.agreeing is None else f"{one.agreeing:.0%}"
        failed = (
            f", {len(found.errors[probe])} failed: {found.errors[probe][0]}" if found.errors[probe] else ""
        )
        print(
            f"{found.suite}/{probe.prompt} t={probe.temperature:g}: {one.answers} answers,"
            f" {one.distinct} distinct, agreement {agreeing}{failed}"
        )


def _load(place: str) -> Suite:
    """Import a suite; modules of the current directory are found too."""
    module, colon, name = place.partition(":")
    if not module or not colon or not name:
        raise KansokuError(f"{place!r} is no place of a suite: write MODULE:NAME, such as app.canaries:suite")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        raise KansokuError(f"{place}: {error}") from error
    if not isinstance(found, Suite):
        raise KansokuError(f"{place} is {type(found).__name__}, not a kansoku.canary.Suite")
    return found


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 30m, 6h or 1d")
    return float(match[1]) * _UNITS[match[2]]


def _number(temperature: str) -> float:
    try:
        return float(temperature)
    except ValueError:
        return 0.0
