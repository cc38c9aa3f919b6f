# SPDX-License-Identifier: Apache-2.0
"""The commands: each checks its options, calls the layer below and prints what it got."""

from functools import partial
from typing import Annotated, Any

import typer

from hwcompress.cli import jobs
from hwcompress.cli.options import BuildFolder, ConfigFile, Debug, Explain, Json, ModelFile, Waves, planning
from hwcompress.version import __version__

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Trained ONNX networks become compressed fixed-point FPGA designs, proven against a bit-exact simulator.",
)
Options = dict[str, Any]
Listed = partial(typer.Option, metavar="LIST", show_default=False)
SWEEP_AXES = frozenset({"weight_bits", "activation_bits", "sparsity", "reuse", "strategy", "verify", "vectors"})


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hwcompress {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Debug = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("compile")
@planning()
def compile_(
    model: ModelFile,
    config: ConfigFile = None,
    json: Json = False,
    explain: Explain = False,
    waves: Waves = False,
    debug: Debug = False,
    *,
    options: Options,
) -> None:
    """Import, compress, plan, emit and report: the main job."""
    jobs.compile_model(model, config, options, json, explain, waves)


@app.command()
@planning()
def estimate(
    model: ModelFile,
    config: ConfigFile = None,
    json: Json = False,
    explain: Explain = False,
    debug: Debug = False,
    *,
    options: Options,
) -> None:
    """The plan and its resources; writes no hardware, whatever --out, --backend, --verify and --vectors say."""
    jobs.estimate_model(model, config, options, json, explain)


@app.command()
def compress(
    model: ModelFile,
    data: Annotated[
        str | None, typer.Option(metavar="FILE.npz", help="x_train, y_train to learn from; x_test, y_test to evaluate.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="R", help="A ready recipe or a TOML file. [deep-compression; post-training without torch]"
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of the result; default build/<model name>_compressed.")
    ] = None,
    sparsity: Annotated[str | None, typer.Option(metavar="S", help="In place of that of the recipe's steps.")] = None,
    clusters: Annotated[str | None, typer.Option(metavar="N", help="Shared values; likewise.")] = None,
    weight_bits: Annotated[str | None, typer.Option(metavar="N", help="Likewise.")] = None,
    activation_bits: Annotated[str | None, typer.Option(metavar="N", help="Likewise.")] = None,
    epochs: Annotated[str | None, typer.Option(metavar="N", help="Of every training step; likewise.")] = None,
    prune_for: Annotated[
        str | None,
        typer.Option(metavar="R", help="What pruning is to save: storage, dsp, cycles or bram; of every prune step."),
    ] = None,
    reuse: Annotated[
        str | None, typer.Option(metavar="N", help="With --prune-for dsp: reuse of the design to come. [1]")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="M", help="top1, binary, mse, r2, agreement; by the labels.")
    ] = None,
    mean: Annotated[str | None, typer.Option(metavar="M", help="See hwcompress compile --help.")] = None,
    std: Annotated[str | None, typer.Option(metavar="S", help="See --mean.")] = None,
    seed: Annotated[str | None, typer.Option(metavar="N", help="Seed of everything random. [0]")] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Compression only: run a recipe, write model.hwc, model.onnx, recipe.toml, report.json, report.html."""
    config = {"data": data, "metric": metric, "mean": mean, "std": std, "seed": seed}
    steps = {
        "sparsity": sparsity,
        "clusters": clusters,
        "weight_bits": weight_bits,
        "activation_bits": activation_bits,
        "epochs": epochs,
        "target": prune_for,
        "reuse": reuse,
    }
    jobs.compress_model(model, recipe, out, config, steps, json)


@app.command()
@planning(without=SWEEP_AXES)
def sweep(
    model: ModelFile,
    bits: Annotated[
        str | None, Listed(help="Weight and activation bits; 4x8 is weights x activations. [4,6,8]")
    ] = None,
    weight_bits: Annotated[str | None, Listed(help="Or one by one: 2 to 16, or auto.")] = None,
    activation_bits: Annotated[str | None, Listed(help="See --weight-bits.")] = None,
    sparsity: Annotated[str | None, Listed(help="Shares of weights to prune. [0,0.5]")] = None,
    strategy: Annotated[str | None, Listed(help="auto, dsp, lut. [dsp,lut]")] = None,
    reuse: Annotated[str | None, Listed(help="1 or more, or auto. [1,4,16,64; with a goal: auto]")] = None,
    jobs_: Annotated[
        str | None, typer.Option("--jobs", metavar="N", help="Processes; default one a processor.")
    ] = None,
    config: ConfigFile = None,
    json: Json = False,
    debug: Debug = False,
    *,
    options: Options,
) -> None:
    """Precision x reuse x strategy x sparsity, Pareto front."""
    axes = {
        "bits": bits,
        "weight_bits": weight_bits,
        "activation_bits": activation_bits,
        "sparsity": sparsity,
        "strategy": strategy,
        "reuse": reuse,
    }
    jobs.sweep_model(model, config, options, axes, jobs_, json)


@app.command()
def simulate(
    build: BuildFolder,
    simulator: Annotated[str | None, typer.Option(metavar="S", help="verilator, icarus or both. [verilator]")] = None,
    vectors: Annotated[str | None, typer.Option(metavar="N", help="Frames. [1,000; Icarus 50, or 20 if long]")] = None,
    csim: Annotated[bool, typer.Option("--csim", help="The HLS C++ with g++, alone or beside --simulator.")] = False,
    waves: Waves = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Simulate a build; exit 1 if a code or cycle differs."""
    jobs.simulate_build(build, simulator, vectors, csim, waves, json)


@app.command()
def synth(
    build: BuildFolder,
    pnr: Annotated[bool, typer.Option("--pnr", help="Place and route too, where the target has it.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Synthesize a build with Yosys, beside the estimate."""
    jobs.synthesize_build(build, pnr, json)


@app.command()
def report(build: BuildFolder, json: Json = False, explain: Explain = False, debug: Debug = False) -> None:
    """Show a build's report again."""
    jobs.show_report(build, json, explain)


@app.command()
def inspect(
    model: ModelFile,
    write_config: Annotated[
        str | None,
        typer.Option(metavar="F.toml", help="Write a config with every layer and its legal reuse values."),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="List every node.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """What a model holds; exit 2 if it cannot be compiled."""
    jobs.inspect_model(model, write_config, explain, json)


@app.command()
def targets(json: Json = False, debug: Debug = False) -> None:
    """The multiplier geometries and devices known."""
    jobs.show_targets(json)
