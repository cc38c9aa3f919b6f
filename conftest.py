# SPDX-License-Identifier: Apache-2.0
"""Tests that need a tool which is not there: skipped on a laptop and listed at the end, failed where CI is set."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hwcompress.errors import ToolFailed
from hwcompress.verify import tools

ROOT = Path(__file__).resolve().parent
SHARED = ROOT.parent / "shared"


def _shared() -> None:
    if not (SHARED / "models").is_dir():
        raise ToolFailed("the folder of models and data beside the repository is not there")


def _csim() -> None:
    tools.cxx()
    tools.ap_types()


def _yosys() -> None:
    tools.package("pyosys", "synth")


def _torch() -> None:
    tools.package("torch", "train")


NEEDS: dict[str, Callable[[], object]] = {
    "csim": _csim,
    "icarus": tools.icarus,
    "shared": _shared,
    "synth": _yosys,
    "torch": _torch,
    "verilator": tools.verilator,
}


# Compiled simulations of tests stay out of the user's own cache; ccache, which would follow, stays where it is.
os.environ.setdefault("CCACHE_DIR", str(Path.home() / ".cache" / "ccache"))
os.environ["XDG_CACHE_HOME"] = str(ROOT / "build" / "cache")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, find in NEEDS.items():
        if item.get_closest_marker(name) is not None:
            _demand(name, find)


def _demand(name: str, find: Callable[[], object]) -> None:
    try:
        find()
    except ToolFailed as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have {name}: {error}", pytrace=False)
        pytest.skip(f"{name}: {error}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = Counter(str(place[2]).removeprefix("Skipped: ") for place in skipped if place)
    if reasons:
        terminalreporter.section("tests that did not run")
        for reason, number in reasons.items():
            terminalreporter.line(f"{number}: {reason}")


@pytest.fixture
def shared() -> Path:
    """The folder of models and data; mark the test `shared` too."""
    return SHARED
