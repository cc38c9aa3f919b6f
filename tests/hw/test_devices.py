# SPDX-License-Identifier: Apache-2.0
"""Targets: the reference budgets, the sanity of every row, and what a wrong name gets."""

import pytest

from hwcompress.errors import BadInput
from hwcompress.hw import devices
from hwcompress.hw.cells import Resources
from hwcompress.hw.families import BLOCK_4K, BLOCK_18K, FAMILIES
from hwcompress.hw.memory import blocks

ALL = devices.targets()


@pytest.mark.parametrize(
    ("name", "device", "multiplier", "family", "budget"),
    [
        ("dsp27x18", "xczu7ev", (27, 18), 2, Resources(1728, 230400, 460800, 624)),
        ("dsp25x18", "xc7z020", (25, 18), 1, Resources(220, 53200, 106400, 280)),
        ("dsp18x18", "lfe5u-85", (18, 18), 3, Resources(156, 83640, 83640, 208)),
        ("dsp16x16", "ice40up5k", (16, 16), 4, Resources(8, 5280, 5280, 30)),
        ("dsp27x24", "xcvc1902", (27, 24), 5, Resources(1968, 899840, 1799680, 1934)),
    ],
)
def test_a_geometry_has_the_budget_of_its_reference_device(name, device, multiplier, family, budget):
    target = devices.find(name)
    assert (target.device, target.multiplier, target.family, target.budget) == (device, multiplier, family, budget)
    assert target.geometry
    assert not devices.find(device).geometry


def test_the_names_of_the_contract_are_there():
    geometries = ("dsp27x18", "dsp25x18", "dsp27x24", "dsp18x18", "dsp16x16")
    for name in (*geometries, "xczu7ev", "xcku5p", "xc7z020", "lfe5u-85"):
        assert devices.find(name).name == name


@pytest.mark.parametrize("target", ALL, ids=lambda t: t.name)
def test_a_row_is_possible(target):
    budget = target.budget
    per_lut = 2 if target.cells.amd else 1  # flip-flops
    assert budget.ff == per_lut * budget.lut
    assert budget.bram18 % 2 == 0
    assert budget.lut % 4 == 0
    assert min(budget.dsp, budget.lut, budget.bram18) > 0
    assert target.multiplier == target.cells.multiplier
    flows = {1: ("xc7",), 2: ("xcu", "xcup"), 3: ("ecp5",), 4: ("ice40",), 5: ("",)}
    assert target.yosys_family in flows[target.family]
    assert bool(target.pnr) == (target.family in (3, 4))
    assert target.source.startswith(("DS", "FPGA-DS"))


@pytest.mark.parametrize("target", ALL, ids=lambda t: t.name)
def test_a_full_part_name_finds_its_device(target):
    found = devices.find(target.part)
    assert (found.name, found.part, found.budget) == (target.device, target.part, target.budget)


def test_another_package_keeps_the_part_that_was_asked_for():
    assert devices.find("XC7Z020clg484-1").part == "XC7Z020clg484-1"
    assert devices.find(" XCZU7EV ").name == "xczu7ev"
    assert devices.find("LFE5U-85F-8BG756C").name == "lfe5u-85"
    assert devices.find("LFE5UM-25F-6MG285C").name == "lfe5um-25"
    assert devices.find("ice40up5k-uwg30").name == "ice40up5k"


@pytest.mark.parametrize(
    ("family", "fits", "too_wide"),
    [(3, (18, 18), (19, 8)), (4, (16, 16), (17, 2)), (5, (27, 24), (25, 25)), (1, (18, 25), (19, 19))],
)
def test_what_a_multiplier_takes(family, fits, too_wide):
    assert FAMILIES[family].fits(*fits)
    assert FAMILIES[family].fits(*reversed(fits))
    assert not FAMILIES[family].fits(*too_wide)
    assert not FAMILIES[family].fits(*reversed(too_wide))


@pytest.mark.parametrize(
    ("shapes", "width", "depth", "wanted"),
    [
        (BLOCK_18K, 37, 512, 2),
        (BLOCK_18K, 9, 20000, 18),
        (BLOCK_4K, 17, 256, 2),
        (BLOCK_4K, 3, 2049, 4),
        (BLOCK_4K, 9, 300, 2),
    ],
)
def test_blocks_of_a_memory(shapes, width, depth, wanted):
    assert blocks(width, depth, shapes) == wanted


def test_a_wrong_name_lists_close_ones():
    with pytest.raises(BadInput) as error:
        devices.find("xc7z021")
    assert str(error.value) == (
        "target 'xc7z021': unknown; a multiplier geometry (dsp27x18) or a device (xczu7ev) wanted. "
        "close names: xc7z020, xc7z010, xc7z045. Try: hwcompress targets"
    )


@pytest.mark.parametrize(
    "name", ["", "\x1b[2J", "x" * 10_000, "xc7z020\nrm", "xc7z020clg400", "dsp27x18-1", "lfe5u-850", "xc7z020-sg48"]
)
def test_hostile_names_give_one_short_printable_line(name):
    with pytest.raises(BadInput) as error:
        devices.find(name)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400
