# SPDX-License-Identifier: Apache-2.0
"""What the commands do. Every import of the layers below is inside a function: `--help` must not wait for them."""

import json as json_module
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hwcompress.cli import screen
from hwcompress.errors import BadInput, quote

if TYPE_CHECKING:
    from hwcompress.build import Build, Run
    from hwcompress.config import Config
    from hwcompress.report.schema import Report, VerificationPart

Options = dict[str, Any]
NAME = 100  # characters of a folder name of ours
SIMULATORS: "dict[str, tuple[Run, ...]]" = {
    "none": (),
    "verilator": ("verilator",),
    "icarus": ("icarus",),
    "both": ("verilator", "icarus"),
}


def configuration(file: str | None, options: Options) -> "Config":
    """The options of the file with those of the command line over them."""
    from hwcompress import config, config_file

    if file is None:
        return config.make(options, "command line")
    return config.merge(config_file.load(file), options, "command line")


def compile_model(
    model: str, file: str | None, options: Options, json: bool, explain: bool, waves: bool = False
) -> None:
    """compile."""
    config = configuration(file, options)
    if waves and set(runs_of(config)) <= {"csim"}:
        raise BadInput(f"--waves: a run of a Verilog simulator wanted, none found (--verify {config.verify})")
    from hwcompress import api
    from hwcompress.build import open_build

    folder = Path(config.out) if config.out else default_folder(model)
    with screen.progress() as progress:
        design = api.compile(model, config=config, progress=progress)
        design.write(folder)
        build, runs = open_build(folder), runs_of(config)
        for run in runs:
            if progress:
                progress(str(run), -1)
            build.verify(run, config.vectors, waves=waves)
    show(build.report, json, explain)
    if not json:
        say_waves(build, runs, waves)
        screen.say(f"Build directory: {quote(str(folder), 300)[1:-1]} (report.html, report.json)")
    finish(build.report, runs)


def say_waves(build: "Build", runs: "list[Run]", waves: bool) -> None:
    """Where the waveforms are."""
    for path in filter(None, map(build.waves, runs)) if waves else ():
        screen.say(f"Waveform: {quote(str(path), 300)[1:-1]}")


def runs_of(config: "Config") -> list["Run"]:
    """What `verify` stands for: the simulators for Verilog, the compiled C++ for HLS."""
    if config.verify == "none":
        return []
    runs: list[Run] = list(SIMULATORS[config.verify]) if config.backend != "hls" else []
    return [*runs, "csim"] if config.backend != "verilog" else runs


def default_folder(model: str, suffix: str = "") -> Path:
    """build/<model name><suffix>; what a shell, make or Tcl would trip over becomes _."""
    stem = re.sub(r"[^\w.+-]", "_", Path(model).stem.strip())[:NAME]
    return Path("build") / ((stem if stem.strip(".") else "model") + suffix)


def estimate_model(model: str, file: str | None, options: Options, json: bool, explain: bool) -> None:
    """estimate."""
    config = configuration(file, options)
    from hwcompress import api

    with screen.progress() as progress:
        design = api.estimate(model, config=config, progress=progress)
    show(design.report, json, explain)


def compress_model(
    model: str,
    recipe: str | None,
    out: str | None,
    options: dict[str, str | None],
    steps: dict[str, str | None],
    json: bool,
) -> None:
    """compress."""
    from hwcompress import compression
    from hwcompress.config import make
    from hwcompress.recipe import recipe as recipes
    from hwcompress.report import compression as tables

    settings = make({k: v for k, v in options.items() if v is not None}, "command line")
    chosen = recipes.find(recipe or compression.default_recipe())
    wanted = {k: v for k, v in steps.items() if v is not None}
    chosen = recipes.overridden(chosen, wanted, "command line")
    folder = Path(out) if out else default_folder(model, "_compressed")
    compression.check_folder(folder.resolve())
    work = folder.parent / f".{folder.name[:80]}.work"
    with screen.progress() as progress:
        made = compression.compress_model(model, recipe=chosen, config=settings, progress=progress, work=work)
        made.write(folder)
    if json:
        screen.say(made.report.to_json().rstrip("\n"))
        return
    for part in tables.parts(made.report):
        screen.console().print(part)
        screen.console().print()
    shown = quote(str(folder), 300)[1:-1]
    screen.say(f"Result: {shown} (model.hwc, model.onnx, recipe.toml, report.json, report.html)")
    screen.say(f"Next: hwcompress compile {shown}/model.hwc")


def simulate_build(
    folder: str, simulator: str | None, vectors: str | None, csim: bool, waves: bool, json: bool
) -> None:
    """simulate."""
    chosen = simulator or ("none" if csim else "verilator")
    if simulator == "none" or chosen not in SIMULATORS:
        raise BadInput(f"--simulator: verilator, icarus or both wanted, {quote(chosen)} found")
    runs: list[Run] = [*SIMULATORS[chosen], "csim"] if csim else list(SIMULATORS[chosen])
    count = None if vectors is None else number("vectors", vectors)
    from hwcompress.build import open_build

    build = open_build(folder)
    with screen.progress() as progress:
        for run in runs:
            if progress:
                progress(str(run), -1)
            build.verify(run, count, waves=waves)
    show(build.report, json, False, only=("verification",))
    if not json:
        say_waves(build, runs, waves)
    finish(build.report, runs)


def number(name: str, text: str) -> int:
    """The value of an option that is also a field of the Config, checked by it."""
    from hwcompress import config

    value: int = getattr(config.make({name: text}, "command line"), name)
    return value


def synthesize_build(folder: str, pnr: bool, json: bool) -> None:
    """synth."""
    from hwcompress.build import open_build

    build = open_build(folder)
    with screen.progress() as progress:
        if progress:
            progress("synthesis with Yosys", -1)
        build.synthesize(pnr)
    show(build.report, json, False, only=("synthesis",))


def show_report(folder: str, json: bool, explain: bool) -> None:
    """report."""
    from hwcompress.report import files

    path = Path(folder)
    show(files.read(path.parent if path.name == files.NAME else path), json, explain)


def show(report: "Report", json: bool, explain: bool, only: tuple[str, ...] = ()) -> None:
    """A report as tables, or as JSON and nothing else."""
    from hwcompress.report import files, table

    if json:
        screen.say(files.to_json(report).rstrip("\n"))
        return
    parts = [getattr(table, name)(report) for name in only] if only else table.parts(report, explain)
    console = screen.console()
    for part in parts:
        console.print(part)
        console.print()


def finish(report: "Report", runs: "list[Run]") -> None:
    """Exit status of what was verified now: codes, and cycles where the run has a clock."""
    now = [v for v in report.verification if v.simulator in runs]
    if any(not v.passed or not _same_cycles(report, v) for v in now):
        raise typer.Exit(1)


def _same_cycles(report: "Report", run: "VerificationPart") -> bool:
    estimate = report.timing
    pairs = ((run.latency_cycles, estimate.latency_cycles), (run.interval_cycles, estimate.interval_cycles))
    return all(measured in (None, planned) for measured, planned in pairs)


def inspect_model(model: str, write_config: str | None, explain: bool, json: bool) -> None:
    """inspect."""
    from hwcompress import stored

    found = stored.inspect(model)
    if json:
        screen.say(json_module.dumps(asdict(found), indent=2))
    else:
        from hwcompress.report import inspection

        for part in inspection.parts(found, explain):
            screen.console().print(part)
    if found.problems:
        raise typer.Exit(2)
    if write_config is not None:
        _write_config(model, Path(write_config), json)


def _write_config(model: str, path: Path, json: bool) -> None:
    from hwcompress import api
    from hwcompress.report.files import write_text
    from hwcompress.template import template

    if path.exists():
        raise BadInput(f"--write-config: a new file wanted, {quote(str(path))} exists. Try: another name")
    design = api.estimate(model)
    write_text(path, template(design.config, design.report, api.legal_reuse(design)))
    if not json:
        screen.say(f"Config: {quote(str(path), 300)[1:-1]}")


def show_targets(json: bool) -> None:
    """targets."""
    from hwcompress.hw import devices

    if json:
        rows = [asdict(t) for t in devices.targets()]
        screen.say(json_module.dumps({"targets": rows}, indent=2))
        return
    from hwcompress.report.targets import table

    screen.console().print(table(devices.targets()))


def sweep_model(
    model: str, file: str | None, options: Options, axes: dict[str, str | None], jobs: str | None, json: bool
) -> None:
    """sweep."""
    config = configuration(file, options)
    from hwcompress.cli.sweep import run
    from hwcompress.explore.space import Axes

    folder = Path(config.out) if config.out else default_folder(model, "_sweep")
    run(model, config, Axes(**axes), jobs, folder, json)
