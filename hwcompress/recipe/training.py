# SPDX-License-Identifier: Apache-2.0
"""The steps that train. Imports torch: import it when needed."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hwcompress.compress.select import weighted, zero_share
from hwcompress.errors import BadInput
from hwcompress.recipe.quantized_training import quantized, quantizes
from hwcompress.recipe.sparse_training import Sparse, sparse, together
from hwcompress.recipe.state import Context, State, each_layer
from hwcompress.recipe.steps import FinetuneCentroids, Training
from hwcompress.train.dropout import Rate, dropout_hooks
from hwcompress.train.forms import Shared
from hwcompress.train.hashed import Hashed
from hwcompress.train.loop import Epoch, Hooks, Schedule, Trained, train
from hwcompress.train.losses import Objective, TaskLoss
from hwcompress.train.module import MakeForm, NetworkModule
from hwcompress.train.pruning import Gradual
from hwcompress.train.qat import QuantizedModule
from hwcompress.train.samples import Samples


def run_training(
    step: Training, state: State, context: Context, index: int, checkpoint: Path | None = None
) -> tuple[Training, State, dict[str, Any]]:
    """The step with its numbers, the state after training, and what is worth telling.

    Raises:
        BadInput: nothing is shared where shared values are to be trained, or training diverged.
    """
    if step.tolerance is None or step.demand is None:
        return step, *_trained(step, state, context, index, checkpoint)
    floor = context.score(state.graph, state.settings) - context.points(step.tolerance)
    tried = step.model_copy(update={"tolerance": None})
    trail: list[tuple[float, float]] = []
    while True:
        own = checkpoint.with_suffix(f".{len(trail)}{checkpoint.suffix}") if checkpoint else None
        after, told = _trained(tried, state, context, index, own)
        trail.append((tried.demand or 0.0, context.score(after.graph, after.settings)))
        if trail[-1][1] >= floor or not tried.demand or len(trail) == tried.tries:
            return tried, after, {**told, "tried": trail}
        tried = tried.milder()


def _trained(
    step: Training, state: State, context: Context, index: int, checkpoint: Path | None
) -> tuple[State, dict[str, Any]]:
    if isinstance(step, FinetuneCentroids) and not state.shared:
        raise BadInput(
            "finetune-centroids: layers with shared values wanted, none found. Try: a cluster step before it"
        )
    torch.random.manual_seed(context.seed)  # pyright: ignore[reportUnknownMemberType]
    module, extra = _prepared(step, state, context, index)
    if isinstance(step, FinetuneCentroids):
        _freeze(module, state.shared)
    learn, validate = context.split
    samples = Samples.of(context.x_train, context.y_train, context.input_order, state.graph.shape)
    done = train(
        module,
        samples.take(torch.tensor(learn)),
        samples.take(torch.tensor(validate)),
        _objective(step, state, context),
        _schedule(step, context, index),
        context.task.score,
        together([_hooks(step, state), extra.hooks(module), _dropout(step, state, context, index, module)]),
        checkpoint,
        _progress(step, context),
    )
    after, told = extra.finish(module, state)
    return after, {**_told(done), **told}


def _prepared(step: Training, state: State, context: Context, index: int) -> tuple[NetworkModule, Sparse]:
    """What is trained, and what the step adds to plain training."""
    shared = {name: _shared(state, name) for name in state.shared}
    if quantizes(step):
        return quantized(step, state, context, shared)
    extra = sparse(step, state, context, index)
    return NetworkModule(state.graph, {**shared, **extra.forms}), extra


def _shared(state: State, name: str) -> MakeForm:
    """What stands for weights that share values."""
    place = state.hashes.get(name)
    if place is None or place.values(weighted(state.graph)[name].weight) is None:
        return Shared
    return partial(Hashed, place=place)


def _freeze(module: NetworkModule, shared: frozenset[str]) -> None:
    """Nothing but shared values learns."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    for name in shared:
        form = module.products()[name].form
        assert isinstance(form, Shared | Hashed)
        form.requires_grad_(True)


def _objective(step: Training, state: State, context: Context) -> Objective:
    mix = step.distil if context.y_train is not None else 1.0
    known = context.original if step.teacher == "float" else state.graph
    teacher = NetworkModule(known).eval() if mix > 0 else None
    return Objective(TaskLoss(context.task.kind, context.task.logits), teacher, mix, step.temperature)


def _schedule(step: Training, context: Context, index: int) -> Schedule:
    names = (
        "epochs",
        "batch",
        "optimizer",
        "learning_rate",
        "decay",
        "momentum",
        "l1",
        "l2",
        "patience",
        "keep",
        "shift",
    )
    return Schedule(**{name: getattr(step, name) for name in names}, seed=(context.seed, index))


def _hooks(step: Training, state: State) -> Hooks:
    own = {name: layer.sparsity for name, layer in each_layer(step, state.graph).items() if layer.sparsity is not None}
    if step.sparsity is None and not own:
        return Hooks()
    initial = {name: zero_share(op.weight) for name, op in weighted(state.graph).items()}
    final: Any = step.sparsity
    if step.scope == "layer" or own:
        final = own if step.sparsity is None else {**dict.fromkeys(initial, step.sparsity), **own}
    gradual = Gradual(initial, final, step.begin, step.end, step.frequency, step.power)
    return Hooks(before_step=gradual, counts_from=step.end)


def _dropout(step: Training, state: State, context: Context, index: int, module: NetworkModule) -> Hooks:
    """Of the layers whose rate is not zero.

    Raises:
        BadInput: values have types.
    """
    own = {name: layer.dropout for name, layer in each_layer(step, state.graph).items()}
    first = next(iter(own), "")
    rates = {n: rate if rate is not None else step.dropout * (n != first) for n, rate in own.items()}
    if any(rates.values()) and isinstance(module, QuantizedModule) and module.typed:
        raise BadInput("dropout: values without types wanted, activation_bits found. Try: dropout = 0")
    known = {name: int(np.count_nonzero(op.weight)) for name, op in weighted(context.original).items()}
    left = {name: int(np.count_nonzero(op.weight)) for name, op in weighted(state.graph).items()}
    found = {n: Rate(rate, known.get(n, left[n])) for n, rate in rates.items() if rate}
    return dropout_hooks(module, found, (context.seed, index)) if found else Hooks()


def _progress(step: Training, context: Context) -> Callable[[int, Epoch], None]:
    def say(count: int, epoch: Epoch) -> None:
        context.say(f"{step.name}: epoch {count} of {step.epochs}, loss {epoch.loss:.4g}", count / step.epochs)

    return say


def _told(done: Trained) -> dict[str, Any]:
    return {"epochs": [asdict(epoch) for epoch in done.epochs], "kept": done.best + 1}
