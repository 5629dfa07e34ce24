"""`MOFamilyEnv`: rewards are what the present network is, and the front is what can be reached."""

import mo_gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from rlnas.envs.family.actions import FAMILY_ACTIONS
from rlnas.envs.family.multi_objective import MOFamilyEnv, MOFamilyVectorEnv, _least_cost
from rlnas.errors import InputError
from rlnas.family.family_file import Family, write_family
from rlnas.family.tasks import tasks
from tests.core.family.test_family import random_table

NAMES = [task.name for task in tasks("train")[:3]]


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    path = tmp_path_factory.mktemp("family") / "family.npz"
    write_family(path, [random_table(name, k, 4) for k, name in enumerate(NAMES)], {})
    return Family(path)


def legal_action(env, rng) -> int:
    return int(rng.choice(np.flatnonzero(env.unwrapped.action_masks()[:-1])))


def test_rewards_add_up_to_what_the_last_network_is_better(family):
    env, rng = MOFamilyEnv(family=family), np.random.default_rng(0)
    for seed in range(20):
        env.reset(seed=seed)
        returned, over = np.zeros(3), False
        while not over:
            _, paid, over, _, _ = env.step(legal_action(env, rng))
            assert env.reward_space.contains(paid)
            returned += paid
        state, table = env.state, env.tables[env.state.task]
        others = [k for k in range(4) if k != state.seed]
        metric = table.test_metric[others, state.architecture, state.length].mean()
        expected = (
            metric - table.nothing[1],
            -table.weights[state.architecture] / table.reference,
            -table.flash[state.architecture] / table.reference,
        )
        np.testing.assert_allclose(returned, expected, atol=1e-4)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_many_at_once_pay_what_each_alone_pays(family, mode):
    many = MOFamilyVectorEnv(4, autoreset_mode=mode, family=family)
    alone = [MOFamilyEnv(family=family) for _ in range(4)]
    many.reset(seed=3)
    for k, env in enumerate(alone):
        env.reset(seed=3 + k)
    rng, over = np.random.default_rng(1), np.zeros(4, bool)
    for _ in range(150):
        actions = np.array([legal_action(env, rng) if not over[k] else 0
                            for k, env in enumerate(alone)])  # fmt: skip
        _, paid, ended, _, _ = many.step(actions)
        for k, env in enumerate(alone):
            if over[k]:
                expected, over[k] = np.zeros(3), False
                env.reset()
            else:
                _, expected, over[k], _, _ = env.step(actions[k])
                if over[k] and mode is AutoresetMode.SAME_STEP:
                    over[k] = False
                    env.reset()
                    assert ended[k]
            np.testing.assert_array_equal(paid[k], np.asarray(expected, np.float32))


def test_front_can_be_reached_and_no_episode_beats_it(family):
    env, rng = MOFamilyEnv(family=family, budget=(0.02, 0.05)), np.random.default_rng(2)
    for seed in range(6):
        env.reset(seed=seed)
        front = np.array(env.pareto_front(1))
        task, budget, drawn = env.task.name, env.state.budget, env.state.seed
        at_least = (front[:, None] >= front[None]).all(axis=-1)
        assert at_least.sum() == len(front), "no point of it beats another"
        options = {"task": task, "budget": budget, "seed_of_results": drawn}
        for _ in range(60):
            env.reset(options=options)
            returned, over = np.zeros(3), False
            while not over:
                _, paid, over, _, _ = env.step(legal_action(env, rng))
                returned += paid
                beaten = (front >= returned - 1e-3).all(axis=1)
                assert beaten.any(), "a return beyond the front"


def test_least_costs_are_those_of_the_cheapest_episodes(family):
    """Against all episodes of two steps, and against what an episode of the way spends."""
    env = MOFamilyEnv(family=family, budget=50.0)
    env.reset(seed=0)
    least, start = _least_cost(env.bank, env.state.task), env.state
    options = {"task": env.task.name, "seed_of_results": start.seed}
    found = np.full_like(least, np.inf)
    for first, action in enumerate(FAMILY_ACTIONS[:48]):
        env.reset(options=options)
        env.step(first)
        number, spent = env.state.architecture, env.state.spent
        found[number, action.length] = min(found[number, action.length], spent)
        for second in np.flatnonzero(env.action_masks()[48:88]) + 48:
            env.reset(options=options)
            env.step(first)
            env.step(int(second))
            state = env.state
            place = state.architecture, state.length
            found[place] = min(found[place], state.spent)
    near = np.isfinite(found)
    assert near.sum() > 200
    assert (least[near] <= found[near] + 1e-12).all()
    direct = [env.bank.successors[0, k] for k in range(12)]
    price = env.bank.cost[start.task] + env.bank.edit[start.task]
    np.testing.assert_allclose(least[direct], price[direct], rtol=1e-12)
    np.testing.assert_allclose(least[near].min(), found[near].min(), rtol=1e-12)
    assert np.isfinite(least).all()


def test_front_without_an_episode_or_with_a_discount_is_refused(family):
    env = MOFamilyEnv(family=family)
    with pytest.raises(InputError, match="reset"):
        env.pareto_front(1)
    env.reset(seed=0)
    with pytest.raises(InputError, match="for gamma"):
        env.pareto_front(0.9)


def test_mo_gymnasium_makes_a_number_of_it(family):
    env = mo_gymnasium.wrappers.LinearReward(
        MOFamilyEnv(family=family), weight=np.array([1.0, 0.1, 0.0])
    )
    env.reset(seed=0)
    _, reward, *_ = env.step(0)
    assert np.isscalar(reward)
