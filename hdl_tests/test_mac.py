"""hwc_mac: the equation, the vendor primitives against it by simulation, and by an unbounded proof."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bench import RTL, Case, Port, check, codes

pytestmark = pytest.mark.hdl

MODELS = Path(__file__).parent / "models"
E2_MODEL = MODELS / "DSP48E2.v"
E1_CONFIGS = [(cas, acc, bias) for cas, acc, bias in itertools.product((0, 1), repeat=3) if not (cas and (acc or bias))]
E2_CONFIGS = list(itertools.product((0, 1), repeat=3))
CELLS = {1: "DSP48E1", 2: "DSP48E2", 3: "MULT18X18D", 4: "SB_MAC16", 5: "DSP58"}
MOST = {1: (25, 18), 2: (27, 18), 3: (18, 18), 4: (16, 16), 5: (27, 24)}  # bits of the operands
CONFIGS = {1: E1_CONFIGS, 2: E2_CONFIGS, 3: E2_CONFIGS, 4: E1_CONFIGS, 5: E2_CONFIGS}


def shipped(folder: str, cell: str) -> str:
    """A simulation model that Yosys ships."""
    pyosys = pytest.importorskip("pyosys")
    text = (Path(pyosys.__file__).parent / "share" / folder / "cells_sim.v").read_text()
    found = re.search(rf"^module {cell}\b.*?^endmodule", text, re.M | re.S)
    assert found
    return found.group(0) + "\n"


def e1_model() -> str:
    """The DSP48E1 model that Yosys ships."""
    return shipped("xilinx", "DSP48E1")


def model(family: int) -> str:
    """What stands for the primitive of a family: the model of Yosys, else ours."""
    if family == 1:
        return e1_model()
    if family == 4:  # its registers power up as zero, as those of the device do
        text = shipped("ice40", "SB_MAC16")
        zeros = "".join(
            f"{name} = 0; " for regs in re.findall(r"^\treg \[\d+:0\] (.*?);", text, re.M) for name in regs.split(", ")
        )
        return text.replace("\nendmodule", f"\n\tinitial begin {zeros}end\nendmodule")
    return (MODELS / f"{CELLS[family]}.v").read_text()


def mac_case(
    rng: np.random.Generator, family: int, a_w: int, b_w: int, config: tuple[int, int, int], clocks: int
) -> Case:
    """The equation of the header: a, b at t, first and c at t + 1, en at t + 2."""
    cas, acc, bias = config
    p_w = int(rng.integers(1, 33 if family == 4 and rng.random() < 0.7 else 49))
    cascade = 58 if family == 5 else 48
    given = p_w if family in (3, 4) else cascade  # bits of P that the cascade carries
    a = np.concatenate([codes(rng, a_w, True, (clocks // 4,)) for _ in range(4)])
    b = np.concatenate([codes(rng, b_w, True, (clocks // 4,)) for _ in range(4)])
    first = [int(v) for v in rng.random(clocks) < 0.3]
    enable = [int(v) for v in rng.random(clocks) < 0.8]
    c = [int(v) for v in rng.integers(0, 1 << 48, clocks)]
    pcin = [0, *(int(v) for v in rng.integers(0, 1 << cascade, clocks - 1))]
    p = 0
    expected: list[int | None] = []
    mask = (1 << cascade) - 1
    for t in range(clocks):
        expected.append(p)
        if enable[t]:
            product = int(a[t - 2]) * int(b[t - 2]) if t >= 2 else 0
            loaded = c[t - 1] - ((c[t - 1] >> 47) << 48) if bias and t >= 1 else 0
            was_first = first[t - 1] if t >= 1 else 0
            p = (product + (pcin[t] if cas else 0) + (loaded if was_first else (p if acc else 0))) & mask
    return Case(
        "hwc_mac", {"FAMILY": family, "A_W": a_w, "B_W": b_w, "CAS": cas, "ACC": acc, "BIAS": bias, "P_W": p_w},
        {
            "a_i": Port(a_w, [int(v) for v in a]), "b_i": Port(b_w, [int(v) for v in b]), "c_i": Port(48, list(c)),
            "first_i": Port(1, list(first)), "en_i": Port(1, list(enable)), "pcin_i": Port(cascade, list(pcin)),
        },
        {"p_o": Port(p_w, [v & ((1 << p_w) - 1) for v in expected if v is not None]), "pcout_o": Port(cascade, [v & ((1 << given) - 1) for v in expected if v is not None])},
    )  # fmt: skip


def test_behavioural(tmp_path: Path, rng: np.random.Generator) -> None:
    widths = ((1, 1), (8, 8), (18, 18), (25, 18), (27, 18), (30, 18))
    check([mac_case(rng, 0, a, b, config, 600) for a, b in widths for config in E2_CONFIGS], tmp_path)


def test_dsp48e1(tmp_path: Path, rng: np.random.Generator) -> None:
    model = tmp_path / "DSP48E1.v"
    model.write_text(e1_model())
    cases = [mac_case(rng, 1, a, b, config, 1500) for a, b in ((8, 8), (25, 18)) for config in E1_CONFIGS]
    check(cases, tmp_path, [model], generation="2012")


def test_dsp48e2(tmp_path: Path, rng: np.random.Generator) -> None:
    cases = [mac_case(rng, 2, a, b, config, 1500) for a, b in ((8, 8), (27, 18)) for config in E2_CONFIGS]
    check(cases, tmp_path, [E2_MODEL])


@pytest.mark.parametrize("family", [3, 4, 5])
def test_other_primitives(tmp_path: Path, rng: np.random.Generator, family: int) -> None:
    path = tmp_path / f"{CELLS[family]}.v"
    path.write_text(model(family))
    cases = [mac_case(rng, family, a, b, config, 1200) for a, b in ((8, 8), MOST[family]) for config in CONFIGS[family]]
    check(cases, tmp_path, [path], generation="2012" if family == 4 else "2005")


def test_e2_model_is_e1_where_they_overlap(tmp_path: Path, rng: np.random.Generator) -> None:
    """Both primitives under random OPMODE (no W), clock enables and resets, outputs compared in every clock."""
    (tmp_path / "DSP48E1.v").write_text(e1_model())
    names = ("A1", "A2", "B1", "B2", "C", "D", "AD", "M", "P", "CTRL", "ALUMODE", "INMODE", "CARRYIN")
    common = ", ".join(
        [".CLK(clk), .A({{5{a[24]}}, a}), .B(b), .C(c), .PCIN(pcin), .ACIN(30'd0), .BCIN(18'd0), .CARRYCASCIN(1'b0)"]
        + [".MULTSIGNIN(1'b0), .CARRYIN(1'b0), .CARRYINSEL(3'd0), .ALUMODE(4'd0), .INMODE(5'd0)"]
        + [f".CE{name}(ce[{k}])" for k, name in enumerate(names)]
        + [
            f".RST{name}(rst[{k}])"
            for k, name in enumerate(("A", "B", "C", "D", "M", "P", "CTRL", "ALUMODE", "INMODE", "ALLCARRYIN"))
        ]
    )
    registers = ", ".join(
        f".{name}({value})"
        for name, value in (("AREG", 1), ("ACASCREG", 1), ("BREG", 1), ("BCASCREG", 1), ("CREG", 1), ("DREG", 0), ("ADREG", 0),
                            ("MREG", 1), ("PREG", 1), ("OPMODEREG", 1), ("ALUMODEREG", 0), ("INMODEREG", 0), ("CARRYINREG", 0), ("CARRYINSELREG", 0))
    )  # fmt: skip
    (tmp_path / "both.v").write_text(f"""
module both (input clk_i, input signed [24:0] a, input [17:0] b, input [47:0] c, input [47:0] pcin, input [12:0] ce,
             input [9:0] rst, input [2:0] z, input product, output [47:0] differ);
  wire clk = clk_i;
  wire [47:0] p1, p2;
  DSP48E1 #({registers}, .USE_DPORT("FALSE"), .USE_MULT("MULTIPLY")) e1 (.D(25'd0), .OPMODE({{z, 1'b0, product, 1'b0, product}}), .P(p1), {common});
  DSP48E2 #({registers}) e2 (.D(27'd0), .OPMODE({{2'b00, z, 1'b0, product, 1'b0, product}}), .P(p2), {common});
  assign differ = p1 ^ p2;
endmodule
""")
    clocks = 4000
    z = [int(v) for v in rng.integers(0, 4, clocks)]
    inputs = {
        "a": Port(25, [int(v) for v in codes(rng, 25, True, (clocks,))]),
        "b": Port(18, [int(v) for v in rng.choice([-(1 << 17), (1 << 17) - 1, 77, -3], clocks)]),
        "c": Port(48, [int(v) for v in rng.integers(0, 1 << 48, clocks)]),
        "pcin": Port(48, [int(v) for v in rng.integers(0, 1 << 48, clocks)]),
        "ce": Port(13, [int(v) for v in rng.integers(0, 1 << 13, clocks) | rng.integers(0, 1 << 13, clocks)]),
        "rst": Port(
            10, [int(v) for v in rng.integers(0, 1 << 10, clocks) & -(rng.random(clocks) < 0.05).astype(np.int64)]
        ),
        "z": Port(3, z),
        "product": Port(1, [1] * clocks),
    }
    case = Case("both", {}, inputs, {"differ": Port(48, [0] * clocks)})
    check([case], tmp_path, [tmp_path / "DSP48E1.v", E2_MODEL, tmp_path / "both.v"], generation="2012")


PROOF = """
from pyosys import libyosys as ys
design = ys.Design()
for command in {commands!r}:
    ys.run_pass(command, design)
"""


def prove(folder: Path, family: int, config: tuple[int, int, int], leaf: str | None = None, p_w: int = 48) -> bool:
    """hwc_mac behavioural = the primitive, from power-up and for all time, at full width."""
    folder.mkdir(parents=True, exist_ok=True)
    (a_w, b_w), (cas, acc, bias) = MOST[family], config
    b_w = min(b_w, 48 - a_w)  # the behavioural P has 48 bits
    leaves = "".join((RTL / f"hwc_mac{part}.v").read_text() for part in ("_lattice", "_dsp58"))
    (folder / "leaf.v").write_text(leaf or (RTL / "hwc_mac.v").read_text() + leaves)
    (folder / "model.v").write_text(model(family))
    wide = 58 if family == 5 else 48
    ports = f"input clk_i, input [{a_w - 1}:0] a_i, input [{b_w - 1}:0] b_i, input [47:0] c_i, input first_i, input en_i, input [{wide - 1}:0] pcin_i"
    pins = ", ".join(f".{name}({name})" for name in ("clk_i", "a_i", "b_i", "c_i", "first_i", "en_i"))
    out = p_w if family in (3, 4) else 48  # bits of the cascade that both have
    # PCIN is the P register of the slot before, which powers up as zero.
    (folder / "tops.v").write_text("".join(
        f"""module {name} ({ports}, output [{p_w - 1}:0] p_o, output [{out - 1}:0] pcout_o);
  reg [{wide - 1}:0] pcin_q = 0;
  wire [{(wide if number else 48) - 1}:0] pcout;
  assign pcout_o = pcout[{out - 1}:0];
  always @(posedge clk_i) pcin_q <= pcin_i;
  hwc_mac #(.FAMILY({number}), .A_W({a_w}), .B_W({b_w}), .CAS({cas}), .ACC({acc}), .BIAS({bias}), .P_W({p_w})) mac ({pins}, .pcin_i(pcin_q{"" if number else "[47:0]"}), .p_o(p_o), .pcout_o(pcout));
endmodule
""" for name, number in (("gold", 0), ("gate", family))))  # fmt: skip
    # SB_MAC16 is drawn as four products of bytes; the same product for the proof.
    if family == 4:
        text = (folder / "model.v").read_text()
        whole = "assign iL = $signed(iA) * $signed(iB);"
        changed, times = re.subn(r"assign iL = .*?;", whole, text)
        assert times == 1
        (folder / "model.v").write_text(changed)
    merge = ["opt_merge -share_all", "wreduce", "opt -full"]
    commands = [
        "read_verilog -sv -D PROOF leaf.v model.v tops.v", "hierarchy -check", "proc", "flatten", "opt -full", "wreduce", "opt_clean",
        "miter -equiv -flatten -make_outputs gold gate m", "hierarchy -top m", "flatten", "opt -full",
        "simplemap t:$dff t:$dffe t:$sdff t:$sdffe t:$sdffce", *merge, *merge, "opt_merge -share_all", "opt_clean",
        "select -assert-count 1 t:$mul",
        "sat -verify -prove trigger 0 -set-init-zero -tempinduct -maxsteps 12 -timeout 100 m",
    ]  # fmt: skip
    (folder / "prove.py").write_text(PROOF.format(commands=commands))
    ran = subprocess.run([sys.executable, "prove.py"], cwd=folder, capture_output=True, text=True, check=False)
    (folder / "prove.log").write_text(ran.stdout + ran.stderr)
    return ran.returncode == 0 and "SUCCESS!" in ran.stdout and "FAIL" not in ran.stdout


@pytest.mark.synth
def test_proof_some(tmp_path: Path) -> None:
    assert prove(tmp_path / "e2", 2, (1, 1, 1))
    assert prove(tmp_path / "e1", 1, (0, 1, 1))
    assert prove(tmp_path / "ecp5", 3, (0, 1, 1))
    assert prove(tmp_path / "ice40", 4, (0, 1, 1), p_w=32)


@pytest.mark.synth
@pytest.mark.slow
@pytest.mark.parametrize("config", E2_CONFIGS)
def test_proof_e2(tmp_path: Path, config: tuple[int, int, int]) -> None:
    assert prove(tmp_path, 2, config)


@pytest.mark.synth
@pytest.mark.slow
@pytest.mark.parametrize("config", E1_CONFIGS)
def test_proof_e1(tmp_path: Path, config: tuple[int, int, int]) -> None:
    assert prove(tmp_path, 1, config)


@pytest.mark.synth
@pytest.mark.slow
@pytest.mark.parametrize("family", [3, 4, pytest.param(5, marks=pytest.mark.long)])
def test_proof_others(tmp_path: Path, family: int) -> None:
    for config in CONFIGS[family]:
        for p_w in (32, 48) if family == 4 else (48,):
            assert prove(tmp_path / f"{config}_{p_w}", family, config, p_w=p_w), (config, p_w)


@pytest.mark.synth
@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "old", "new"),
    [
        (3, '.REG_OUTPUT_CE   ("CE1")', '.REG_OUTPUT_CE   ("CE0")'),
        (3, "p & {P_W{!first_q}}", "p & {P_W{first_q}}"),
        (4, "wire hold = !en_i", "wire hold = 1'b0"),
        (4, "ADDEND_REG = (BIAS != 0 && ACC == 0)", "ADDEND_REG = 1'b0"),
        (4, "c_i & {P_W{first_i}};\n      end else", "c_i;\n      end else"),
        pytest.param(5, "{first_i, 1'b1}", "{1'b0, 1'b1}", marks=pytest.mark.long),
        (5, ".CEP(en_i)", ".CEP(1'b1)"),
    ],
)
def test_proof_refuses_others(tmp_path: Path, family: int, old: str, new: str) -> None:
    leaves = "".join((RTL / f"hwc_mac{part}.v").read_text() for part in ("", "_lattice", "_dsp58"))
    at = leaves.index("module hwc_mac_dsp58" if family == 5 else "module hwc_mac_lattice")
    assert old in leaves[at:]
    changed = leaves[:at] + leaves[at:].replace(old, new, 1)
    assert not all(
        prove(tmp_path / f"{config}", family, config, changed, p_w=32 if family == 4 else 48)
        for config in CONFIGS[family]
    )


@pytest.mark.synth
@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{2'b01, first_i}", "{2'b01, !first_i}"),
        ("{first_i, 1'b1}", "{1'b0, 1'b1}"),
        (".CEM(1'b1)", ".CEM(en_i)"),
        (".CEP(en_i)", ".CEP(1'b1)"),
        ("{w, z, 4'b0101}", "{2'b00, z, 4'b0101}"),
    ],
)
def test_proof_refuses(tmp_path: Path, old: str, new: str) -> None:
    leaf = (RTL / "hwc_mac.v").read_text()
    leaves = "".join((RTL / f"hwc_mac_{part}.v").read_text() for part in ("lattice", "dsp58"))
    at = leaf.index("begin : g_e2")
    assert old in leaf[at:]
    changed = leaf[:at] + leaf[at:].replace(old, new)
    refused = [
        not prove(tmp_path / str(k), 2, config, changed + leaves) for k, config in enumerate(((0, 1, 1), (1, 1, 1)))
    ]
    assert any(refused)
