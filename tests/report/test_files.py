# SPDX-License-Identifier: Apache-2.0
"""report.json: the contract's fields, read back as written, and what is said of a wrong one."""

import json

import pytest

from hwcompress.errors import BadInput
from hwcompress.report import files
from hwcompress.report.schema import AccuracyPart, Report, ResourceCounts, SynthesisPart, VerificationPart
from tests.report.example import HOSTILE, example

CONTRACT = {
    "": "schema version model inputs outputs target compression resources timing accuracy layers verification",
    "model": "name sha256 macs parameters nonzero_parameters",
    "inputs": "name onnx_shape permutation type scale elements_per_beat beats tdata_bits",
    "target": "name multiplier device clock_mhz budget",
    "compression": "float_bytes compressed_bytes ratio sparsity layers",
    "resources": "dsp lut ff bram18",
    "timing": "latency_cycles interval_cycles",
    "accuracy": "metric float fixed samples agreement sqnr_db",
    "layers": (
        "name op macs reuse pe simd strategy weight_type input_type output_type accumulator_type sparsity dsp lut ff "
        "bram18 latency_cycles interval_cycles products_per_dsp"
    ),
    "verification": "simulator vectors outputs mismatches latency_cycles interval_cycles",
    "synthesis": "tool version family dsp lut ff bram18 fmax_mhz",
}


@pytest.mark.parametrize("part", CONTRACT)
def test_every_field_of_the_contract_is_there(part):
    record = json.loads(files.to_json(example()))
    found = record[part] if part else record
    found = found[0] if isinstance(found, list) else found
    assert set(CONTRACT[part].split()) <= set(found)


@pytest.mark.parametrize("name", ["jet", HOSTILE])
def test_a_report_comes_back_the_same(tmp_path, name):
    report = example(name)
    files.write(report, tmp_path)
    assert files.read(tmp_path) == report
    assert files.to_json(files.read(tmp_path)) == files.to_json(report)


def test_fields_of_a_newer_version_are_kept(tmp_path):
    record = json.loads(files.to_json(example()))
    record["power_mw"] = 3
    record["layers"][0]["colour"] = "blue"
    (tmp_path / files.NAME).write_text(json.dumps(record))
    again = json.loads(files.to_json(files.read(tmp_path)))
    assert again["power_mw"] == 3
    assert again["layers"][0]["colour"] == "blue"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "JSON wanted, the file is damaged"),
        ('{"schema": 1', "JSON wanted, the file is damaged"),
        ("[" * 100_000, "JSON wanted, the file is damaged"),
        ("[1]", "a report of schema 1 wanted, another kind of file found"),
        ('{"name": "package"}', "a report of schema 1 wanted, another kind of file found"),
        ('{"schema": 2}', "a report of schema 1 wanted, schema '2' found"),
        ('{"schema": 1}', "not a report: version: field required"),
        ('{"schema": 1, "version": "\\u001b[2J", "model": 3}', "not a report: model:"),
    ],
)
def test_a_wrong_file_gets_one_message(tmp_path, text, message):
    (tmp_path / files.NAME).write_text(text)
    with pytest.raises(BadInput) as error:
        files.read(tmp_path)
    assert message in str(error.value)
    assert str(error.value).isprintable()


def test_a_missing_report_is_named(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        files.read(tmp_path)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    files.write(example("old"), tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(example("new"), tmp_path)
    assert files.read(tmp_path).model.name == "old"
    assert [p.name for p in tmp_path.iterdir()] == [files.NAME]


def test_numbers_json_does_not_have_become_nothing():
    part = AccuracyPart(metric="mse", float_=float("nan"), fixed=float("inf"), samples=1, agreement=1.0, sqnr_db=None)
    assert (part.float_, part.fixed) == (None, None)


def test_a_second_run_of_a_simulator_replaces_the_first():
    run = VerificationPart(
        simulator="verilator", vectors=5, outputs=5, mismatches=1, latency_cycles=1, interval_cycles=1
    )
    report = example().with_verification(run)
    assert report.verification == [run]
    assert not report.passed
    assert len(report.with_verification(run.model_copy(update={"simulator": "icarus"})).verification) == 2


def test_synthesis_is_kept_by_tool_and_family():
    counts = ResourceCounts(dsp=1, lut=2, ff=3, bram18=4).model_dump()
    run = SynthesisPart(tool="yosys", version="1", family="xc7", fmax_mhz=None, **counts)
    report = example().with_synthesis(run)
    assert [s.family for s in report.synthesis] == ["xcup", "xc7"]
    assert [s.version for s in report.with_synthesis(run.model_copy(update={"version": "2"})).synthesis] == [
        "0.70",
        "2",
    ]


def test_derived_figures_follow_the_clock():
    report: Report = example()
    assert report.latency_us == pytest.approx(0.36)
    assert report.frames_per_second == pytest.approx(12.5e6)
