# SPDX-License-Identifier: Apache-2.0
"""What the host computes must treat each sample alone."""

import numpy as np
import pytest
from onnx import NodeProto, TensorProto, helper

from hwcompress.errors import UnsupportedModel
from hwcompress.frontend.onnx_import import inspect, load
from tests.frontend.build import agrees, model, node, save, weights

F, I64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
INT = np.int64
CONSTANTS = {
    "w": weights(4, 3) / 8,
    "i0": np.array([0], INT),
    "i1": np.array([1], INT),
    "i2": np.array([2], INT),
    "big": np.array([1 << 62], INT),
    "minus": np.array([-1], INT),
    "swap": np.array([2, 1, 0], INT),
    "flat": np.array([-1], INT),
    "column": np.array([-1, 1], INT),
    "wide": np.array([1, 3], INT),
    "labels": np.array([10, 20, 30], INT),
    "q": np.float32(0.25),
    "v": weights(3, seed=4),
    "column_v": weights(5, 1, seed=4),
}


def tail(*nodes: NodeProto, shape: tuple = ("N", 4), kind: int = F, opset: int = 17):
    """A product, its result `h` [N, 3], and these nodes."""
    made = {n: CONSTANTS[n] for n in CONSTANTS if n == "w" or any(n in m.input for m in nodes)}
    return model([node("MatMul", "x w", "h"), *nodes], made, shape, opset, outputs={nodes[-1].output[0]: kind})


ACROSS: dict[str, tuple[NodeProto, ...]] = {
    "softmax": (node("Softmax", "h", "y", axis=0),),
    "log_softmax": (node("LogSoftmax", "h", "y", axis=-2),),
    "hardmax": (node("Hardmax", "h", "y", axis=0),),
    "argmax": (node("ArgMax", "h", "y", axis=0),),
    "argmin_default": (node("ArgMin", "h", "y"),),
    "reduce_mean": (node("ReduceMean", "h", "y", axes=[0]),),
    "reduce_all": (node("ReduceMax", "h", "y"),),
    "reduce_sum": (node("ReduceSum", "h i0", "y", keepdims=0),),
    "topk": (node("TopK", "h i1", "y i", axis=0),),
    "gather": (node("Gather", "h i0", "y", axis=0),),
    "slice": (node("Slice", "h i1 big i0", "y"),),
    "reverse": (node("Slice", "h minus i0 i0 minus", "y"),),
    "concat": (node("Concat", "h h", "y", axis=0),),
    "flat": (node("Sigmoid", "h", "p"), node("Reshape", "p flat", "f"), node("Softmax", "f", "y")),
    "reshape": (node("Exp", "h", "p"), node("Reshape", "p column", "c"), node("ReduceMax", "c", "y", axes=[0])),
    "flatten": (node("Exp", "h", "p"), node("Flatten", "p", "f", axis=0), node("Softmax", "f", "y", axis=1)),
    "joined_beside_whole": (node("Exp", "h", "p"), node("Reshape", "p flat", "f"),
                            node("ReduceMax", "h", "m", axes=[1]), node("Sub", "m f", "y")),
    "joined_expanded": (node("Exp", "h", "p"), node("Reshape", "p column", "c"), node("Expand", "c wide", "e"),
                        node("ReduceMax", "e", "y", axes=[0])),
    "transposed_softmax": (node("Transpose", "h", "t"), node("Softmax", "t", "y", axis=1)),
    "pairs": (node("Transpose", "h", "t"), node("ReduceMax", "t", "m", axes=[0]),
              node("ReduceMax", "h", "k", axes=[1]), node("Sub", "m k", "y")),
    "after_argmax": (node("ArgMax", "h", "a", axis=1, keepdims=0), node("Cast", "a", "f", to=F),
                     node("Softmax", "f", "y", axis=0)),
    "normalizer": (node("Transpose", "h", "t"), helper.make_node("Normalizer", ["t"], ["y"], domain="ai.onnx.ml")),
    "gather_elements": (node("ArgMax", "h", "a", axis=1), node("GatherElements", "h a", "y", axis=0)),
}  # fmt: skip


@pytest.mark.parametrize("shape", [("N", 4), (-1, 4), (5, 4)])
@pytest.mark.parametrize("case", ACROSS)
def test_work_across_samples_is_refused(case, shape, tmp_path):
    path = save(tmp_path, tail(*ACROSS[case], shape=shape))
    with pytest.raises(UnsupportedModel, match="works across the samples of a batch"):
        load(path)
    assert [n.place for n in inspect(path).nodes].count("unsupported") == 1


def test_the_message_says_where(tmp_path):
    with pytest.raises(UnsupportedModel) as caught:
        load(save(tmp_path, tail(node("Softmax", "h", "p", axis=0), node("ArgMax", "h", "a"), node("Add", "p h", "y"))))
    assert str(caught.value) == (
        "model 'm.onnx' cannot be built, 1 problem:\n"
        "  Softmax 'p': works across the samples of a batch (dimension 0 of [N, 3]); "
        "only what treats each sample alone is supported\n"
        "hwcompress inspect shows every node of the model and where it would run."
    )


def test_each_node_that_works_across_samples_is_listed(tmp_path):
    made = tail(node("Softmax", "h", "p", axis=0), node("ArgMax", "h", "y", axis=0), kind=I64)
    made.graph.output.append(helper.make_tensor_value_info("p", F, None))
    assert [line.split(":")[0] for line in inspect(save(tmp_path, made)).problems] == ["Softmax 'p'", "ArgMax 'y'"]


def test_softmax_of_old_opsets_works_on_all_that_follows_its_axis(tmp_path):
    with pytest.raises(UnsupportedModel, match="works across"):
        load(save(tmp_path, tail(node("Softmax", "h", "y", axis=0), opset=11)))
    agrees(tmp_path, tail(node("Softmax", "h", "y"), opset=11), exact=False, tolerance=1e-6)


def test_constants_that_differ_from_sample_to_sample(tmp_path):
    nodes = (node("Softmax", "h", "p"), node("Add", "p column_v", "y"))
    for shape in (("N", 4), (5, 4)):
        with pytest.raises(UnsupportedModel, match=r"constant \[5, 1\] against \[[N5], 3\] differs from sample"):
            load(save(tmp_path, tail(*nodes, shape=shape)))


WITHIN: dict[str, tuple[tuple[NodeProto, ...], int]] = {
    "softmax": ((node("Softmax", "h", "y", axis=1),), F),
    "argmax": ((node("ArgMax", "h", "y", axis=-1, keepdims=0),), I64),
    "reduce": ((node("ReduceMean", "h", "y", axes=[1], keepdims=0),), F),
    "reduce_nothing": ((node("Exp", "h", "p"), node("ReduceSum", "p", "y", noop_with_empty_axes=1)), F),
    "topk": ((node("TopK", "h i2", "y i"), node("Identity", "i", "z")), I64),
    "gather": ((node("Gather", "h swap", "y", axis=1),), F),
    "gather_labels": ((node("ArgMax", "h", "a", axis=1, keepdims=0), node("Gather", "labels a", "y")), I64),
    "gather_elements": ((node("ArgMax", "h", "a", axis=1), node("GatherElements", "h a", "y", axis=1)), F),
    "extractor": ((node("ArgMax", "h", "a", axis=1),
                   helper.make_node("ArrayFeatureExtractor", ["labels", "a"], ["l"], domain="ai.onnx.ml"),
                   node("Reshape", "l flat", "y")), I64),
    "slice": ((node("Slice", "h i1 big i1", "y"),), F),
    "slice_whole_batch": ((node("Slice", "h i0 big i0", "s"), node("Slice", "s minus i0 i1 minus", "y")), F),
    "concat": ((node("Sigmoid", "h", "p"), node("Concat", "p h", "c", axis=1), node("Softmax", "c", "y")), F),
    "difference": ((node("ReduceMax", "h", "m", axes=[1]), node("Sub", "h m", "d"), node("Exp", "d", "e"),
                    node("ReduceSum", "e i1", "s"), node("Div", "e s", "y")), F),
    "where": ((node("Greater", "h q", "g"), node("Where", "g h q", "y")), F),
    "expand": ((node("ReduceMax", "h", "m", axes=[1]), node("Expand", "m wide", "e"), node("Sub", "h e", "y")), F),
    "column": ((node("ArgMax", "h", "a", axis=1, keepdims=0), node("Reshape", "a column", "y")), I64),
    "transpose_back": ((node("Transpose", "h", "t"), node("Softmax", "t", "s", axis=0),
                        node("Transpose", "s", "y")), F),
}  # fmt: skip


@pytest.mark.parametrize("shape", [("N", 4), (1, 4)])
@pytest.mark.parametrize("case", WITHIN)
def test_work_inside_a_sample_is_for_the_host(case, shape, tmp_path):
    nodes, kind = WITHIN[case]
    agrees(tmp_path, tail(*nodes, shape=shape, kind=kind), exact=False, tolerance=1e-6)


def test_a_product_of_one_sample_says_that_there_is_but_one(tmp_path):
    nodes = [node("Flatten", "x", "f", axis=0), node("MatMul", "f w", "h"), node("Softmax", "h", "y")]
    agrees(tmp_path, model(nodes, {"w": CONSTANTS["w"]}), exact=False, tolerance=1e-6)


@pytest.mark.parametrize("case", ["softmax", "reduce_mean", "concat", "argmax"])
def test_a_declared_batch_of_one_has_nothing_to_mix(case, tmp_path):
    load(save(tmp_path, tail(*ACROSS[case], shape=(1, 4))))
