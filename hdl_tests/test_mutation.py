"""Each module is broken in one place at a time; the tests of the module must notice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bench import RTL

pytestmark = [pytest.mark.hdl, pytest.mark.slow]

HERE = Path(__file__).parent

# Module, text as it is, text as it must not be, tests that must fail.
MUTANTS = [
    ("hwc_address", "LAST = DEPTH - 1", "LAST = DEPTH - 2", "test_lines.py"),
    ("hwc_affine", "(DSP != 0) ? 1 : 2", "(DSP != 0) ? 1 : 1", "test_rows.py"),
    ("hwc_affine", "{1'b0, x}", "{x[X_W-1], x}", "test_rows.py"),
    ("hwc_axis", "SIZE - 1 - BEGIN) / STRIDE + 1", "SIZE - 1 - BEGIN) / STRIDE", "test_window.py"),
    ("hwc_axis", "LIMIT = (END < SIZE) ? END + 1 : SIZE", "LIMIT = SIZE", "test_window.py"),
    ("hwc_axis", "ENTER == 0) begin", "1) begin", "test_window.py"),
    ("hwc_axis", "(FULL < OUT - 1) && at_q", "1'b0 && at_q", "test_window.py"),
    ("hwc_buffer", "emits && (collect_last || frame_last)", "emits && collect_last", "test_buffer.py"),
    ("hwc_buffer", "step && word_last && replay_last", "step && word_last && !again", "test_buffer.py"),
    ("hwc_buffer", "step && word_last && !again", "step && sub_last && !again", "test_buffer.py"),
    ("hwc_buffer", "(step_last && !replay_last) ? begin_q : next", "step_last ? begin_q : next", "test_buffer.py"),
    ("hwc_buffer", "(room_i || !completes)", "room_i", "test_buffer.py"),
    ("hwc_clamp", "over ? HI[OUT_W-1:0] : under", "over && !sign ? t : under", "test_requant.py"),
    ("hwc_clamp", "(BOTTOM < LO)", "(BOTTOM + 1 < LO)", "test_requant.py"),
    ("hwc_collect", "(group_last || frame_last)", "group_last", "test_ports.py"),
    ("hwc_collect", "k == REST - 1", "k == REST", "test_ports.py"),
    ("hwc_count", "(last_o || clear_i)", "last_o", "test_lines.py"),
    ("hwc_delay", "line_q[(CYCLES-1)*WIDTH+:WIDTH]", "line_q[(CYCLES-2)*WIDTH+:WIDTH]", "test_lines.py"),
    ("hwc_dense_dsp", "i % S + ((i / S == G - 1) ? SKIP : 0)", "i % S", "test_dense.py"),
    ("hwc_dense_dsp", "(ACC != 0) ? live[S+2] : 1'b1", "1'b1", "test_dense.py"),
    ("hwc_dense_dsp", "live[1] && row_next_q", "live[0] && row_last", "test_dense.py"),
    ("hwc_dense_dsp", "acc_q & {ACC_W{!first}}", "acc_q", "test_dense.py"),
    ("hwc_dense_lut", "live[LIVES-1] && row_ends", "live[LIVES] && last", "test_dense.py"),
    ("hwc_dense_lut", "first ? biases", "!first ? biases", "test_dense.py"),
    ("hwc_direct", "rst_ni && write_i", "write_i", "test_lines.py"),
    ("hwc_buffer", "made ? !frame_last : skip_last", "made || skip_last", "test_buffer.py"),
    ("hwc_buffer", ".step_i (step && emits)", ".step_i (step && emit_last)", "test_buffer.py"),
    ("hwc_input", "& {DATA_W{!fill_q}}", "", "test_ports.py"),
    ("hwc_input", "drop_q <= last && !s_axis_tlast", "drop_q <= 1'b0", "test_ports.py"),
    ("hwc_input", "take_q <= (last == s_axis_tlast)", "take_q <= 1'b1", "test_ports.py"),
    ("hwc_jump", "addr_q >= limits", "addr_q > limits", "test_window.py"),
    ("hwc_level", "up_i != down_i", "up_i || down_i", "test_lines.py"),
    ("hwc_line", "DEPTH = LENGTH - 1 + LATE", "DEPTH = LENGTH - 1", "test_scan.py"),
    ("hwc_line", ".re_i   (step_i)", ".re_i   (1'b1)", "test_scan.py"),
    ("hwc_line", "waddr_q <= LAST[A_W-1:0]", "waddr_q <= raddr", "test_scan.py"),
    ("hwc_live", "!rst_ni", "1'b0", "test_lines.py"),
    ("hwc_mac", "first_q ? c_q :", "!first_q ? c_q :", "test_mac.py"),
    ("hwc_mac", "if (en_i)", "", "test_mac.py"),
    ("hwc_mac_lattice", "p & {P_W{!first_q}}", "p & {P_W{first_q}}", "test_mac.py"),
    ("hwc_mac_lattice", "wire hold = !en_i", "wire hold = en_i", "test_mac.py"),
    ("hwc_mac_dsp58", "{first_i, 1'b1}", "{1'b0, 1'b1}", "test_mac.py"),
    ("hwc_max", "a_rank > b_rank", "a > b", "test_scan.py"),
    ("hwc_max", "2 * node + ODD", "2 * node", "test_scan.py"),
    ("hwc_mul_lut", "onto - row", "onto + row", "test_arithmetic.py"),
    ("hwc_mul_lut", "FLIP && (M_SIGNED == 0)", "FLIP", "test_arithmetic.py"),
    ("hwc_mul_lut", "if (j < -y) p = p - x", "if (j < -y) p = p + x", "test_arithmetic.py"),
    ("hwc_output", "!valid_q || m_axis_tready", "!valid_q", "test_ports.py"),
    ("hwc_output", "if (load) last_q <= last", "last_q <= last", "test_ports.py"),
    ("hwc_patch", "(PADDED == 0 || !outside_i)", "1'b1", "test_scan.py"),
    ("hwc_patch", "if (cut[0]) old_q", "if (0) old_q", "test_scan.py"),
    ("hwc_patch", "!row_q[(KC-1-j)*DC]", "!row_q[(KC-1-j)*DC-1]", "test_scan.py"),
    ("hwc_patch", "else if (shift_i) new_q", "else new_q", "test_scan.py"),
    ("hwc_pool", "else if (valid_i) group_q <= next", "else group_q <= next", "test_pool.py"),
    ("hwc_pool", "if (valid_i && group_last) first_q", "if (valid_i) first_q", "test_pool.py"),
    ("hwc_pool", "x_rank > y_rank", "x > y", "test_pool.py"),
    ("hwc_pool", ".raddr_i(next)", ".raddr_i(group_q)", "test_pool.py"),
    ("hwc_ram", "WIDTH - c * TILE_W", "WIDTH - r * TILE_W", "test_memory.py"),
    ("hwc_ram_tile", "if (re_i) rdata_o", "rdata_o", "test_memory.py"),
    ("hwc_raster", "AHEAD_BEGIN = -NEED", "AHEAD_BEGIN = 1 - NEED", "test_window.py"),
    ("hwc_raster", "NEED_LAST - FRAME - NEED", "NEED_LAST - FRAME - NEED + 1", "test_window.py"),
    ("hwc_raster", "ASK_COLUMN = -SC * E", "ASK_COLUMN = 1 - SC * E", "test_window.py"),
    ("hwc_raster", "FREE_COLUMN = SC * E - 1", "FREE_COLUMN = SC * E", "test_window.py"),
    ("hwc_raster", "if (row_enter) free", "if (row_enter && !row_early) free", "test_window.py"),
    ("hwc_raster", "else if (!column_early) free", "else free", "test_window.py"),
    ("hwc_raster", "DEPTH + SKIP", "DEPTH", "test_window.py"),
    ("hwc_raster", "most(DEPTH, -ASK_LEAST)", "DEPTH", "test_window.py"),
    ("hwc_raster", "{free, !reserve_i}", "{free, 1'b1}", "test_window.py"),
    ("hwc_raster", "column_outside || row_outside", "column_outside", "test_window.py"),
    ("hwc_requant", "rounded[0] && !tie", "rounded[0]", "test_requant.py"),
    ("hwc_requant", "assign rounded = sum[U_W:1]", "assign rounded = u", "test_requant.py"),
    ("hwc_requant", "lost[b] || (more", "lost[b] && (more", "test_requant.py"),
    ("hwc_rom", "(STYLE == 2) ? 11 : 14", "(STYLE == 2) ? 11 : 13", "test_memory.py"),
    ("hwc_rom_logic", "LEFT == 2", "LEFT == 3", "test_memory.py"),
    ("hwc_rom_logic", "column_q[FROM-64]", "column_q[0]", "test_memory.py"),
    ("hwc_rom_logic", "group[addr_i[A_W-1:8]]", "group[0]", "test_memory.py"),
    ("hwc_rom_logic", ".S (addr_i[7])", ".S (addr_i[6])", "test_memory.py"),
    ("hwc_rom_logic", "^ FROM[0]", "", "test_memory.py"),
    ("hwc_rom_tile", "data_o <= rom[addr_i]", "data_o <= ~rom[addr_i]", "test_memory.py"),
    ("hwc_row_dsp", "(j * N + INDEX)", "(INDEX)", "test_rows.py"),
    ("hwc_row_dsp", "(g == G - 1) ? SKIP : 0", "0", "test_rows.py"),
    ("hwc_scan", "(room_i || !completes)", "room_i", "test_scan.py"),
    ("hwc_scan", "some || again || !here", "some || again", "test_scan.py"),
    ("hwc_scan", "take = shift && here", "take = shift", "test_scan.py"),
    ("hwc_scan", "(unit_last || flush)", "unit_last", "test_scan.py"),
    ("hwc_scan", "(column_end && row_end)", "row_end", "test_scan.py"),
    ("hwc_scan", "(row_done && row_last)", "1'b0", "test_scan.py"),
    ("hwc_scan", "column_outside || !lines", "!lines", "test_scan.py"),
    ("hwc_scan", "shift && start_q", "start_q", "test_scan.py"),
    ("hwc_table", "rst_ni && valid_i", "rst_ni", "test_memory.py"),
    ("hwc_taps", "{line_q, d_i}", "{line_q, {WIDTH{1'b0}}}", "test_lines.py"),
    ("hwc_tree", "(IN_W + level < OUT_W) ? IN_W + level : OUT_W", "(IN_W < OUT_W) ? IN_W : OUT_W", "test_arithmetic.py"),
    ("hwc_valid", "else valid_q <= chain[CYCLES-1:0]", "else valid_q <= {CYCLES{1'b0}}", "test_lines.py"),
    ("hwc_walk", "(REST >= STRIDE) ? 1 : 0", "0", "test_scan.py"),
    ("hwc_walk", "outside_q && behind_last", "outside_q", "test_scan.py"),
    ("hwc_walk", "(STRIDE - 1);", "STRIDE;", "test_scan.py"),
    ("hwc_walk", "(STOPS != 0) ? REST : 0", "0", "test_scan.py"),
    ("hwc_window", "if (outside_q) x_q <= PAD;", "if (0) x_q <= PAD;", "test_window.py"),
    ("hwc_window", "(room_i || !completes)", "room_i", "test_window.py"),
    ("hwc_window", "(unit_last || flush)", "unit_last", "test_window.py"),
    ("hwc_window", "(SHARED == 0) || sub_last", "1'b1", "test_window.py"),
    ("hwc_window", "BACK + SC * E - LAST_GROUP", "BACK + SC * E", "test_window.py"),
]  # fmt: skip


def test_every_module_is_mutated() -> None:
    assert {mutant[0] for mutant in MUTANTS} == {path.stem for path in RTL.glob("hwc_*.v")}


@pytest.mark.parametrize(("module", "old", "new", "tests"), MUTANTS)
def test_caught(tmp_path: Path, module: str, old: str, new: str, tests: str) -> None:
    broken = tmp_path / "rtl"
    shutil.copytree(RTL, broken)
    text = (broken / f"{module}.v").read_text()
    assert old in text, f"{module} no longer says {old}"
    (broken / f"{module}.v").write_text(text.replace(old, new))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow and not synth", "-p", "no:cacheprovider", str(HERE / tests)],
        env={**os.environ, "HWC_RTL": str(broken)}, capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stdout[-2000:] + ran.stderr[-2000:]
