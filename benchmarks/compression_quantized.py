# SPDX-License-Identifier: Apache-2.0
"""Few bits for weights and values, rounded after training or trained so: accuracy of the integers. See compression.py."""

from typing import Any

MODELS = {"lenet300_mnist": 20, "lenet5_caffe_mnist": 4}  # epochs
BITS = ((8, 8), (4, 4), (3, 4), (2, 4), (1, 4))  # of weights, of values; 2: ternary
WAYS = ("nearest", "gptq", "ste", "lsq", "pact", "dorefa")
PRICES = (1e-9, 1e-8, 1e-7)  # of HGQ, of a bit x bit
FEWER = {"lenet5_caffe_mnist": (((4, 4), (2, 4), (1, 4)), WAYS[:4], PRICES[1:])}  # bits, ways, prices: it takes longer
NAMES = {
    "nearest": "rounded after training",
    "gptq": "GPTQ after training",
    "ste": "straight-through",
    "lsq": "LSQ",
    "pact": "PACT",
    "dorefa": "DoReFa",
}


def trained(model: str) -> dict[str, Any]:
    """A float network with as many epochs."""
    return {"kind": "retrain", "epochs": MODELS[model], "shift": 2}


def steps(model: str, way: str, weight: int, value: int) -> list[dict[str, Any]]:
    """Float training, then types, or training under types."""
    bits = {"weight_bits": weight, "activation_bits": value}
    if way in ("nearest", "gptq"):
        return [trained(model), trained(model), {"kind": "quantize", "method": way, **bits}]
    quantized = {**trained(model), "quantizer": way, "distil": 0.5, "teacher": "before", **bits}
    return [trained(model), quantized]


def learned(model: str, price: float) -> list[dict[str, Any]]:
    """Bit widths by HGQ."""
    bits = {"weight_bits": 6, "activation_bits": 6, "bit_price": price}
    return [trained(model), {**trained(model), "quantizer": "hgq", "distil": 0.5, "teacher": "before", **bits}]


def run(bench: Any) -> None:
    """All rows."""
    for model in MODELS:
        bits, ways, prices = FEWER.get(model, (BITS, WAYS, PRICES))
        for weight, value in bits:
            for way in ways:
                bench.compressed(f"{model}_bits_{weight}_{value}_{way}", model, steps(model, way, weight, value))
        for price in prices:
            bench.compressed(f"{model}_bits_hgq_{price:g}", model, learned(model, price))
