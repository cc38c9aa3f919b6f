# SPDX-License-Identifier: Apache-2.0
"""`--help` and a wrong option answer at once: nothing heavy is imported for them."""

import subprocess
import sys

import pytest

HEAVY = ("numpy", "onnx", "onnxruntime", "jinja2", "networkx", "rich", "torch", "cocotb", "pyosys")
OURS = ("hwcompress.api", "hwcompress.config")  # pydantic is missing from the list: typer may import it for options
SCRIPT = """
import sys
from hwcompress.cli import run
status = run(sys.argv[2:])
print(status, *(name for name in sys.argv[1].split(",") if name in sys.modules))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["compile", "--help"], ["compile", "--no-such"]])
def test_nothing_heavy_is_imported(arguments):
    command = [sys.executable, "-c", SCRIPT, ",".join(HEAVY + OURS), *arguments]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] in ("0", "2")


def test_heavy_modules_would_be_seen():
    script = "import numpy\n" + SCRIPT
    command = [sys.executable, "-c", script, ",".join(HEAVY), "--help"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "0 numpy"


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "hwcompress", "nonsense"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: No such command 'nonsense'. Try: hwcompress --help\n"


def test_a_closed_pipe_is_quiet():
    script = "from hwcompress.cli import main; import sys; sys.argv = ['hwcompress', 'targets', '--json']; main()"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141
