"""The `kansoku` command: as a process, and in this one, where it says the same a second sooner."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

from kansoku_cli.__main__ import main

Told = subprocess.CompletedProcess[str]


def in_process(*arguments: object, cwd: Path | None = None, **environment: str) -> Told:
    """Run `kansoku` with these arguments and settings here; return what a process would have said."""
    out, err = io.StringIO(), io.StringIO()
    words = [str(argument) for argument in arguments]
    own = {name: value for name, value in os.environ.items() if not name.startswith("KANSOKU_")}
    place = contextlib.chdir(cwd) if cwd else contextlib.nullcontext()
    settled = patch.dict(os.environ, own | environment, clear=True), patch.object(sys, "path", [*sys.path])
    with settled[0], settled[1], place, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as end:  # argparse
            code = end.code if isinstance(end.code, int) else 1
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def as_process(*arguments: object, cwd: Path | None = None, **environment: str) -> Told:
    """Run `kansoku` with these arguments and settings as a user does."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("KANSOKU_")}
    return subprocess.run(
        [sys.executable, "-m", "kansoku_cli", *map(str, arguments)],
        env=own | environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
