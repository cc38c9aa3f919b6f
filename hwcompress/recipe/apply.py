# SPDX-License-Identifier: Apache-2.0
"""What each step does to the state. A step that searched comes back with the numbers it found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hwcompress.errors import ToolFailed
from hwcompress.recipe.correcting import run_correct, run_digits, run_equalize
from hwcompress.recipe.factoring import run_low_rank
from hwcompress.recipe.pruning import run_prune
from hwcompress.recipe.quantizing import run_quantize
from hwcompress.recipe.sharing import run_cluster
from hwcompress.recipe.state import Context, State
from hwcompress.recipe.steps import Cluster, Correct, Digits, Equalize, LowRank, Prune, Quantize, Step, Training


@dataclass(frozen=True)
class Done:
    """A step that was taken."""

    step: Step  # with the numbers that were used
    state: State
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])  # for the report


WITHOUT_TRAINING: Mapping[type[Step], Callable[[Any, State, Context], tuple[State, dict[str, Any]]]] = {
    Cluster: run_cluster,
    Quantize: run_quantize,
    LowRank: run_low_rank,
    Correct: run_correct,
    Equalize: run_equalize,
    Digits: run_digits,
}


def apply(step: Step, state: State, context: Context, index: int, checkpoint: Path | None = None) -> Done:
    """Take one step. checkpoint: where a training keeps its epochs.

    Raises:
        BadInput: its numbers do not fit the network or the data.
        ToolFailed: it trains, and torch is not there.
    """
    if isinstance(step, Prune):
        return Done(*run_prune(step, state, context))
    if isinstance(step, Training):
        need_torch(step.name)
        from hwcompress.recipe.training import run_training

        return Done(*run_training(step, state, context, index, checkpoint))
    return Done(step, *WITHOUT_TRAINING[type(step)](step, state, context))


def has_torch() -> bool:
    """Whether training is possible."""
    from importlib.util import find_spec

    return find_spec("torch") is not None


def need_torch(what: str) -> None:
    """Nothing, if torch is there.

    Raises:
        ToolFailed: it is not.
    """
    if not has_torch():
        raise ToolFailed(
            f"{what}: package 'torch' wanted, not installed. Try: pip install 'hwcompress[train]', "
            "or --recipe post-training, which does without"
        )
