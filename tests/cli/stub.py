# SPDX-License-Identifier: Apache-2.0
"""An api that compiles nothing: what it was asked is kept, what it answers is made by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hwcompress.build import Build
from hwcompress.config import Config
from hwcompress.report import files
from hwcompress.report.schema import Report
from hwcompress.verify.simulate import Verification
from hwcompress.verify.synth import Synthesis
from tests.report.example import example


@dataclass
class Stub:
    """Replaces compile, simulate, csim and synthesize."""

    report: Report = field(default_factory=lambda: example(verification=[], synthesis=[]))
    fails: Exception | None = None
    mismatches: int = 0
    interval: int = 16  # measured
    asked: list[Any] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Stub":
        """Until the test ends."""
        monkeypatch.setattr("hwcompress.api.compile", self.compile)
        monkeypatch.setattr("hwcompress.api.estimate", self.compile)
        monkeypatch.setattr("hwcompress.build.simulate", self.simulate)
        monkeypatch.setattr("hwcompress.build.run_csim", self.csim)
        monkeypatch.setattr("hwcompress.build.synthesize", self.synthesize)
        return self

    def compile(self, model: str, *, config: Config | None = None, progress: Any = None) -> Any:
        """A design of one report."""
        self.asked.append((model, config))
        if self.fails:
            raise self.fails
        return SimpleNamespace(report=self.report, config=config or Config(), write=self.write)

    def write(self, folder: Path) -> None:
        """A build directory of one file."""
        files.write(self.report, folder)

    def simulate(self, _build: Path, simulator: str, vectors: int | None, waves: bool) -> Verification:
        """Equal, or not."""
        self.asked.append((simulator, vectors, waves))
        frames = vectors or 100
        return Verification(simulator, frames, 5 * frames, self.mismatches, 72, self.interval)

    def csim(self, _build: Path, vectors: int | None) -> Verification:
        """No clock."""
        frames = vectors or 1000
        self.asked.append(("csim", frames))
        return Verification("csim", frames, 5 * frames, self.mismatches, None, None)

    def synthesize(self, _build: Path, family: str, device: Sequence[str], mhz: float) -> Synthesis:
        """Counts."""
        self.asked.append((family, tuple(device), mhz))
        return Synthesis("yosys", "0.70", family, 128, 2000, 3000, 0, None)


def build(folder: Path, **changes: Any) -> Build:
    """A build directory with a report."""
    given: dict[str, Any] = {"verification": [], "synthesis": [], **changes}
    report = example(**given)
    files.write(report, folder)
    return Build(folder, report)
