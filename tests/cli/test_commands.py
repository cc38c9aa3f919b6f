# SPDX-License-Identifier: Apache-2.0
"""What each command prints and leaves behind, against stored text."""

import json
from pathlib import Path

import pytest

from hwcompress.cli.app import SWEEP_AXES
from hwcompress.cli.jobs import default_folder
from hwcompress.cli.options import PLANNING
from hwcompress.config import Config
from hwcompress.config_file import load
from hwcompress.report import files
from tests.cli.stub import Stub, build
from tests.report.example import HOSTILE

EXAMPLES = Path(__file__).parents[2] / "examples"


def stdout(text: str) -> str:
    return text.partition("--- stdout\n")[2].partition("--- stderr\n")[0]


COMMANDS = ("compile", "estimate", "sweep", "simulate", "synth", "report", "inspect", "targets")


def test_help(command):
    text = command("--help")
    assert text.startswith("exit 0\n--- stdout\nUsage: hwcompress")
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert command() == text


def test_help_of_a_command_names_its_options(command):
    for name in ("compile", "estimate", "sweep"):
        text = command(name, "--help")
        taken = {"compile": (), "estimate": (), "sweep": SWEEP_AXES}[name]
        assert all(f"  {c.flag} " in text for c in PLANNING if c.field not in taken)
        assert "--json" in text


def test_an_earlier_failure_of_another_run_is_not_this_one(command, monkeypatch):
    Stub().install(monkeypatch)
    old = {"simulator": "icarus", "vectors": 1, "outputs": 1, "mismatches": 1}
    build(Path("b"), verification=[old | {"latency_cycles": None, "interval_cycles": None}])
    assert command("simulate", "b").startswith("exit 0")
    assert command("simulate", "b", "--simulator", "icarus").startswith("exit 0")


def test_every_option_of_the_config_is_an_option_of_the_command_line():
    assert {c.field for c in PLANNING} | {"layers"} == set(Config.model_fields)


def test_targets(command, golden):
    golden("targets", command("targets"))
    record = json.loads(stdout(command("targets", "--json")))
    assert record["targets"][0]["budget"] == {"dsp": 1728, "lut": 230400, "ff": 460800, "bram18": 624}
    assert [t["name"] for t in record["targets"][:5]] == ["dsp27x18", "dsp25x18", "dsp27x24", "dsp18x18", "dsp16x16"]


def test_inspect(command, golden):
    golden("inspect", command("inspect", EXAMPLES / "pulsar_mlp.onnx", "--explain"))
    record = json.loads(stdout(command("inspect", EXAMPLES / "pulsar_mlp.onnx", "--json")))
    assert record["problems"] == []


def test_report(command, golden):
    build(Path("b"), notes=["a note"])
    golden("report", command("report", "b"))
    assert command("report", "b/report.json") == command("report", "b")


def test_a_report_with_hostile_names(command, golden):
    build(Path("b"), model={"name": HOSTILE, "sha256": "", "macs": 1, "parameters": 1, "nonzero_parameters": 1})
    golden("report_hostile", command("report", "b"))


def test_json_is_the_file_and_nothing_else(command):
    build(Path("b"))
    assert command("report", "b", "--json") == f"exit 0\n--- stdout\n{Path('b/report.json').read_text()}--- stderr\n"


def test_compile_writes_prints_and_says_where(command, golden, monkeypatch):
    stub = Stub().install(monkeypatch)
    golden("compile", command("compile", "m.onnx", "--weight-bits", "6", "--no-per-channel"))
    model, config = stub.asked[0]
    assert model == "m.onnx"
    assert (config.weight_bits, config.per_channel, config.activation_bits) == (6, False, 8)
    assert Path("build/m/report.json").is_file()


def test_compile_with_json_prints_the_final_report_alone(command, monkeypatch):
    Stub().install(monkeypatch)
    text = command("compile", "m.onnx", "--json", "--verify", "both", "--out", "o")
    assert stdout(text) == Path("o/report.json").read_text()
    assert [v["simulator"] for v in json.loads(stdout(text))["verification"]] == ["verilator", "icarus"]


@pytest.mark.parametrize(
    ("backend", "verify", "runs"),
    [
        ("verilog", "none", []),
        ("verilog", "icarus", ["icarus"]),
        ("both", "both", ["verilator", "icarus", "csim"]),
        ("hls", "verilator", ["csim"]),
    ],
)
def test_verify_runs_what_was_emitted(command, monkeypatch, backend, verify, runs):
    stub = Stub().install(monkeypatch)
    assert command("compile", "m.onnx", "--backend", backend, "--verify", verify, "--vectors", "7").startswith("exit 0")
    assert [entry[:2] for entry in stub.asked[1:]] == [(run, 7) for run in runs]


def test_the_command_line_wins_over_the_config_file(command, monkeypatch):
    stub = Stub().install(monkeypatch)
    Path("c.toml").write_text("weight_bits = 4\nreuse = 16\n[layers.dense_0]\npe = 2\n")
    command("compile", "m.onnx", "--config", "c.toml", "--reuse", "1")
    config = stub.asked[0][1]
    assert (config.weight_bits, config.reuse, config.layers["dense_0"].pe) == (4, 1, 2)


def test_estimate_writes_nothing(command, monkeypatch):
    Stub().install(monkeypatch)
    assert command("estimate", "m.onnx").startswith("exit 0")
    assert list(Path().iterdir()) == []


def test_simulate_records_what_it_measured(command, golden, monkeypatch):
    stub = Stub().install(monkeypatch)
    build(Path("b"))
    golden("simulate", command("simulate", "b", "--simulator", "both", "--csim", "--vectors", "20", "--waves"))
    assert stub.asked == [("verilator", 20, True), ("icarus", 20, True), ("csim", 20)]
    record = json.loads(Path("b/report.json").read_text())
    assert [v["vectors"] for v in record["verification"]] == [20, 20, 20]
    assert "equal" in Path("b/report.html").read_text()


def test_it_is_said_where_the_waveforms_are(command, monkeypatch):
    stub = Stub().install(monkeypatch)
    build(Path("b"))
    for run, name in (("icarus", "waves.fst"), ("verilator", "waves.vcd")):
        path = Path("b/bench") / f"run_{run}" / name
        path.parent.mkdir(parents=True)
        path.write_text("x")
        assert f"Waveform: {path}\n" in command("simulate", "b", "--simulator", run, "--waves")
        assert "Waveform" not in command("simulate", "b", "--simulator", run)
        assert "Waveform" not in command("simulate", "b", "--simulator", run, "--waves", "--json")
    command("compile", "m.onnx", "--verify", "icarus", "--waves")
    assert stub.asked[-1] == ("icarus", None, True)


def test_waves_without_a_simulator_are_refused(command, monkeypatch):
    Stub().install(monkeypatch)
    for options in ((), ("--verify", "icarus", "--backend", "hls")):
        text = command("compile", "m.onnx", "--waves", *options)
        assert text.startswith("exit 2")
        assert "--waves: a run of a Verilog simulator wanted, none found" in text


def test_csim_alone_runs_no_simulator(command, monkeypatch):
    stub = Stub().install(monkeypatch)
    build(Path("b"))
    assert command("simulate", "b", "--csim").startswith("exit 0")
    assert stub.asked == [("csim", 1000)]


def test_a_mismatch_exits_1(command, golden, monkeypatch):
    Stub(mismatches=3).install(monkeypatch)
    build(Path("b"))
    golden("simulate_failed", command("simulate", "b"))


def test_a_cycle_too_many_exits_1(command, monkeypatch):
    Stub(interval=17).install(monkeypatch)
    build(Path("b"))
    text = command("simulate", "b")
    assert text.startswith("exit 1")
    assert "17 (estimate 16)" in text


@pytest.mark.parametrize(
    ("device", "options", "message"),
    [
        (
            "xcvc1902",
            [],
            "synth: a target that Yosys maps to wanted, xcvc1902 found, and no open tool maps to DSP58.",
        ),
        (
            "xczu7ev",
            ["--pnr"],
            "--pnr: a target that nextpnr places and routes wanted (ECP5, iCE40), xczu7ev found. Try: without --pnr",
        ),
    ],
)
def test_synth_where_no_tool_is(command, monkeypatch, device, options, message):
    stub = Stub().install(monkeypatch)
    made = build(Path("b"))
    target = made.report.target.model_copy(update={"device": device})
    files.write(made.report.model_copy(update={"target": target}), Path("b"))
    text = command("synth", "b", *options)
    assert text.startswith("exit 2")
    assert message in " ".join(text.split())
    assert not stub.asked
    assert not json.loads(Path("b/report.json").read_text())["synthesis"]


@pytest.mark.parametrize(
    ("device", "family", "first"), [("lfe5u-45", "ecp5", "--45k"), ("ice40up5k", "ice40", "--up5k")]
)
def test_synth_takes_the_flow_of_the_device(command, monkeypatch, device, family, first):
    stub = Stub().install(monkeypatch)
    made = build(Path("b"))
    target = made.report.target.model_copy(update={"device": device, "block": "DP16KD", "clock_mhz": 90.0})
    files.write(made.report.model_copy(update={"target": target}), Path("b"))
    assert "| DP16KD" in command("synth", "b")
    command("synth", "b", "--pnr")
    (plain, placed) = stub.asked
    assert plain == (family, (), 90.0)
    assert placed[0] == family
    assert placed[1][0] == first


def test_synth_stands_beside_the_estimate(command, golden, monkeypatch):
    stub = Stub().install(monkeypatch)
    build(Path("b"))
    golden("synth", command("synth", "b"))
    assert stub.asked == [("xcup", (), 200.0)]
    assert json.loads(Path("b/report.json").read_text())["synthesis"][0]["lut"] == 2000


@pytest.mark.parametrize(
    ("model", "folder"),
    [
        ("a/b.onnx", "build/b"),
        ("...onnx", "build/model"),
        ("x.y.onnx", "build/x.y"),
        (" .onnx", "build/model"),
        ("a b\n$(x)\x1b'.onnx", "build/a_b___x___"),
        ("n" * 250 + ".onnx", "build/" + "n" * 100),
    ],
)
def test_the_default_folder_stays_under_build(model, folder):
    assert default_folder(model) == Path(folder)


@pytest.mark.slow
def test_a_written_config_gives_the_same_plan(command):
    model = EXAMPLES / "pulsar_mlp.onnx"
    assert command("inspect", model, "--write-config", "c.toml").startswith("exit 0")
    assert set(load("c.toml").layers) == {"dense_0", "dense_1", "dense_2", "dense_3"}
    own, given = (json.loads(stdout(command("estimate", model, "--json", *a))) for a in ([], ["--config", "c.toml"]))
    for key in ("resources", "timing", "layers"):
        assert own[key] == given[key]


@pytest.mark.slow
def test_a_sweep_of_a_real_model(command):
    axes = ["--bits", "4,8", "--reuse", "4,16", "--strategy", "auto", "--sparsity", "0"]
    arguments = [*axes, "--jobs", "2", "--out", "s", "--json"]
    text = command("sweep", EXAMPLES / "pulsar_mlp.onnx", *arguments)
    points = json.loads(stdout(text))["points"]
    assert [(p["weight_bits"], p["reuse"]) for p in points] == [(4, 4), (4, 16), (8, 4), (8, 16)]
    assert all(p["error"] == "" and p["lut"] > 0 for p in points)
    assert points[0]["interval_cycles"] < points[1]["interval_cycles"]
    assert points[0]["lut"] < points[2]["lut"]
    assert {p.name for p in Path("s").iterdir()} == {"sweep.csv", "sweep.json", "pareto.html"}


def test_a_sweep_takes_silent_axes_from_the_file_and_has_its_own_folder(command):
    Path("c.toml").write_text('weight_bits = 5\nstrategy = "dsp"\nreuse = 16\n')
    text = command(
        "sweep", EXAMPLES / "pulsar_mlp.onnx", "--config", "c.toml", "--sparsity", "0", "--activation-bits", "6,7"
    )
    assert text.startswith("exit 0")
    assert {p.name for p in Path("build/pulsar_mlp_sweep").iterdir()} == {"sweep.csv", "sweep.json", "pareto.html"}
    points = json.loads(Path("build/pulsar_mlp_sweep/sweep.json").read_text())["points"]
    found = [(p["weight_bits"], p["activation_bits"], p["strategy"], p["reuse"]) for p in points]
    assert found == [(5, 6, "dsp", 16), (5, 7, "dsp", 16)]
