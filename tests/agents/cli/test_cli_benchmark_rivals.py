"""`rlnas benchmark fit-rivals`, `rivals` and `train-rival`: files, what is printed, bad input."""

import pytest

from rlnas.agents.benchmark.rivals import larger, learned, measuring
from rlnas.agents.benchmark.rivals.fitted import read_fitted
from rlnas.agents.cli.main import main
from rlnas.family.family_file import write_family
from rlnas.family.tasks import tasks
from tests.core.family.test_family import random_table

TASKS = [tasks("train")[0].name, tasks("test")[0].name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rivals")
    write_family(folder / "family.npz", map(random_table, TASKS, (0, 1), (5, 5)), {})
    return folder


def call(folder, command, *options) -> int:
    family = ["--family", str(folder / "family.npz")]
    return main(["--quiet", "benchmark", command, *map(str, options), *family])


@pytest.mark.slow
def test_rivals_are_fitted_and_measured(folder, capsys, monkeypatch):
    path = folder / "fitted.json"
    assert call(folder, "fit-rivals", "--out", path, "--jobs", "1") == 0
    assert capsys.readouterr().out == f"rivals fitted on 1 tasks in {path}\n"
    assert len(read_fitted(path).choices) == 9
    monkeypatch.setattr(larger, "TIMES", ())
    monkeypatch.delitem(measuring.SEARCHES, "TPE")  # it takes long
    options = ["--fitted", path, "--split", "test", "--jobs", "1"]
    assert call(folder, "rivals", "--out", folder / "out", *options) == 0
    text = (folder / "out" / "rivals.md").read_text()
    assert capsys.readouterr().out == text
    assert "| threshold-rule" in text or "| threshold rule" in text
    assert (folder / "out" / "hill-climbing.json").exists()


def test_rival_is_trained_and_evaluated(folder, capsys, monkeypatch):
    monkeypatch.setattr(learned, "ROUNDS", 2)
    path = folder / "blind.zip"
    options = "--kind", "blind", "--steps", "1", "--out", path
    assert call(folder, "train-rival", *options) == 0
    assert capsys.readouterr().out == f"policy in {path}\n"
    out = folder / "blind.json"
    options = "--policy", f"sb3:{path}", "--split", "test", "--out", out
    assert call(folder, "evaluate", *options) == 0


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ("fit-rivals", ["--out", "fitted.txt"], "expected a name with .json"),
        ("fit-rivals", ["--out", "fitted.json", "--seed", "-1"], "seed"),
        ("rivals", ["--fitted", "missing.json", "--out", "out"], "missing.json"),
        ("train-rival", ["--out", "policy.pt"], "expected a folder, or a file that ends in .zip"),
        ("train-rival", ["--out", "policy.zip", "--steps", "0"], "steps"),
    ],
)
def test_bad_input_is_refused_in_one_line(folder, capsys, command, options, message):
    assert call(folder, command, *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
