"""RL Zoo's command line, unmodified, with the hyperparameter files that rlnas ships."""

import argparse
import csv
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from gymnasium import wrappers

from tests.compat.helpers import SCALAR, few, is_family, short

# Importing the zoo puts a TimeLimit of its own in Gymnasium's place, for all other tests too.
PLACES = (wrappers, wrappers.common)
LIMITS = [place.TimeLimit for place in PLACES]

from rl_zoo3.enjoy import enjoy  # noqa: E402
from rl_zoo3.exp_manager import ExperimentManager  # noqa: E402
from rl_zoo3.utils import ALGOS  # noqa: E402

for place, limit in zip(PLACES, LIMITS, strict=True):
    place.TimeLimit = limit  # type: ignore[misc]

FOLDER = Path(str(files("rlnas.agents") / "rl_zoo"))
ALGORITHMS = sorted(path.stem for path in FOLDER.glob("*.yml"))
TRAINED = [
    "rlnas/TabularDigits-v0",
    pytest.param("rlnas/Digits-v1", marks=pytest.mark.slow),
    pytest.param("rlnas/FamilyTrain-v0", marks=pytest.mark.slow),
]


def zoo(module: str, name: str, folder: Path, *arguments: str) -> str:
    """Output of one of the zoo's commands, which must succeed and warn of nothing."""
    command = [sys.executable, "-W", "error", "-m", f"rl_zoo3.{module}"]
    command += [*common(name, folder), *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert _without_trials(run.stderr) == ""
    return run.stdout


def _without_trials(text: str) -> str:
    """What is printed but for the lines in which Optuna tells how trials end."""
    return re.sub(r"^(\x1b\[\d+m)?\[I .*\n", "", text, flags=re.MULTILINE)


def common(name: str, folder: Path) -> list[str]:
    chosen = ["--algo", "ppo", "--env", name, "--gym-packages", "rlnas"]
    return [*chosen, "-f", str(folder), "--num-threads", "1"]


@pytest.fixture(scope="module", params=TRAINED)
def trained(request, tmp_path_factory) -> tuple[str, Path]:
    """An id and a folder that the zoo has trained a policy in."""
    name, folder = request.param, tmp_path_factory.mktemp("zoo")
    arguments = [f"{key}:{value}" for key, value in short(name).items()]
    zoo(
        "train", name, folder, "-conf", str(FOLDER / "ppo.yml"), "-n", "500", "--seed", "1",
        "--eval-freq", "400", "--save-freq", "400", "--env-kwargs", *arguments,
    )  # fmt: skip
    return name, folder


def assert_played(output: str, name: str, episodes: int) -> None:
    """The zoo says that there were so many episodes of 4 steps; those of the family may stop."""
    (played,) = re.findall(r"^(\d+) Episodes$", output, re.MULTILINE)
    assert int(played) >= episodes if is_family(name) else int(played) == episodes


def test_training_leaves_a_model_a_best_model_and_checkpoints(trained):
    name, folder = trained
    name = name.replace("/", "-")
    run = folder / "ppo" / f"{name}_1"
    for file in (f"{name}.zip", "best_model.zip", "rl_model_400_steps.zip", "evaluations.npz"):
        assert (run / file).is_file()


def test_enjoy_plays_episodes(trained):
    output = zoo("enjoy", *trained, "-n", "8", "--no-render")
    assert_played(output, trained[0], 2)
    length = float(re.findall(r"^Mean episode length: ([\d.]+)", output, re.MULTILINE)[0])
    assert length <= 4 if is_family(trained[0]) else length == 4


@pytest.mark.parametrize("which", [["--load-best"], ["--load-checkpoint", "400"]])
def test_enjoy_plays_episodes_of_other_models(trained, which, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["enjoy", *common(*trained), "-n", "8", "--no-render", *which])
    enjoy()
    assert_played(capsys.readouterr().out, trained[0], 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_tuning_by_optuna_finishes_its_trials_and_names_the_best(name, tmp_path):
    arguments = [f"{key}:{value}" for key, value in short(name).items()]
    output = zoo(
        "train", name, tmp_path, "-conf", str(FOLDER / "ppo.yml"), "-n", "200", "--seed", "1",
        "-optimize", "--n-trials", "3", "--n-jobs", "1", "--sampler", "random", "--pruner", "none",
        "--n-evaluations", "1", "--eval-episodes", "2", "--no-optim-plots",
        *(["--env-kwargs", *arguments] if arguments else []),
    )  # fmt: skip
    (report,) = (tmp_path / "ppo").glob("report_*.csv")
    with report.open(newline="") as file:
        trials = list(csv.DictReader(file))
    assert [trial["state"] for trial in trials] == ["COMPLETE"] * 3
    values = [float(trial["value"]) for trial in trials]
    assert all(-1 <= value <= 1 for value in values), "returns are changes of the score"
    assert f"Value:  {max(values)}" in output
    assert len({trial["params_learning_rate"] for trial in trials}) == 3


# Gymnasium tells whoever watches that it draws the window itself.
@pytest.mark.filterwarnings(
    "ignore:.*'human' rendering for an environment that doesn't natively support it:UserWarning"
)
def test_enjoy_shows_episodes(trained, monkeypatch, capsys):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(sys, "argv", ["enjoy", *common(*trained), "-n", "4"])
    enjoy()
    assert_played(capsys.readouterr().out, trained[0], 1)


# --- the files ---


def test_there_is_a_file_for_every_common_algorithm_of_the_zoo():
    assert {"ppo", "a2c", "dqn", "qrdqn", "ppo_lstm"} <= set(ALGORITHMS) <= set(ALGOS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_file_has_an_entry_for_every_id_with_a_number_as_reward(algorithm):
    entries = yaml.safe_load((FOLDER / f"{algorithm}.yml").read_text())
    assert sorted(entries) == SCALAR


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_algorithm_accepts_the_entry(algorithm, scalar, tmp_path, capsys):
    manager = ExperimentManager(
        argparse.Namespace(),
        algorithm,
        scalar,
        str(tmp_path),
        env_kwargs=few(scalar),
        eval_freq=-1,
        device="cpu",
        config=str(FOLDER / f"{algorithm}.yml"),
    )
    prepared = manager.setup_experiment()
    assert prepared is not None
    model, _ = prepared
    assert manager.n_timesteps >= 10_000
    assert model.n_envs == 8
    assert isinstance(model, ALGOS[algorithm])
    assert model.env is not None
    model.env.close()
