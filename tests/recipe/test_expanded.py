# SPDX-License-Identifier: Apache-2.0
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hwcompress.compression import compress_model
from hwcompress.errors import BadInput
from hwcompress.recipe.recipe import Recipe, dump, expanded, load, make, overridden
from hwcompress.recipe.steps import Cluster, Prune, Retrain

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def recipe(**values: Any) -> Recipe:
    return make({"step": [{"kind": "prune", **values}, {"kind": "cluster"}]}, "w", "n")


def test_rounds_keep_the_same_part_of_what_is_left() -> None:
    steps = expanded(recipe(sparsity=0.9, rounds=4, retrain={"epochs": 3})).steps
    prunes, retrains = steps[:-1:2], steps[1:-1:2]
    assert isinstance(steps[-1], Cluster)
    assert all(isinstance(step, Retrain) and step.epochs == 3 for step in retrains)
    assert len(prunes) == len(retrains) == 4
    kept = [1.0]
    for step in prunes:
        assert isinstance(step, Prune)
        assert step.sparsity is not None
        assert (step.rounds, step.retrain) == (1, None)
        kept.append(1.0 - step.sparsity)
    parts = [b / a for a, b in pairwise(kept)]
    assert parts == pytest.approx([0.1 ** (1 / 4)] * 4)
    assert kept[-1] == pytest.approx(0.1)


@pytest.mark.parametrize("how", [{"what": "channels"}, {"target": "cycles"}])
def test_channels_that_are_gone_count_no_more(how: dict[str, Any]) -> None:
    steps = expanded(recipe(sparsity=0.75, rounds=2, **how)).steps
    assert [step.sparsity for step in steps if isinstance(step, Prune)] == pytest.approx([0.5, 0.5])


def test_layers_too() -> None:
    layers = {"dense_0": {"sparsity": 0.99}, "dense_1": {"skip": True}}
    steps = expanded(recipe(sparsity=0.75, rounds=2, layers=layers)).steps
    shares = [step.layers["dense_0"].sparsity for step in steps if isinstance(step, Prune)]
    assert shares == pytest.approx([0.9, 0.99])
    assert all(step.layers["dense_1"].skip for step in steps if isinstance(step, Prune))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_ends(share: float) -> None:
    steps = expanded(recipe(sparsity=share, rounds=3)).steps
    assert [step.sparsity for step in steps if isinstance(step, Prune)] == [share] * 3


def test_one_round_and_no_round_at_all() -> None:
    plain = recipe(sparsity=0.9)
    assert expanded(plain) == plain
    once = expanded(recipe(sparsity=0.9, retrain={}))
    assert once.steps == (plain.steps[0], Retrain(), plain.steps[1])
    assert expanded(once) == once


def test_what_is_not_expanded_is_written_and_read_again(tmp_path: Path) -> None:
    layers = {'a"b': {"skip": True}}
    first = recipe(sparsity=0.5, rounds=2, layers=layers, retrain={"epochs": 2, "layers": {"c.d": {"sparsity": 0.5}}})
    (tmp_path / "r.toml").write_text(dump(first), encoding="utf-8")
    assert load(tmp_path / "r.toml").steps == first.steps


def test_options_reach_the_retraining() -> None:
    first = recipe(sparsity=0.5, rounds=2, retrain={"epochs": 2})
    steps = expanded(overridden(first, {"epochs": "7", "sparsity": "0.75", "target": "dsp"}, "command line")).steps
    assert [step.epochs for step in steps if isinstance(step, Retrain)] == [7, 7]
    prunes = [step for step in steps if isinstance(step, Prune)]
    assert [step.sparsity for step in prunes] == pytest.approx([0.5, 0.75])
    assert {step.target for step in prunes} == {"dsp"}


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ({"retrain": {"epoch": 3}}, {}, "w, step 1 (prune), retrain: epoch: unknown key; nearest: epochs"),
        ({"retrain": 3}, {}, "w, step 1 (prune): retrain: a table of what a retrain step has wanted, 3 found"),
        ({"retrain": {"kind": "distil"}}, {}, "w, step 1 (prune), retrain: kind: "),
        ({"rounds": 0}, {}, "w, step 1 (prune): rounds: rounds to the final sparsity"),
        ({}, {"target": "watts"}, "--prune-for: what is to fall: one of storage, dsp, cycles, bram wanted, 'watts'"),
        ({}, {"epochs": "3"}, "command line: --epochs: no step of the recipe 'n' has it"),
    ],
)
def test_mistakes(values: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        overridden(recipe(sparsity=0.5, **values), options, "command line")
    assert message in str(caught.value)


def test_rounds_without_a_share_make_no_sense() -> None:
    with pytest.raises(BadInput, match="rounds = 2: sparsity alone wanted"):
        recipe(quality=1.0, rounds=2)


def test_a_run_writes_down_every_round(tmp_path: Path) -> None:
    rounds = make({"step": [{"kind": "prune", "sparsity": 0.8, "rounds": 2, "method": "taylor"}]}, "w", "n")
    data = str(EXAMPLES / "pulsar.npz")
    made = compress_model(EXAMPLES / "pulsar_mlp.onnx", recipe=rounds, data=data, work=tmp_path / "work")
    folder = made.write(tmp_path / "out")
    again = load(folder / "recipe.toml")
    assert again.steps == expanded(rounds).steps
    assert [step.sparsity for step in made.report.steps] == pytest.approx([1 - 0.2**0.5, 0.8], abs=2e-3)
    same = compress_model(EXAMPLES / "pulsar_mlp.onnx", recipe=again, data=data)
    assert same.packed.data == made.packed.data
