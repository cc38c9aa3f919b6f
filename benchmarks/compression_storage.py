# SPDX-License-Identifier: Apache-2.0
"""The same networks in every way that `.hwc` knows, and as xz makes them. See compression.py."""

import lzma
from typing import Any

from compression_ratios import DEEP, pruned, shared, smallest

NETWORKS = {
    "lenet300_mnist": {"Deep Compression": DEEP, "smallest, 97 %": 0.97},
    "lenet5_caffe_mnist": {"Deep Compression": DEEP, "smallest, 99 %": 0.99},
}
METHODS = ("raw", "relative", "huffman", "arithmetic")


def sizes(bench: Any, model: str, steps: list[dict[str, Any]]) -> dict[str, int]:
    """Bytes of the whole file by method; `as trained`: the best method without putting channels in order."""
    from hwcompress.compress.structured import remove_dead
    from hwcompress.compression import compress_model, stored
    from hwcompress.recipe import recipe as recipes
    from hwcompress.recipe.run import settled
    from hwcompress.recipe.state import State
    from hwcompress.stored import packed, stored_of

    recipe = recipes.make({"step": steps}, "storage", "storage")
    made = compress_model(bench.model(model), recipe=recipe, data=bench.data(model))
    own = stored(made.model, made.config, made.ran)
    found = {method: len(packed(own, method).data) for method in METHODS}
    plain = settled(State(remove_dead(made.ran.last), settings=made.ran.state.settings))
    found["as trained"] = len(packed(stored_of(made.model, plain.graph, plain.settings)).data)
    found["xz"] = len(lzma.compress(made.onnx, preset=9 | lzma.PRESET_EXTREME))
    found["best"] = len(made.packed.data)
    found["float"] = 4 * made.report.model.parameters
    return found


def run(bench: Any) -> None:
    """All rows."""
    for model, networks in NETWORKS.items():
        for title, sparsity in networks.items():
            deep = title == "Deep Compression"
            steps = [*pruned(model, DEEP), *shared(model, 31, "linear", 8)] if deep else smallest(model, sparsity)
            name = f"{model}_storage_{'deep' if deep else sparsity}"
            bench.row(name, steps, lambda m=model, s=steps: sizes(bench, m, s))
