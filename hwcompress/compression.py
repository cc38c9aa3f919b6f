# SPDX-License-Identifier: Apache-2.0
"""Compression without hardware: run a recipe on a model, measure, write DIR/model.hwc and what belongs to it."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcompress import api
from hwcompress import config as configuration
from hwcompress.codegen.float_onnx import float_model
from hwcompress.compress import saliency
from hwcompress.compress.permute import shortest
from hwcompress.compression_context import check_numbers, make_context, reading, with_even_inputs
from hwcompress.config import Config
from hwcompress.data import Data, load_data
from hwcompress.errors import BadInput, quote
from hwcompress.frontend.host import HostTail
from hwcompress.frontend.model import Model
from hwcompress.ir.fixed import Reals
from hwcompress.ir.graph import Graph, Op
from hwcompress.ops import Affine, Conv, Dense
from hwcompress.passes.pipeline import simplify
from hwcompress.passes.preprocess import preprocess
from hwcompress.recipe.apply import has_torch
from hwcompress.recipe.bearing import bearing
from hwcompress.recipe.exact import answers
from hwcompress.recipe.recipe import Recipe, dump, expanded, find
from hwcompress.recipe.run import Checkpoints, Ran, run_key, run_recipe
from hwcompress.recipe.state import Context, State, layer_names
from hwcompress.report import compression_html
from hwcompress.report.compression import CompressedAccuracy, CompressionReport, StepPart
from hwcompress.report.curves import curves, histograms, input_mask
from hwcompress.report.folders import replace_folder
from hwcompress.report.schema import SCHEMA, ModelPart
from hwcompress.report.storage import storage_part
from hwcompress.sim.reference import run_float
from hwcompress.storage.container import Packed
from hwcompress.stored import load_with_settings, packed, stored_of
from hwcompress.version import __version__

FILES = {"model.hwc", "model.onnx", "recipe.toml", "report.json", "report.html"}
MUCH = 2.0  # points of accuracy
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
        return float_model(stored(self.model, self.config, self.ran))

    def write(self, folder: str | Path) -> Path:
        """Write model.hwc, model.onnx, recipe.toml and both reports; an earlier result is replaced as a whole.

        Raises:
            BadInput: the folder cannot be written, or holds something else.
        """
        target = Path(folder).resolve()
        check_folder(target)
        replace_folder(target, self._write)
        return target

    def _write(self, folder: Path) -> None:
        (folder / "model.hwc").write_bytes(self.packed.data)
        (folder / "model.onnx").write_bytes(self.onnx)
        (folder / "recipe.toml").write_text(dump(self.ran.recipe), encoding="utf-8")
        (folder / "report.json").write_text(self.report.to_json(), encoding="utf-8")
        (folder / compression_html.NAME).write_text(compression_html.render(self.report), encoding="utf-8")


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
    chosen = replace(chosen, validation=context.validation)
    check_numbers(context)
    context, exponents = with_even_inputs(context)
    own = (settings.seed, settings.metric, settings.mean, settings.std, chosen.validation)
    known = run_key(imported.sha256, _fingerprint(data), *own)
    with Checkpoints(work, chosen, known) if work else nullcontext() as checkpoints:
        even = _ordered(imported, settings, run_recipe(chosen, State(context.original), context, checkpoints))
        ran = reading(even, exponents)
        say("store", 0.95)
        file = packed(stored(imported, settings, ran), chosen.storage)
        accuracy = _accuracy(imported, settings, graph, ran.state, data)
        report = _report(imported, settings, even, file, context, accuracy, [*data.notes, *_advice(accuracy)])
        return Compression(imported, settings, ran, data, file, report)


def _ordered(model: Model, config: Config, ran: Ran) -> Ran:
    """With hidden channels in an order that takes few bytes; where zeros follow a pattern, as they are."""
    if ran.recipe.patterned:
        return ran
    graph = shortest(stored(model, config, ran), ran.recipe.storage)
    return replace(ran, state=replace(ran.state, graph=graph))


def default_recipe() -> str:
    """What is run where no recipe is named."""
    return "deep-compression" if has_torch() else "post-training"


def stored(model: Model, config: Config, ran: Ran) -> Any:
    """What model.hwc holds."""
    raw = config.mean != 0.0 or config.std != 1.0
    return stored_of(model, ran.state, raw)


def _fingerprint(data: Data) -> str:
    """Of what the steps see."""
    digest = hashlib.sha256()
    for array in (data.x_calibrate, data.x_train, data.y_train):
        if array is not None:
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _report(
    model: Model,
    config: Config,
    ran: Ran,
    packed: Packed,
    context: Context,
    accuracy: CompressedAccuracy,
    notes: Sequence[str],
) -> CompressionReport:
    """ran: as the context has its inputs."""
    graph = ran.state.graph
    floats, names = context.score(context.original), layer_names(context.original)
    constants = [a for node in graph if isinstance(node.op, Dense | Conv | Affine) for a in _constants(node.op)]
    return CompressionReport(
        schema_=SCHEMA,
        version=__version__,
        model=ModelPart(
            name=model.name,
            sha256=model.sha256,
            macs=saliency.products(context.original),
            parameters=model.parameters,
            nonzero_parameters=sum(int(np.count_nonzero(a)) for a in constants),
        ),
        recipe=ran.recipe.name,
        seed=config.seed,
        compression=storage_part(context.original, ran.last, graph, packed, model.parameters),
        accuracy=accuracy,
        validation={"float": floats, "samples": len(context.split[1])},
        steps=[StepPart(**told) for told in ran.steps],
        curves=curves(floats, ran.steps, names, bearing(context)),
        histograms=histograms(context.original, graph),
        input_mask=input_mask(graph, model.input.sample_shape, model.input_order),
        notes=[*model.notes, *notes],
    )


def _advice(accuracy: CompressedAccuracy) -> list[str]:
    """What to try where much was lost."""
    if accuracy.metric not in ("top1", "binary") or accuracy.float_ is None or accuracy.compressed is None:
        return []
    lost = accuracy.float_ - accuracy.compressed
    if lost <= MUCH:
        return []
    return [f"{lost:.1f} points of accuracy are lost. Try: a lower --sparsity, more --epochs, or more --weight-bits"]


def _constants(op: Dense | Conv | Affine) -> tuple[Reals, Reals]:
    return (op.scale if isinstance(op, Affine) else op.weight), op.bias


def _accuracy(model: Model, config: Config, before: Graph[Op], after: State, data: Data) -> CompressedAccuracy:
    """On the test samples, once, at the end."""
    calibration, flat = (api.entering(model, config, x) for x in (data.x_calibrate, data.x_test))
    exact = model.output_order.apply(run_float(before, flat))
    made = model.output_order.apply(answers(after.graph, after.settings, calibration, flat))
    found = api.judged(model, config, data, HostTail(model), made, exact)
    return CompressedAccuracy(
        metric=found.metric,
        float_=found.float_,
        compressed=found.fixed,
        samples=found.samples,
        agreement=found.agreement,
        sqnr_db=found.sqnr_db,
    )


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


def _silent(_text: str, _share: float) -> None:
    pass
