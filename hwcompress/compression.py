# SPDX-License-Identifier: Apache-2.0
"""Compression without hardware: run a recipe on a model, measure, write DIR/model.hwc and what belongs to it."""

import hashlib
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcompress import api
from hwcompress.config import Config
from hwcompress.data import Data, load_data
from hwcompress.errors import BadInput, quote
from hwcompress.frontend.host import HostTail
from hwcompress.frontend.model import Model
from hwcompress.frontend.runtime import OnnxRunner
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Affine, Conv, Dense, Lookup
from hwcompress.passes.pipeline import simplify
from hwcompress.passes.preprocess import preprocess
from hwcompress.recipe.recipe import Recipe, dump, expanded, find
from hwcompress.recipe.run import Checkpoints, Ran, run_key, run_recipe
from hwcompress.recipe.state import Context, State, Task, layer_names
from hwcompress.report import compression_html
from hwcompress.report.compression import CompressedAccuracy, CompressionReport, StepPart
from hwcompress.report.curves import curves, histograms, input_mask
from hwcompress.report.schema import SCHEMA, ModelPart
from hwcompress.report.storage import storage_part
from hwcompress.sim import labels, metrics
from hwcompress.sim.reference import run_float
from hwcompress.storage.container import Packed, pack
from hwcompress.stored import load_with_settings, onnx_of, stored_of
from hwcompress.version import __version__

FILES = {"model.hwc", "model.onnx", "recipe.toml", "report.json", "report.html"}
Array = NDArray[Any]


@dataclass(eq=False)
class Compression:
    """A model that a recipe was run on."""

    model: Model
    config: Config
    ran: Ran
    data: Data
    packed: Packed
    report: CompressionReport

    def predict(self, x: Array) -> Array:
        """The compressed network's answers to inputs in the model's own layout, batch first."""
        return api.main_output(HostTail(self.model).run(self.outputs(x)), self.model)

    def outputs(self, x: Array) -> Reals:
        """What leaves the graph, in the model's own order [samples, m]."""
        flat = api.entering(self.model, self.config, x)
        return self.model.output_order.apply(run_float(self.ran.state.graph, flat))

    @cached_property
    def onnx(self) -> bytes:
        """The same network as an ONNX model."""
        return onnx_of(stored(self.model, self.config, self.ran))

    def write(self, folder: str | Path) -> Path:
        """Write model.hwc, model.onnx, recipe.toml and both reports; an earlier result is replaced as a whole.

        Raises:
            BadInput: the folder cannot be written, or holds something else.
        """
        target = Path(folder).resolve()
        check_folder(target)
        fresh = target.parent / f".{target.name[:80]}.{os.getpid()}.new"
        try:
            fresh.mkdir(parents=True)
            (fresh / "model.hwc").write_bytes(self.packed.data)
            (fresh / "model.onnx").write_bytes(self.onnx)
            (fresh / "recipe.toml").write_text(dump(self.ran.recipe), encoding="utf-8")
            text = self.report.model_dump_json(indent=2, by_alias=True)
            (fresh / "report.json").write_text(text + "\n", encoding="utf-8")
            (fresh / compression_html.NAME).write_text(compression_html.render(self.report), encoding="utf-8")
            _swap(fresh, target)
        except OSError as error:
            raise BadInput(f"--out {quote(str(target))}: cannot be written ({error.strerror or error})") from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return target


def compress_model(
    model: str | Path,
    *,
    recipe: str | Recipe | None = None,
    config: Config | None = None,
    progress: Callable[[str, float], None] | None = None,
    work: Path | None = None,
    **options: Any,
) -> Compression:
    """Run a recipe on a model.

    recipe: a name, a TOML file, or a Recipe; by default `deep-compression`, or `post-training` where torch is absent.
    options: fields of Config: data (a path or a dict of arrays), metric, mean, std, seed. work: a folder for
    checkpoints; a run that was killed goes on from there.

    Raises:
        HwcError: the model, the data, the recipe or an option is wrong; one clear message.
    """
    from hwcompress import config as configuration

    settings = configuration.merge(config or Config(), options) if options else config or Config()
    chosen = expanded(recipe if isinstance(recipe, Recipe) else find(recipe or default_recipe()))
    if settings.data is None:
        raise BadInput("--data: training or calibration data wanted, none given. Try: --data FILE.npz")
    say = progress or _silent
    say("import", 0.0)
    imported, _ = load_with_settings(model)
    data = load_data(settings.data, settings.seed, [imported.input.name])
    entry = preprocess(imported.graph, imported.input.sample_shape, settings.mean, settings.std, imported.input_order)
    graph = simplify(entry)
    if not any(isinstance(node.op, Dense | Conv) for node in graph):
        raise BadInput(f"model {quote(imported.name)}: a layer with weights wanted, none found")
    context = make_context(imported, graph, data, settings, chosen, say)
    checkpoints = (
        Checkpoints(work, run_key(chosen, imported.sha256, _fingerprint(data), settings.seed)) if work else None
    )
    ran = run_recipe(chosen, State(graph), context, checkpoints)
    say("store", 0.95)
    packed = pack(stored(imported, settings, ran), chosen.storage)
    made = Compression(imported, settings, ran, data, packed, _report(imported, settings, ran, packed, context, data))
    if checkpoints:
        checkpoints.remove()
    return made


def default_recipe() -> str:
    """What is run where no recipe is named."""
    from importlib.util import find_spec

    return "deep-compression" if find_spec("torch") else "post-training"


def stored(model: Model, config: Config, ran: Ran) -> Any:
    """What model.hwc holds."""
    raw = config.mean != 0.0 or config.std != 1.0
    return stored_of(model, ran.state.graph, ran.state.settings, raw)


def make_context(
    model: Model, graph: Graph[Op], data: Data, config: Config, recipe: Recipe, say: Callable[[str, float], None]
) -> Context:
    """What the steps may look at.

    Raises:
        BadInput: data or labels do not fit the model.
    """
    from hwcompress.frontend.arrange import arrange

    calibration = api.entering(model, config, data.x_calibrate)
    x = arrange(data.x_train, api.raw_input(model, config))
    task, y = _task(model, graph, data, config, x)
    return Context(
        graph,
        task,
        calibration.reshape(len(calibration), *graph.shape),
        x,
        y,
        model.input_order,
        recipe.validation,
        config.seed,
        None,
        say,
    )


def _task(model: Model, graph: Graph[Op], data: Data, config: Config, x: Array) -> tuple[Task, Array | None]:
    """What the outputs are, and the training labels as training wants them."""
    shape = graph.shape
    for node in graph:
        shape = node.op.shape(shape)
    outputs = math.prod(shape)
    known = data.y_train if data.y_train is not None else data.y_test
    metric = config.metric or labels.default_metric(known, outputs, data.group is not None)
    if metric in ("auc", "mse", "r2"):
        y = data.y_train
        if y is None and metric != "r2" and x[0].size == outputs:
            y = x.reshape(len(x), -1)  # an autoencoder
        return Task("values"), None if y is None else _values(model, y, outputs)
    end = graph.nodes[-1].op if graph.nodes else None
    logits = not (isinstance(end, Lookup) and end.function == "sigmoid")
    several = outputs > 1 and metric == "binary"
    if outputs == 1 or several:
        known_end = not logits or "Sigmoid" in model.tail_ops
        task = Task("binary", logits) if known_end else Task("values")
        y = labels.prepared("binary", data.y_train, (len(x), outputs), outputs, None)
        return task, None if y is None else y.astype(np.float64).reshape(len(x), -1)
    y = labels.prepared("top1", data.y_train, (len(x), outputs), outputs, None)
    return Task("classes", logits), None if y is None else y.astype(np.int64)


def _values(model: Model, y: Array, outputs: int) -> Array:
    """Labels [n, ...] in the order of the graph's outputs."""
    flat = y.reshape(len(y), -1).astype(np.float64)
    if flat.shape[1] != outputs:
        raise BadInput(f"data: y_train with {outputs} values a sample wanted, {flat.shape[1]} found")
    return model.output_order.inverse().apply(flat)


def _fingerprint(data: Data) -> str:
    """Of what the steps see."""
    digest = hashlib.sha256()
    for array in (data.x_calibrate, data.x_train, data.y_train):
        if array is not None:
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _report(model: Model, config: Config, ran: Ran, packed: Packed, context: Context, data: Data) -> CompressionReport:
    graph = ran.state.graph
    floats, names = context.score(context.original), layer_names(context.original)
    constants = [a for node in graph if isinstance(node.op, Dense | Conv | Affine) for a in _constants(node.op)]
    return CompressionReport(
        schema_=SCHEMA,
        version=__version__,
        model=ModelPart(
            name=model.name,
            sha256=model.sha256,
            macs=_macs(context.original),
            parameters=model.parameters,
            nonzero_parameters=sum(int(np.count_nonzero(a)) for a in constants),
        ),
        recipe=ran.recipe.name,
        seed=config.seed,
        compression=storage_part(context.original, graph, packed, model.parameters),
        accuracy=_accuracy(model, config, graph, data),
        validation={"float": floats, "samples": len(context.split[1])},
        steps=[StepPart(**told) for told in ran.steps],
        curves=curves(floats, ran.steps, names),
        histograms=histograms(context.original, graph),
        input_mask=input_mask(graph, model.input.sample_shape, model.input_order),
        notes=[*model.notes, *data.notes],
    )


def _constants(op: Dense | Conv | Affine) -> tuple[Reals, Reals]:
    return (op.scale if isinstance(op, Affine) else op.weight), op.bias


def _macs(graph: Graph[Op]) -> int:
    total, shape = 0, graph.shape
    for node in graph:
        shape = node.op.shape(shape)
        if isinstance(node.op, Dense | Conv):
            total += node.op.weight.size * math.prod(shape[:-1])
    return total


def _accuracy(model: Model, config: Config, graph: Graph[Op], data: Data) -> CompressedAccuracy:
    """On the test samples, once, at the end."""
    from hwcompress.frontend.arrange import arrange

    flat = api.entering(model, config, data.x_test)
    hardware = model.output_order.apply(run_float(graph, flat))
    before = model.output_order.apply(run_float(simplify(_entered(model, config)), flat))
    answers = api.main_output(HostTail(model).run(hardware), model)
    reference = api.main_output(OnnxRunner(model).run(api.plain_input(model, config, data.x_test)), model)
    answers, reference = answers.reshape(len(answers), -1), reference.reshape(len(reference), -1)
    classes = reference.shape[1] if reference.dtype.kind == "f" else hardware.shape[1]
    metric = config.metric or labels.default_metric(data.y_test, classes, data.group is not None)
    x = arrange(data.x_test, api.raw_input(model, config)).reshape(len(answers), -1).astype(np.float64)
    y = labels.prepared(metric, data.y_test, reference.shape, classes, data.group)
    return CompressedAccuracy(
        metric=metric,
        float_=metrics.score(metric, reference, y, x, data.group),
        compressed=metrics.score(metric, answers, y, x, data.group),
        samples=len(answers),
        agreement=metrics.agreement(reference, answers),
        sqnr_db=metrics.sqnr_db(before, hardware),
    )


def _entered(model: Model, config: Config) -> Graph[Op]:
    return preprocess(model.graph, model.input.sample_shape, config.mean, config.std, model.input_order)


def check_folder(folder: Path) -> None:
    """Nothing, if `write` may replace what is there.

    Raises:
        BadInput: it is a file, or holds something else than a result of `compress`.
    """
    if not folder.exists():
        return
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    others = [name for name in names if name not in FILES]
    if not folder.is_dir() or others:
        found = f"{quote(others[0], 60)} in it" if others else "a file"
        raise BadInput(
            f"--out {quote(str(folder))}: a new or empty folder or an earlier result of compress wanted, "
            f"found {found}. Try: another --out"
        )


def _swap(fresh: Path, folder: Path) -> None:
    old = fresh.with_suffix(".old")
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _silent(_text: str, _share: float) -> None:
    pass
