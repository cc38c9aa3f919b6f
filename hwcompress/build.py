# SPDX-License-Identifier: Apache-2.0
"""A build directory on disk: simulate and synthesize it again. What is measured goes into its report."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

from hwcompress.errors import BadInput, quote
from hwcompress.hw import devices
from hwcompress.report import files, html
from hwcompress.report.schema import Report, SynthesisPart, VerificationPart
from hwcompress.verify.csim import csim as run_csim
from hwcompress.verify.running import WAVES, waves_file
from hwcompress.verify.simulate import Verification, simulate
from hwcompress.verify.synth import Family, Synthesis, synthesize

Run = Literal["verilator", "icarus", "csim"]


@dataclass
class Build:
    """One build directory. `report` follows what was measured."""

    folder: Path
    report: Report

    def verify(
        self, simulator: Run = "verilator", vectors: int | None = None, csim: bool = False, waves: bool = False
    ) -> Verification:
        """Run the bench (csim: the HLS C++ instead) on `vectors` frames (None: see simulate.py).

        A difference is counted, never raised.
        """
        if csim or simulator == "csim":
            result = run_csim(self.folder, vectors)
        else:
            result = simulate(self.folder, simulator, vectors, waves)
        self._update(self.report.with_verification(VerificationPart.model_validate(asdict(result))))
        return result

    def waves(self, simulator: Run) -> Path | None:
        """The waveform that a simulator wrote, if there is one."""
        path = waves_file(self.folder, simulator) if simulator in WAVES else None
        return path if path and path.is_file() else None

    def synthesize(self, pnr: bool = False) -> Synthesis:
        """Run Yosys; pnr: place and route too.

        Raises:
            BadInput: no open tool knows the target.
        """
        target = devices.find(self.report.target.device)
        if not target.yosys_family:
            raise BadInput(
                f"synth: a target that Yosys maps to wanted, {target.device} found, and no open tool maps to "
                f"{target.cells.dsp}. Try: scripts/vivado.tcl in the build directory"
            )
        if pnr and not target.pnr:
            raise BadInput(
                f"--pnr: a target that nextpnr places and routes wanted (ECP5, iCE40), {target.device} found. "
                "Try: without --pnr"
            )
        mhz = self.report.target.clock_mhz
        result = synthesize(self.folder, cast("Family", target.yosys_family), target.pnr if pnr else (), mhz)
        fields = {key: getattr(result, key) for key in SynthesisPart.model_fields}
        self._update(self.report.with_synthesis(SynthesisPart.model_validate(fields)))
        return result

    def _update(self, report: Report) -> None:
        self.report = report
        files.write(report, self.folder)
        html.write(report, self.folder)


def open_build(folder: str | Path) -> Build:
    """The build in a directory.

    Raises:
        BadInput: there is none.
    """
    path = Path(folder)
    if not path.is_dir():
        raise BadInput(
            f"build {quote(str(folder))}: a build directory wanted, none found. "
            "Try: hwcompress compile MODEL.onnx --out DIR"
        )
    return Build(path, files.read(path))
