# SPDX-License-Identifier: Apache-2.0
"""What training steps add to the loss or put in the place of weights so that zeros and shared values are learned.

Imports torch: import it when needed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from hwcompress.compress.select import weighted, with_weights
from hwcompress.compress.structured import channels, remove_dead
from hwcompress.errors import BadInput
from hwcompress.ir.graph import Graph, Op
from hwcompress.recipe.sharing import round_biases
from hwcompress.recipe.state import Context, State, each_layer, layer_names
from hwcompress.recipe.steps import Hash, Retrain, SoftSharing, Training
from hwcompress.storage.hashing import Placement
from hwcompress.train.decay import biased_hooks
from hwcompress.train.gates import Gated, l0_hooks
from hwcompress.train.groups import group_indices, lasso_hooks
from hwcompress.train.hashed import Hashed
from hwcompress.train.loop import Hooks
from hwcompress.train.mixture import Hyper, Mixture, attach, mixture_hooks, unit
from hwcompress.train.module import MakeForm, NetworkModule

Finish = Callable[[NetworkModule, State], tuple[State, dict[str, Any]]]


def _as_trained(module: NetworkModule, state: State) -> tuple[State, dict[str, Any]]:
    return replace(state, graph=module.trained()), {}


@dataclass(frozen=True)
class Sparse:
    """What a step adds to plain training."""

    forms: Mapping[str, MakeForm] = field(default_factory=dict[str, MakeForm])  # by node
    hooks: Callable[[NetworkModule], Hooks] = field(default=lambda _module: Hooks())
    finish: Finish = _as_trained  # from the trained module to the next state, and what is worth telling


def sparse(step: Training, state: State, context: Context, index: int) -> Sparse:
    """What this step adds.

    Raises:
        BadInput: it is for free weights, and those of a layer are shared; or all layers are skipped.
    """
    seed = (context.seed, index)
    if isinstance(step, SoftSharing):
        return _soft_sharing(step, state, context)
    if isinstance(step, Hash):
        return _hash(step, state, context.seed)
    if isinstance(step, Retrain):
        return _regularized(step, state, seed)
    return Sparse()


def together(all_hooks: Sequence[Hooks]) -> Hooks:
    """All of them as one: penalties add up, the others take turns."""
    penalties = [h.penalty for h in all_hooks if h.penalty]
    before = [h.before_step for h in all_hooks if h.before_step]
    after = [h.after_step for h in all_hooks if h.after_step]

    def penalty(module: NetworkModule) -> Tensor:
        total = penalties[0](module)
        for each in penalties[1:]:
            total = total + each(module)
        return total

    def before_step(module: NetworkModule, step: int, steps: int) -> None:
        for each in before:
            each(module, step, steps)

    def after_step(module: NetworkModule, rate: float) -> None:
        for each in after:
            each(module, rate)

    return Hooks(
        penalty if penalties else None,
        before_step if before else None,
        after_step if after else None,
        max((h.counts_from for h in all_hooks), default=0.0),
        [group for h in all_hooks for group in h.parameters],
    )


def _named(step: Training, state: State, what: str) -> list[str]:
    """Nodes that the step is for.

    Raises:
        BadInput: all are skipped, or weights of one are shared.
    """
    own = [n for n, layer in each_layer(step, state.graph).items() if not layer.skip]
    if not own:
        raise BadInput(f"{what}: a layer with weights wanted, all are skipped. Try: fewer layers with skip = true")
    taken = [layer_names(state.graph)[n] for n in own if n in state.shared]
    if taken:
        raise BadInput(
            f"{what}: layers with free weights wanted, those of {', '.join(taken[:12])} are shared. "
            f"Try: {what} before the step that shares them, or skip = true for these layers"
        )
    return own


def _regularized(step: Retrain, state: State, seed: tuple[int, int]) -> Sparse:
    """L0 gates, group lasso, biased decay."""
    forms: dict[str, MakeForm] = {}
    made: list[Callable[[NetworkModule], Hooks]] = []
    groups = step.groups or ("rows" if step.group_lasso else "weights")
    if step.l0 or step.group_lasso:
        names = _named(step, state, "l0" if step.l0 else "group_lasso")
        indices = {n: i for n, i in group_indices(state.graph, groups).items() if n in names}
        if step.l0:
            forms = {n: partial(Gated, index=i) for n, i in indices.items()}
            made.append(lambda module: l0_hooks(module, step.l0, seed, step.gate_factor))
        if step.group_lasso:
            lasso = lasso_hooks(step.group_lasso, indices)
            made.append(lambda _module: lasso)
    if step.biased_decay:
        biased = biased_hooks(step.biased_decay, step.biased_scale, step.biased_form)
        made.append(lambda _module: biased)
    shrinks = bool(forms or step.group_lasso) and groups in ("rows", "channels")
    finish = _without_dead if shrinks else _as_trained
    return Sparse(forms, lambda module: together([make(module) for make in made]), finish)


def _without_dead(module: NetworkModule, state: State) -> tuple[State, dict[str, Any]]:
    """Channels that nobody makes or reads are gone."""
    before = module.trained()
    after = remove_dead(before)
    names, left = layer_names(before), weighted(after)
    told = {names[n]: [count, len(left[n].weight)] for n, count in channels(before).items()}
    return replace(state, graph=after), {"channels": told}


def _soft_sharing(step: SoftSharing, state: State, context: Context) -> Sparse:
    names = _named(step, state, step.name)
    hyper = Hyper(step.zero_alpha, step.zero_beta, step.alpha, step.beta)
    rates = (step.mean_factor, step.precision_factor, step.share_factor)
    strength = step.tau / max(1, len(context.split[0]))
    units = {n: unit(weighted(state.graph)[n].weight) for n in names}

    def hooks(module: NetworkModule) -> Hooks:
        mixture = attach(module, units, step.components, step.zero_share, hyper)
        return mixture_hooks(module, mixture, units, strength, rates)

    def finish(module: NetworkModule, before: State) -> tuple[State, dict[str, Any]]:
        mixture = module.mixture
        assert isinstance(mixture, Mixture)
        components = mixture.components().merged(step.merge)
        trained = module.trained()
        graph = with_weights(
            trained, {n: each * components.shared(weighted(trained)[n].weight / each) for n, each in units.items()}
        )
        told = {
            "units": {layer_names(trained)[n]: each for n, each in units.items()},
            "score_before_sharing": context.score(trained),
            "means": components.means.tolist(),
            "deviations": (components.precisions**-0.5).tolist(),
            "values": _values(graph, names),
        }
        rounded = round_biases(graph, step.bias_bits) if step.bias_bits < 32 else graph
        return replace(before, graph=rounded, shared=before.shared | frozenset(names)), told

    return Sparse(hooks=hooks, finish=finish)


def _hash(step: Hash, state: State, seed: int) -> Sparse:
    names = _named(step, state, step.name)
    forms: dict[str, MakeForm] = {}
    hashes: dict[str, Placement] = {}
    for n in names:
        kept = int(np.count_nonzero(weighted(state.graph)[n].weight))
        hashes[n] = Placement(max(1, round(step.share * kept)), seed % (1 << 64))
        forms[n] = partial(Hashed, place=hashes[n])

    def finish(module: NetworkModule, before: State) -> tuple[State, dict[str, Any]]:
        told = {"buckets": {layer_names(before.graph)[n]: place.buckets for n, place in hashes.items()}}
        shared = before.shared | frozenset(names)
        return replace(before, graph=module.trained(), shared=shared, hashes={**before.hashes, **hashes}), told

    return Sparse(forms, finish=finish)


def _values(graph: Graph[Op], names: Sequence[str]) -> dict[str, int]:
    """How many values that are not zero each layer is left with."""
    ours = layer_names(graph)
    weights = {n: weighted(graph)[n].weight for n in names}
    return {ours[n]: len(np.unique(w[w != 0])) for n, w in weights.items()}
