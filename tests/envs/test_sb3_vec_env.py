"""`ThreadedVecEnv`, `TabularVecEnv`: what stepping the environments one by one gives."""

from collections.abc import Callable
from time import sleep
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import TimeLimit
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from rlnas.data import loading
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.sb3_vec_env import TabularVecEnv, ThreadedVecEnv
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.errors import InputError
from tests.core.tables import random_table
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


def test_ended_episode_is_reset_and_keeps_terminal_observation(vector):
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
    assert (observations.shape, observations.dtype) == ((N, 78), np.float32)
    assert (rewards.shape, rewards.dtype) == ((N,), np.float32)
    assert (dones.shape, dones.dtype) == ((N,), bool)
    assert [type(info) for info in infos] == [dict] * N


def test_returned_values_are_not_changed_by_later_steps(vector):
    kept = [vector.reset(), list(vector.reset_infos)]
    before = [bits(value) for value in kept]
    for _ in range(7):
        kept.append(vector.step(np.ones(N, int)))
        before.append(bits(kept[-1]))
    assert [bits(value) for value in kept] == before


class Failing(DesignEnv):
    """Fails when told to by the action 5, takes its time for the action 1."""

    steps = 0

    def step(self, action: Any) -> Any:
        if action == 5:
            raise ArithmeticError("the edit went wrong")
        if action == 1:
            sleep(0.2)
        outcome = super().step(action)
        self.steps += 1
        return outcome


def test_exception_in_thread_is_raised_after_all_threads_end():
    vector = ThreadedVecEnv(makers(Failing), num_threads=2)
    vector.reset()
    vector.step(np.array([0, 1, 0, 1]))
    with pytest.raises(ArithmeticError, match="the edit went wrong"):
        vector.step(np.array([5, 1, 1, 1]))
    assert vector.get_attr("steps") == [1, 2, 2, 2]
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
    assert vector.threads.number == N
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
    assert [words["dataset"] for words in vector.get_attr("words")] == ["noise"] * N
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
    data = loading.load_dataset(source)
    assert all(env.dataset is data for env in vector.envs)
    vector.step(np.ones(N, int))
    assert all(np.shares_memory(env.dataset.features, data.features) for env in vector.envs)
    vector.close()


# --- tabular environments ---


TABLE = random_table()
RANDOM: dict[str, Any] = {"noisy": True, "start": "random", "penalty": (0.01, 1.0)}


def tabular(**settings: Any) -> TabularVecEnv:
    return TabularVecEnv(N, **{"table": TABLE, "episode_steps": 6, "start": "middle", **settings})


def dummy(max_episode_steps: int | None = None, **settings: Any) -> DummyVecEnv:
    """What `tabular` must equal."""

    def make_one() -> gym.Env:
        env: gym.Env = TabularEnv(
            **{"table": TABLE, "episode_steps": 6, "start": "middle", **settings}
        )
        return env if max_episode_steps is None else TimeLimit(env, max_episode_steps)

    return DummyVecEnv([make_one] * N)


def pair(**settings: Any) -> tuple[TabularVecEnv, DummyVecEnv]:
    return tabular(**settings), dummy(**settings)


def tabular_rollout(vector: Any, steps: int = 25) -> list[Any]:
    """Everything returned over some episodes of random actions, legal or not."""
    found = [bits(vector.reset()), bits(vector.reset_infos)]
    rng = np.random.default_rng(0)
    for _ in range(steps):
        found.append(bits(vector.env_method("action_masks")))
        found.append(bits(vector.step(rng.integers(13, size=N))))
        found.append(bits(vector.reset_infos))
    return found


@pytest.mark.parametrize("limit", [None, 4, 6])
@pytest.mark.parametrize(
    "settings", [{}, {"reward": "score", "epochs": 1}, {"noisy": True}, RANDOM]
)
def test_tabular_results_are_those_of_stepping_one_by_one(settings, limit):
    vectors = pair(max_episode_steps=limit, **settings)
    for vector in vectors:
        vector.seed(3)
    found, expected = (tabular_rollout(vector) for vector in vectors)
    for step, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert one == other, f"outcome {step}"
    found, expected = (tabular_rollout(vector) for vector in vectors)
    assert found == expected, "and after a reset without a seed"


def test_ended_tabular_episode_keeps_terminal_observation_and_reason():
    for limit, truncated in ((None, False), (3, True), (6, False)):
        vector = tabular(max_episode_steps=limit)
        first = vector.reset()
        for step in range(1, 13):
            observations, _, dones, infos = vector.step(np.full(N, 5))  # adds neurons
            over = step % (limit or 6) == 0
            assert dones.tolist() == [over] * N
            assert [info["TimeLimit.truncated"] for info in infos] == [over and truncated] * N
            assert all(("terminal_observation" in info) is over for info in infos)
            if over:
                np.testing.assert_array_equal(observations, first)
                last = infos[0]["terminal_observation"]
                assert last[0] == pytest.approx((limit or 6) / 6)  # progress
                assert infos[0]["score"] != vector.reset_infos[0]["score"]


def test_tabular_types_are_those_of_the_base_class():
    vector, base = pair()
    for made in (vector, base):
        assert made.reset().dtype == np.float32
        observations, rewards, dones, infos = made.step(np.zeros(N, int))
        assert (observations.shape, observations.dtype) == ((N, 28), np.float32)
        assert (rewards.shape, rewards.dtype) == ((N,), np.float32)
        assert (dones.shape, dones.dtype) == ((N,), bool)
        assert [type(info) for info in infos] == [dict] * N
        assert type(infos) is list
    assert vector.action_space == base.action_space
    assert vector.observation_space == base.observation_space


def test_tabular_seeds_and_options_are_used_once():
    vectors = pair(**RANDOM)
    for vector in vectors:
        vector.seed(10)
        vector.set_options({"architecture": ((4, 0.25),)})
    assert bits(vectors[0].reset()) == bits(vectors[1].reset())
    assert [info["architecture"] for info in vectors[0].reset_infos] == [1] * N
    assert bits(vectors[0].reset()) == bits(vectors[1].reset())
    assert [info["architecture"] for info in vectors[0].reset_infos] != [1] * N


def test_tabular_options_of_each_environment_must_be_the_same():
    vector = tabular()
    vector.set_options([{"architecture": ()}] * (N - 1) + [{}])
    with pytest.raises(InputError, match="options of the environments differ: expected the same"):
        vector.reset()


def test_tabular_results_are_not_changed_by_the_next_steps():
    vector = tabular(**RANDOM)
    kept = [vector.reset(), list(vector.reset_infos)]
    before = [bits(value) for value in kept]
    for _ in range(8):
        kept.append(vector.step(np.ones(N, int)))
        before.append(bits(kept[-1]))
    assert [bits(value) for value in kept] == before


@pytest.mark.parametrize(
    "name",
    [
        *("render_mode", "table", "settings", "spec"),
        "action_space",
        "observation_space",
        "architecture",
        "reference",
        "reward",
        "epochs",
    ],
)
def test_tabular_attributes_are_those_of_each_environment(name):
    vectors = pair(epochs=1)
    for vector in vectors:
        vector.reset()
    one, other = (vector.get_attr(name) for vector in vectors)
    assert one == other
    assert len(vectors[0].get_attr(name, indices=[0, 2])) == 2
    assert len(vectors[0].get_attr(name, indices=1)) == 1


@pytest.mark.parametrize("name", ["nothing_of_that_name", "best", "dataset"])
def test_unknown_attribute_raises_attribute_error(name):
    vector = tabular()
    assert not vector.has_attr(name)
    with pytest.raises(AttributeError, match=name):
        vector.get_attr(name)
    with pytest.raises(AttributeError, match=name):
        vector.env_method(name)


@pytest.mark.parametrize("indices", [None, 1, [0, 3], [3, 0], range(2)])
def test_tabular_masks_can_be_asked_of_some(indices):
    vectors = pair(**RANDOM)
    for vector in vectors:
        vector.seed(0)
        vector.reset()
    found, expected = (vector.env_method("action_masks", indices=indices) for vector in vectors)
    assert type(found) is list
    assert bits(found) == bits(expected)


def test_sb3_contrib_finds_the_masks():
    vectors = pair(**RANDOM)
    for vector in vectors:
        assert vector.has_attr("action_masks")
        assert is_masking_supported(vector)
        vector.seed(0)
        vector.reset()
    assert bits(get_action_masks(vectors[0])) == bits(get_action_masks(vectors[1]))


@pytest.mark.parametrize(
    "name",
    [
        "best_reachable",
        "render",
    ],
)
def test_tabular_methods_are_those_of_each_environment(name):
    vectors = pair()
    for vector in vectors:
        vector.reset()
    assert vectors[0].env_method(name) == vectors[1].env_method(name)


def test_an_attribute_of_some_tabular_environments_cannot_be_set():
    vector = tabular()
    vector.set_attr("mark", 3)
    assert vector.get_attr("mark") == [3] * N
    with pytest.raises(InputError, match="share their attributes: expected no indices"):
        vector.set_attr("mark", 4, indices=[0])
    assert vector.get_attr("mark") == [3] * N


def test_tabular_environments_are_not_wrapped():
    assert tabular().env_is_wrapped(TimeLimit) == [False] * N
    assert tabular().env_is_wrapped(TimeLimit, indices=[1]) == [False]


def test_tabular_pictures_are_those_of_each_environment():
    vectors = pair(render_mode="rgb_array")
    for vector in vectors:
        vector.reset()
        vector.step(np.array([0, 7, 3, 5]))
    assert bits(list(vectors[0].get_images())) == bits(vectors[1].get_images())
    assert vectors[0].render_mode == "rgb_array"
    blind = tabular()
    blind.reset()
    assert list(blind.get_images()) == [None] * N


def test_a_tabular_step_is_refused_as_by_the_vector():
    vector = tabular()
    with pytest.raises(InputError, match="no episode is under way"):
        vector.step(np.zeros(N, int))
    vector.reset()
    with pytest.raises(InputError, match="action 13 of environment 0 is out of range"):
        vector.step(np.full(N, 13))
    with pytest.raises(InputError, match="num_envs 0 cannot be used"):
        TabularVecEnv(0, table=TABLE)


def test_closing_tabular_environments_twice_is_safe():
    vector = tabular()
    vector.reset()
    vector.close()
    vector.close()


def test_a_monitor_around_tabular_environments_counts_episodes():
    found = []
    for vector in pair(**RANDOM):
        monitored = VecMonitor(vector)
        monitored.seed(1)
        monitored.reset()
        episodes = []
        for actions in np.random.default_rng(0).integers(13, size=(18, N)):
            infos = monitored.step(actions)[3]
            episodes += [
                (info["episode"]["r"], info["episode"]["l"]) for info in infos if "episode" in info
            ]
        found.append(episodes)
    assert found[0] == found[1]
    assert [length for _, length in found[0]] == [6] * 3 * N


@pytest.mark.parametrize("algorithm", [PPO, MaskablePPO])
def test_agents_learn_the_same_from_both(algorithm):
    weights = []
    for vector in pair(max_episode_steps=5, **RANDOM):
        vector = VecNormalize(VecMonitor(vector))
        model = algorithm("MlpPolicy", vector, n_steps=16, batch_size=32, n_epochs=2, seed=0)
        model.learn(256)
        assert model.ep_info_buffer
        weights.append([tensor.numpy().tobytes() for tensor in model.policy.state_dict().values()])
    assert weights[0] == weights[1]
