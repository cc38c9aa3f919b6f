# SPDX-License-Identifier: Apache-2.0
"""Targets: the reference budgets, the sanity of every row, and what a wrong name gets."""

import pytest

from hwcompress.errors import BadInput
from hwcompress.hw import devices
from hwcompress.hw.cells import Resources

ALL = devices.targets()


@pytest.mark.parametrize(
    ("name", "device", "multiplier", "family", "budget"),
    [
        ("dsp27x18", "xczu7ev", (27, 18), 2, Resources(1728, 230400, 460800, 624)),
        ("dsp25x18", "xc7z020", (25, 18), 1, Resources(220, 53200, 106400, 280)),
    ],
)
def test_a_geometry_has_the_budget_of_its_reference_device(name, device, multiplier, family, budget):
    target = devices.find(name)
    assert (target.device, target.multiplier, target.family, target.budget) == (device, multiplier, family, budget)
    assert target.geometry
    assert not devices.find(device).geometry


def test_the_names_of_the_contract_are_there_or_are_refused_by_name():
    for name in ("dsp27x18", "dsp25x18", "xczu7ev", "xcku5p", "xc7z020"):
        assert devices.find(name).name == name
    for name in ("dsp27x24", "dsp18x18", "dsp16x16", "lfe5u-85"):
        with pytest.raises(BadInput, match=f"target '{name}': not available in this version"):
            devices.find(name)


@pytest.mark.parametrize("target", ALL, ids=lambda t: t.name)
def test_a_row_is_possible(target):
    budget = target.budget
    assert budget.ff == 2 * budget.lut  # every slice of these families has two flip-flops a LUT
    assert budget.bram18 % 2 == 0
    assert budget.lut % 4 == 0
    assert min(budget.dsp, budget.lut, budget.bram18) > 0
    assert target.multiplier == {1: (25, 18), 2: (27, 18)}[target.family]
    assert target.yosys_family in {1: ("xc7",), 2: ("xcu", "xcup")}[target.family]
    assert target.source.startswith("DS")


@pytest.mark.parametrize("target", ALL, ids=lambda t: t.name)
def test_a_full_part_name_finds_its_device(target):
    found = devices.find(target.part)
    assert (found.name, found.part, found.budget) == (target.device, target.part, target.budget)


def test_another_package_keeps_the_part_that_was_asked_for():
    assert devices.find("XC7Z020clg484-1").part == "XC7Z020clg484-1"
    assert devices.find(" XCZU7EV ").name == "xczu7ev"


def test_a_wrong_name_lists_close_ones():
    with pytest.raises(BadInput) as error:
        devices.find("xc7z021")
    assert str(error.value) == (
        "target 'xc7z021': unknown; a multiplier geometry (dsp27x18) or a device (xczu7ev) wanted. "
        "close names: xc7z020, xc7z010, xc7z045. Try: hwcompress targets"
    )


@pytest.mark.parametrize("name", ["", "\x1b[2J", "x" * 10_000, "xc7z020\nrm", "xc7z020clg400", "dsp27x18-1"])
def test_hostile_names_give_one_short_printable_line(name):
    with pytest.raises(BadInput) as error:
        devices.find(name)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400
