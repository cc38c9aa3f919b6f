# SPDX-License-Identifier: Apache-2.0
"""From an exception to one message on stderr and an exit status: 1 a check failed, 2 the input is wrong."""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Sequence

from hwcompress.errors import HwcError, quote

INTERRUPTED = 130  # 128 + SIGINT
TERMINATED = 143  # 128 + SIGTERM
PIPE_CLOSED = 141  # 128 + SIGPIPE


class Terminated(BaseException):
    """SIGTERM; the tools that were started end on the way out, as on Ctrl-C."""


@contextlib.contextmanager
def terminable() -> Generator[None]:
    """SIGTERM raises Terminated."""

    def stop(signum: int, frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def attempt(command: Callable[[], object], arguments: Sequence[str]) -> int:
    """Run a command; every way it can end becomes an exit status."""
    import typer

    usage = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
    try:
        with terminable():
            status = command()
        sys.stdout.flush()
    except Terminated:
        return _say("terminated", TERMINATED)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except (BrokenPipeError, SystemExit):  # the parser answers a closed pipe with SystemExit
        return _closed()
    except Exception as error:  # noqa: BLE001 (the one place where everything ends)
        return _usage(error, arguments) if isinstance(error, usage) else _failed(error, arguments)
    if status == INTERRUPTED:
        return _say("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else 0


def _usage(error: Exception, arguments: Sequence[str]) -> int:
    """An option or argument that the parser refused."""
    describe: Callable[[], str] = getattr(error, "format_message", error.__str__)
    command = next((a for a in arguments if not a.startswith("-")), "")
    known = f"hwcompress {command} --help" if command in _commands() else "hwcompress --help"
    return _say(f"{_plain(' '.join(describe().split()), 300)} Try: {known}", 2)


def _plain(text: str, limit: int) -> str:
    """Safe to print, quotes as they are."""
    return quote(text, limit)[1:-1].replace("\\'", "'")


def _commands() -> set[str]:
    from hwcompress.cli.app import app

    return {c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands}


def _failed(error: Exception, arguments: Sequence[str]) -> int:
    """Everything else."""
    if debug(arguments):
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, HwcError):
        return _say(str(error), error.exit_status)
    if isinstance(error, MemoryError):
        return _say("out of memory. Try: a smaller model, less data or fewer --jobs", 2)
    if isinstance(error, OSError) and error.strerror:
        names = [quote(str(n)) for n in (error.filename, error.filename2) if n is not None]
        where = f"{names[0]}: " if names else ""
        return _say(f"{where}{error.strerror}. Try: another folder, or make room", 2)
    text = _plain(str(error), 200)
    hint = "" if debug(arguments) else " Try: the same command with --debug, and report what it prints"
    return _say(f"internal error: {type(error).__name__}: {text}.{hint}", 1)


def debug(arguments: Sequence[str]) -> bool:
    """Tracebacks wanted."""
    return "--debug" in arguments or os.environ.get("HWC_DEBUG", "") not in ("", "0")


def _closed() -> int:
    """The reader of our output went away: no message, and none from the interpreter at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    return PIPE_CLOSED


def _say(text: str, status: int) -> int:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"error: {text}\n")
    return status
