# SPDX-License-Identifier: Apache-2.0
"""docs/speed.md: how long the command line, a compile and the simulator take, beside hls4ml in the same run.

    python benchmarks/speed.py               # ours alone
    python benchmarks/speed.py --peer        # hls4ml too: made in build/peers once (pip, g++), then measured side by side

All figures are CPU seconds of the process and its children, one thread each, the best of three. The networks and hls4ml's runs come from
../shared/peer_bench (gen_models.py, bench_hls4ml.py: MLP 16-64-32-32-5, LeNet on 28 x 28; fixed<16,6,RND,SAT>, C
simulation by g++). onnxruntime computes the float model.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read as numpy is imported

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / "build" / "peers" / "hls4ml"
PACKAGES = ("hls4ml[onnx]==1.3.0", "qonnx==1.0.0", "onnx==1.18.0", "onnxruntime")
REPEATS = 3
Reals = NDArray[np.float32]


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


def simulator_rate(model: Path, x: Reals, samples: int, bits: int) -> float:
    """Samples per CPU second of the integer simulator, codes in to codes out."""
    import hwcompress

    design = hwcompress.compile(model, data={"x_train": x, "x_test": x}, weight_bits=bits, activation_bits=bits)
    codes = design.codes(x)[0]
    codes = np.concatenate([codes] * (samples // len(codes)))
    return best_rate(lambda: design.network.simulator.run(codes), len(codes))


def float_rate(model: Path, x: Reals, samples: int) -> float:
    """Samples per CPU second of onnxruntime on the float model, one thread."""
    import onnx
    import onnxruntime

    proto = onnx.load(model)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"  # it is 1 in the file
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    batch = np.concatenate([x] * (samples // len(x)))
    return best_rate(lambda: session.run(None, {session.get_inputs()[0].name: batch}), samples)


def best_rate(run: Callable[[], object], samples: int) -> float:
    """Samples per CPU second, the best of REPEATS."""
    best = 0.0
    for _ in range(REPEATS):
        start = time.process_time()
        run()
        best = max(best, samples / (time.process_time() - start))
    return best


def peer_rate(bench: Path, case: str) -> dict[str, Any]:
    """hls4ml's C simulation of the same network."""
    if not (PEER / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEER)], check=True)
        subprocess.run([str(PEER / "bin" / "pip"), "install", "-q", *PACKAGES], check=True)
    out = subprocess.run(
        [str(PEER / "bin" / "python"), str(bench / "bench_hls4ml.py"), "--cases", case,
         "--precision", "fixed<16,6,RND,SAT>", "--out", str(ROOT / "build" / "peers" / "out")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(out.stdout.strip().splitlines()[-1])
    return found


def peer_model(bench: Path, name: str, samples: int) -> tuple[Path, Reals]:
    """A network of the peers' benchmarks, and its inputs."""
    sys.path.insert(0, str(bench))
    import gen_models
    import onnx

    path = ROOT / "build" / "peers" / f"{name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(gen_models.ALL[name](), path)
    return path, gen_models.inputs(name, samples)


def page(rows: list[tuple[str, str, str]]) -> str:
    """docs/speed.md."""
    lines = ["# Speed", "", "Made by `python benchmarks/speed.py --peer`; CPU seconds, one thread each, best of three.", "",
             "| What | Measured | Goal |", "|---|---|---|"]  # fmt: skip
    lines += [f"| {a} | {b} | {c} |" for a, b, c in rows]
    tools = ", ".join(f"{p} {version(p)}" for p in ("numpy", "onnx", "onnxruntime", "typer", "pydantic"))
    lines += [
        "",
        "What limits the simulator on convolutions: the windows of a map are gathered in memory before they are multiplied.",
    ]
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
    lenet5 = options.shared / "models" / "lenet5_tanh_mnist.onnx"
    convolving = cpu_of([str(command), "compile", str(lenet5), "--interval", "20000", "--out", str(out)])
    mlp, x = peer_model(options.shared / "peer_bench", "mlp", 512)
    lenet, maps = peer_model(options.shared / "peer_bench", "lenet", 512)
    eight, sixteen = (simulator_rate(mlp, x, 1 << 18, bits) for bits in (8, 16))
    lenet_eight, lenet_sixteen = (simulator_rate(lenet, maps, 1 << 12, bits) for bits in (8, 16))
    floating = float_rate(lenet, maps, 1 << 12)
    rows = [
        ("`hwcompress --help`", f"{helping:.2f} s", "0.3 s"),
        ("`hwcompress compile` of the jet tagger, auto (interval 1)", f"{compiling:.2f} s", "2 s"),
        ("the same at reuse 16", f"{folded:.2f} s", "2 s"),
        ("`hwcompress compile` of LeNet-5 (tanh), interval 20,000, no data", f"{convolving:.2f} s", "5 s"),
        ("simulator, MLP 16-64-32-32-5, 8 bits", f"{eight:,.0f} samples/s", ""),
        ("simulator, the same at 16 bits", f"{sixteen:,.0f} samples/s", ""),
        ("simulator, LeNet of the peers' benchmarks, 8 bits", f"{lenet_eight:,.0f} samples/s", "1,000"),
        ("simulator, the same at 16 bits", f"{lenet_sixteen:,.0f} samples/s", ""),
        ("onnxruntime, the same LeNet in float32", f"{floating:,.0f} samples/s", ""),
    ]
    if options.peer:
        for name, case, ours in (
            ("MLP", "mlp:io_parallel:Latency:1", sixteen),
            ("LeNet", "lenet:io_stream:Latency:1", lenet_sixteen),
        ):
            peer = peer_rate(options.shared / "peer_bench", case)
            rate = peer["predict_samples_per_cpu_s"]
            rows.append((f"hls4ml 1.3.0 C simulation of the same {name}, fixed<16,6>", f"{rate:,.0f} samples/s", ""))
            rows.append(("ratio at 16 bits", f"{ours / rate:,.0f} x", "10 x"))
            rows.append(("hls4ml build of that simulation", f"{peer['compile_cpu_s']:.1f} s", ""))
    (ROOT / "docs" / "speed.md").write_text(page(rows))
    for row in rows:
        print(*row, sep="  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
