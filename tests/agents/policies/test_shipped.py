"""The controller and the edit sequence that come with rlnas: complete, small, clean, and useful."""

import json
from pathlib import Path

import numpy as np
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.config import SHIPPED, SHIPPED_BUDGET, SHIPPED_EDIT_SEQUENCE
from rlnas.agents.designing.design import evaluate_policy
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.layouts import BUDGET, STEPS
from rlnas.agents.policies.policy import (
    EditSequence,
    TrainedPolicy,
    layout_of_policy,
    load_policy,
)
from rlnas.envs.actions import NO_OP
from tests.agents.helpers import files_in

FIVE_MEGABYTES = 5 * 2**20


def test_shipped_policies_load_as_the_right_classes():
    assert isinstance(load_policy(SHIPPED), TrainedPolicy)
    assert isinstance(load_policy(SHIPPED_BUDGET), TrainedPolicy)
    assert isinstance(load_policy(SHIPPED_EDIT_SEQUENCE), EditSequence)
    assert layout_of_policy(SHIPPED) == layout_of_policy(SHIPPED_EDIT_SEQUENCE) == STEPS
    assert layout_of_policy(SHIPPED_BUDGET) == BUDGET


def test_shipped_files_are_small_and_not_pickled():
    files = files_in(SHIPPED.parent)
    assert {Path(name).suffix for name in files} <= {".json", ".safetensors", ".md"}
    assert sum(map(len, files.values())) < FIVE_MEGABYTES
    assert "card.md" in files


@pytest.mark.parametrize(
    "folder", [SHIPPED, SHIPPED_BUDGET, SHIPPED_EDIT_SEQUENCE], ids=lambda each: each.name
)
def test_shipped_settings_name_no_folder_of_a_machine(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["data_dir"] is None
    assert not Path(config["run_dir"]).is_absolute()


def test_shipped_policies_were_trained_in_the_same_episodes():
    ours, theirs = (
        json.loads((folder / "config.json").read_text())
        for folder in (SHIPPED, SHIPPED_EDIT_SEQUENCE)
    )
    keys = ("dataset", "penalty", "width", "density", "episode_steps", "batches_per_step")
    assert [ours[key] for key in keys] == [theirs[key] for key in keys]


def test_the_controller_designs_far_better_networks_than_none_on_held_out_tasks():
    policy = load_policy(SHIPPED)
    gains = []
    for task in range(6):
        env = env_like(SHIPPED, f"heldout:{task}", penalty=0.3)
        ours, theirs = (
            play_episode(env, choose, seed=task)[1][-1]["score"]
            for choose in (policy, lambda *_: NO_OP)
        )
        gains.append(ours - theirs)
    assert np.mean(gains) > 0.1
    assert min(gains) > 0


def test_the_controller_for_budgets_is_far_better_than_random_actions():
    scores = evaluate_policy(SHIPPED_BUDGET, "digits", episodes=6, progress_bar=False)
    ours, theirs = (np.mean(scores["anytime score"][name]) for name in ("trained", "random"))
    assert ours > theirs + 0.05


def test_higher_penalty_gives_smaller_designs():
    policy, weights = load_policy(SHIPPED), []
    for penalty in (0.01, 1.0):
        env = env_like(SHIPPED, "digits", penalty=penalty)
        weights.append(
            np.mean([play_episode(env, policy, k)[1][-1]["active_weights"] for k in range(3)])
        )
    assert weights[0] > 1.5 * weights[1]


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [([], "digits-0"), (["wine"], "wine-0"), (["wine", "--cost", "0.3"], "wine-0")],
    ids=str,
)
def test_design_works_without_options(arguments, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["design", *arguments]) == 0
    assert f"design in designs/{folder}" in capsys.readouterr().out.replace("\\", "/")
    record = json.loads((tmp_path / "designs" / folder / "design.json").read_text())
    assert record["dataset"] == (arguments[0] if arguments else "digits")
    assert ("budget" in record) == ("--cost" in arguments)
