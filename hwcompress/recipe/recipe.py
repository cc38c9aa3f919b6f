# SPDX-License-Identifier: Apache-2.0
"""A recipe: an ordered list of steps, as a TOML file, as one of the ready ones, or from options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from hwcompress.config_errors import explain, nearest
from hwcompress.config_file import read_toml, toml_string, toml_value
from hwcompress.errors import BadInput, quote
from hwcompress.recipe.steps import KINDS, LayerStep, Prune, Retrain, Step, Training, fields

READY = Path(__file__).with_name("ready")
MAX_BYTES = 1_000_000
MAX_STEPS = 1000
CHOOSING = 100  # validation samples that are wanted
KNOWN = ("name", "validation", "storage", "step")
BITS = ("weight_bits", "activation_bits")
METHODS = ("best", "arithmetic", "huffman", "relative", "raw")


@dataclass(frozen=True)
class Recipe:
    """What is done to a network, in order."""

    name: str
    steps: tuple[Step, ...]
    validation: float | None = None  # share of the training data that choices are made on; None: `usual_share`
    storage: str = "best"  # how model.hwc is coded

    @property
    def patterned(self) -> bool:
        """Whether zeros are at places that hang together: no row or column may then change its place."""
        return any(isinstance(step, Prune) and bool(step.patterns) for step in self.steps)

    @property
    def trains(self) -> bool:
        """Whether a step needs torch."""
        return any(step.trains for step in self.steps)


def ready() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in READY.glob("*.toml"))


def find(name: str) -> Recipe:
    """A ready recipe by name, or that of a TOML file.

    Raises:
        BadInput: neither, or the file is wrong.
    """
    if name in ready():
        return load(READY / f"{name}.toml")
    if not name.endswith(".toml"):
        close = nearest(name, ready())
        hint = f"nearest: {close}" if close else f"ready: {', '.join(ready())}"
        raise BadInput(f"--recipe: the name of a recipe or a TOML file wanted, {quote(name)} found; {hint}")
    return load(Path(name))


def load(path: Path) -> Recipe:
    """The recipe of a TOML file.

    Raises:
        BadInput: no such file, not TOML, unknown steps or fields, illegal values.
    """
    where = f"recipe {quote(path.name if path.parent == READY else str(path))}"
    return make(read_toml(path, where, MAX_BYTES), where, path.stem)


def make(values: Mapping[str, Any], where: str, name: str) -> Recipe:
    """A recipe of these values.

    Raises:
        BadInput: see `load`.
    """
    for key in values:
        if key not in KNOWN:
            close = nearest(key, KNOWN)
            raise BadInput(f"{where}: {quote(key)}: unknown key; {'nearest: ' + close if close else f'known: {KNOWN}'}")
    rows = values.get("step")
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not 0 < len(cast("Sequence[Any]", rows)) <= MAX_STEPS:
        raise BadInput(f"{where}: one [[step]] or more wanted (up to {MAX_STEPS}), none found. Try: kind = 'prune'")
    steps = tuple(_step(row, f"{where}, step {k + 1}") for k, row in enumerate(cast("Sequence[Any]", rows)))
    share = values.get("validation")
    if share is not None and (not isinstance(share, float | int) or isinstance(share, bool) or not 0 <= share < 1):
        raise BadInput(f"{where}: validation: a share of the training data, 0 to below 1, wanted, {share!r} found")
    method = values.get("storage", "best")
    if method not in METHODS:
        raise BadInput(f"{where}: storage: one of {', '.join(METHODS)} wanted, {quote(str(method))} found")
    title = values.get("name", name)
    if not isinstance(title, str):
        raise BadInput(f"{where}: name: a text wanted")
    return Recipe(title, steps, None if share is None else float(share), method)


def usual_share(samples: int) -> float:
    """Of the training samples for choices: a tenth; of few samples more, up to a quarter, so that a hundred choose."""
    return 0.1 if samples >= 10 * CHOOSING else min(0.25, CHOOSING / max(1, samples))


def _step(row: Any, where: str) -> Step:
    if not isinstance(row, Mapping):
        raise BadInput(f"{where}: a table wanted, a {type(row).__name__} found")
    given = {str(k): v for k, v in cast("Mapping[Any, Any]", row).items()}
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        close = nearest(str(kind), KINDS) if kind is not None else None
        hint = f"nearest: {close}" if close else f"known: {', '.join(KINDS)}"
        raise BadInput(f"{where}: kind: the name of a step wanted, {quote(str(kind))} found; {hint}")
    table = given.get("retrain")
    if kind == "prune" and isinstance(table, Mapping):
        inner = {str(k): v for k, v in cast("Mapping[Any, Any]", table).items()}
        given["retrain"] = explain(Retrain, LayerStep, inner, f"{where} ({kind}), retrain")
    return explain(KINDS[kind], LayerStep, given, f"{where} ({kind})")


def changed(step: Step, **values: Any) -> Step:
    """A step with other values, checked again."""
    return type(step).model_validate({**dict(step), **values})


def dump(recipe: Recipe) -> str:
    """The recipe as TOML, every field written out; `load` reads the same again."""
    lines = [
        f"name = {toml_string(recipe.name)}",
        *([f"validation = {toml_value(recipe.validation)}"] if recipe.validation is not None else []),
        f"storage = {toml_string(recipe.storage)}",
    ]
    for step in recipe.steps:
        lines += ["", "[[step]]", *_dumped(step, "step")]
    return "\n".join(lines) + "\n"


def _dumped(step: Step, where: str) -> list[str]:
    """The fields of a step, then its tables."""
    lines = [f"{key} = {toml_value(value)}" for key, value in fields(step).items()]
    for pattern, layer in step.layers.items():
        lines += ["", f"[{where}.layers.{toml_string(pattern)}]"]
        own = ((key, getattr(layer, key)) for key in LayerStep.model_fields)
        lines += [f"{key} = {toml_value(value)}" for key, value in own if value is not None]
    if isinstance(step, Prune) and step.retrain is not None:
        lines += ["", f"[{where}.retrain]", *_dumped(step.retrain, f"{where}.retrain")]
    return lines


def expanded(recipe: Recipe) -> Recipe:
    """The recipe with every pruning in rounds written out: prune, retrain, prune a little more, retrain ...

    After round k of N the share (1 - sparsity)^(k/N) of the weights is kept, so that each round takes the same part of
    what is left (Han 2015, arXiv:1506.02626, section 3.3, iterative pruning); channels that are gone no longer count,
    and each round takes its part of the rest.
    """
    return replace(recipe, steps=tuple(each for step in recipe.steps for each in _rounds(step)))


def _rounds(step: Step) -> list[Step]:
    if not isinstance(step, Prune):
        return [step]
    steps: list[Step] = []
    for k in range(1, step.rounds + 1):
        part = (1 if step.structured else k) / step.rounds
        given: dict[str, Any] = {} if step.sparsity is None else {"sparsity": _after(step.sparsity, part)}
        layers = {
            pattern: layer
            if layer.sparsity is None
            else layer.model_copy(update={"sparsity": _after(layer.sparsity, part)})
            for pattern, layer in step.layers.items()
        }
        steps.append(changed(step, **given, layers=layers, rounds=1, retrain=None))
        steps += [step.retrain] if step.retrain else []
    return steps


def _after(sparsity: float, part: float) -> float:
    return sparsity if part == 1 else 1.0 - (1.0 - sparsity) ** part


def overridden(recipe: Recipe, values: Mapping[str, Any], where: str) -> Recipe:
    """The recipe with these values in every step that gives such a field one of its own; if none does, in all with it.

    Raises:
        BadInput: no step has it, or the value is illegal there.
    """
    steps = list(recipe.steps)
    for key, value in values.items():
        known = [k for k, step in enumerate(steps) if _takes(step, key)]
        takers = [k for k in known if getattr(steps[k], key, value) is not None] or known
        if not takers:
            raise BadInput(f"{where}: --{_option(key)}: no step of the recipe {quote(recipe.name)} has it")
        for k in takers:
            steps[k] = _overridden(steps[k], key, value, where)
    return replace(recipe, steps=tuple(steps))


def _takes(step: Step, key: str) -> bool:
    if isinstance(step, Training) and key in BITS and getattr(step, key) is None:
        return False  # training with quantizers is a choice of the recipe
    inner = isinstance(step, Prune) and step.retrain is not None and _takes(step.retrain, key)
    return inner or key in type(step).model_fields


def _overridden(step: Step, key: str, value: object, where: str) -> Step:
    """The step with this value; what a prune step does not have itself goes to its retraining."""
    if key not in type(step).model_fields and isinstance(step, Prune) and step.retrain is not None:
        return step.model_copy(update={"retrain": _overridden(step.retrain, key, value, where)})
    wanted: dict[str, Any] = {key: value}
    if key == "sparsity" and isinstance(step, Training):
        wanted["tolerance"] = None  # what the user asks for stands
    try:
        return explain(type(step), LayerStep, {**dict(step), **wanted}, where)
    except BadInput as error:
        raise BadInput(str(error).replace(f"--{key}:", f"--{_option(key)}:")) from None


def _option(key: str) -> str:
    """As the command line spells a field."""
    return "prune-for" if key == "target" else key.replace("_", "-")
