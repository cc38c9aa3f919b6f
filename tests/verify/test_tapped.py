# SPDX-License-Identifier: Apache-2.0
"""What the taps wrote, beside what is due."""

from pathlib import Path

import numpy as np
import pytest

from hwcompress.codegen.taps import Tap
from hwcompress.verify.tapped import Look, first_difference, read_seen

A = Tap("conv_0", "'a'", "layer_conv_0", "v", "d", "r", 2, 3, True, 2, 3, (1, 2), 3)  # two emissions a position
B = Tap("dense_1", "b", "layer_dense_1", "v", "d", "r", 2, 2, False, 1, 2, (), 2)
DUE = [np.array([1, -1, 2, -4, 3, 0]), np.array([3, 1])]
RIGHT = ["0 0 9 111001", "0 1 9 000010", "0 2 9 011100", "0 3 9 111000", "1 0 12 0111", "0 room 20 1", "1 room 20 1"]


def difference(folder: Path, lines: list[str], offset: int = 0, alone: bool = True) -> str:
    (folder / "taps.txt").write_text("".join(f"{line}\n" for line in lines))
    return first_difference((A, B), read_seen(folder / "taps.txt", 2), Look(7, DUE, offset, alone))


def test_equal(tmp_path):
    assert difference(tmp_path, RIGHT) == ""


CONV = "layer conv_0 (the model's '\\'a\\'')"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (2, "0 2 9 010100", f"value: frame 7, {CONV}, element 4 (row 0, column 1, channel 1): 3 wanted, 2 found"),
        (0, "0 0 9 11x001", f"value: frame 7, {CONV}, element 1 (row 0, column 0, channel 1): -1 wanted, unknown bits"),
        (4, "1 0 12 1111", "value: frame 7, layer dense_1 (the model's 'b'), element 1: 1 wanted, 3 found"),
        (3, "", f"layer: frame 7, {CONV}, emissions of the frame: 4 wanted, 3 found"),
        (
            4,
            "1 0 12 0111\n1 1 13 0000",
            "layer: frame 7, layer dense_1 (the model's 'b'), emissions of the frame: 1 wa",
        ),
    ],
)
def test_different(old, new, text, tmp_path):
    lines = [line for k, line in enumerate(RIGHT) for line in (new if k == old else line).splitlines()]
    assert difference(tmp_path, lines).startswith(f"first wrong {text}")


def test_a_layer_that_waits_for_the_next_one_is_not_named(tmp_path):
    """conv_0 is short because dense_1 takes no more; if dense_1 waits too, the output is left."""
    lines = [line for line in RIGHT if not line.startswith(("0 3 ", "1 0 "))]
    lines = [line.replace("0 room 20 1", "0 room 20 0") for line in lines]
    assert difference(tmp_path, lines) == (
        "first wrong layer: frame 7, layer dense_1 (the model's 'b'), emissions of the frame: 1 wanted, 0 found"
    )
    lines = [line.replace("1 room 20 1", "1 room 20 0") for line in lines]
    assert difference(tmp_path, lines) == (
        "first wrong value: frame 7, behind the last layer: the output FIFO or the output port is wrong"
    )


def test_a_later_frame_of_a_run(tmp_path):
    later = [f"{a} {int(n) + each} {rest}" for a, n, rest, each in
             ((*line.split(" ", 2), 8 if line[0] == "0" else 2) for line in RIGHT[:5])]  # fmt: skip
    assert difference(tmp_path, [*later, *RIGHT[5:]], offset=2, alone=False) == ""
    assert "4 wanted, 0 found" in difference(tmp_path, later[4:], offset=2, alone=False)
