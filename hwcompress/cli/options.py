# SPDX-License-Identifier: Apache-2.0
"""The options of every command that plans, as data. Values stay text here: the Config checks them."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer


@dataclass(frozen=True, slots=True)
class Choice:
    """One option, named like the field of the Config."""

    field: str
    metavar: str  # empty: a switch
    help: str

    @property
    def flag(self) -> str:
        """As typed."""
        return "--" + self.field.replace("_", "-")


PLANNING = (
    Choice("target", "NAME", "Multiplier geometry (dsp27x18) or device (xczu7ev); see hwcompress targets."),
    Choice("data", "FILE.npz", "Calibration and evaluation data: x_train, x_test, y_test; or x, y."),
    Choice("metric", "M", "top1, binary, mse, r2 or agreement; default by the labels."),
    Choice("mean", "M", "Input holds raw values r, the model wants (r - M) / S: a number or a,b,c by channel."),
    Choice("std", "S", "See --mean."),
    Choice("input_type", "T", "Fixed-point type of the hardware's input: u8f0, s16f8; default from the data."),
    Choice("input_exponents", "E", "The hardware's input is x * 2^E: a,b,c by channel; default from the data."),
    Choice("weight_bits", "N", "2 to 16, or auto. [8]"),
    Choice("activation_bits", "N", "2 to 16, or auto. [8]"),
    Choice("calibration", "HOW", "Ranges from the data: auto, minmax, percentile or mse. [auto]"),
    Choice("bias_correction", "", "Correct the mean error of quantized weights in the bias. [on]"),
    Choice("per_channel", "", "One exponent for each row of weights. [on]"),
    Choice("sparsity", "S", "Share of weights to prune, 0 to 1. [0]"),
    Choice("prune", "HOW", "global, layer or threshold. [global]"),
    Choice("quality", "Q", "With --prune threshold: weights below Q x std of their layer go."),
    Choice("reuse", "N", "Products that share a multiplier: each layer gets the largest legal reuse <= N; or auto."),
    Choice("strategy", "S", "auto, dsp or lut. [auto]"),
    Choice("max_dsp", "N", "DSP budget; default the target's."),
    Choice("max_lut", "N", "LUT budget; default the target's."),
    Choice("max_bram", "N", "Block RAM budget (RAMB18, or the target's own blocks); default the target's."),
    Choice("interval", "N", "Goal: at most N cycles from frame to frame."),
    Choice("latency", "N", "Goal: at most N cycles from first input to last output."),
    Choice("clock_mhz", "F", "Clock assumed in the report. [200]"),
    Choice("interface", "I", "axis (AXI4-Stream) or valid (fixed latency, no back-pressure). [axis]"),
    Choice("backend", "B", "verilog, hls or both. [verilog]"),
    Choice("out", "DIR", "Build directory; default build/<model name>, of a sweep build/<model name>_sweep."),
    Choice("verify", "V", "Simulate after emitting: none, verilator, icarus or both. [none]"),
    Choice("vectors", "N", "Frames to simulate. [1,000; Icarus 50, or 20 if long]"),
    Choice("seed", "N", "Seed of everything random. [0]"),
)
FIELDS = frozenset(c.field for c in PLANNING)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout, nothing else.")]
Explain = Annotated[bool, typer.Option("--explain", help="Print every decision and its reason.")]
Waves = Annotated[bool, typer.Option("--waves", help="Write the waveforms of what is simulated, under BUILD/bench.")]
Debug = Annotated[bool, typer.Option("--debug", help="Print tracebacks.")]
ConfigFile = Annotated[
    str | None, typer.Option("--config", metavar="FILE.toml", help="Options from a file; the command line wins.")
]
ModelFile = Annotated[str, typer.Argument(metavar="MODEL.onnx", help="The trained network.", show_default=False)]
BuildFolder = Annotated[str, typer.Argument(metavar="BUILD", help="A build directory.", show_default=False)]


def planning(without: frozenset[str] = frozenset()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command all planning options; it receives those that were set as its argument `options`."""
    choices = [c for c in PLANNING if c.field not in without]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        def command(**arguments: Any) -> None:
            given = {c.field: arguments.pop(c.field) for c in choices}
            function(**arguments, options={k: v for k, v in given.items() if v is not None})

        own = [p for p in inspect.signature(function).parameters.values() if p.name != "options"]
        added = [_parameter(c) for c in choices]
        keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        command.__signature__ = inspect.Signature([keyword[0], *added, *keyword[1:]])  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in (*own, *added)}
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        return command

    return decorate


def _parameter(choice: Choice) -> inspect.Parameter:
    if choice.metavar:
        kind: Any = Annotated[str | None, typer.Option(choice.flag, metavar=choice.metavar, help=choice.help)]
    else:
        off = choice.flag.replace("--", "--no-")
        kind = Annotated[bool | None, typer.Option(f"{choice.flag}/{off}", help=choice.help, show_default=False)]
    return inspect.Parameter(choice.field, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
