# SPDX-License-Identifier: Apache-2.0
"""Recipes as files: read, written, read again; every mistake is one clear line."""

import tomllib

import pytest

from hwcompress.errors import BadInput
from hwcompress.recipe import recipe as recipes
from hwcompress.recipe.recipe import dump, find, load, make, overridden, ready, usual_share
from hwcompress.recipe.steps import KINDS


@pytest.mark.parametrize("name", ready())
def test_ready_recipes_survive_writing(name, tmp_path):
    recipe = find(name)
    (tmp_path / "r.toml").write_text(dump(recipe), encoding="utf-8")
    again = load(tmp_path / "r.toml")
    assert again == recipe
    assert dump(again) == dump(recipe)


def test_the_ready_ones_are_there():
    assert set(ready()) >= {"han2015", "deep-compression", "gradual", "post-training"}


def test_names_of_layers_survive_writing(tmp_path):
    name = 'a"\\\n[x].é*'
    recipe = make({"step": [{"kind": "prune", "layers": {name: {"sparsity": 0.5}}}]}, "w", "n")
    (tmp_path / "r.toml").write_text(dump(recipe), encoding="utf-8")
    assert load(tmp_path / "r.toml").steps[0].layers[name].sparsity == 0.5


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_defaults_of_every_step_survive_writing(kind, tmp_path):
    needed = {"prune": {"sparsity": 0.5}, "low-rank": {"energy": 0.9}, "digits": {"digits": 2}}.get(kind, {})
    recipe = make({"step": [{"kind": kind, **needed}]}, "w", "n")
    (tmp_path / "r.toml").write_text(dump(recipe), encoding="utf-8")
    assert load(tmp_path / "r.toml").steps == recipe.steps


PRUNE = {"kind": "prune", "sparsity": 0.5}


@pytest.mark.parametrize(("values", "message"), [
    ({}, "w: one [[step]] or more wanted (up to 1000), none found. Try: kind = 'prune'"),
    ({"step": []}, "w: one [[step]] or more wanted (up to 1000), none found. Try: kind = 'prune'"),
    ({"steps": [PRUNE]}, "w: 'steps': unknown key; nearest: step"),
    ({"step": ["prune"]}, "w, step 1: a table wanted, a str found"),
    ({"step": [PRUNE, {"kind": "prun"}]}, "w, step 2: kind: the name of a step wanted, 'prun' found; nearest: prune"),
    ({"step": [{"sparsity": 0.5}]}, "w, step 1: kind: the name of a step wanted, 'None' found; known: prune, cluster"),
    ({"step": [{**PRUNE, "sparsity": 1.5}]}, "w, step 1 (prune): sparsity: "),
    ({"step": [{**PRUNE, "sparsity": True}]}, "w, step 1 (prune): sparsity: "),
    ({"step": [{**PRUNE, "sparsity": float("nan")}]}, "w, step 1 (prune): sparsity: "),
    ({"step": [{**PRUNE, "quality": 1.0}]}, "w, step 1 (prune): sparsity and quality exclude each other: give one"),
    ({"step": [{**PRUNE, "methd": "lamp"}]}, "w, step 1 (prune): methd: unknown key; nearest: method"),
    ({"step": [{**PRUNE, "layers": {"a": {"spars": 1}}}]}, "w, step 1 (prune): layers.'a'.spars: unknown key; near"),
    ({"step": [{"kind": "retrain", "epochs": 0}]}, "w, step 1 (retrain): epochs: 1 to 100000 wanted, 0 found"),
    ({"step": [{"kind": "retrain", "begin": 0.9}]}, "w, step 1 (retrain): begin below end wanted, 0.9 and 0.75 found"),
    ({"step": [PRUNE], "validation": 1}, "w: validation: a share of the training data, 0 to below 1, wanted, 1 found"),
    ({"step": [PRUNE], "storage": "zip"}, "w: storage: one of best, arithmetic, huffman, relative, raw wanted, "),
    ({"step": [PRUNE], "name": 3}, "w: name: a text wanted"),
])  # fmt: skip
def test_mistakes(values, message):
    with pytest.raises(BadInput) as caught:
        make(values, "w", "n")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_no_such_recipe(tmp_path):
    with pytest.raises(
        BadInput, match=r"^--recipe: the name of a recipe or a TOML file wanted, 'gradul' found; nearest: gradual$"
    ):
        find("gradul")
    with pytest.raises(BadInput, match=r"^recipe '.*none\.toml': cannot be read"):
        find(str(tmp_path / "none.toml"))
    (tmp_path / "bad.toml").write_bytes(b"step = [\xff")
    with pytest.raises(BadInput, match="not UTF-8"):
        find(str(tmp_path / "bad.toml"))
    (tmp_path / "bad.toml").write_text("step = [")
    with pytest.raises(BadInput, match="TOML wanted"):
        find(str(tmp_path / "bad.toml"))
    (tmp_path / "bad.toml").write_bytes(b"#" * (recipes.MAX_BYTES + 1))
    with pytest.raises(BadInput, match="bytes found"):
        find(str(tmp_path / "bad.toml"))


def test_options_in_place_of_the_recipes_own():
    recipe = make({"step": [PRUNE, {"kind": "retrain"}, {"kind": "retrain", "epochs": 3}]}, "w", "n")
    made = overridden(recipe, {"epochs": "7"}, "command line")
    assert [getattr(s, "epochs", None) for s in made.steps] == [None, 7, 7]
    with pytest.raises(BadInput, match=r"^command line: --clusters: no step of the recipe 'n' has it$"):
        overridden(recipe, {"clusters": 4}, "command line")
    with pytest.raises(BadInput, match="--epochs: 1 to 100000 wanted, 'many' found"):
        overridden(recipe, {"epochs": "many"}, "command line")


SHARES = [(1, 0), (3, 1), (100, 25), (399, 100), (400, 100), (999, 100), (1000, 100), (9000, 900)]


@pytest.mark.parametrize(("samples", "chosen"), SHARES)
def test_few_samples_give_more_to_choices(samples, chosen):
    share = usual_share(samples)
    assert round(share * samples) == chosen
    made = make({"step": [PRUNE], "validation": share}, "w", "n")
    assert make(tomllib.loads(dump(made)), "w", "n").validation == share
    assert "validation" not in dump(make({"step": [PRUNE]}, "w", "n"))
