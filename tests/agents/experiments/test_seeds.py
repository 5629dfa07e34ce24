"""Trainings with several seeds: each as if alone, resumable, and summed up."""

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.config import TrainConfig
from rlnas.agents.experiments.seeds import (
    evaluation_curve,
    folder_of,
    in_words,
    mean_in_words,
    seed_runs,
    train_seeds,
)
from rlnas.agents.experiments.statistics import interquartile_mean, trimmed_mean_interval
from rlnas.agents.policies.run_config import read_train_config
from rlnas.agents.reports.report import write_report
from rlnas.agents.training import checkpoint
from rlnas.agents.training.ppo import extend, train
from rlnas.agents.training.watching.evaluations import read_evaluations
from rlnas.errors import InputError
from tests.agents.helpers import files_in, tiny
from tests.agents.training.test_resume import results

SEEDS = (7, 3, 0)
OPTIONS = [
    *("wine", "--total-timesteps", "192", "--num-envs", "2", "--rollout-steps", "32", "--quiet"),
    *("--batch-size", "32", "--epochs", "2", "--episode-steps", "4", "--batches-per-step", "5"),
    *("--net-arch", "8"),
]
"""Those of `tiny`."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("seeds") / "all"
    assert main(["train", *OPTIONS, "--seeds", *map(str, SEEDS), "--run-dir", str(folder)]) == 0
    return folder


def score_of(run: Path) -> float:
    found = read_evaluations(run)
    assert found is not None
    return found.best.score


def test_each_training_is_the_one_that_its_seed_alone_gives(trained, run, tmp_path):
    assert results(trained / "seed-7") == results(run)
    alone = train(tiny(tmp_path / "run", seed=3), progress_bar=False)
    assert results(trained / "seed-3") == results(alone)


def test_the_line_at_the_end_has_the_interquartile_mean_and_its_interval(trained):
    scores = [score_of(trained / f"seed-{seed}") for seed in sorted(SEEDS)]
    said = in_words(trained)
    assert said.startswith(f"3 seeds in {trained}: interquartile mean of the score of the policies")
    mean = trimmed_mean_interval(scores)
    assert (mean.low, mean.high) == pytest.approx((min(scores), max(scores)))
    interval = f"({mean.low:.4f} to {mean.high:.4f}, the least and the largest)"
    assert f"episodes {mean.value:.4f} {interval}; by seed " in said
    assert ", ".join(f"{score:.4f}" for score in scores) in said
    assert "(packaged controller 0." in said


def test_the_curve_has_the_evaluations_of_all_seeds(trained):
    runs = seed_runs(trained)
    assert [run.seed for run in runs] == sorted(SEEDS)
    steps, scores = evaluation_curve(runs)
    assert steps.tolist() == [64, 128, 192]
    for run, curve in zip(runs, scores, strict=True):
        assert run.evaluations is not None
        assert [each.score for each in run.evaluations.done] == curve.tolist()


def test_the_report_has_the_curve_and_a_row_for_each_seed(trained, tmp_path):
    page = write_report(trained, tmp_path / "page.html").read_text()
    assert "<h2>Seeds</h2>" in page
    assert in_words(trained) in page
    assert page.count("data:image/png;base64,") == 1
    scores = [score_of(trained / f"seed-{seed}") for seed in sorted(SEEDS)]
    assert f"{interquartile_mean(scores):.4f} (" in page
    for seed, score in zip(sorted(SEEDS), scores, strict=True):
        assert f"<td>{seed}</td><td>192 of 192</td><td>{score:.4f}</td>" in page
    assert "still in progress" not in page
    assert "differ in length" not in page


@pytest.mark.slow
def test_the_same_command_goes_on_and_adds_seeds(trained, tmp_path, monkeypatch, capsys):
    class Killed(Exception):
        pass

    def step(self: Any) -> bool:
        if self.num_timesteps == 100 and "seed-3" in str(self.run):
            raise Killed
        return True

    folder = tmp_path / "all"
    words = ["train", *OPTIONS, "--run-dir", str(folder), "--seeds"]
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoints, "_on_step", step)
        with pytest.raises(Killed):
            main([*words, "7", "3"])
    assert "2 seeds" in in_words(folder)
    page = write_report(folder, tmp_path / "page.html").read_text()
    assert "<h2>Seeds</h2>" in page
    assert "Trainings are still in progress, or were cut short" in page
    assert "<td>3</td><td>64 of 192</td>" in page
    ended = (folder / "seed-7" / "policy.zip").stat().st_mtime_ns
    write_report(folder)  # stays there
    assert main([*words, "7", "3", "0"]) == 0
    assert (folder / "seed-7" / "policy.zip").stat().st_mtime_ns == ended
    for seed in SEEDS:
        assert results(folder / f"seed-{seed}") == results(trained / f"seed-{seed}")
    (line,) = capsys.readouterr().out.splitlines()
    assert line == in_words(folder)


@pytest.mark.slow
def test_ctrl_c_after_the_last_rollout_of_a_seed_begins_no_further_one(
    trained, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "all"

    def press(self: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    words = ["train", *OPTIONS, "--run-dir", str(folder), "--seeds", "7", "3"]
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoints, "_on_training_end", press)
        assert main(words) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "rlnas: stopped; go on with the same command"
    assert [run.seed for run in seed_runs(folder)] == [7]
    assert read_evaluations(folder / "seed-7") == read_evaluations(trained / "seed-7")
    assert main(words) == 0
    assert results(folder / "seed-3") == results(trained / "seed-3")


def test_without_evaluations_nothing_is_summed_up(tmp_path):
    config = tiny(tmp_path / "all", eval_episodes=0, total_timesteps=64)
    folder = train_seeds(config, (1, 2), progress_bar=False)
    assert in_words(folder) == f"2 seeds in {folder}, without evaluations"
    assert "no evaluation" in write_report(folder).read_text()


@pytest.mark.slow
def test_budgets_are_judged_by_the_anytime_score(tmp_path):
    config = TrainConfig(
        ("wine",), run_dir=tmp_path / "all", budget=(0.05, 0.2), total_timesteps=64, num_envs=2,
        rollout_steps=32, batch_size=32, net_arch=(8,),
    )  # fmt: skip
    assert "of the anytime score of" in in_words(train_seeds(config, (0, 1), progress_bar=False))
    write_report(tmp_path / "all")


def test_the_default_folder_has_the_name_of_the_trainings():
    config = TrainConfig(("wine", "digits"), seed=5)
    assert folder_of(config) == Path("runs/wine+digits-maskable_ppo-seeds")


# --- bad input ---


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--seeds", "1", "1"], "--seeds 1 1: expected different seeds"),
        (["--seeds", "-1"], "--seeds -1 cannot be used"),
        (["--seeds"], "--seeds: expected at least one seed, such as --seeds 0 1 2"),
        (["--seeds", "1", "x"], "--seeds"),
        (["--seeds", "1", "--seed", "0"], "expected without --seed, since it names all seeds"),
        (["--seeds", "1", "--resume", "run"], "--seeds: expected without --resume"),
        (["--seeds", "1", "--extend", "run"], "--seeds: expected without --extend"),
        (["--seeds", "1", "--gamma", "7"], "--gamma 7"),
    ],
)
def test_bad_options_are_told_in_one_line_and_nothing_is_written(
    options, told, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *OPTIONS, *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_settings_is_refused_and_says_which(trained, tmp_path):
    before = files_in(trained)
    for setting, told in (
        ({"gamma": 0.9}, r"gamma is 1.0 there, not 0.9"),
        ({"dataset": ("digits",)}, r"dataset is \('wine',\) there"),
        ({"total_timesteps": 256}, "total_timesteps is 192 there, not 256"),
    ):
        with pytest.raises(InputError, match=told):
            train_seeds(tiny(trained, **setting), (7, 8), progress_bar=False)
    assert files_in(trained) == before


def test_one_of_several_seeds_is_not_extended_unless_it_is_copied(trained, tmp_path, monkeypatch):
    before = files_in(trained)
    monkeypatch.chdir(trained / "seed-3")
    for folder in (trained / "seed-3", "."):
        with pytest.raises(InputError, match=r"several seeds, .* extend a copy of it elsewhere"):
            extend(folder, 256, progress_bar=False)
    assert files_in(trained) == before
    copy = Path(shutil.copytree(trained / "seed-3", tmp_path / "seed-3"))
    extend(copy, 256, progress_bar=False)
    assert read_train_config(copy).total_timesteps == 256


def test_a_folder_with_something_else_is_refused(trained, run, tmp_path):
    with pytest.raises(InputError, match="not empty"):
        train_seeds(tiny(run), (0, 1), progress_bar=False)
    folder = Path(shutil.copytree(trained, tmp_path / "all"))
    (folder / "thesis.txt").write_text("words")
    with pytest.raises(InputError, match=r"holds something else \(thesis.txt\)"):
        train_seeds(tiny(folder), (0, 1), progress_bar=False)


def test_no_seeds_are_refused(tmp_path):
    with pytest.raises(InputError, match="expected at least one seed"):
        train_seeds(tiny(tmp_path / "all"), (), progress_bar=False)


def test_one_seed_has_no_interval_and_many_have_their_own():
    assert mean_in_words([0.9]) == "0.9000"
    assert mean_in_words([0.9, 0.8]) == "0.8500 (0.8000 to 0.9000, the least and the largest)"
    scores = [0.1, 0.35, 0.5, 0.55, 0.9]
    for few in range(2, 5):
        interval = trimmed_mean_interval(scores[:few])
        assert (interval.low, interval.high) == pytest.approx((scores[0], scores[few - 1]))
    many = trimmed_mean_interval(scores)
    assert min(scores) < many.low < many.high < max(scores)
    assert mean_in_words(scores) == f"{many:.4f}"


def test_a_report_of_trainings_that_differ_in_length_says_so(trained, tmp_path):
    folder = Path(shutil.copytree(trained, tmp_path / "all"))
    extend(Path(shutil.copytree(folder / "seed-3", tmp_path / "longer")), 256, progress_bar=False)
    shutil.rmtree(folder / "seed-3")
    (tmp_path / "longer").rename(folder / "seed-3")
    page = write_report(folder).read_text()
    assert "The trainings differ in length" in page
    assert "192 or 256 of each training" in page


def test_the_band_is_around_the_middle_of_the_seeds():
    from rlnas.agents.experiments.seeds import band

    scores = np.array([[0.1, 0.5], [0.2, 0.5], [0.3, 0.5], [0.9, 0.5]])
    first, second = band(scores)
    assert first.value == pytest.approx(0.25)
    assert 0.1 <= first.low <= 0.25 <= first.high <= 0.9
    assert (second.value, second.low, second.high) == (0.5, 0.5, 0.5)
