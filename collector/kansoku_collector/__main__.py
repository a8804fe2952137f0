"""`python -m kansoku_collector`: the collector alone; every option has a `KANSOKU_*` variable."""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from kansoku_collector.app import serve
from kansoku_collector.settings import Settings


def main(argv: list[str]) -> int:
    """Read the options, run the collector, return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m kansoku_collector", description="Receive and store traces of LLM calls."
    )
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="port for OTLP over HTTP (4318)")
    parser.add_argument(
        "--data", type=Path, help="directory of the journal, the keys and embedded ClickHouse"
    )
    parser.add_argument("--gateway-port", type=int, help="loopback port of embedded ClickHouse (8123)")
    parser.add_argument("--alerts-file", type=Path, help="YAML file with alert rules")
    given = {name: value for name, value in vars(parser.parse_args(argv)).items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        for problem in error.errors():
            print(f"kansoku: KANSOKU_{str(problem['loc'][0]).upper()}: {problem['msg']}", file=sys.stderr)
        return 1
    return serve(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
