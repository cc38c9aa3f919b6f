# SPDX-License-Identifier: Apache-2.0
"""Compiled simulations, kept by content in the user's cache, so that the same Verilog is compiled once.

Verilator's own runtime and cocotb's main program are most of every build and never change: their object files are kept
too and laid into the next build, which then compiles the design only.
"""

import hashlib
import importlib.metadata
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

KEEP = 64  # simulations
RUNTIME = "verilat*.o"
PRODUCTS = ("hwc_harness", "sim.vvp", "cmds.f")  # all that a run needs


def cache() -> Path:
    """This user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "hwcompress"


class Workshop:
    """The cache of one simulator."""

    def __init__(self, simulator: str, waves: bool) -> None:
        self.simulator = simulator
        self.root = cache() / "simulations"
        versions = [simulator, f"waves {waves}", sys.version, sys.prefix]
        versions += [f"{name} {importlib.metadata.version(name)}" for name in ("cocotb", "verilator")]
        self.tools = "\n".join(versions)

    def key(self, job: dict[str, Any], files: Iterable[Path]) -> str:
        """A name for everything that the compiled simulation depends on."""
        digest = hashlib.sha256(f"{self.tools}\n{json.dumps(job, sort_keys=True)}".encode())
        for path in files:
            content = path.read_bytes()
            digest.update(f"{path.name} {len(content)}\n".encode() + content)
        return f"{self.simulator}-{digest.hexdigest()[:24]}"

    def folder(self, key: str, make: Callable[[Path], None]) -> Path:
        """The folder of `key`, made if it is not there; several processes may ask at once."""
        done = self.root / key
        if done.is_dir():
            os.utime(done)
            return done
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="make-", dir=self.root) as place:
            work = Path(place) / "work"
            work.mkdir()
            runtime = self.root / f"runtime-{hashlib.sha256(self.tools.encode()).hexdigest()[:16]}"
            self._lend(runtime, work)
            make(work)
            self._keep(work, runtime, Path(place))
            product = Path(place) / "product"
            product.mkdir()
            for name in PRODUCTS:
                if (work / name).exists():
                    shutil.move(work / name, product / name)
            self._publish(product, done)
        self._prune(done)
        return done

    @staticmethod
    def _publish(product: Path, done: Path) -> None:
        try:
            product.rename(done)
        except OSError:  # another process was first: its simulation is the same
            if not done.is_dir():
                raise

    @staticmethod
    def _lend(runtime: Path, work: Path) -> None:
        if runtime.is_dir():
            for path in runtime.iterdir():
                shutil.copyfile(path, work / path.name)  # with a new time: make takes it as up to date

    def _keep(self, work: Path, runtime: Path, place: Path) -> None:
        objects = sorted(work.glob(RUNTIME))
        if objects and not runtime.is_dir():
            shelf = place / "shelf"
            shelf.mkdir()
            for path in objects:
                shutil.copyfile(path, shelf / path.name)
            self._publish(shelf, runtime)

    def _prune(self, newest: Path) -> None:
        made = [path for path in self.root.iterdir() if path.name.startswith(("verilator-", "icarus-"))]
        made.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in made[KEEP:]:
            if path != newest:
                shutil.rmtree(path, ignore_errors=True)
