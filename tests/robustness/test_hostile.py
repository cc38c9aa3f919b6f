# SPDX-License-Identifier: Apache-2.0
"""Broken and hostile model files: each ends in one clear error or a right result, within limits. See trial.py."""

from collections import Counter
from pathlib import Path

import pytest

from tests.robustness import misbehave, trial
from tests.robustness.cage import Cage
from tests.robustness.campaign import COMPILED, MUTANTS, NAMES, SAMPLE
from tests.robustness.honest import HONEST, write
from tests.robustness.trial import STRICTER_THAN_WE, contents, tried

LEAST = 300  # distinct files


@pytest.fixture(scope="module")
def build(cage, tmp_path_factory) -> Path:
    """An earlier build, of an honest model."""
    folder = tmp_path_factory.mktemp("earlier") / "in"
    (folder.parent / "home").mkdir()
    folder.mkdir()
    write(folder, "mlp", HONEST["mlp"]().model.SerializeToString())
    assert cage.run(folder, "compile", "m.onnx", "--out", trial.BUILD).status == 0
    return folder / trial.BUILD


def check(name: str, cage: Cage, build: Path, folder: Path) -> None:
    result = tried(cage, folder, MUTANTS[name], build if name in COMPILED else None)
    assert result.faults == []


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample(name, cage, build, tmp_path):
    check(name, cage, build, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in NAMES if name not in SAMPLE])
def test_all(name, cage, build, tmp_path):
    check(name, cage, build, tmp_path)


def test_the_sample_has_something_of_every_family():
    families = Counter(mutant.family for mutant in MUTANTS.values())
    assert {MUTANTS[name].family for name in SAMPLE} == set(families)
    assert 0 < len(COMPILED.intersection(SAMPLE)) < len(SAMPLE)


def test_every_reason_is_needed():
    """Each is of a file that exists; whether onnxruntime still refuses that one the long run sees."""
    unused = [p for p in STRICTER_THAN_WE if not any(trial.fits(name, p) for name in NAMES)]
    assert unused == []


@pytest.mark.long
def test_the_files_are_distinct_and_never_change(tmp_path):
    found = list[frozenset[tuple[str, str]]]()
    for k, name in enumerate(NAMES):
        folders = [tmp_path / f"{k}_{again}" for again in range(2)]
        for folder in folders:
            folder.mkdir()
            MUTANTS[name].make(folder)
        first, second = (frozenset(contents(folder).items()) for folder in folders)
        assert first == second, name
        found.append(first)
    assert len(found) >= LEAST
    counts = Counter(found)
    assert [name for name, content in zip(NAMES, found, strict=True) if counts[content] > 1] == []


@pytest.mark.parametrize("name", list(HONEST))
def test_honest_models_pass(name, cage, tmp_path):
    """The same trial, nothing broken: it does not refuse whatever comes."""
    honest = trial.Mutant(name, lambda folder: write(folder, name, HONEST[name]().model.SerializeToString()))
    assert tried(cage, tmp_path, honest) == trial.Result(trial.RIGHT, [])


EXPECTED = {
    misbehave.crash: "status 70",
    misbehave.blame_itself: "an error of our own",
    misbehave.say_two_things: "not one message",
    misbehave.say_little: "does not say where or what",
    misbehave.say_unprintable_things: "not fit to print",
    misbehave.chatter: "stdout: importing",
    misbehave.fail_in_another_way: "status 1",
    misbehave.warn: "stderr: RuntimeWarning",
    misbehave.work_for_ever: "status -24",
    misbehave.eat: "MiB",
    misbehave.eat_everything: "status 70",
    misbehave.peek: "left its folder: open '",
    misbehave.litter: "left its folder: open to write",
    misbehave.leave_something: "left core",
    misbehave.lose_something: "lost or changed kept.txt",
    misbehave.start_something: "left its folder: subprocess.Popen",
}


@pytest.mark.parametrize("way", misbehave.WAYS)
def test_what_no_command_may_do_is_seen(way, cage, tmp_path):
    folder = tmp_path / "in"
    for made in (folder, tmp_path / "home"):
        made.mkdir()
    for path in (folder / misbehave.KEPT, tmp_path / "other.txt"):
        path.write_text("kept")
    before = contents(folder)
    done = cage.misbehave(folder, way, cpu=1 if way == "work_for_ever" else 20)
    faults = [*trial.faults(done, large=False), *trial.changes(before, contents(folder))]
    assert any(EXPECTED[misbehave.WAYS[way]] in fault for fault in faults), faults
