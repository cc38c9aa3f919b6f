# SPDX-License-Identifier: Apache-2.0
"""What the cells of a device family can do: DSP, block RAM, fabric. One entry for each FAMILY of hwc_mac."""

from dataclasses import dataclass

Shapes = tuple[tuple[int, int], ...]  # words, bits of one block; rising words

# A RAMB18E2 with one write and one read port: UG573 (v1.13), table 1-7 and chapter "Simple dual-port"; the DP16KD of
# ECP5 (and its 36-bit form PDPW16KD) has the same: FPGA-TN-02204, ECP5 and ECP5-5G Memory Usage Guide.
BLOCK_18K: Shapes = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
# SB_RAM40_4K: FPGA-TN-02002, Memory Usage Guide for iCE40 Devices.
BLOCK_4K: Shapes = ((256, 16), (512, 8), (1024, 4), (2048, 2))


@dataclass(frozen=True, slots=True)
class Family:
    """Cells of a device family."""

    dsp: str  # name of the multiplier cell
    multiplier: tuple[int, int]  # bits of its two signed operands, the larger first
    block: str  # name of a block RAM: what bram18 counts
    shapes: Shapes = BLOCK_18K
    rom_style: int = 1  # STYLE of hwc_rom for block RAM
    ram_style: int = 2  # STYLE of hwc_ram for block RAM
    lut: int = 6  # inputs of a LUT
    lutram: bool = True  # LUTs can be RAM; else small RAMs are flip-flops
    one_addend: bool = False  # a DSP cannot cascade and accumulate at once
    adds_in_logic: bool = False  # a DSP is a product; cascades and accumulators are logic
    segment: int = 16  # slots of a DSP cascade that the planner begins with
    note: str = ""  # what a report says about LUT and FF

    @property
    def amd(self) -> bool:
        """Vivado and Vitis HLS know the family."""
        return self.lut == 6

    @property
    def late_lines(self) -> bool:
        """Whether no word of a block RAM can be read while it is written."""
        return self.ram_style > 2

    def fits(self, a: int, b: int) -> bool:
        """Whether one DSP multiplies signed operands of these widths."""
        return max(a, b) <= self.multiplier[0] and min(a, b) <= self.multiplier[1]

    def fabric_accumulator(self, slots: int, columns: int) -> bool:
        """Whether logic accumulates behind cascades of `slots`, where a step has `columns` products."""
        return (self.one_addend and slots > 1) or (self.adds_in_logic and columns > 1)


LUT4 = "LUT and FF: a model of LUTs with 4 inputs; docs/targets.md has its errors against Yosys"
VERSAL = "LUT and FF: the UltraScale+ model; no open tool maps to Versal, so nothing was measured there"

FAMILIES = {
    1: Family("DSP48E1", (25, 18), "RAMB18", one_addend=True),
    2: Family("DSP48E2", (27, 18), "RAMB18"),
    3: Family("MULT18X18D", (18, 18), "DP16KD", ram_style=3, lut=4, adds_in_logic=True, segment=1, note=LUT4),
    4: Family(
        "SB_MAC16",
        (16, 16),
        "RAM40_4K",
        BLOCK_4K,
        rom_style=2,
        ram_style=4,
        lut=4,
        lutram=False,
        one_addend=True,
        note=LUT4,
    ),
    5: Family("DSP58", (27, 24), "RAMB18", note=VERSAL),
}
