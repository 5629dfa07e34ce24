"""`play`: the same to the bit as stepping `FamilyEnv`; bad episodes and players."""

import numpy as np
import pytest

from rlnas.agents.benchmark import CallablePlayer, Episode, play
from rlnas.envs.family.family_env import FamilyEnv
from rlnas.errors import InputError
from rlnas.family.family_file import Family, write_family
from rlnas.family.tasks import tasks
from tests.core.family.test_family import random_table

NAMES = [task.name for task in tasks("train")[:3]]


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    path = tmp_path_factory.mktemp("family") / "family.npz"
    write_family(path, map(random_table, NAMES, range(3), [4] * 3), {})
    return Family(path)


@pytest.fixture
def tables(family):
    return [family.table(name) for name in NAMES]


def hashed(observation, mask) -> int:
    """A policy that depends on every bit of what it sees, and does not always obey the mask."""
    rng = np.random.default_rng(list(observation.tobytes() + mask.tobytes()))
    if rng.random() < 0.05:
        return int(rng.integers(len(mask) - 1))
    legal = np.flatnonzero(mask)
    return int(rng.choice(legal[legal < 90] if rng.random() < 0.9 else legal))


def stepped(family, episode: Episode, policy, episode_steps: int):
    """An episode of `FamilyEnv`: the actions, and what they gave."""
    env = FamilyEnv(family, episode_steps=episode_steps)
    options = {
        "task": episode.task,
        "seed_of_results": episode.seed,
        "penalty": episode.penalty,
        "budget": episode.budget,
    }
    observation, info = env.reset(options=options)
    before, over, actions = info["judged"], False, []
    while not over:
        actions.append(policy(observation, env.action_masks()))
        observation, _, over, _, info = env.step(actions[-1])
    return actions, info["anytime"], info["judged"] - before, info["spent"]


@pytest.mark.parametrize("episode_steps", [5, 48])
def test_callable_gets_what_single_environments_give(family, tables, episode_steps):
    episodes = [
        Episode(task, seed, penalty, budget)
        for task in NAMES
        for seed in (0, 3)
        for penalty in (0.03, 0.3)
        for budget in (0.1, 1.6)
    ]
    found = play(tables, episodes, CallablePlayer(hashed), episode_steps)
    for place, episode in enumerate(episodes):
        actions, anytime, final, spent = stepped(family, episode, hashed, episode_steps)
        assert found.actions[place] == actions
        assert found.anytime[place] == anytime
        assert found.final[place] == final
        assert found.spent[place] == spent
    assert np.count_nonzero(found.anytime) > len(episodes) / 2
    assert len({len(actions) for actions in found.actions}) > 1 or episode_steps == 5


class Once:
    """A player that gives the same answer for all."""

    def __init__(self, answer):
        self.answer = answer

    def begin(self, n):
        pass

    def act(self, view):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.array([91]), "returned the action 91: expected 0 to 90"),
        (np.array([-1]), "returned the action -1"),
        (np.array([0.5]), "returned float64"),
        (np.array([1, 2]), r"returned int64 \[2\]"),
        (None, "returned object"),
    ],
)
def test_player_that_returns_no_actions_is_refused(tables, answer, message):
    with pytest.raises(InputError, match=message):
        play(tables, [Episode(NAMES[0], 0, 0.1, 1.0)], Once(answer))


def test_policy_that_returns_no_action_is_refused(tables):
    for answer in (None, 0.5, [1], "stop"):
        with pytest.raises(InputError, match="the policy returned"):
            play(
                tables,
                [Episode(NAMES[0], 0, 0.1, 1.0)],
                CallablePlayer(lambda *_, answer=answer: answer),
            )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "keel:letter"}, "no table of the task 'keel:letter'"),
        ({"seed": 4}, "seed"),
        ({"penalty": -0.1}, "penalty"),
        ({"budget": 0.0}, "budget"),
        ({"budget": 1e-5}, "budget 1e-05 pays for nothing on task"),
    ],
)
def test_episode_that_cannot_begin_is_refused(tables, change, message):
    with pytest.raises(InputError, match=message):
        play(tables, [Episode(NAMES[0], 0, 0.1, 1.0)._replace(**change)], CallablePlayer(hashed))
