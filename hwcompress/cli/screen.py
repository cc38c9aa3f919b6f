# SPDX-License-Identifier: Apache-2.0
"""What a command prints: tables on stdout, progress on stderr."""

import contextlib
import sys
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 120  # columns where there is no terminal
DELAY = 2.0  # seconds before a progress bar shows
Progress = Callable[[str, float], None]


def console() -> "Console":
    """Standard output. Text from models is never markup."""
    from rich.console import Console

    plain = not sys.stdout.isatty()
    return Console(width=WIDTH if plain else None, markup=False, highlight=False, emoji=False)


def say(text: str) -> None:
    """One line of text."""
    sys.stdout.write(text + "\n")


@contextlib.contextmanager
def progress(quiet: bool = False) -> Generator[Progress | None]:
    """A bar on stderr for what takes longer than two seconds, if that is a terminal; call it (text, fraction 0..1).

    A negative fraction: under way, end unknown.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    bar = Bar(*columns, console=Console(file=sys.stderr), transient=True)
    task = bar.add_task("", total=None)
    timer = threading.Timer(DELAY, bar.start)
    timer.daemon = True

    def advance(text: str, fraction: float) -> None:
        bar.update(task, description=text, total=1.0 if fraction >= 0 else None, completed=max(0.0, fraction))

    timer.start()
    try:
        yield advance
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
