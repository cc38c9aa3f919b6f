"""hwc_rom, hwc_ram, hwc_table: every style, tiling, file names, read and write in one clock."""

from pathlib import Path

import numpy as np
import pytest
from bench import Bits, Case, Port, check, pack
from test_dense import rom

MODELS = Path(__file__).parent / "models" / "xilinx_luts.v"

pytestmark = pytest.mark.hdl


def number(rng: np.random.Generator, width: int) -> int:
    return int.from_bytes(rng.bytes(-(-width // 8))) & ((1 << width) - 1)


def test_rom(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    shapes = (
        (1, 1),
        (7, 1),
        (8, 2),
        (36, 5),
        (37, 512),
        (20, 513),
        (19, 1025),
        (9, 2049),
        (5, 4097),
        (3, 8193),
        (3, 16385),
        (2, 40000),
    )
    for style in (0, 1):
        for k, (width, depth) in enumerate((*shapes, (400, 3))):
            if style == 0 and depth > 3000:
                continue
            values = [number(rng, width) for _ in range(depth)]
            picks = [0, depth - 1, *(int(a) for a in rng.integers(0, depth, 80))]
            address = max(1, (depth - 1).bit_length())
            params, files = rom("", [f"r{style}_{k}"], [values], [width], style == 1)
            cases.append(
                Case(
                    "hwc_rom",
                    {"WIDTH": width, "DEPTH": depth, **params},
                    {"addr_i": Port(address, list(picks))},
                    {"data_o": Port(width, [None, *(values[a] for a in picks)])},
                    files,
                )  # fmt: skip
            )
    check(cases, tmp_path)


def test_rom_in_luts(tmp_path: Path, rng: np.random.Generator) -> None:
    """The primitives hold what the behavioural ROM holds, whatever a bit of a word comes from."""
    cases = []
    for depth in (1, 2, 3, 4, 5, 8, 33, 63, 64, 65, 128, 129, 192, 193, 256, 257, 500, 512, 600):
        address = max(1, (depth - 1).bit_length())
        columns = [number(rng, depth) for _ in range(int(rng.integers(0, 5)))] + [0, (1 << depth) - 1, 1 << (depth - 1)]
        known = [0, 1, *range(2, 2 + 2 * address), *range(64, 64 + len(columns))]
        sources = [*known, *(int(s) for s in rng.choice(known, 4))]

        def value(source: int, word: int, columns: list[int] = columns) -> int:
            if source < 2:
                return source
            return columns[source - 64] >> word & 1 if source >= 64 else (word >> (source // 2 - 1) & 1) ^ (source & 1)

        words = [sum(value(s, w) << k for k, s in enumerate(sources)) for w in range(depth)]
        picks = [0, depth - 1, *(int(a) for a in rng.permutation(depth)), *(int(a) for a in rng.integers(0, depth, 20))]
        cases += [
            Case(
                "hwc_rom_logic",
                {
                    "FAMILY": family,
                    "WIDTH": len(sources),
                    "DEPTH": depth,
                    "COLUMNS": len(columns),
                    "ROM": Bits(len(columns) * depth + 1, sum(c << (k * depth) for k, c in enumerate(columns))),
                    "MAP": Bits(16 * len(sources), sum(s << (16 * k) for k, s in enumerate(sources))),
                },
                {"addr_i": Port(address, list(picks))},
                {"data_o": Port(len(sources), [None, *(words[a] for a in picks)])},
            )  # fmt: skip
            for family in (0, 1, 2, 9)
        ]
    check(cases, tmp_path, [MODELS])


def test_ram(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for style in (0, 1, 2):
        for width, depth in ((1, 1), (8, 2), (9, 3), (20, 32), (37, 64), (40, 513), (3, 20000)):
            if style == 0 and depth > 100:
                continue
            memory: dict[int, int] = {}
            ports: dict[str, list[int]] = {name: [] for name in ("we_i", "waddr_i", "wdata_i", "re_i", "raddr_i")}
            out: int | None = None
            expected: list[int | None] = []
            for _ in range(400):
                write, read = int(rng.random() < 0.6), int(rng.random() < 0.7)
                known = [0, depth - 1, *memory]
                waddr = int(rng.choice(known)) if rng.random() < 0.3 else int(rng.integers(0, depth))
                raddr = waddr if rng.random() < 0.2 else int(rng.choice(known[-8:]))
                data = number(rng, width)
                for name, value in zip(ports, (write, waddr, data, read, raddr), strict=True):
                    ports[name].append(value)
                expected.append(out)
                if read:
                    out = memory.get(raddr)
                if write:
                    memory[waddr] = data
            address = max(1, (depth - 1).bit_length())
            widths = {"we_i": 1, "waddr_i": address, "wdata_i": width, "re_i": 1, "raddr_i": address}
            cases.append(
                Case(
                    "hwc_ram",
                    {"WIDTH": width, "DEPTH": depth, "STYLE": style},
                    {name: Port(widths[name], list(values)) for name, values in ports.items()},
                    {"rdata_o": Port(width, expected)},
                )  # fmt: skip
            )
    check(cases, tmp_path)


def test_table(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = []
    for k, (lanes, in_w, out_w, style) in enumerate(
        ((1, 1, 1, 0), (3, 4, 9, 0), (2, 8, 8, 1), (2, 10, 20, 1), (1, 12, 7, 0))
    ):
        table = [number(rng, out_w) for _ in range(1 << in_w)]
        xs = [[number(rng, in_w) for _ in range(lanes)] for _ in range(200)]
        valid = [0, *(int(v) for v in rng.random(199) < 0.5)]
        params, files = rom("", [f"t{k}"], [table], [out_w], style == 1)
        cases.append(
            Case(
                "hwc_table",
                {"LANES": lanes, "IN_W": in_w, "OUT_W": out_w, **params},
                {
                    "rst_ni": Port(1, [0] + [1] * 199),
                    "valid_i": Port(1, list(valid)),
                    "x_i": Port(lanes * in_w, [pack(x, in_w) for x in xs]),
                },
                {
                    "valid_o": Port(1, [None, *valid]),
                    "y_o": Port(lanes * out_w, [None, *(pack([table[v] for v in x], out_w) for x in xs)]),
                },
                files,
            )  # fmt: skip
        )
    check(cases, tmp_path)
