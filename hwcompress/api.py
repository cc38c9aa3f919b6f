# SPDX-License-Identifier: Apache-2.0
"""The Python interface: compile a model, ask the design, write and verify it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwcompress import config as configuration
from hwcompress.build import Build, open_build
from hwcompress.compress.recipe import Compressed, compress
from hwcompress.config import Config
from hwcompress.data import Data, load_data
from hwcompress.emit import Emission, emit
from hwcompress.engines.base import Product
from hwcompress.engines.pipeline import Interface
from hwcompress.engines.plan import layers
from hwcompress.explore.folding import Sizes
from hwcompress.explore.goal import Goal, LayerWish
from hwcompress.explore.network import plan_network
from hwcompress.explore.planner import Planned
from hwcompress.frontend.arrange import arrange
from hwcompress.frontend.model import Model
from hwcompress.hw.cells import Resources
from hwcompress.ir.fixed import Codes, Reals
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.passes.preprocess import preprocess
from hwcompress.report.make import Facts, make_report
from hwcompress.report.schema import AccuracyPart, Report
from hwcompress.sim import labels, metrics
from hwcompress.sim.integer import Simulator
from hwcompress.stored import load, load_with_settings
from hwcompress.verify.simulate import Verification, usual_frames
from hwcompress.verify.synth import Synthesis

__all__ = ["Design", "compile", "compress_network", "estimate", "load", "open_build", "plan_design"]

Array = NDArray[Any]
Progress = Callable[[str, float], None] | None
CHOSEN = "auto"


@dataclass
class Network:
    """A model in integer form: everything but the hardware."""

    model: Model
    config: Config
    compressed: Compressed
    data: Data | None
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])  # what the file itself asks of a Config

    @property
    def graph(self) -> Graph[CodeOp]:
        """The integer form."""
        return self.compressed.graph

    @property
    def simulator(self) -> Simulator:
        """Of the integer form."""
        return self.compressed.simulator

    def codes(self, x: Array) -> Codes:
        """Real inputs, in the model's own layout, as the codes that enter the hardware [samples, n]."""
        return self.compressed.codes(self.flat(x))

    def flat(self, x: Array) -> Reals:
        """Real inputs in the order of the hardware [samples, n]."""
        return entering(self.model, self.config, x)

    def hardware(self, x: Array) -> Reals:
        """Real values that leave the hardware, in the model's own order [samples, m]."""
        return self.model.output_order.apply(self.compressed.answers(self.flat(x)))

    @cached_property
    def tail(self) -> Any:
        """The host's part of the model."""
        from hwcompress.frontend.host import HostTail

        return HostTail(self.model)

    def predict_all(self, x: Array) -> dict[str, Array]:
        """Every output of the model by name, what stays on the host applied."""
        return self.tail.run(self.hardware(x))

    def predict(self, x: Array) -> Array:
        """The model's answer: its first real-valued output, batch first, in the model's own layout."""
        return main_output(self.predict_all(x), self.model)

    @cached_property
    def accuracy(self) -> AccuracyPart:
        """Float model and codes on x_test; empty without data."""
        return measure(self)


def entering(model: Model, config: Config, x: Array) -> Reals:
    """Inputs in the model's own layout as rows in the order of the hardware [samples, n]."""
    arranged = arrange(np.asarray(x), raw_input(model, config))
    return model.input_order.apply(arranged.reshape(len(arranged), -1)).astype(np.float64)


def raw_input(model: Model, config: Config) -> Any:
    """The model's input; with --mean or --std any numbers may come."""
    plain = config.mean == 0.0 and config.std == 1.0
    return model.input if plain else replace(model.input, dtype="float64")


def main_output(outputs: Mapping[str, Array], model: Model) -> Array:
    """The first real-valued output, else the first."""
    real = [name for name in model.outputs if name in outputs and outputs[name].dtype.kind == "f"]
    return outputs[(real or list(outputs))[0]]


@dataclass
class Design:
    """A planned accelerator."""

    network: Network
    planned: Planned
    report: Report
    folder: Path | None = field(default=None)

    @property
    def config(self) -> Config:
        """What was used."""
        return self.network.config

    def predict(self, x: Array) -> Array:
        """Real-valued outputs of the bit-accurate simulator, in the model's own layout, batch first."""
        return self.network.predict(x)

    def predict_all(self, x: Array) -> dict[str, Array]:
        """Every output of the model by name."""
        return self.network.predict_all(x)

    def codes(self, x: Array) -> tuple[Codes, Codes]:
        """Codes that enter and leave the hardware for real inputs: [samples, n] and [samples, m]."""
        entering = self.network.codes(x)
        return entering, self.network.simulator.run(entering)

    def write(self, folder: str | Path, vectors: int | None = None) -> Path:
        """Write the build directory: hardware, bench, scripts, report. An earlier build is replaced as a whole.

        Raises:
            BadInput: the folder cannot be written, or holds something that is not a build.
        """
        ports = (self.planned.pipeline.input, self.planned.pipeline.output)
        usual = usual_frames(sum(port.elements for port in ports))
        self.folder = emit(self._emission(vectors or self.config.vectors or usual), Path(folder))
        return self.folder

    def _emission(self, vectors: int) -> Emission:
        network = self.network
        x = stimulus(network, vectors)
        return Emission(
            network.model,
            self.config,
            network.compressed,
            self.planned.pipeline,
            self.planned.timing,
            self.report,
            x,
            network.simulator.run(x),
        )

    def build(self, vectors: int | None = None) -> Build:
        """The build directory on disk, written to a temporary folder if it was not written yet."""
        if self.folder is None:
            self._scratch = TemporaryDirectory(prefix="hwcompress-")
            self.write(Path(self._scratch.name) / "build", vectors)
        assert self.folder is not None
        return open_build(self.folder)

    def verify(
        self,
        simulator: Literal["verilator", "icarus", "csim"] = "verilator",
        vectors: int | None = None,
        waves: bool = False,
    ) -> Verification:
        """Simulate the emitted hardware on `vectors` frames (None: usual_frames) against the codes."""
        build = self.build(vectors)
        result = build.verify(simulator, vectors, waves=waves)
        self.report = build.report
        return result

    def synthesize(self, pnr: bool = False) -> Synthesis:
        """Count the cells with Yosys."""
        build = self.build()
        result = build.synthesize(pnr)
        self.report = build.report
        return result


def compile(model: str | Path, *, config: Config | None = None, progress: Progress = None, **options: Any) -> Design:
    """Import, compress, plan. `options` are the fields of Config; `data` may be a path or a dict of arrays.

    Raises:
        HwcError: input, options or budget are wrong; one clear message.
    """
    settings = configuration.merge(config or Config(), options) if options else config or Config()
    return plan_design(compress_network(model, settings, progress), settings, progress)


estimate = compile


def compress_network(model: str | Path, config: Config, progress: Progress = None, data: Data | None = None) -> Network:
    """Import and compress; no hardware yet. `data` spares reading config.data again."""
    say = progress or _silent
    say("import", 0.0)
    imported, settings = load_with_settings(model)
    config = configuration.beneath(config, settings)
    if imported.tail:
        from hwcompress.frontend.host import check_tail

        check_tail(imported)
    notes: list[str] = []
    if data is None and config.data is not None:
        data = load_data(config.data, config.seed, [imported.input.name])
    graph = preprocess(imported.graph, imported.input.sample_shape, config.mean, config.std, imported.input_order)
    calibration = None
    if data is not None:
        notes.extend(data.notes)
        calibration = entering(imported, config, data.x_calibrate)
    say("quantize", 0.2)
    compressed = compress(graph, calibration, config)
    notes.extend(compressed.notes)
    if calibration is None and config.input_type is None:
        kind = compressed.graph.types[compressed.graph.input].element
        notes.append(f"no data and no --input-type: the input is taken as {kind}")
    return Network(imported, config, compressed, data, tuple(notes), settings)


def plan_design(network: Network, config: Config, progress: Progress = None) -> Design:
    """The hardware of a compressed network."""
    say = progress or _silent
    config = configuration.beneath(config, network.settings)
    say("plan", 0.5)
    planned = plan_network(network.graph, goal(network.graph, config))
    say("evaluate", 0.8)
    facts = Facts(network.model, config, network.compressed, planned, network.accuracy, network.notes)
    report = make_report(facts)
    say("done", 1.0)
    return Design(replace(network, config=config), planned, report)


def legal_reuse(design: Design) -> dict[str, list[int]]:
    """Reuse values that each layer with a matrix of weights may have, by its name."""
    return {x.name: Sizes(x).legal_reuse() for x in layers(design.network.graph) if x.matrix}


def goal(graph: Graph[CodeOp], config: Config) -> Goal:
    """The planner's question in its own words."""
    target = config.device
    limits = {"dsp": config.max_dsp, "lut": config.max_lut, "bram18": config.max_bram}
    given: dict[str, int] = {k: v for k, v in limits.items() if v is not None}
    whole = target.budget
    budget = Resources(
        given.get("dsp", whole.dsp), given.get("lut", whole.lut), whole.ff, given.get("bram18", whole.bram18)
    )
    wishes = {layer.name: _wish(config, layer.name, layer.source) for layer in layers(graph)}
    return Goal(
        budget,
        frozenset(given),
        target.family,
        Interface(config.interface),
        None if config.reuse == CHOSEN else int(config.reuse),
        _product(config.strategy),
        config.interval,
        config.latency,
        wishes,
    )


def _product(strategy: str | None) -> Product | None:
    return None if strategy in (None, CHOSEN) else Product(strategy)


def _wish(config: Config, name: str, source: str) -> LayerWish:
    own = config.for_layer(name, source)
    free = own.strategy == CHOSEN
    return LayerWish(own.reuse, own.pe, own.simd, _product(own.strategy), own.segment, own.memory, free)


def _silent(_text: str, _share: float) -> None:
    pass


def measure(network: Network) -> AccuracyPart:
    """Metric, agreement and SQNR on x_test.

    Raises:
        BadInput: labels do not fit the model's outputs.
    """
    data, config = network.data, network.config
    if data is None:
        return AccuracyPart(metric=config.metric or "agreement", float_=None)
    made, exact = network.hardware(data.x_test), float_output(network, data.x_test)
    return judged(network.model, config, data, network.tail, made, exact)


def judged(model: Model, config: Config, data: Data, tail: Any, made: Reals, exact: Reals) -> AccuracyPart:
    """Outputs made, before the host's part, on x_test beside the original model in onnxruntime.

    made, exact: in the model's own order [samples, m]; exact: what exact arithmetic gives. tail: the host's part.

    Raises:
        BadInput: labels do not fit the model's outputs.
    """
    from hwcompress.frontend.runtime import OnnxRunner

    after = main_output(tail.run(made), model)
    before = main_output(OnnxRunner(model).run(plain_input(model, config, data.x_test)), model)
    after, before = after.reshape(len(after), -1), before.reshape(len(before), -1)
    classes = before.shape[1] if before.dtype.kind == "f" else made.shape[1]  # the model may end in an ArgMax
    metric = config.metric or labels.default_metric(data.y_test, classes, data.group is not None)
    x = arrange(data.x_test, raw_input(model, config)).reshape(len(after), -1).astype(np.float64)
    y = labels.prepared(metric, data.y_test, before.shape, classes, data.group)
    return AccuracyPart(
        metric=metric,
        float_=metrics.score(metric, before, y, x, data.group),
        fixed=metrics.score(metric, after, y, x, data.group),
        samples=len(after),
        agreement=metrics.agreement(before, after),
        sqnr_db=metrics.sqnr_db(exact, made),
    )


def float_output(network: Network, x: Array) -> Reals:
    """What the hardware would give in exact arithmetic, before the host's part [samples, m]."""
    from hwcompress.sim.reference import run_float

    answers = run_float(network.compressed.original, network.flat(x))
    return network.model.output_order.apply(answers)


def plain_input(model: Model, config: Config, x: Array) -> Array:
    """x as the original model wants it: (x - mean) / std."""
    if config.mean == 0.0 and config.std == 1.0:
        return x
    raw = arrange(x, raw_input(model, config))
    flat = raw.reshape(len(raw), -1).astype(np.float64)
    bare = replace(model.graph, nodes=(), channels=flat.shape[1], grid=())
    for node in preprocess(bare, model.input.sample_shape, config.mean, config.std):
        flat = node.op.run_float(flat)
    return flat.reshape(raw.shape)


def stimulus(network: Network, frames: int) -> Codes:
    """Input codes for the bench: extremes first, then test data, then uniform codes [frames, n]."""
    kind = network.graph.types[network.graph.input].element
    n = network.graph.elements
    rng = np.random.default_rng(network.config.seed)
    low, high = kind.min_code, kind.max_code
    corners = np.stack([np.full(n, low), np.full(n, high), np.where(np.arange(n) % 2, low, high), np.zeros(n)])
    parts = [corners.astype(np.int64)]
    if network.data is not None:
        parts.append(network.codes(network.data.x_test[: max(1, 3 * frames // 4)]))
    missing = max(0, frames - sum(len(p) for p in parts))
    parts.append(rng.integers(low, high + 1, (missing, n)))
    return np.concatenate(parts)[:frames]
