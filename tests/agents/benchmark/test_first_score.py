"""A first score: validation tasks alone are played, work is continued, other folders refused."""

import pytest

from rlnas.agents.benchmark import About, Protocol, evaluate, first_score, read_submission
from rlnas.agents.benchmark.checking import check
from rlnas.agents.benchmark.rivals import RIVALS, learned
from rlnas.agents.benchmark.rivals.fitting import cells_of, greedy_sequences
from rlnas.agents.cli.main import main
from rlnas.errors import InputError
from rlnas.family.family_file import Family, write_family
from rlnas.family.tasks import tasks
from tests.core.family.test_family import random_table

NAMES = [*(task.name for task in tasks("train")[:2]), *(t.name for t in tasks("validation")[:3])]
FILES = {"random.json", "sequence.json", "ppo.json", "ppo.zip", "scores.md", "scores.png"}


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(learned, "ROUNDS", 2)


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    path = tmp_path_factory.mktemp("family") / "family.npz"
    write_family(path, map(random_table, NAMES, range(len(NAMES)), [5] * len(NAMES)), {})
    return Family(path)


def scored(folder, family, **settings):
    return first_score.first_score(folder, family, 1, n_jobs=1, progress_bar=False, **settings)


def there(folder) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"task.json", ".lock"}


def test_results_are_those_of_the_validation_tasks(family, tmp_path):
    folder = tmp_path / "first"
    results = scored(folder, family)
    assert there(folder) == FILES
    assert list(results) == ["random", "sequence", "ppo"]
    alone = evaluate(RIVALS["random"](0), family, About("random"), Protocol("validation"), False)
    assert results["random"].played.actions == alone.played.actions
    for result in results.values():
        assert result.protocol == Protocol("validation")
        assert result.tasks == tuple(NAMES[2:])
        check(result, family)
    text = (folder / "scores.md").read_text()
    assert "3 results on 3 tasks of the split validation" in text
    assert "![Scores with their intervals](scores.png)" in text
    assert (folder / "scores.png").read_bytes().startswith(b"\x89PNG")


def test_sequence_is_the_best_first_action_on_training_tasks(family):
    """Greedy search begins with whatever single action gains most."""
    player = greedy_sequences(family, n_jobs=1, progress_bar=False)
    for cell, sequence in zip(cells_of(family, Protocol("train")), player.choices, strict=True):
        singles = [(action,) for action in range(90)]
        values = cell.values(singles, player.player_of)
        assert values[sequence[0]] == values.max()


@pytest.mark.parametrize("at", ["random", "sequence", "ppo", "training"])
def test_interrupted_work_is_continued_to_the_same_results(family, tmp_path, monkeypatch, at):
    whole = scored(tmp_path / "whole", family)
    folder = tmp_path / "parts"
    if at == "training":
        monkeypatch.setattr(learned, "_model", interrupted(learned._model, 2))
    else:
        stage = list(whole).index(at) + 1
        monkeypatch.setattr(first_score, "evaluate", interrupted(evaluate, stage))
    with pytest.raises(KeyboardInterrupt):
        scored(folder, family)
    assert not {"scores.md", "scores.png"} & there(folder)
    monkeypatch.undo()
    monkeypatch.setattr(learned, "ROUNDS", 2)
    again = scored(folder, family)
    assert there(folder) == FILES
    for name, result in whole.items():
        assert again[name].played.actions == result.played.actions


def interrupted(function, at: int):
    """The function, which is interrupted when it is called for the nth time."""
    calls = []

    def call(*arguments, **more):
        calls.append(arguments)
        if len(calls) == at:
            raise KeyboardInterrupt
        return function(*arguments, **more)

    return call


def test_folder_of_something_else_is_refused(family, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty and holds no results"):
        scored(tmp_path / "other", family)
    scored(tmp_path / "first", family)
    with pytest.raises(InputError, match="holds results of another task"):
        scored(tmp_path / "first", family, seed=1)


def test_command_prints_scores_and_how_to_go_on(family, tmp_path, capsys):
    options = ["--out", tmp_path / "first", "--family", family.path, "--steps", 1, "--jobs", 1]
    assert main(["--quiet", "benchmark", "first-score", *map(str, options)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "3 results on 3 tasks of the split validation" in lines[0]
    assert lines[-2] == f"results in {tmp_path / 'first'}, plot in {tmp_path / 'first/scores.png'}"
    assert read_submission(tmp_path / "first" / "ppo.json").about.policy == "ppo"
    assert main(["--quiet", "benchmark", "first-score", *map(str, options[:-3]), "0"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
