"""Going on with a training that has ended."""

import csv
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.policies.policy import load_policy, read_weights
from rlnas.agents.policies.run_config import read_train_config
from rlnas.agents.policies.run_folder import ENDED
from rlnas.agents.training import checkpoint, ppo
from rlnas.agents.training.checkpoint import FOLDER
from rlnas.agents.training.ppo import extend, resume, train
from rlnas.agents.training.watching.evaluations import read_evaluations
from rlnas.designs.database import FILE, DesignDatabase
from rlnas.designs.saved import load_design
from rlnas.errors import InputError
from rlnas.files.folders import locked
from tests.agents.helpers import files_in, progress_of, tiny
from tests.agents.training.test_callbacks import Watching
from tests.agents.training.test_resume import Killed, results


def copy_of(run: Path, to: Path) -> Path:
    shutil.copytree(run, to)
    return to


@pytest.fixture(scope="module")
def extended(runs, tmp_path_factory) -> Path:
    """The training of MaskablePPO, with two more updates."""
    folder = copy_of(runs["maskable_ppo"], tmp_path_factory.mktemp("extended") / "run")
    return extend(folder, 320, progress_bar=False)


def test_an_extended_training_has_all_that_it_had_and_more(extended, run):
    before, after = progress_of(run), progress_of(extended)
    assert [int(row["time/total_timesteps"]) for row in after] == [64, 128, 192, 256, 320]
    assert after[:3] == before
    designs = DesignDatabase(extended / FILE)
    assert designs.extent() == (320, 320)
    assert DesignDatabase(run / FILE).best(1)[0].score <= designs.best(1)[0].score
    assert load_design(extended / "best").record["looks"] == 320
    ours, theirs = read_evaluations(extended), read_evaluations(run)
    assert ours is not None
    assert theirs is not None
    assert ours.done[: len(theirs.done)] == theirs.done
    assert [each.timesteps for each in ours.done] == [64, 128, 192, 256, 320]
    assert (ours.rivals, ours.episodes) == (theirs.rivals, theirs.episodes)
    assert read_train_config(extended).total_timesteps == 320


def test_the_policy_goes_on_from_the_one_at_the_end(run, tmp_path):
    weights = checkpoint.read(run / FOLDER / "000000000192.checkpoint")["policy"]
    last = run / "last" if (run / "last").exists() else run
    assert all(np.array_equal(read_weights(last)[name], each) for name, each in weights.items())


def test_the_learning_rate_is_that_of_the_longer_training(extended):
    with (extended / "progress.csv").open(newline="") as file:
        rates = [float(row["train/learning_rate"] or "nan") for row in csv.DictReader(file)]
    # Each row has the rate of the update before it; the first one has none.
    assert rates[1:] == pytest.approx([1e-3, 1e-3 * 2 / 3, 1e-3 / 3, 1e-3 * 2 / 5])


def test_an_extension_that_was_cut_short_resumes_to_the_same_bits(
    extended, run, tmp_path, monkeypatch
):
    folder = copy_of(run, tmp_path / "run")

    def step(self: Any) -> bool:
        if self.num_timesteps == 300:
            raise Killed
        return True

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoints, "_on_step", step)
        with pytest.raises(Killed):
            extend(folder, 320, progress_bar=False)
    load_policy(folder)  # that of before can still be used
    with pytest.raises(InputError, match="has not ended: first go on with rlnas train --resume"):
        extend(folder, 640, progress_bar=False)
    assert results(resume(folder, progress_bar=False)) == results(extended)


@pytest.mark.parametrize("name", ["unlink", "write_config"])
def test_an_extension_that_was_killed_between_two_files_can_be_resumed(
    name, run, tmp_path, monkeypatch
):
    folder = copy_of(run, tmp_path / "run")
    target = (
        "rlnas.agents.training.ppo.write_config"
        if name == "write_config"
        else "pathlib.Path.unlink"
    )

    def killed(*arguments: Any, **named: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(target, killed)
        with pytest.raises(Killed):
            extend(folder, 320, progress_bar=False)
    if name == "unlink":
        assert files_in(folder) == files_in(run)
    else:
        assert results(resume(folder, progress_bar=False)) == results(run)
        assert (folder / ENDED).exists()


@pytest.mark.slow
def test_a_training_that_a_callback_ended_in_a_rollout_can_be_extended(tmp_path):
    run = train(tiny(tmp_path / "run"), False, [Watching(stop_at=140)])
    extend(run, 256, progress_bar=False)
    assert [int(row["time/total_timesteps"]) for row in progress_of(run)] == [64, 128, 192, 256]


def test_a_training_is_read_once(run, tmp_path, monkeypatch):
    read: list[Path] = []

    def reading(path: Path, *, read_it: Any = ppo.read) -> Any:
        read.append(path)
        return read_it(path)

    folder = copy_of(run, tmp_path / "run")
    monkeypatch.setattr(ppo, "read", reading)
    extend(folder, 256, progress_bar=False)
    assert read == [folder / FOLDER / "000000000192.checkpoint"]


def test_a_training_that_another_process_works_on_is_not_said_to_be_cut_short(run, tmp_path):
    folder = copy_of(run, tmp_path / "run")
    (folder / ENDED).unlink()  # as while it is trained
    with locked(folder), pytest.raises(InputError, match="another process is working on"):
        extend(folder, 256, progress_bar=False)


def test_ctrl_c_before_the_extension_has_begun_changes_nothing(run, tmp_path, monkeypatch):
    def press(path: Path) -> Any:
        raise KeyboardInterrupt

    folder = copy_of(run, tmp_path / "run")
    monkeypatch.setattr(ppo, "read", press)
    with pytest.raises(KeyboardInterrupt) as caught:
        extend(folder, 256, progress_bar=False)
    assert str(caught.value) == "", "there is nothing to resume"
    assert files_in(folder) == files_in(run)


def test_the_command_extends(run, tmp_path, capsys):
    folder = copy_of(run, tmp_path / "run")
    words = ["train", "--extend", str(folder), "--total-timesteps", "256", "--quiet"]
    assert main([*words, "--seed", "7"]) == 0
    assert "of 256 looks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "give --total-timesteps"),
        (["--total-timesteps", "192"], "expected more than the 192 steps"),
        (["--total-timesteps", "-3"], "--total-timesteps -3 cannot be used"),
        (["--total-timesteps", "400", "--seed", "0"], "leave out --seed 0 (there 7)"),
        (
            ["--total-timesteps", "400", "--eval-episodes", "9"],
            "--eval-episodes 9 (there by default",
        ),
    ],
)
def test_bad_options_are_told_in_one_line_and_nothing_changes(options, told, run, capsys):
    before = files_in(run)
    assert main(["train", "--extend", str(run), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert files_in(run) == before


def test_a_folder_without_a_training_or_checkpoints_is_refused(run, tmp_path, capsys):
    words = ["--total-timesteps", "400"]
    assert main(["train", "--extend", str(tmp_path / "nowhere"), *words]) == 2
    assert "there is no training in" in capsys.readouterr().err
    folder = copy_of(run, tmp_path / "run")
    for path in (folder / FOLDER).iterdir():
        os.truncate(path, 9)
    before = files_in(folder)
    assert main(["train", "--extend", str(folder), *words]) == 2
    assert "are damaged" in capsys.readouterr().err.splitlines()[-1]
    assert files_in(folder) == before
