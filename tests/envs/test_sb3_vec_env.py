"""`ThreadedVecEnv`: the same as stepping the environments one by one, but at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from rlnas import datasets
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.sb3_vec_env import ThreadedVecEnv
from tests.envs.helpers import TASK, bits, make

N = 4
STEPS = 20
"""Steps of each environment; episodes of 6 and of 4 steps, so that they end at different times."""


def makers(kind: type[DesignEnv] = DesignEnv, **settings: Any) -> list[Callable[[], DesignEnv]]:
    settings = {"batches_per_step": 2, "width": 8, "penalty": (0.1, 1.0), **settings}
    lengths = [6, 4, 6, 4][:N]
    return [lambda n=n: kind(TASK, episode_steps=n, **settings) for n in lengths]  # type: ignore[misc]


@pytest.fixture
def vector():
    made = ThreadedVecEnv(makers(), num_threads=2)
    yield made
    made.close()


def rollout(vector: Any, seed: int = 3, steps: int = STEPS) -> list[Any]:
    """Everything returned over some episodes of random legal actions, in comparable form."""
    vector.seed(seed)
    found = [bits(vector.reset()), bits(vector.reset_infos)]
    rng = np.random.default_rng(0)
    for _ in range(steps):
        masks = vector.env_method("action_masks")
        found.append(bits(masks))
        chosen = np.array([rng.choice(np.flatnonzero(mask)) for mask in masks])
        found.append(bits(vector.step(chosen)))
        found.append(bits(vector.reset_infos))
    return found


@pytest.fixture(scope="module")
def one_by_one() -> list[Any]:
    vector = DummyVecEnv(makers())  # type: ignore[arg-type]
    found = rollout(vector)
    vector.close()
    return found


@pytest.mark.parametrize("threads", [1, 2, 4, None])
def test_threads_give_the_bits_of_stepping_one_by_one(one_by_one, threads):
    vector = ThreadedVecEnv(makers(), num_threads=threads)
    assert rollout(vector) == one_by_one
    assert rollout(vector) == one_by_one, "and again after other episodes, from the same seed"
    vector.close()


def test_another_seed_gives_other_episodes(one_by_one, vector):
    assert rollout(vector, seed=4) != one_by_one


def test_each_environment_has_a_seed_of_its_own(vector):
    vector.seed(10)
    observations = vector.reset()
    for k in range(N):
        alone, info = makers()[k]().reset(seed=10 + k)
        assert bits(observations[k]) == bits(alone)
        assert bits(vector.reset_infos[k]) == bits(info)
    assert len({observation.tobytes() for observation in observations}) == N


def test_an_episode_that_ends_starts_the_next_and_keeps_its_last_observation(vector):
    vector.reset()
    for step in range(1, 13):
        observations, _, dones, infos = vector.step(np.zeros(N, int))
        assert dones.tolist() == [step % n == 0 for n in (6, 4, 6, 4)]
        for observation, done, info in zip(observations, dones, infos, strict=True):
            assert info["TimeLimit.truncated"] is False
            assert ("terminal_observation" in info) is bool(done)
            if done:
                assert info["terminal_observation"][0] == 1  # progress
                assert observation[0] == 0


def test_types_are_those_of_the_base_class(vector):
    assert vector.reset().dtype == np.float32
    observations, rewards, dones, infos = vector.step(np.zeros(N, int))
    assert (observations.shape, observations.dtype) == ((N, 71), np.float32)
    assert (rewards.shape, rewards.dtype) == ((N,), np.float32)
    assert (dones.shape, dones.dtype) == ((N,), bool)
    assert [type(info) for info in infos] == [dict] * N


def test_what_was_returned_is_not_changed_by_the_next_steps(vector):
    kept = [vector.reset(), list(vector.reset_infos)]
    before = [bits(value) for value in kept]
    for _ in range(7):
        kept.append(vector.step(np.ones(N, int)))
        before.append(bits(kept[-1]))
    assert [bits(value) for value in kept] == before


class Failing(DesignEnv):
    """Fails when told to by the action 5."""

    def step(self, action: Any) -> Any:
        if action == 5:
            raise ArithmeticError("the edit went wrong")
        return super().step(action)


def test_an_exception_in_a_thread_reaches_the_caller():
    vector = ThreadedVecEnv(makers(Failing), num_threads=2)
    vector.reset()
    vector.step(np.array([0, 1, 0, 1]))
    with pytest.raises(ArithmeticError, match="the edit went wrong"):
        vector.step(np.array([0, 1, 5, 1]))
    vector.close()


def test_closing_twice_is_safe(vector):
    vector.reset()
    vector.step(np.zeros(N, int))
    vector.close()
    vector.close()


def test_closing_closes_the_environments():
    closed = []

    class Closing(DesignEnv):
        """Says when it is closed."""

        def close(self) -> None:
            closed.append(self)

    vector = ThreadedVecEnv(makers(Closing))
    vector.close()
    assert len(set(map(id, closed))) == N


def test_there_are_never_more_threads_than_environments():
    vector = ThreadedVecEnv(makers(), num_threads=64)
    assert vector.pool._max_workers == N
    vector.close()


def test_a_monitor_around_it_counts_episodes():
    vector = VecMonitor(ThreadedVecEnv(makers(), num_threads=2))
    vector.seed(1)
    vector.reset()
    paid = np.zeros(N)
    for step in range(1, 7):
        _, rewards, dones, infos = vector.step(np.full(N, 1))
        paid += rewards
        for k in np.flatnonzero(dones):
            assert infos[k]["episode"]["r"] == pytest.approx(paid[k], abs=1e-5)
            assert infos[k]["episode"]["l"] == (6, 4, 6, 4)[k]
            paid[k] = 0
        assert any("episode" in info for info in infos) is (step in (4, 6))
    vector.close()


def test_methods_and_attributes_of_every_environment_can_be_reached(vector):
    vector.reset()
    assert [mask.shape for mask in vector.env_method("action_masks")] == [(39,)] * N
    assert [best.info["dataset"] for best in vector.get_attr("best")] == ["noise"] * N
    assert vector.has_attr("action_masks")
    assert not vector.has_attr("nothing_of_that_name")


def test_pictures_of_all_environments_can_be_taken():
    vector = ThreadedVecEnv(makers(render_mode="rgb_array"))
    vector.reset()
    pictures = vector.get_images()
    assert [picture.shape for picture in pictures if picture is not None] == [(480, 640, 3)] * N
    vector.close()


@pytest.mark.parametrize("source", [TASK, "digits"])
def test_all_environments_share_one_copy_of_the_data(source):
    vector = ThreadedVecEnv([lambda: make(source) for _ in range(N)], num_threads=2)
    vector.reset()
    data = datasets.load(source)
    assert all(env.dataset is data for env in vector.envs)
    vector.step(np.ones(N, int))
    assert all(np.shares_memory(env.dataset.features, data.features) for env in vector.envs)
    vector.close()
