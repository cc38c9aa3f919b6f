# SPDX-License-Identifier: Apache-2.0
"""Every way to go wrong: one message on stderr, the right exit status, never a traceback."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hwcompress.errors import BadInput, CheckFailed, DoesNotFit, ToolFailed, UnsupportedModel
from tests.cli.stub import Stub, build


def failed(status: int, message: str) -> str:
    return f"exit {status}\n--- stdout\n--- stderr\nerror: {message}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command 'nonsense'. Try: hwcompress --help"),
        (["--nonsense"], "No such option: --nonsense Try: hwcompress --help"),
        (["compile"], "Missing argument 'MODEL.onnx'. Try: hwcompress compile --help"),
        (["synth", "a", "b"], "Got unexpected extra argument(s) (b) Try: hwcompress synth --help"),
        (["compile", "m.onnx", "--weight-bits", "99"], "--weight-bits: 2 to 16, or auto wanted, '99' found"),
        (["compile", "m.onnx", "--sparsity", "70"], "--sparsity: share of zero weights, 0 to 1 wanted, '70' found"),
        (["compile", "m.onnx", "--interface", "axi"], "--interface: axis or valid wanted, 'axi' found"),
        (["estimate", "m.onnx", "--reuse", "x"], "--reuse: 1 or more, or auto wanted, 'x' found"),
        (
            ["compile", "m.onnx", "--target", "xc7z021"],
            (
                "target 'xc7z021': unknown; a multiplier geometry (dsp27x18) or a device (xczu7ev) wanted. "
                "close names: xc7z020, xc7z010, xc7z045. Try: hwcompress targets"
            ),
        ),
        (
            ["compile", "m.onnx", "--config", "none.toml"],
            "config 'none.toml': cannot be read (No such file or directory). Try: check the name",
        ),
        (["simulate", "b", "--vectors", "0"], "--vectors: frames to simulate, 1 or more wanted, '0' found"),
        (["simulate", "b", "--simulator", "vcs"], "--simulator: verilator, icarus or both wanted, 'vcs' found"),
        (
            ["simulate", "none"],
            "build 'none': a build directory wanted, none found. Try: hwcompress compile MODEL.onnx --out DIR",
        ),
        (["sweep", "m.onnx", "--jobs", "0"], "--jobs: 1 to 256 wanted, '0' found"),
        (["sweep", "m.onnx", "--bits", "99"], "weight_bits"),
        (["sweep", "m.onnx", "--bits", ""], "--bits: a list like 4,6,8 wanted, '' found"),
    ],
)
def test_wrong_options_exit_2_with_one_message(command, arguments, message):
    text = command(*arguments)
    if message == "weight_bits":
        assert text.startswith("exit 2\n--- stdout\n--- stderr\nerror: ")
        assert "--weight-bits: 2 to 16, or auto wanted, 99 found" in text
    else:
        assert text == failed(2, message)


@pytest.mark.parametrize("name", ["none.onnx", "\x1b[2J.onnx", "a\nb", "x" * 300, "", "."])
def test_a_model_that_is_not_there_exits_2(command, name):
    for verb in ("compile", "estimate", "inspect", "sweep"):
        text = command(verb, name)
        assert text.startswith("exit 2\n--- stdout\n--- stderr\nerror: ")
        assert text.count("\n") == 4
        assert "\x1b" not in text


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (BadInput("model 'm': wrong"), 2, "model 'm': wrong"),
        (UnsupportedModel("2 problems\n  a\n  b"), 2, "2 problems\n  a\n  b"),
        (DoesNotFit("needs 300 DSPs"), 1, "needs 300 DSPs"),
        (ToolFailed("no Yosys"), 1, "no Yosys"),
        (CheckFailed("codes differ"), 1, "codes differ"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 2, "out of memory. Try: a smaller model, less data or fewer --jobs"),
        (
            OSError(errno.ENOSPC, "No space left on device", "build/x\x1b"),
            2,
            "'build/x\\x1b': No space left on device. Try: another folder, or make room",
        ),
        (
            TypeError("it's a bug\n\x1b[2J"),
            1,
            (
                "internal error: TypeError: it's a bug\\n\\x1b[2J. "
                "Try: the same command with --debug, and report what it prints"
            ),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_the_layers_raise_becomes_a_status(command, monkeypatch, error, status, message):
    Stub(fails=error).install(monkeypatch)
    assert command("compile", "m.onnx") == failed(status, message)


def test_a_traceback_only_where_it_was_asked_for(command, monkeypatch):
    Stub(fails=TypeError("bug")).install(monkeypatch)
    for arguments in (["--debug", "compile", "m.onnx"], ["compile", "m.onnx", "--debug"]):
        text = command(*arguments)
        assert "Traceback" in text
        assert text.endswith("error: internal error: TypeError: bug.\n")
    monkeypatch.setenv("HWC_DEBUG", "1")
    assert "Traceback" in command("compile", "m.onnx")


def test_a_damaged_report_is_named(command):
    Path("b").mkdir()
    Path("b/report.json").write_text("{")
    text = command("report", "b")
    assert text == failed(
        2, "report 'b/report.json': JSON wanted, the file is damaged. Try: hwcompress compile MODEL.onnx --out DIR"
    )


def test_a_wrong_model_leaves_an_earlier_build_as_it_was(command):
    build(Path("b"))
    before = Path("b/report.json").read_bytes()
    Path("m.onnx").write_bytes(b"not a model")
    np.savez("d.npz", x=np.ones((4, 2)))
    text = command("compile", "m.onnx", "--data", "d.npz", "--out", "b")
    assert text.startswith("exit 2\n--- stdout\n--- stderr\nerror: ")
    assert "Traceback" not in text
    assert Path("b/report.json").read_bytes() == before


def test_an_existing_config_is_not_overwritten(command, monkeypatch):
    Stub().install(monkeypatch)
    example = Path(__file__).parents[2] / "examples" / "pulsar_mlp.onnx"
    Path("c.toml").write_text("mine")
    text = command("inspect", example, "--write-config", "c.toml")
    assert text.endswith("error: --write-config: a new file wanted, 'c.toml' exists. Try: another name\n")
    assert Path("c.toml").read_text() == "mine"


def test_sigterm_ends_the_tools_that_were_started(tmp_path):
    """As `timeout` and job systems send it."""
    pid, log = tmp_path / "pid", tmp_path / "log"
    tool = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    program = f"""
import sys
from pathlib import Path
from hwcompress.cli.failures import attempt
from hwcompress.verify.tools import call
sys.exit(attempt(lambda: call([sys.executable, "-c", {tool!r}], Path({str(log)!r}), "tool", 60, Path(".")), []))
"""
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not (pid.exists() and pid.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    assert process.communicate(timeout=20)[1] == "error: terminated\n"
    assert process.returncode == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
