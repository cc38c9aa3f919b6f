# SPDX-License-Identifier: Apache-2.0
"""docs/compression.md: what compression reaches on real models, beside the papers' figures.

    python benchmarks/compression.py ratios      # LeNets: bytes against accuracy; tables layer by layer
    python benchmarks/compression.py claims      # what the surveys say, checked
    python benchmarks/compression.py storage     # the same networks by every way of storing them
    python benchmarks/compression.py post        # 4-bit weights and half of them zero, without training
    python benchmarks/compression.py quantized   # few bits for weights and values, trained so or not
    python benchmarks/compression.py hardware    # pruned and quantized networks as hardware
    python benchmarks/compression.py table       # only write the page from the rows that are there

A row is kept in benchmarks/rows/compression and made again only if its recipe changed. Choices are made on a tenth of
the training data; test data are looked at once, for the row. Needs ../shared and the extra train (hardware: sim, synth).
"""

import argparse
import hashlib
import importlib
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two threads on a busy machine are many times slower than one

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "benchmarks" / "rows" / "compression"
FILES = ROOT / "build" / "compression"  # the models themselves
Row = dict[str, Any]


class Bench:
    """Rows on disk, models and data beside the repository."""

    def __init__(self, shared: Path) -> None:
        self.shared = shared
        spec = importlib.util.spec_from_file_location("cases", shared / "cases.py")
        assert spec is not None
        assert spec.loader is not None
        self.cases = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.cases)
        self._data: dict[str, dict[str, np.ndarray]] = {}

    def model(self, name: str) -> Path:
        return self.shared / "models" / f"{name}.onnx"

    def data(self, name: str) -> dict[str, np.ndarray]:
        if name not in self._data:
            self._data[name] = self.cases.prepare(name)
        return self._data[name]

    def row(self, name: str, key: Any, make: Callable[[], Row]) -> Row:
        """The row of that name, made if its key (what decides it) changed."""
        digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:16]
        path = ROWS / f"{name}.json"
        if path.exists():
            row = json.loads(path.read_text(encoding="utf-8"))
            if row["key"] == digest:
                return row
        started = time.perf_counter()
        row = {"key": digest, **make(), "seconds": round(time.perf_counter() - started, 1)}
        ROWS.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {row['seconds']} s", flush=True)
        return row

    def compressed(self, name: str, model: str, steps: list[Mapping[str, Any]], **options: Any) -> Row:
        """Bytes, scores and layers of a recipe of these steps."""

        def make() -> Row:
            report = self.made(name, model, steps, **options).report
            return {
                "bytes": report.compression.compressed_bytes,
                "ratio": report.compression.ratio,
                "sparsity": report.compression.sparsity,
                "parameters": report.model.parameters,
                "nonzero": report.model.nonzero_parameters,
                "float_test": report.accuracy.float_,
                "test": report.accuracy.compressed,
                "float_validation": report.validation["float"],
                "validation": [step.score for step in report.steps],
                "ebops": (report.steps[-1].model_extra or {}).get("ebops"),
                "layers": [layer.model_dump() for layer in report.compression.layers],
            }

        return self.row(name, [model, steps, options], make)

    def made(self, name: str, model: str, steps: list[Mapping[str, Any]], **options: Any) -> Any:
        """The compression itself; its file is kept."""
        from hwcompress.compression import compress_model
        from hwcompress.recipe import recipe as recipes

        recipe = recipes.make({"step": steps}, name, name)
        made = compress_model(self.model(model), recipe=recipe, data=self.data(model), **options)
        FILES.mkdir(parents=True, exist_ok=True)
        (FILES / f"{name}.hwc").write_bytes(made.packed.data)
        return made

    def file(self, name: str, model: str, steps: list[Mapping[str, Any]]) -> bytes:
        """The file of a run, made again where it is not there."""
        path = FILES / f"{name}.hwc"
        if not path.exists():
            self.made(name, model, steps)
        return path.read_bytes()


def versions() -> str:
    """Of what decides the figures."""
    from hwcompress.version import __version__

    return f"hwcompress {__version__}, torch {version('torch')}, numpy {version('numpy')}"


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for builds."""
    return tempfile.TemporaryDirectory(prefix="hwcompress-bench-")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["ratios", "storage", "claims", "post", "quantized", "hardware", "table"])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    bench = Bench(arguments.shared)
    if arguments.part != "table":
        module = importlib.import_module(f"compression_{arguments.part}")
        module.run(bench)
    import compression_page

    (ROOT / "docs" / "compression.md").write_text(compression_page.page(ROWS, versions()), encoding="utf-8")


if __name__ == "__main__":
    main()
