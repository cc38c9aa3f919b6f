# SPDX-License-Identifier: Apache-2.0
"""A missing tool is named together with what to install."""

import sys
import time

import pytest

from hwcompress.errors import ToolFailed
from hwcompress.verify import tools


def test_a_missing_package_names_the_extra():
    for name in ("no_such_package", "no_such.package"):
        with pytest.raises(ToolFailed) as error:
            tools.package(name, "sim")
        assert str(error.value) == f"package '{name}' wanted, not installed. Try: pip install 'hwcompress[sim]'"


def test_a_missing_program_names_the_system_package():
    with pytest.raises(ToolFailed, match=r"program 'no-such-tool' wanted on PATH, not found\. Try: install it"):
        tools.program("no-such-tool", "install it")


def test_a_make_that_runs_us_leaves_no_trace(monkeypatch):
    monkeypatch.setenv("MAKELEVEL", "1")
    monkeypatch.setenv("COCOTB_TEST_FILTER", "x")
    assert not {"MAKELEVEL", "COCOTB_TEST_FILTER"} & set(tools.environment())


def test_a_failing_command_shows_the_end_of_its_log(tmp_path):
    command = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]
    with pytest.raises(ToolFailed, match=r"job: exit status 0 wanted, 3 found. Log: .*its last lines:\nthe reason"):
        tools.call(command, tmp_path / "log", "job", 60, tmp_path)


def test_the_time_limit_ends_the_children_too(tmp_path):
    command = [sys.executable, "-c", "import subprocess as s; s.run(['sleep', '30'])"]
    begin = time.monotonic()
    with pytest.raises(ToolFailed, match="job: an answer within 1 s wanted, none found"):
        tools.call(command, tmp_path / "log", "job", 1, tmp_path)
    assert time.monotonic() - begin < 10
