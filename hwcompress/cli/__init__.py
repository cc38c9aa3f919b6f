# SPDX-License-Identifier: Apache-2.0
"""The command line: arguments in, exit status out. Heavy modules are imported by the command that needs them."""

import io
import os
import sys
from collections.abc import Sequence

from hwcompress.cli.failures import attempt

__all__ = ["main", "run"]


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status."""
    from hwcompress.cli.app import app

    return attempt(lambda: app(args=list(arguments), prog_name="hwcompress", standalone_mode=False), arguments)


def main() -> None:
    """The command `hwcompress`."""
    # One thread: waiting for others costs more than products of this size, and a sweep has a process on every core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))
