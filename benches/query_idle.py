"""What a collector with embedded ClickHouse costs while nothing happens.

    python benches/query_idle.py --seconds 60

Starts one on an empty directory, lets it settle, and reads the memory and the CPU of its process.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from kill import Target
from query import cpu_seconds, memory_mb

LIMIT_MB, LIMIT_SHARE = 500, 0.02


def main() -> int:
    """Run the bench; return 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description="An idle collector: memory and CPU.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--settle", type=float, default=15, help="seconds after the start that do not count")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kansoku-idle-") as folder:
        target = Target(Path(folder))
        target.start()
        try:
            time.sleep(options.settle)
            before = cpu_seconds(target)
            time.sleep(options.seconds)
            share = (cpu_seconds(target) - before) / options.seconds
            now, highest = memory_mb(target)
        finally:
            target.stop()
    print(f"memory {now} MB ({highest} MB at its highest), CPU {share:.2%} of one core")
    return int(now > LIMIT_MB or share > LIMIT_SHARE)


if __name__ == "__main__":
    sys.exit(main())
