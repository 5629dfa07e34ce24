"""Evolving an edit sequence into a run folder: what is written, that it is used like a policy."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.config import EvolveConfig
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.layouts import BUDGET
from rlnas.agents.policies.policy import layout_of_policy, load_policy
from rlnas.agents.search import evolve as module
from rlnas.agents.search.evolve import evolve
from rlnas.data.loading import load_datasets
from rlnas.envs.actions import ACTIONS
from rlnas.envs.budget.costs import UNIT_BATCHES, UNIT_STEPS, unit_cost
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from tests.agents.helpers import files_in

STEPS, BATCHES = 3, 2


def config(folder: Path, **settings: Any) -> EvolveConfig:
    """Enough for a few dozen episodes of wine."""
    task: dict[str, Any] = {
        "dataset": ("wine",),
        "penalty": (0.05, 0.5),
        "episode_steps": STEPS,
        "batches_per_step": BATCHES,
        "total_batches": 40 * (STEPS + 1) * BATCHES,
        "run_dir": folder,
    }
    return EvolveConfig(**{**task, **settings})


@pytest.fixture(scope="module")
def evolved(tmp_path_factory) -> Path:
    return evolve(config(tmp_path_factory.mktemp("evolved") / "run"), progress_bar=False)


def test_run_folder_has_settings_and_edit_sequence(evolved):
    assert files_in(evolved).keys() == {"config.json", "policy.json"}
    assert json.loads((evolved / "config.json").read_text())["penalty"] == [0.05, 0.5]
    sequence = json.loads((evolved / "policy.json").read_text())["edits"]
    assert len(sequence) == STEPS
    assert set(sequence) <= {str(action) for action in ACTIONS}


def test_policy_plays_edit_sequence_regardless_of_observation(evolved):
    sequence = json.loads((evolved / "policy.json").read_text())["edits"]
    for seed in range(3):
        _, history = play_episode(env_like(evolved), load_policy(evolved), seed)
        taken = [info["action"] for info in history[1:]]
        legal_or_none = [(name, "none") for name in sequence]
        assert all(name in pair for name, pair in zip(taken, legal_or_none, strict=True))
        assert all(info["applied"] for info in history[1:])


def test_edit_sequence_is_determined_by_seed(evolved, tmp_path):
    again = evolve(config(tmp_path / "again"), progress_bar=False)
    assert files_in(again)["policy.json"] == files_in(evolved)["policy.json"]
    other = evolve(config(tmp_path / "other", seed=1), progress_bar=False)
    assert files_in(other)["policy.json"] != files_in(evolved)["policy.json"]


def test_assess_and_design_take_a_schedule_as_a_policy(evolved, tmp_path, capsys):
    assert main(["evaluate-policy", "--policy", str(evolved), "--episodes", "2"]) == 0
    assert "trained" in capsys.readouterr().out
    out = tmp_path / "design"
    assert main(["design", "--policy", str(evolved), "--out", str(out)]) == 0
    assert len(json.loads((out / "design.json").read_text())["history"]) == 1 + STEPS


def test_command_names_folder_after_task_by_default(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    budget = str(40 * (STEPS + 1) * 25)
    arguments = ["wine", "--episode-steps", str(STEPS), "--total-batches", budget]
    assert main(["evolve", *arguments, "--seed", "3"]) == 0
    folder = Path("runs/wine-evolution-3")
    assert capsys.readouterr().out == f"edit sequence in {folder}\n"
    assert (folder / "policy.json").is_file()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"total_batches": 0}, "--total-batches 0 cannot be used: expected a whole"),
        ({"seed": -1}, "--seed -1 cannot be used: expected"),
        ({"penalty": (0.1, 0.2, 0.3)}, "--penalty takes a number or LOW HIGH, not 3"),
        ({"dataset": ("nothing",)}, "nothing"),
        ({"episode_steps": 0}, "episode_steps"),
    ],
)
def test_bad_values_are_refused_before_anything_is_written(settings, message, tmp_path):
    with pytest.raises(InputError, match=message):
        evolve(config(tmp_path / "run", **settings), progress_bar=False)
    assert not (tmp_path / "run").exists()


def test_second_evolution_is_refused_while_first_uses_folder(tmp_path, monkeypatch):
    search, refused = module.evolve_sequence, []

    def meanwhile(problem: Any) -> Any:
        monkeypatch.undo()
        with pytest.raises(InputError, match=r"another process is working on .*run: wait"):
            evolve(config(tmp_path / "run", seed=1), progress_bar=False)
        refused.append(True)
        return search(problem)

    monkeypatch.setattr(module, "evolve_sequence", meanwhile)
    evolve(config(tmp_path / "run"), progress_bar=False)
    assert refused
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 0
    assert files_in(tmp_path).keys() == {"run/config.json", "run/policy.json"}


def test_existing_folder_is_refused(evolved):
    before = files_in(evolved)
    with pytest.raises(InputError, match="another"):
        evolve(config(evolved), progress_bar=False)
    assert files_in(evolved) == before


# --- episodes with a budget ---


@pytest.fixture(scope="module")
def with_budget(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("evolved") / "budget"
    settings = {"budget": (0.02, 0.05), "episode_steps": 9, "batches_per_step": None}
    return evolve(config(folder, **settings, total_batches=2_000), progress_bar=False)


@pytest.mark.parametrize(("given", "share"), [(None, 0.0), (1.0, 1.0)])
def test_evolution_begins_without_networks_unless_told_otherwise(
    given, share, tmp_path, monkeypatch
):
    begun = []

    def look(problem: Any) -> list[int]:
        begun.extend(bool(problem.env.reset()[1]["active_weights"]) for _ in range(5))
        return [0]

    monkeypatch.setattr(module, "evolve_sequence", look)
    settings = {"budget": (0.05,), "batches_per_step": None, "given": given}
    run = evolve(config(tmp_path / "run", **settings), progress_bar=False)
    assert begun == [bool(share)] * 5
    assert json.loads((run / "config.json").read_text())["given"] == share


def test_a_sequence_for_budgets_is_a_policy_for_them(with_budget):
    record = json.loads((with_budget / "policy.json").read_text())
    assert layout_of_policy(with_budget) == BUDGET
    assert len(record["edits"]) == 9
    assert set(record["edits"]) <= {*BUDGET.actions}


def test_a_sequence_for_budgets_is_played_action_by_action(with_budget):
    sequence = json.loads((with_budget / "policy.json").read_text())["edits"]
    for seed in range(3):
        _, history = play_episode(env_like(with_budget), load_policy(with_budget), seed)
        taken = [info["action"] for info in history[1:]]
        assert taken == sequence[: len(taken)]


def test_batches_of_a_search_are_worth_their_cost_at_the_reference_size():
    data = load_datasets(["wine", "digits"])
    env = BudgetDesignEnv(data)
    units = [unit_cost(each, 106) if each.name == "wine" else unit_cost(each, 128) for each in data]
    assert env.datasets[0].train.size == 106
    found = module._cost_of_batches(3 * UNIT_STEPS * UNIT_BATCHES, env)
    assert found == pytest.approx(3 * sum(units) / 2, rel=1e-9)
