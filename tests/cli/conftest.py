# SPDX-License-Identifier: Apache-2.0
"""A command, run in this process: exit status, stdout and stderr together."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hwcompress.cli import run

GOLDEN = Path(__file__).parent / "golden"
Command = Callable[..., str]


@pytest.fixture
def command(capsys, tmp_path, monkeypatch) -> Command:
    """command(*arguments): everything a user sees, in an empty folder; paths of the test shortened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HWC_DEBUG", raising=False)

    def call(*arguments: str) -> str:
        status = run([str(a) for a in arguments])
        seen = capsys.readouterr()
        text = f"exit {status}\n--- stdout\n{seen.out}--- stderr\n{seen.err}"
        return re.sub(re.escape(str(tmp_path)), "TMP", text)

    return call


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """golden(name, text): equal to the stored text. HWC_UPDATE=1 stores it; a missing file fails."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if os.environ.get("HWC_UPDATE"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare
