"""An embedded store that is up to date, for the processes that tests start: made once a run, then copied.

A process finds what its own second start would find. Tests of a first start, or of migrations, take none.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

RETENTION_DAYS = 2500  # what most of the started collectors keep: spans of fixed days must not become too old
_MAKE = f"""import sys
from pathlib import Path
from kansoku_collector.settings import Settings
from kansoku_collector.store.schema import Schema

schema = Schema(Settings(data=Path(sys.argv[1]), retention_days={RETENTION_DAYS}))
schema.bring()
schema.close()
"""
_home: list[Path] = []


def keep_in(folder: Path) -> None:
    """Say where the store of this run is kept; every worker of a run names the same folder."""
    _home[:] = [folder]


def prepare(directory: Path) -> Path:
    """Put a migrated store into `directory`, where no process has one yet, and return it."""
    if not directory.exists():
        shutil.copytree(_original(), directory, symlinks=True)
    return directory


def _original() -> Path:
    """Return the run's own store; the first worker that asks makes it while the others wait."""
    (home,) = _home
    home.mkdir(parents=True, exist_ok=True)
    made = home / "migrated" / "clickhouse"
    with (home / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            draft = home / "draft"
            shutil.rmtree(draft, ignore_errors=True)
            subprocess.run([sys.executable, "-c", _MAKE, str(draft)], check=True, env=_environment())
            draft.rename(made.parent)
    return made


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("KANSOKU_")}
