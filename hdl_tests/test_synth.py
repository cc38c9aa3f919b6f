"""What Yosys makes of the leaves: the mapping rules of architecture.md, cell for cell; `check -assert`."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench import RTL, Bits
from test_dense import rom_constants, rom_files
from test_lint import GRID, literal

from hwcompress.cost.logic import soft_product
from hwcompress.ir.fixed import FixedPoint
from hwcompress.verify import synth

pytestmark = [pytest.mark.hdl, pytest.mark.synth]

Params = dict[str, int | str | Bits]
FLIP_FLOPS = ("FDRE", "FDSE", "FDCE", "FDPE")

YOSYS = """
import json
from pyosys import libyosys as ys
design = ys.Design()
for command in json.load(open("commands.json")):
    ys.run_pass(command, design)
"""


def yosys(folder: Path, commands: list[str]) -> None:
    pytest.importorskip("pyosys")
    (folder / "commands.json").write_text(json.dumps(commands))
    ran = subprocess.run([sys.executable, "-c", YOSYS], cwd=folder, capture_output=True, text=True, check=False)
    log = ran.stdout + ran.stderr
    assert ran.returncode == 0 and "ERROR" not in log, log[-2000:]


def cells(
    folder: Path, family: str, instances: list[tuple[str, Params]], files: dict[str, str] | None = None
) -> list[dict[str, int]]:
    """Cells of each instance, synthesized in one run with this hierarchy kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    body = "".join(
        f"  (* keep, keep_hierarchy *) {module} #({', '.join(f'.{k}({literal(v)})' for k, v in params.items())}) u{n} ();\n"
        for n, (module, params) in enumerate(instances)
    )
    (folder / "top.v").write_text(f"module top;\n{body}endmodule\n")
    generated = [name for name in files or {} if name.endswith(".v")]
    read = f"read_verilog -defer {' '.join([*(str(path) for path in sorted(RTL.glob('hwc_*.v'))), *generated])}"
    flow = f"synth_xilinx -family {family} -noiopad -noclkbuf -flatten -top top"
    yosys(
        folder,
        [
            read,
            "read_verilog top.v",
            flow,
            "tee -q -o stat.json stat -json",
            "select -write top.sel top/t:*",
            "write_json net.json",
        ],
    )
    modules = json.loads((folder / "stat.json").read_text())["modules"]
    types = json.loads((folder / "net.json").read_text())["modules"]["top"]["cells"]
    by_name = {name.lstrip("\\"): counts["num_cells_by_type"] for name, counts in modules.items()}
    found = []
    for n in range(len(instances)):
        counts = by_name[types[f"u{n}"]["type"].lstrip("\\")]
        found.append({name: number for name, number in counts.items() if not name.startswith("$scope")})
    return found


def only(counts: dict[str, int], *kinds: str) -> int:
    return sum(number for name, number in counts.items() if name in kinds)


def luts(counts: dict[str, int]) -> int:
    return only(counts, *(f"LUT{k}" for k in range(1, 7)), "INV")


def test_mac_is_one_dsp48e2(tmp_path: Path) -> None:
    grid = [{"FAMILY": 2, "CAS": c, "ACC": a, "BIAS": b, "A_W": w, "B_W": 18, "P_W": p}
            for c, a, b in itertools.product((0, 1), repeat=3) for w, p in ((27, 48), (8, 20))]  # fmt: skip
    for params, counts in zip(grid, cells(tmp_path, "xcup", [("hwc_mac", dict(p)) for p in grid]), strict=True):
        assert counts == {"DSP48E2": 1}, (params, counts)


@pytest.mark.slow
def test_mac_is_one_dsp48e1(tmp_path: Path) -> None:
    grid = [{"FAMILY": 1, "CAS": c, "ACC": a, "BIAS": b, "A_W": 25, "B_W": 18, "P_W": 48}
            for c, a, b in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0))]  # fmt: skip
    for params, counts in zip(grid, cells(tmp_path, "xc7", [("hwc_mac", dict(p)) for p in grid]), strict=True):
        assert counts == {"DSP48E1": 1}, (params, counts)


SHAPES = [
    (1, 2),
    (8, 16),
    (36, 512),
    (37, 512),
    (18, 600),
    (40, 1024),
    (10, 2048),
    (5, 3000),
    (3, 5000),
    (2, 10000),
    (2, 20000),
]


def tiles(width: int, depth: int) -> int:
    bits = next((w for d, w in ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2)) if depth <= d), 1)
    return -(-depth // 16384) * -(-width // bits)


def check_blocks(folder: Path, family: str, cell: str) -> None:
    files: dict[str, str] = {}
    instances: list[tuple[str, Params]] = []
    for n, (width, depth) in enumerate(SHAPES):
        instances.append(("hwc_ram", {"WIDTH": width, "DEPTH": depth, "STYLE": 2}))
        instances.append(("hwc_rom", {"WIDTH": width, "DEPTH": depth, "STYLE": 1, "FILE": f"r{n}"}))
        values = [(k * 0x9E3779B97F4A7C15 + (k >> 3)) & ((1 << width) - 1) for k in range(depth)]
        files |= rom_files(f"r{n}", values, width)
    for (module, params), counts in zip(instances, cells(folder, family, instances, files), strict=True):
        width, depth = int(params["WIDTH"]), int(params["DEPTH"])
        assert only(counts, cell) == tiles(width, depth), (module, params, counts)
        assert not only(counts, "RAMB36E1", "RAMB36E2")
        assert depth > 16384 or set(counts) == {cell}, (module, params, counts)


def test_block_tiles_ultrascale(tmp_path: Path) -> None:
    check_blocks(tmp_path, "xcup", "RAMB18E2")


@pytest.mark.slow
def test_block_tiles_series7(tmp_path: Path) -> None:
    check_blocks(tmp_path, "xc7", "RAMB18E1")


def test_lutram_srl_and_logic_rom(tmp_path: Path) -> None:
    """The rest of the mapping rules, on UltraScale+, in one run."""
    rams = [(w, d) for w in (1, 7, 8, 15) for d in (2, 32, 33, 65, 200)]
    delays = (1, 2, 3, 16, 17, 18, 32, 33, 34, 65, 70)
    roms = [(8, 16), (16, 64), (15, 90), (8, 128), (8, 150), (8, 200), (7, 256), (7, 300), (7, 700)]
    instances: list[tuple[str, Params]] = [("hwc_ram", {"WIDTH": w, "DEPTH": d, "STYLE": 1}) for w, d in rams]
    instances += [("hwc_delay", {"WIDTH": 3, "CYCLES": c}) for c in delays]
    contents: list[list[int]] = []
    for width, depth in roms:
        values = [(k * 0x9E3779B97F4A7C15 >> 20) & ((1 << width) - 1) for k in range(depth)]
        params = rom_constants("", [values], width)
        contents.append(values)
        instances.append(("hwc_rom", {"FAMILY": 2, "WIDTH": width, "DEPTH": depth, **params}))
    found = cells(tmp_path, "xcup", instances)
    for (width, depth), counts in zip(rams, found, strict=False):
        rows = -(-depth // 64)
        wanted = {"RAM32M16": -(-width // 14)} if depth <= 32 else {"RAM64M8": rows * -(-width // 7)}
        assert {name: n for name, n in counts.items() if name.startswith("RAM")} == wanted, (width, depth, counts)
        assert luts(counts) == (0 if rows == 1 else rows + width), (width, depth, counts)
        assert only(counts, *FLIP_FLOPS) == width
    for cycles, counts in zip(delays, found[len(rams) :], strict=False):
        registers = cycles if cycles < 3 else int(cycles % 16 == 1)
        assert only(counts, *FLIP_FLOPS) == 3 * registers, (cycles, counts)
        assert only(counts, "SRL16E", "SRLC32E") == (0 if cycles < 3 else 3 * -(-(cycles - registers) // 32)), (
            cycles,
            counts,
        )
    for (width, depth), values, counts in zip(roms, contents, found[len(rams) + len(delays) :], strict=True):
        # 64 words of a column that differ are a LUT; MUXF7 and MUXF8 join 256 words, a LUT four of those.
        pieces = {
            (b, at): {v >> b & 1 for v in (*values, *[0] * (-depth % 64))[at : at + 64]}
            for b in range(width)
            for at in range(0, depth, 64)
        }
        wanted = sum(len(p) == 2 for p in pieces.values()) + width * -(-(-(-depth // 256) - 1) // 3)
        assert luts(counts) == wanted and only(counts, *FLIP_FLOPS) == width, (width, depth, counts)
        assert set(counts) <= {*(f"LUT{k}" for k in range(1, 7)), "MUXF7", "MUXF8", *FLIP_FLOPS}, counts


def test_nothing_becomes_a_dsp_by_itself(tmp_path: Path) -> None:
    instances: list[tuple[str, Params]] = [
        ("hwc_mul_lut", {"A_W": 12, "B_W": 12}),
        ("hwc_tree", {"COUNT": 4, "IN_W": 20, "OUT_W": 22}),
        ("hwc_requant", {"IN_W": 30, "SHIFTS": "6'ha"}),
        ("hwc_buffer", {"DEPTH": 50, "WORDS": 50, "STEPS": 50, "EMIT": 50, "REPLAY": 3}),
        ("hwc_window", {"DEPTH": 50, "CP": 3, "E": 3, "REPLAY": 3}),
        ("hwc_pool", {"LANES": 3, "SUM": 1, "Y_W": 20, "GROUPS": 3, "TAPS": 9}),
    ]
    for (module, _), counts in zip(instances, cells(tmp_path, "xcup", instances), strict=True):
        assert counts and not only(counts, "DSP48E2"), (module, counts)


def test_soft_products_take_the_cells_of_the_estimate(tmp_path: Path) -> None:
    grid = [
        (w, FixedPoint(x, 0, signed)) for w in (2, 3, 4, 7, 8, 12) for x in (4, 5, 8, 12) for signed in (False, True)
    ]
    instances: list[tuple[str, Params]] = [
        ("hwc_mul_lut", {"A_W": x.width, "A_SIGNED": int(x.signed), "B_W": w, "B_SIGNED": 1}) for w, x in grid
    ]
    for (w, x), counts in zip(grid, cells(tmp_path, "xcup", instances), strict=True):
        spared = int(w == 2 and not x.signed and w + x.width > 6)  # one row of additions: a weight's sign is its carry
        lut, ff = soft_product(w, x)
        found = synth.count(counts)
        assert (found.lut, found.ff) == (lut, ff - spared), (w, x, counts)


def test_window_head_is_small(tmp_path: Path) -> None:
    """A window costs what its counters cost: padding is the set or reset of registers, and what a shape does not need is not there."""
    same = {"ROWS": 32, "COLS": 32, "OROWS": 32, "OCOLS": 32, "PT": 1, "PL": 1, "PADDED": 1, "DEPTH": 128, "STYLE": 2}
    instances: list[tuple[str, Params]] = [
        ("hwc_window", {**same, "WORD_W": 8, "PAD": "8'h80"}),
        ("hwc_window", {**same, "WORD_W": 32, "PAD": "32'h80808080"}),
        ("hwc_window", {"ROWS": 28, "COLS": 28, "KR": 5, "KC": 5, "OROWS": 24, "OCOLS": 24, "DEPTH": 128, "STYLE": 2}),
        ("hwc_window", {"ROWS": 1, "COLS": 128, "KR": 1, "OROWS": 1, "OCOLS": 126, "DEPTH": 4}),
    ]
    narrow, wide, valid, line = cells(tmp_path, "xcup", instances)
    assert only(wide, *FLIP_FLOPS) == only(narrow, *FLIP_FLOPS) + 24
    assert abs(luts(wide) - luts(narrow)) < 12  # the mapper's whims, not a LUT a bit
    for counts, most_luts, most_registers in ((narrow, 75, 57), (valid, 48, 49), (line, 24, 29)):
        assert luts(counts) <= most_luts and only(counts, *FLIP_FLOPS) <= most_registers, counts


def test_check_assert(tmp_path: Path) -> None:
    """Every module of the library at every second point of the lint grid: no loops, no undriven or doubly driven nets."""
    body, number = "", 0
    for module, params in GRID.items():
        if module in ("hwc_rom_tile", "hwc_ram_tile"):
            continue
        for point in params[::2]:
            body += f"  {module} #({', '.join(f'.{k}({literal(v)})' for k, v in point.items())}) u{number} ();\n"
            number += 1
    (tmp_path / "top.v").write_text(f"module top;\n{body}endmodule\n")
    names = ["r", "t", "w", *(f"w_s{j}" for j in range(8))]
    tiles_ = [f"{name}_{row}_{column}" for name in names for row in range(2) for column in range(24)]
    for name in tiles_:
        (tmp_path / f"{name}.mem").write_text("1\n")
    read = f"read_verilog -defer {' '.join(str(path) for path in sorted(RTL.glob('hwc_*.v')))}"
    yosys(
        tmp_path,
        [read, "read_verilog top.v", "hierarchy -check -top top", "proc", "opt_clean", "delete top", "check -assert"],
    )
