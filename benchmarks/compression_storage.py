# SPDX-License-Identifier: Apache-2.0
"""The same networks in every way that `.hwc` knows, and as xz makes them. See compression.py."""

import lzma
from dataclasses import replace
from typing import Any

import numpy as np
from compression_ratios import deep, deep_name, soft

NETWORKS = {  # model: title, name of the run, its steps
    "lenet300_mnist": [
        ("Deep Compression, 90 %", deep_name("lenet300_mnist", 0.9), deep("lenet300_mnist", 0.9)),
        ("soft weight sharing", "lenet300_mnist_soft", soft("lenet300_mnist")),
    ],
    "lenet5_caffe_mnist": [
        ("Deep Compression, 94 %", deep_name("lenet5_caffe_mnist", 0.94), deep("lenet5_caffe_mnist", 0.94)),
        ("soft weight sharing", "lenet5_caffe_mnist_soft", soft("lenet5_caffe_mnist")),
    ],
}
METHODS = ("raw", "relative", "huffman", "arithmetic")
SHUFFLED = "shuffled"


def sizes(data: bytes) -> dict[str, int]:
    """Bytes of the whole file by method; shuffled: the best method with hidden channels in a random order."""
    from hwcompress.codegen.float_onnx import float_model
    from hwcompress.compress.permute import permuted
    from hwcompress.compress.structured import links
    from hwcompress.stored import opened, packed

    stored = opened(data, "benchmark")
    found = {method: len(packed(stored, method).data) for method in METHODS}
    graph, rng = stored.graph, np.random.default_rng(0)
    for k in range(len(links(graph))):
        link = links(graph)[k]
        graph = permuted(graph, link, rng.permutation(len(link.producer.weight)))
    found[SHUFFLED] = len(packed(replace(stored, graph=graph)).data)
    found["xz"] = len(lzma.compress(float_model(stored), preset=9 | lzma.PRESET_EXTREME))
    found["best"] = len(data)
    found["float"] = 4 * stored.parameters
    return found


def run(bench: Any) -> None:
    """All rows."""
    for model, networks in NETWORKS.items():
        for _, name, steps in networks:
            bench.row(f"{name}_storage", steps, lambda m=model, n=name, s=steps: sizes(bench.file(n, m, s)))
