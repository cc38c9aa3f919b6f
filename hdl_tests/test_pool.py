"""hwc_pool: every result in its clock, and no other, with random idle clocks and a reset in between."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from bench import Case, Port, check, codes, pack

pytestmark = pytest.mark.hdl


@dataclass(frozen=True)
class Shape:
    lanes: int
    width: int  # bits of x
    is_signed: bool
    is_sum: bool
    groups: int
    taps: int
    spare: int = 0  # bits of a sum beyond those it needs

    @property
    def out(self) -> int:
        """Bits of y."""
        if not self.is_sum:
            return self.width
        return self.width + (self.taps - 1).bit_length() + (not self.is_signed) + self.spare


def pool_case(rng: np.random.Generator, shape: Shape, clocks: int, p_valid: float) -> Case:
    """The specification: all inputs of a frame so far, and no accumulator."""
    ins: dict[str, list[int | None]] = {name: [] for name in ("rst_ni", "valid_i", "x_i")}
    outs: dict[str, list[int | None]] = {name: [] for name in ("valid_o", "y_o")}
    again = int(rng.integers(clocks // 2, clocks))  # a second reset
    frame: list[np.ndarray] = []  # inputs, [lanes] each
    result: np.ndarray | None = None  # of the clock before
    data = iter(())
    for clock in range(clocks):
        resetting = clock < 2 or clock == again
        x = next(data, None)
        if x is None:  # a frame has one kind of codes
            data = iter(codes(rng, shape.width, shape.is_signed, (shape.taps * shape.groups, shape.lanes)))
            x = next(data)
        valid = bool(rng.random() < p_valid)
        ins["rst_ni"].append(int(not resetting))
        ins["valid_i"].append(int(valid))
        ins["x_i"].append(pack(x, shape.width))
        outs["valid_o"].append(None if clock == 0 else int(result is not None))
        outs["y_o"].append(None if result is None else pack(result, shape.out))
        result = None
        if resetting:
            frame = []
        elif valid:
            frame.append(x)
            if len(frame) > (shape.taps - 1) * shape.groups:
                taps = np.stack(frame[(len(frame) - 1) % shape.groups :: shape.groups])
                result = taps.sum(axis=0) if shape.is_sum else taps.max(axis=0)
            if len(frame) == shape.taps * shape.groups:
                frame = []
    return Case(
        "hwc_pool",
        {
            "LANES": shape.lanes, "X_W": shape.width, "X_SIGNED": int(shape.is_signed), "Y_W": shape.out,
            "SUM": int(shape.is_sum), "GROUPS": shape.groups, "TAPS": shape.taps,
        },
        {name: Port({"x_i": shape.lanes * shape.width}.get(name, 1), values) for name, values in ins.items()},
        {name: Port({"y_o": shape.lanes * shape.out}.get(name, 1), values) for name, values in outs.items()},
    )  # fmt: skip


def test_every_kind(tmp_path: Path, rng: np.random.Generator) -> None:
    """Two groups are the shortest way from an accumulator to its next use."""
    idle = itertools.cycle((1.0, 0.7, 0.2))
    shapes = [
        Shape(lanes, width, is_signed, is_sum, groups, taps, int(rng.integers(0, 2)))
        for is_signed in (False, True)
        for is_sum in (False, True)
        for groups in (1, 2, 3, 4, 7)
        for taps in (1, 2, 3, 4, 9)
        for lanes, width in ((1, 1), (2, 3), (3, 8))
    ]
    check([pool_case(rng, shape, 12 * shape.groups * shape.taps + 60, next(idle)) for shape in shapes], tmp_path)


def test_real_shapes(tmp_path: Path, rng: np.random.Generator) -> None:
    shapes = [
        Shape(4, 8, False, False, 5, 4),
        Shape(16, 6, True, False, 1, 9),
        Shape(4, 8, False, True, 16, 49),
        Shape(2, 12, True, True, 70, 64),
        Shape(1, 16, True, True, 2, 1024),
    ]
    check([pool_case(rng, shape, 5000, p) for shape in shapes for p in (1.0, 0.6)], tmp_path)
