# SPDX-License-Identifier: Apache-2.0
"""A warm process that runs each command in a child of its own: limits on time, memory and files, every open() noted."""

import contextlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CPU = 60  # seconds
WALL = 240  # seconds: for those who wait without working
MEMORY = 3 << 30  # bytes of address space
DISK = 64 << 20  # bytes of one file
CRASHED = 70  # what a traceback that nobody caught ends as
# What a process may read outside its folder.
OURS = [str(ROOT / name) for name in ("hwcompress", "templates", "hdl_tests")]
SYSTEM = (sys.prefix, sys.base_prefix, *OURS, "/usr", "/lib", "/proc/self/")
QUIET = ("/dev/null", "/dev/urandom", str(ROOT))  # the last is listed when Python looks for a module
READS = ("open", "os.listdir", "os.scandir")
WRITES = ("os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod")
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "socket.bind")


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int  # exit status; -N: ended by signal N
    out: str
    err: str
    cpu: float  # seconds
    wall: float  # seconds
    peak: int  # MiB resident
    foreign: list[str]  # what it opened, made or started outside its folder


class Cage:
    """The warm process; one for many commands."""

    def __init__(self) -> None:
        """Starts it."""
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        environment.pop("HWC_DEBUG", None)
        command = [sys.executable, "-m", "tests.robustness.cage"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, folder: Path, *arguments: str) -> Outcome:
        """`hwcompress arguments` in `folder`; its streams and notes go to files beside that."""
        return self._ask(folder, "hwcompress", *arguments)

    def compare(self, folder: Path, *arguments: str) -> Outcome:
        """`tests.robustness.right.main`: what it finds, on stdout."""
        return self._ask(folder, "compare", *arguments)

    def misbehave(self, folder: Path, how: str, cpu: int) -> Outcome:
        """`tests.robustness.misbehave.main`, with fewer seconds."""
        return self._ask(folder, "misbehave", how, cpu=cpu)

    def _ask(self, folder: Path, *words: str, cpu: int = CPU) -> Outcome:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([cpu, str(folder), *words]) + "\n")
        self._process.stdin.flush()
        answer: Any = json.loads(self._process.stdout.readline())
        return Outcome(**answer)

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


# From here on: the warm process.


def serve() -> None:
    """Answer requests from stdin until it closes."""
    programs = _programs()
    for line in sys.stdin:
        cpu, folder, program, *arguments = json.loads(line)
        answer = _caged(Path(folder), programs[program], arguments, cpu)
        sys.stdout.write(json.dumps(asdict(answer)) + "\n")
        sys.stdout.flush()


def _programs() -> dict[str, Callable[[], object]]:
    """What a child may run, with all that it imports. A child of a process that once ran a model is warm, and alone."""
    from hwcompress import api, cli
    from hwcompress.frontend import runtime
    from tests.robustness import misbehave, right

    assert api.compile
    assert runtime.ort
    return {"hwcompress": cli.main, "compare": right.main, "misbehave": misbehave.main}


def _caged(folder: Path, program: Callable[[], object], arguments: list[str], cpu: int) -> Outcome:
    beside = folder.parent
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        _child(folder, program, arguments, cpu)
    hung = False
    while True:
        done, state, used = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - started > WALL and not hung:
            hung = True
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.002)
    texts = [(beside / name).read_text("utf-8", "replace") for name in ("out", "err")]
    return Outcome(
        os.waitstatus_to_exitcode(state),
        *texts,
        cpu=used.ru_utime + used.ru_stime,
        wall=time.monotonic() - started,
        peak=used.ru_maxrss >> 10,
        foreign=_lines(beside / "notes"),
    )


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8", "replace").splitlines() if path.exists() else []


def _child(folder: Path, program: Callable[[], object], arguments: list[str], cpu: int) -> None:
    """Everything a child does; never returns."""
    status = CRASHED
    try:
        os.setpgid(0, 0)
        _redirect(folder)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 2))
        resource.setrlimit(resource.RLIMIT_FSIZE, (DISK, DISK))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        sys.argv = ["hwcompress", *arguments]
        status = _status(program)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _status(program: Callable[[], object]) -> int:
    import traceback

    try:
        program()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 (a crash is an outcome)
        traceback.print_exc()
        return CRASHED
    return 0


def _redirect(folder: Path) -> None:
    """The child's own folder, streams and notes; TMPDIR and the caches lie beside the folder, where nothing belongs."""
    beside = folder.parent
    os.chdir(folder)
    os.environ |= {"HOME": str(beside / "home"), "TMPDIR": str(beside / "home"), "XDG_CACHE_HOME": str(beside / "home")}
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for target, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(beside / name, flags), target)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "r", closefd=False))
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(k, "w", closefd=False), "utf-8") for k in (1, 2))
    _note_opens(folder, os.open(beside / "notes", flags | os.O_APPEND))


def _note_opens(folder: Path, notes: int) -> None:
    """Write down what leaves the folder, from now on."""
    inside = os.path.realpath(folder)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in STARTS:
            os.write(notes, f"{event} {arguments[:2]!r}\n".encode())
        elif event in READS or event in WRITES:
            _note(notes, inside, event, arguments)

    sys.addaudithook(hook)


def _note(notes: int, inside: str, event: str, arguments: tuple[Any, ...]) -> None:
    writes = event in WRITES or (event == "open" and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))
    named = arguments[:2] if event in ("os.rename", "os.link", "os.symlink") else arguments[:1]
    for name in named:
        if not isinstance(name, str | bytes):
            continue  # a file that is open already, or the current folder
        with contextlib.suppress(OSError, ValueError):
            path = os.path.realpath(os.fsdecode(name))
            allowed = (inside,) if writes else (inside, *SYSTEM)
            if path not in QUIET and not any((path + "/").startswith(place.rstrip("/") + "/") for place in allowed):
                os.write(notes, f"{event}{' to write' * writes} {path!r}\n".encode())


if __name__ == "__main__":
    serve()
