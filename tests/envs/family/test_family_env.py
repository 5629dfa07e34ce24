"""`FamilyEnv`, `FamilyVectorEnv`: episodes by hand, one by one and many at once; bad input."""

from math import log

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from rlnas.cost import EDIT, evaluation_cost, size_of_architecture, training_cost
from rlnas.envs.family.actions import EDITS, FAMILY_ACTIONS, STARTS, edited, successors
from rlnas.envs.family.bank import make_bank, unit_cost
from rlnas.envs.family.dynamics import FAMILY_OBSERVATION_NAMES
from rlnas.envs.family.family_env import FamilyEnv
from rlnas.envs.family.vector_env import FamilyVectorEnv
from rlnas.envs.sb3_vec_env import FamilyVecEnv
from rlnas.errors import InputError
from rlnas.family.family_file import Family, write_family
from rlnas.family.space import ARCHITECTURES, LENGTHS, NUMBERS
from rlnas.family.tasks import tasks
from tests.core.family.test_family import random_table

TRAIN = [task.name for task in tasks("train")[:4]]
TEST = [task.name for axis in ("table", "rows") for task in tasks("test") if task.axis == axis][
    ::40
]
AT = {name: place for place, name in enumerate(FAMILY_OBSERVATION_NAMES)}


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    path = tmp_path_factory.mktemp("family") / "family.npz"
    names = [*TRAIN, *TEST]
    write_family(path, map(random_table, names, range(len(names)), [4] * len(names)), {})
    return Family(path)


def env_of(family, **settings) -> FamilyEnv:
    return FamilyEnv(family, **{"penalty": (0.05, 0.2), "budget": (0.2, 3.0), **settings})


# --- actions ---


def test_edits_are_notches_and_undo_each_other():
    for architecture in ARCHITECTURES:
        for edit, back in (("denser", "sparser"), *((f"widen hidden {k}", f"narrow hidden {k}")
                                                     for k in (1, 2, 3))):  # fmt: skip
            after = edited(architecture, edit)
            if after is not None:
                assert edited(after, back) == architecture
        deeper = edited(architecture, "add a layer")
        if deeper is not None:
            assert edited(deeper, "remove a layer") == architecture
            assert len(deeper) == len(architecture) + 1


def test_successors_are_starts_and_edits():
    table = successors()
    for number in (0, 1, 100, 385):
        assert [ARCHITECTURES[k] for k in table[number, : len(STARTS)]] == list(STARTS)
        for place, edit in enumerate(EDITS, len(STARTS)):
            after = edited(ARCHITECTURES[number], edit)
            assert table[number, place] == (-1 if after is None else NUMBERS[after])
    reached = set(table[table >= 0].tolist())
    assert len(reached) == len(ARCHITECTURES)  # nothing is out of reach


# --- an episode by hand ---


class ByHand:
    """An episode in plain Python, from the tables alone."""

    def __init__(self, env: FamilyEnv):
        state, self.table = env.state, env.tables[env.state.task]
        self.seed, self.penalty, self.budget = state.seed, state.penalty, state.budget
        self.unit = unit_cost(self.table)
        self.trained: dict[int, int] = {}
        self.now = self.best = None
        self.spent = self.anytime = 0.0
        self.best_score, self.judged = self.table.nothing.astype(float)
        cheapest = min(self.cost(NUMBERS[start], 0) for start in STARTS)
        self.first = max(0.1 * self.budget, cheapest + EDIT / self.unit)

    def cost(self, number: int, length: int) -> float:
        size = size_of_architecture(
            ARCHITECTURES[number], self.table.n_inputs, self.table.n_outputs
        )
        batch = min(128, self.table.n_train)
        trained = training_cost(size, LENGTHS[length], batch)
        judged = (length + 1) * evaluation_cost(size, self.table.n_validation)
        return (trained + judged) / self.unit

    def goal(self, number: int) -> tuple[int, int] | None:
        action = FAMILY_ACTIONS[number]
        if action.kind == "start":
            return NUMBERS[STARTS[action.place]], action.length
        if self.now is None:
            return None
        if action.kind == "edit":
            after = edited(ARCHITECTURES[self.now], EDITS[action.place])
            return None if after is None else (NUMBERS[after], action.length)
        if action.kind == "longer":
            longer = self.trained[self.now] + 1
            return (self.now, longer) if longer < len(LENGTHS) else None
        if action.kind == "back" and self.best not in (None, self.now):
            return self.best, 0
        return None

    def price(self, goal: tuple[int, int]) -> float:
        number, length = goal
        before = self.trained.get(number, -1)
        paid = self.cost(number, length) if length > before else 0
        paid -= self.cost(number, before) if length > before >= 0 else 0
        return EDIT / self.unit + paid

    def mask(self) -> list[bool]:
        goals = [self.goal(number) for number in range(len(FAMILY_ACTIONS))]
        legal = [
            goal is not None and self.price(goal) <= self.budget - self.spent for goal in goals
        ]
        legal[-1] = self.now is not None
        return legal

    def score(self, metrics, number: int) -> float:
        weights = self.table.weights[number] / self.table.reference
        return metrics - self.penalty * weights

    def step(self, action: int) -> tuple[float, bool]:
        """The reward, and whether the action stops the episode."""
        if FAMILY_ACTIONS[action].kind == "stop":
            return 0.0, True
        number, length = self.goal(action)
        self.spent = min(self.spent + self.price((number, length)), self.budget)
        self.now = number
        self.trained[number] = max(self.trained.get(number, -1), length)
        at = self.trained[number]
        score = self.score(float(self.table.val_metric[self.seed, number, at]), number)
        if score <= self.best_score:
            return 0.0, False
        others = np.delete(self.table.test_metric[:, number, at], self.seed).astype(float)
        judged = self.score(others.mean(), number)
        share = 1.0
        if self.spent > self.first:
            share = log(self.budget / self.spent) / log(self.budget / self.first)
        reward = (judged - self.judged) * share
        self.best, self.best_score, self.judged = number, score, judged
        return reward, False


@pytest.mark.parametrize("seed", range(6))
def test_episode_is_the_one_by_hand(family, seed):
    env = env_of(family)
    observation, info = env.reset(seed=seed)
    hand, rng, over, total = ByHand(env), np.random.default_rng(seed), False, 0.0
    assert info["val_metric"] == pytest.approx(hand.table.nothing[0])
    steps = 0
    while not over:
        np.testing.assert_array_equal(env.action_masks(), hand.mask())
        action = int(rng.choice(np.flatnonzero(env.action_masks()[:-1])))
        observation, reward, over, truncated, info = env.step(action)
        wanted, _ = hand.step(action)
        steps += 1
        total += reward
        assert reward == pytest.approx(wanted, abs=1e-6)
        assert info["spent"] == pytest.approx(hand.spent)
        assert info["best_score"] == pytest.approx(hand.best_score, abs=1e-6)
        assert info["judged"] == pytest.approx(hand.judged, abs=1e-6)
        assert info["anytime"] == pytest.approx(total)
        assert not truncated
        length = env.state.length
        metric = hand.table.val_metric[hand.seed, hand.now, length]
        assert observation[AT[f"metric_{LENGTHS[length]}"]] == pytest.approx(metric, abs=1e-6)
        assert observation[AT["spent"]] == pytest.approx(hand.spent / hand.budget)
        assert observation[AT["best_is_current"]] == (hand.best == hand.now)
        for place, start in enumerate(STARTS):
            longest = hand.trained.get(NUMBERS[start], -1)
            assert observation[AT[f"start_{place}_length"]] == (longest + 1) / len(LENGTHS)
    assert steps == 48 or not any(hand.mask()[:-1])


def test_final_reward_is_the_change_of_the_judged_score(family):
    env = env_of(family, reward="final")
    _, info = env.reset(seed=3)
    before, over, total = info["judged"], False, 0.0
    rng = np.random.default_rng(0)
    while not over:
        _, reward, over, _, info = env.step(rng.choice(np.flatnonzero(env.action_masks()[:-1])))
        total += reward
    assert total == pytest.approx(info["judged"] - before)


def test_illegal_action_changes_nothing_and_costs_an_edit(family):
    env = env_of(family)
    env.reset(seed=0)
    before = env.state
    stop = len(FAMILY_ACTIONS) - 1
    observation, reward, over, _, info = env.step(stop)  # nothing was trained
    assert not over
    assert not info["applied"]
    assert reward == 0
    assert observation[AT["last_refused"]] == 1
    assert env.state.architecture == before.architecture == -1
    assert info["spent"] == pytest.approx(EDIT / unit_cost(env.tables[before.task]))


def test_stop_ends_the_episode(family):
    env = env_of(family)
    env.reset(seed=0)
    env.step(0)
    *_, over, truncated, _ = env.step(len(FAMILY_ACTIONS) - 1)
    assert over
    assert not truncated
    with pytest.raises(InputError, match="no episode is under way"):
        env.step(0)


def test_observation_tells_neither_the_task_nor_the_test(family):
    """The same results on the validation samples look the same, whatever the test says."""
    table = family.table(TRAIN[0])
    other = make_bank([table])
    other.judged[:] = 0
    seen = []
    for bank in (make_bank([table]), other):
        env = env_of(family, num_tasks=1)
        env.bank = bank
        env.reset(seed=1)
        rng, found = np.random.default_rng(0), []
        for _ in range(5):
            action = rng.choice(np.flatnonzero(env.action_masks()[:-1]))
            found.append(env.step(action)[0])
        seen.append(np.array(found))
    np.testing.assert_array_equal(*seen)


# --- Gymnasium, and many at once ---


@pytest.mark.filterwarnings("ignore:.*not.*spec.*")
def test_gymnasium_accepts_the_environment(family):
    check_env(env_of(family), skip_render_check=True)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_vector_environment_gives_what_single_ones_give(family, mode):
    settings = {"penalty": (0.05, 0.2), "budget": (0.2, 1.0), "episode_steps": 8}
    many = FamilyVectorEnv(3, mode, family=family, **settings)
    ones = SyncVectorEnv([lambda: FamilyEnv(family, **settings)] * 3, autoreset_mode=mode)
    rng = np.random.default_rng(0)
    first, second = many.reset(seed=5), ones.reset(seed=5)
    for _ in range(40):
        np.testing.assert_array_equal(first[0], second[0])
        for name in ("spent", "anytime", "judged", "action_mask", "applied"):
            np.testing.assert_array_equal(first[-1][name], second[-1][name])
        actions = rng.integers(len(FAMILY_ACTIONS), size=3)
        first, second = many.step(actions), ones.step(actions)
        for ours, theirs in zip(first[1:4], second[1:4], strict=True):
            np.testing.assert_array_equal(ours, theirs)
        over = first[2]
        if mode is AutoresetMode.DISABLED and over.any():
            options = {"reset_mask": over}
            first = (many.reset(options=options)[0], *first[1:4], many._infos(many._everywhere))
            ones.reset(options=dict(options))
            second = (ones._observations, *second[1:4], first[-1])
    assert many.action_space.nvec.tolist() == [len(FAMILY_ACTIONS)] * 3


def test_options_say_how_an_episode_begins(family):
    env = env_of(family)
    options = {"task": TRAIN[2], "seed_of_results": 3, "penalty": 0.5, "budget": 0.7}
    _, info = env.reset(seed=1, options=options)
    assert env.task.name == TRAIN[2]
    assert env.state.seed == 3
    assert (info["penalty"], info["budget"]) == (0.5, 0.7)
    assert env.architecture is None
    many = FamilyVectorEnv(2, family=family)
    _, infos = many.reset(seed=1, options=options)
    assert {state.task for state in many.states} == {2}
    assert infos["budget"].tolist() == [0.7, 0.7]


def test_tasks_are_chosen_by_split_axis_and_number(family):
    assert [task.name for task in env_of(family).tasks] == TRAIN
    assert [task.name for task in env_of(family, num_tasks=2, start_task=1).tasks] == TRAIN[1:3]
    test = env_of(family, split="test", axis="rows", budget=30)
    assert {task.axis for task in test.tasks} == {"rows"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "tests"}, "split"),
        ({"axis": "colour"}, "axis"),
        ({"axis": "noise"}, "no task of the split 'train' and axis 'noise'"),
        ({"split": "validation"}, "no task of the split 'validation'"),
        ({"num_tasks": 5}, "num_tasks 5 from start_task 0 is too much: there are 4 tasks"),
        ({"num_tasks": 0}, "num_tasks"),
        ({"start_task": 4}, "start_task"),
        ({"budget": 1e-5}, "budget 1e-05 does not pay for a linear network on task"),
        ({"penalty": -1}, "penalty"),
        ({"reward": "sum"}, "reward"),
        ({"render_mode": "human"}, "render mode"),
        ({"episode_steps": 0}, "episode_steps"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(family, settings, message):
    with pytest.raises(InputError, match=message) as told:
        env_of(family, **settings)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "keel:letter"}, "task 'keel:letter' is not among the 4 tasks"),
        ({"seed_of_results": 4}, "seed_of_results"),
        ({"budget": 1e-6}, "does not pay"),
        ({"tasks": 1}, "unknown reset options"),
    ],
)
def test_options_that_cannot_be_used_are_refused(family, options, message):
    with pytest.raises(InputError, match=message):
        env_of(family).reset(options=options)


def test_text_shows_what_was_found(family):
    env = env_of(family, render_mode="ansi")
    env.reset(seed=0)
    env.step(5)
    assert f"task        {env.task.name}" in env.render()
    assert "now         4, 24 batches" in env.render()


def test_stable_baselines3_gets_what_single_environments_give(family):
    settings = {"penalty": 0.1, "budget": 0.5, "episode_steps": 6}
    many = FamilyVecEnv(3, family=family, **settings)
    ones = DummyVecEnv([lambda: FamilyEnv(family, **settings)] * 3)
    for each in (many, ones):
        each.seed(3)
    np.testing.assert_array_equal(many.reset(), ones.reset())
    rng = np.random.default_rng(1)
    for _ in range(20):
        masks = many.action_masks()
        np.testing.assert_array_equal(masks, ones.env_method("action_masks"))
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in masks])
        ours, theirs = many.step(actions), ones.step(actions)
        for first, second in zip(ours[:3], theirs[:3], strict=True):
            np.testing.assert_array_equal(first, second)
        for first, second in zip(ours[3], theirs[3], strict=True):
            assert first.keys() == second.keys()
            np.testing.assert_array_equal(first["action_mask"], second["action_mask"])
    assert many.get_attr("architecture", [1]) == [ones.envs[1].architecture]
