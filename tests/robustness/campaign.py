# SPDX-License-Identifier: Apache-2.0
"""All hostile files, and the few of them that every run of the tests tries."""

from collections.abc import Iterator

from tests.robustness import (
    bombs,
    broken_attributes,
    broken_bytes,
    broken_functions,
    broken_graphs,
    broken_tensors,
)
from tests.robustness.mutant import Mutant

SOURCES = (bombs, broken_attributes, broken_bytes, broken_functions, broken_graphs, broken_tensors)
EMITTED = 3  # every so many files are compiled, the others only estimated


def _all() -> Iterator[Mutant]:
    for source in SOURCES:
        yield from source.mutants()


MUTANTS = {mutant.name: mutant for mutant in _all()}
NAMES = list(MUTANTS)
COMPILED = frozenset(NAMES[::EMITTED])

# What every run of the tests tries: something of each family, and what once went wrong. None takes two seconds.
SAMPLE = (
    "bomb/ConstantOfShape 2^40",
    "bomb/Concat 60 times",
    "size/pool of kernel 2^10 on 2^22",
    "size/dense 4 x 2^20",
    "size/map of 2^24",
    "size/map of 2^22 in rows of 4",
    "host/Expand to 2^30",
    "host/TopK",
    "attribute/cnn/Conv strides [0, 0] 0",
    "attribute/old/Clip max 0.0 12",
    "attribute/tail/Softmax axis 2 6",
    "attribute type/old/Dropout ratio a graph",
    "attribute twice/cnn",
    "attribute unknown/keras",
    "attribute without a name/conv1d",
    "flip/mlp/4",
    "flip/conv1d/5",
    "cut in a tag/tail",
    "cut in a length/depthwise",
    "cut before a payload/old",
    "cut in a payload/mlp",
    "cut between fields/external",
    "length too large/conv1d",
    "length too small/keras",
    "length absurd/cnn",
    "wire type/keras",
    "field number/old",
    "number/keras",
    "dims/tail",
    "payload/old",
    "emptied/tail",
    "removed/old",
    "doubled field/mlp",
    "doubled graph/keras",
    "doubled node/cnn",
    "doubled dims/external",
    "doubled data/mlp",
    "swapped/mlp",
    "graph first/mlp",
    "strange field/external",
    "group/depthwise",
    "truncated/tail/0.97",
    "function/two call each other",
    "nested/If h 400",
    "graph/cycle",
    "graph/unused nodes",
    "many/5,000 nodes in a circle",
    "type/whole weight of DOUBLE",
    "length/-1",
    "numbers/one weight nan",
    "numbers/all weights 1e30",
    "tensor/swapped",
    "sparse/outside",
    "huge/quantization annotations",
)
