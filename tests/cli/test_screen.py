# SPDX-License-Identifier: Apache-2.0
"""Progress: on stderr, only on a terminal, only for what takes long."""

import io
import threading
import time
from types import SimpleNamespace

import pytest

from hwcompress.cli import screen


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(screen, "sys", SimpleNamespace(stderr=stream))
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_no_bar_where_there_is_no_terminal(capsys):
    with screen.progress() as progress:
        assert progress is None
    assert capsys.readouterr().err == ""


def test_what_is_quick_shows_nothing(terminal):
    with screen.progress() as progress:
        assert progress is not None
        progress("import", 0.5)
    assert "import" not in terminal.getvalue()


def test_what_takes_long_shows_a_bar_and_never_markup(terminal, monkeypatch):
    monkeypatch.setattr(screen, "DELAY", 0.0)
    with screen.progress() as progress:
        assert progress is not None
        progress("layer [red]x[/red]", 0.5)
        time.sleep(0.3)
        progress("synthesis", -1)
        time.sleep(0.3)
    assert "[red]x[/red]" in terminal.getvalue()
    assert "synthesis" in terminal.getvalue()


def fail() -> None:
    with screen.progress() as progress:
        assert progress is not None
        progress("import", 0.1)
        raise ValueError("bad")


def test_the_bar_ends_with_the_command_that_fails(terminal, monkeypatch):
    monkeypatch.setattr(screen, "DELAY", 0.0)
    before = set(threading.enumerate())
    with pytest.raises(ValueError, match="bad"):
        fail()
    for thread in set(threading.enumerate()) - before:  # the bar's own threads end within a refresh
        thread.join(timeout=5)
        assert not thread.is_alive()
