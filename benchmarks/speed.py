# SPDX-License-Identifier: Apache-2.0
"""docs/speed.md: how long the command line, a compile and the simulator take, beside hls4ml in the same run.

    python benchmarks/speed.py               # ours alone
    python benchmarks/speed.py --peer        # hls4ml too: made in build/peers once (pip, g++), then measured side by side

All figures are CPU seconds of the process and its children, the best of three. The MLP and hls4ml's run come from
../shared/peer_bench (gen_models.py, bench_hls4ml.py: 16-64-32-32-5, fixed<16,6,RND,SAT>, C simulation by g++).
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / "build" / "peers" / "hls4ml"
PACKAGES = ("hls4ml[onnx]==1.3.0", "qonnx==1.0.0", "onnx==1.18.0", "onnxruntime")
REPEATS = 3


def cpu_of(command: list[str], cwd: Path = ROOT) -> float:
    """CPU seconds of a command, the best of REPEATS; Python keeps its bytecode, as it does unless told not to."""
    best = float("inf")
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(REPEATS):
        before = os.times()
        subprocess.run(command, cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        best = min(best, used)
    return best


def simulator_rate(model: Path, samples: int, bits: int) -> float:
    """Samples per CPU second of the integer simulator, codes in to codes out."""
    import hwcompress

    rng = np.random.default_rng(1)
    x = rng.standard_normal((512, 16)).astype(np.float32)
    design = hwcompress.compile(model, data={"x_train": x, "x_test": x}, weight_bits=bits, activation_bits=bits)
    codes = np.tile(design.codes(x)[0], (samples // len(x), 1))
    best = 0.0
    for _ in range(REPEATS):
        start = time.process_time()
        design.network.simulator.run(codes)
        best = max(best, len(codes) / (time.process_time() - start))
    return best


def peer_rate(bench: Path) -> dict[str, Any]:
    """hls4ml's C simulation of the same MLP."""
    if not (PEER / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEER)], check=True)
        subprocess.run([str(PEER / "bin" / "pip"), "install", "-q", *PACKAGES], check=True)
    out = subprocess.run(
        [str(PEER / "bin" / "python"), str(bench / "bench_hls4ml.py"), "--cases", "mlp:io_parallel:Latency:1",
         "--precision", "fixed<16,6,RND,SAT>", "--out", str(ROOT / "build" / "peers" / "out")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(out.stdout.strip().splitlines()[-1])
    return found


def peer_model(bench: Path) -> Path:
    """The MLP of the peers' benchmarks."""
    sys.path.insert(0, str(bench))
    import gen_models
    import onnx

    path = ROOT / "build" / "peers" / "mlp.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(gen_models.ALL["mlp"](), path)
    return path


def page(rows: list[tuple[str, str, str]]) -> str:
    """docs/speed.md."""
    lines = ["# Speed", "", "Made by `python benchmarks/speed.py --peer`; CPU seconds, best of three.", "",
             "| What | Measured | Goal |", "|---|---|---|"]  # fmt: skip
    lines += [f"| {a} | {b} | {c} |" for a, b, c in rows]
    tools = ", ".join(f"{p} {version(p)}" for p in ("numpy", "onnx", "onnxruntime", "typer", "pydantic"))
    return "\n".join([*lines, "", f"Tools: Python {platform.python_version()}, {tools}, {os.cpu_count()} cores.", ""])


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--peer", action="store_true", help="measure hls4ml too")
    options = parser.parse_args()
    command = Path(sys.executable).with_name("hwcompress")
    jet = options.shared / "models" / "jet_keras_3layer.onnx"
    out = ROOT / "build" / "speed_jet"
    helping = cpu_of([str(command), "--help"])
    compiling = cpu_of([str(command), "compile", str(jet), "--target", "dsp27x18", "--out", str(out)])
    folded = cpu_of([str(command), "compile", str(jet), "--reuse", "16", "--strategy", "dsp", "--out", str(out)])
    model = peer_model(options.shared / "peer_bench")
    eight, sixteen = (simulator_rate(model, 1 << 18, bits) for bits in (8, 16))
    rows = [
        ("`hwcompress --help`", f"{helping:.2f} s", "0.3 s"),
        ("`hwcompress compile` of the jet tagger, auto (interval 1)", f"{compiling:.2f} s", "2 s"),
        ("the same at reuse 16", f"{folded:.2f} s", "2 s"),
        ("simulator, MLP 16-64-32-32-5, 8 bits", f"{eight:,.0f} samples/s", ""),
        ("simulator, the same at 16 bits", f"{sixteen:,.0f} samples/s", ""),
    ]
    if options.peer:
        peer = peer_rate(options.shared / "peer_bench")
        rate = peer["predict_samples_per_cpu_s"]
        rows.append(("hls4ml 1.3.0 C simulation of the same MLP, fixed<16,6>", f"{rate:,.0f} samples/s", ""))
        rows.append(("ratio at 16 bits", f"{sixteen / rate:,.0f} x", "10 x"))
        rows.append(("hls4ml build of that simulation", f"{peer['compile_cpu_s']:.1f} s", ""))
    (ROOT / "docs" / "speed.md").write_text(page(rows))
    for row in rows:
        print(*row, sep="  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
