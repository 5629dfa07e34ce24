"""What is observed of an episode with a budget, entry by entry, against the infos."""

import re

import numpy as np
import pytest

from rlnas.envs.budget.actions import BUDGET_ACTIONS, LENGTHS, STARTS
from rlnas.envs.budget.costs import LEAST_BATCHES
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.budget.observations import BUDGET_OBSERVATION_NAMES, BudgetFeatures
from rlnas.envs.observations import OBSERVATION_NAMES, observe
from tests.envs.budget.helpers import (
    BACK,
    NONE,
    REMOVE_HALF,
    STOP,
    begun,
    cost_by_hand,
    make,
    number,
    start,
    units,
)
from tests.envs.helpers import INFO_KEYS, TASK

ACTIONS_PLAYED = (NONE, start(), number("none", "normal"), REMOVE_HALF, REMOVE_HALF, BACK, STOP)


def entries(observation: np.ndarray) -> dict[str, float]:
    return dict(zip(BUDGET_OBSERVATION_NAMES, observation.tolist(), strict=True))


def played() -> list[tuple[dict[str, float], dict, BudgetDesignEnv]]:
    """Entries, infos and environments after a reset and each of some actions."""
    found = []
    for length in range(len(ACTIONS_PLAYED) + 1):
        env = make(episode_steps=20)
        observation, info = env.reset(seed=3)
        for action in ACTIONS_PLAYED[:length]:
            observation, *_, info = env.step(action)
        found.append((entries(observation), info, env))
    return found


PLAYED = played()


def test_the_entries_of_design_env_come_first():
    for found, _, env in PLAYED:
        first = observe(env.state, found["progress"])
        assert list(found.values())[: len(OBSERVATION_NAMES)] == first.tolist()
    assert BUDGET_OBSERVATION_NAMES[: len(OBSERVATION_NAMES)] == OBSERVATION_NAMES
    assert len(set(BUDGET_OBSERVATION_NAMES)) == len(BUDGET_OBSERVATION_NAMES)


def test_what_is_spent_and_left_is_seen():
    for step, (found, info, _) in enumerate(PLAYED):
        spent, budget = max(info["spent"], 1), info["budget"]
        unit = budget / units(budget)
        expected = {
            "budget": np.log10(units(budget)) / 2,
            "spent": info["spent"] / budget,
            "log_spent": max(np.log10(spent / budget) / 3, -1),
            "log_left": np.log10(1 - info["spent"] / budget) / 3,
            "spent_units": max(np.log10(spent / unit) / 4, -1),
            "steps": step / 20,
            "progress": max(info["spent"] / budget, step / 20),
        }
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, abs=1e-6), name


def test_the_price_of_the_least_step_is_seen():
    for found, info, env in PLAYED:
        network = env.current_design
        least = cost_by_hand(network, network, TASK, LEAST_BATCHES)
        left, spent = info["budget"] - info["spent"], max(info["spent"], 1)
        assert found["least_cost"] == pytest.approx(np.log10(least / left) / 4, abs=1e-6)
        share = min(np.log10(least / spent) / 3, 1)
        assert found["least_share"] == pytest.approx(share, abs=1e-6)


def test_the_last_action_is_seen():
    for (found, _, _), action in zip(PLAYED[1:], ACTIONS_PLAYED, strict=True):
        last = BUDGET_ACTIONS[action]
        for name in LENGTHS:
            assert found[f"last_{name}"] == (last.length == name)
        assert found["last_start"] == (last.operation == "start")
        assert found["last_back"] == (last.operation == "back")
        assert found["last_none"] == (last.operation == "none")
    assert [found["started"] for found, _, _ in PLAYED[:3]] == [0, 0, 1]


def test_the_best_design_is_seen():
    best = [0.0] * 3  # score, step, spent
    for step, (found, info, env) in enumerate(PLAYED):
        if step == 0 or info["score"] > best[0]:
            best = [info["score"], step, max(info["spent"], 1)]
            accuracy, size = info["val_metric"], info["active_weights"] / env.reference
            holder = env.state.current.score
        assert found["best_accuracy"] == pytest.approx(accuracy)
        assert found["best_size"] == pytest.approx(np.log10(max(size, 1e-3)) / 3, abs=1e-6)
        assert found["best_is_current"] == (info["score"] == holder)
        assert found["steps_since_best"] == pytest.approx((step - best[1]) / 10)
        since = np.log10(max(info["spent"], 1) / best[2]) / 2
        assert found["spent_since_best"] == pytest.approx(min(since, 1), abs=1e-6)


def test_infos_have_the_documented_keys_and_types():
    assert PLAYED[0][2].words["action"] == "nothing yet"
    for step, (_, info, env) in enumerate(PLAYED):
        whole = {"budget", "spent", "cost", "batches"}
        real = {"best_score", "anytime"}
        assert set(info) == INFO_KEYS | whole | real
        assert all(type(info[key]) is int for key in whole)
        assert all(type(info[key]) is float for key in real)
        assert info["action_mask"].shape == (len(BUDGET_ACTIONS),)
        assert step == 0 or env.words["action"] in map(str, BUDGET_ACTIONS)


def test_a_network_and_its_absence_can_be_drawn():
    for mode in ("ansi", "rgb_array"):
        env = make(render_mode=mode)
        env.reset(seed=0)
        before = env.render()
        env.step(start())
        assert not np.array_equal(before, env.render())


# --- the manual ---


def section(title: str) -> str:
    assert BudgetDesignEnv.__doc__ is not None
    return BudgetDesignEnv.__doc__.split(f"## {title}\n")[1].split("## ")[0]


def test_the_manual_has_the_sizes_of_the_spaces():
    env = begun()
    assert f"`Discrete({env.action_space.n})`" in section("Action Space")
    shape = re.search(r"Box\(-1, 1, \((\d+),\), float32\)", section("Observation Space"))
    assert shape is not None
    assert (int(shape[1]),) == env.observation_space.shape == (len(BUDGET_OBSERVATION_NAMES),)


def test_the_manual_numbers_the_actions_as_they_are():
    text, operations = section("Action Space"), [action.operation for action in BUDGET_ACTIONS]
    rows = re.findall(r"^ *\| (\d+)(?:-(\d+))? \| (\w+)", text, re.MULTILINE)
    ends = [int(low) for low, _, _ in rows[1:]] + [len(BUDGET_ACTIONS)]
    for (low, high, word), end in zip(rows, ends, strict=True):
        assert int(low) == (0 if word == "the" else operations.index(word))
        assert int(high or low) + 1 == end
    shares = [f"{share:g}" for share in LENGTHS.values()]
    assert f"costs {', '.join(shares[:-1])} or {shares[-1]} of what" in text
    assert f"There are {LEAST_BATCHES} training batches after a start" in text
    widths = {str(width) for start in STARTS for width, _ in start}
    densities = {f"{density:g}" for start in STARTS for _, density in start}
    assert widths | densities <= set(re.findall(r"[\d.]*\d", text))


def test_the_manual_explains_every_entry_of_the_observation():
    names = set(re.findall(r"\w+", section("Observation Space")))
    assert set(BudgetFeatures._fields) <= names


def test_the_manual_names_every_argument_and_entry_of_the_info():
    for name in BudgetDesignEnv.__init__.__annotations__.keys() - {"return"}:
        assert f"`{name}`" in section("Arguments"), name
    for name in set(PLAYED[0][1]) - INFO_KEYS:
        assert f"`{name}`" in section("Information"), name
