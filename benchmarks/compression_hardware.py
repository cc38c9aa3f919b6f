# SPDX-License-Identifier: Apache-2.0
"""Pruned and quantized networks as hardware, proven on Verilator and counted by Yosys. See compression.py."""

import re
from typing import Any

import numpy as np

FRAMES = 100


def compared(bench: Any, model: str, design: Any) -> dict[str, float | None]:
    """Percent of the test samples: right by the model given, right by the design, where both say the same."""
    import onnxruntime as ort

    data = bench.data(model)
    session = ort.InferenceSession(str(bench.model(model)), providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    x, y = data["x_test"], data.get("y_test")
    given = np.concatenate([session.run(None, {entry.name: one[None]})[0].reshape(1, -1) for one in x]).argmax(axis=1)
    made = np.asarray(design.predict(x)).reshape(len(x), -1).argmax(axis=1)

    def share(right: np.ndarray) -> float:
        return round(100 * float(right.mean()), 4)

    before, after = (None, None) if y is None else (share(given == y), share(made == y))
    return {"float": before, "hardware": after, "agreement": share(given == made)}


def built(bench: Any, model: str, steps: list[dict[str, Any]], options: dict[str, Any]) -> dict[str, Any]:
    """compress, compile, simulate, count."""
    from compression import scratch

    import hwcompress
    from hwcompress.compression import compress_model
    from hwcompress.recipe import recipe as recipes

    data = bench.data(model)
    with scratch() as folder:
        source = bench.model(model)
        if steps:
            recipe = recipes.make({"step": steps}, "hardware", "hardware")
            source = compress_model(source, recipe=recipe, data=data).write(f"{folder}/made") / "model.hwc"
        design = hwcompress.compile(source, data=data, **options)
        run = design.verify("verilator", vectors=FRAMES)
        counted = design.synthesize()
        r = design.report
        return {
            "accuracy": compared(bench, model, design),
            "resources": r.resources.model_dump(),
            "timing": r.timing.model_dump(),
            "counted": {k: getattr(counted, k) for k in ("dsp", "lut", "ff", "bram18")},
            "equal": run.mismatches == 0
            and (run.latency_cycles, run.interval_cycles) == (r.timing.latency_cycles, r.timing.interval_cycles),
            "outputs": run.outputs,
        }


def pair(measured: int, planned: int) -> str:
    """One number where both are equal."""
    return f"{planned:,}" if measured == planned else f"{planned:,} / {measured:,}"


CASES: list[tuple[str, str, list[dict[str, Any]], dict[str, Any]]] = [
    ("jet tagger, 16 bits, dense", "jet_keras_3layer", [], {"weight_bits": 16, "activation_bits": 16, "reuse": 1, "strategy": "dsp"}),
    ("jet tagger, 16 bits, 70 % pruned", "jet_keras_3layer",
     [{"kind": "prune", "sparsity": 0.7}], {"weight_bits": 16, "activation_bits": 16, "reuse": 1, "strategy": "dsp"}),
    ("jet tagger, 16 bits, 70 % pruned by OBS", "jet_keras_3layer",
     [{"kind": "prune", "method": "obs", "sparsity": 0.7}], {"weight_bits": 16, "activation_bits": 16, "reuse": 1, "strategy": "dsp"}),
    ("jet tagger, 6 bits, 70 % pruned by OBS", "jet_keras_3layer",
     [{"kind": "prune", "method": "obs", "sparsity": 0.7}, {"kind": "quantize", "method": "obq", "weight_bits": 6, "activation_bits": 8}],
     {"reuse": 1, "strategy": "lut"}),
    ("jet tagger, 8 bits, in LUTs", "jet_keras_3layer",
     [{"kind": "quantize", "weight_bits": 8, "activation_bits": 8}], {"reuse": 1, "strategy": "lut"}),
    ("jet tagger, 8 bits, in LUTs, few signed digits", "jet_keras_3layer",
     [{"kind": "digits", "weight_bits": 8, "price": 1e-3}, {"kind": "quantize", "weight_bits": 8, "activation_bits": 8}],
     {"reuse": 1, "strategy": "lut"}),
    ("LeNet-300-100, 8 bits, given", "lenet300_mnist", [], {"reuse": 784, "strategy": "dsp"}),
    ("LeNet-300-100, half of the channels", "lenet300_mnist",
     [{"kind": "prune", "what": "channels", "method": "magnitude", "sparsity": 0.5, "scope": "layer"},
      {"kind": "retrain", "epochs": 20, "shift": 2, "distil": 0.5}], {"reuse": 784, "strategy": "dsp"}),
    ("LeNet-300-100, low rank: a quarter of the products", "lenet300_mnist",
     [{"kind": "low-rank", "cost": 0.25, "method": "data", "layers": {"dense_2": {"skip": True}}}, {"kind": "retrain", "epochs": 20, "shift": 2, "distil": 0.5}],
     {"interval": 784, "strategy": "dsp"}),
    ("LeNet-5, 8 bits, given", "lenet5_caffe_mnist", [], {"interval": 20000}),
    ("LeNet-5, 4 bits, half of the channels", "lenet5_caffe_mnist",
     [{"kind": "prune", "what": "channels", "method": "magnitude", "sparsity": 0.5, "scope": "layer"},
      {"kind": "retrain", "epochs": 8, "shift": 2, "distil": 0.5},
      {"kind": "quantize", "method": "gptq", "weight_bits": 4, "activation_bits": 6}], {"interval": 20000}),
]  # fmt: skip


def run(bench: Any) -> None:
    """All rows."""
    lines = [
        f"`compress`, then `compile`; every code of {FRAMES} frames equal on Verilator, latency and interval as planned, DSP and BRAM as Yosys counts.",
        "One number where estimate and Yosys are equal, else estimate / Yosys. Score and agreement: test samples, the float model as given against the",
        "integers of the hardware. No labels exist for the jets: inputs are N(0, 1).",
        "",
        "| Network | Score float -> hardware | Agreement % | Reuse or interval | DSP | LUT | FF | BRAM18 | Latency | Interval | Proven |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for title, model, steps, options in CASES:
        name = "run_hardware_" + re.sub(r"[^\w.-]+", "_", title.replace("%", "percent"))
        r = bench.row(name, [2, model, steps, options], lambda m=model, s=steps, o=options: built(bench, m, s, o))
        a, e, y, t = r["accuracy"], r["resources"], r["counted"], r["timing"]
        score = f"{a['float']:.2f} -> {a['hardware']:.2f}" if a["float"] is not None else "-"
        goal = options.get("reuse") or f"interval {options['interval']}"
        cells = [pair(y[k], e[k]) for k in ("dsp", "lut", "ff", "bram18")]
        lines.append(
            f"| {title} | {score} | {a['agreement']:.2f} | {goal} | " + " | ".join(cells)
            + f" | {t['latency_cycles']:,} | {t['interval_cycles']:,} | {'yes' if r['equal'] else 'NO'}, {r['outputs']:,} codes |"
        )  # fmt: skip
    lines += [
        "",
        "Duarte 2018 (arXiv:1804.06913), the same tagger, <16,6> at reuse 1: 3,329 DSPs dense, 954 with 70 % pruned.",
    ]
    bench.row("hardware_1", lines, lambda: {"text": lines})
