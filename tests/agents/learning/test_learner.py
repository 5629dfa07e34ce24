"""Models that learn over arrays: rollouts and updates are those of Stable-Baselines3."""

import logging
from itertools import pairwise
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecEnv, VecMonitor
from torch import nn

from rlnas.agents.config import TrainConfig
from rlnas.agents.learning import learner
from rlnas.agents.learning.torch_policy import why_not
from rlnas.agents.training.model import ALGORITHMS, new_model
from rlnas.envs.sb3_vec_env import TabularVecEnv

PLAIN: dict[str, Any] = {"ppo": PPO, "maskable_ppo": MaskablePPO}
algorithms = pytest.mark.parametrize("name", PLAIN)

SETTINGS: dict[str, Any] = {
    "n_steps": 64,
    "batch_size": 16,
    "n_epochs": 4,
    "ent_coef": 0.02,
    "learning_rate": 3e-3,
    "seed": 0,
    "device": "cpu",
}


def tabular(envs: int = 1) -> VecEnv:
    return VecMonitor(TabularVecEnv(envs, episode_steps=10))


def short_cart_pole() -> VecEnv:
    """Episodes that a limit of time cuts short, besides those in which the pole falls."""
    return make_vec_env(lambda: gym.make("CartPole-v1", max_episode_steps=15), 4, seed=0)


def parameters(model: Any) -> list[np.ndarray]:
    return [each.detach().numpy().copy() for each in model.policy.parameters()]


def moments(model: Any) -> list[np.ndarray]:
    states = (model.policy.optimizer.state[each] for each in model.policy.parameters())
    return [value.numpy().copy() for state in states for value in state.values()]


class Watch(BaseCallback):
    """What a callback sees at each of its moments."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[dict[str, Any]] = []
        self.weights: list[list[np.ndarray]] = []
        self.moments: list[list[np.ndarray]] = []

    def _on_rollout_start(self) -> None:
        self.weights.append(parameters(self.model))
        self.moments.append(moments(self.model))

    def _on_training_end(self) -> None:
        self._on_rollout_start()

    def _on_step(self) -> bool:
        names = ("infos", "rewards", "dones", "actions", "new_obs")
        self.steps.append({name: self.locals[name] for name in names})
        return True


@algorithms
@pytest.mark.parametrize("target_kl", [None, 0.01])
def test_updates_are_those_of_stable_baselines3(name, target_kl):
    """With one environment both number the steps of a rollout alike, and so draw minibatches."""
    ours = ALGORITHMS[name]("MlpPolicy", tabular(), target_kl=target_kl, **SETTINGS)
    theirs = PLAIN[name]("MlpPolicy", tabular(), target_kl=target_kl, **SETTINGS)
    assert not why_not(ours)
    ours.learn(64, log_interval=None)  # the moments of Adam and its steps are not zero
    theirs.learn(64, log_interval=None)
    theirs.policy.load_state_dict(ours.policy.state_dict())
    theirs.policy.optimizer.load_state_dict(ours.policy.optimizer.state_dict())
    theirs.rollout_buffer = ours.rollout_buffer
    theirs._n_updates = ours._n_updates
    for model in (ours, theirs):
        set_random_seed(1)
        model.train()
    for found, expected in zip(parameters(ours), parameters(theirs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    for found, expected in zip(moments(ours), moments(theirs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    logs = [model.logger.name_to_value for model in (ours, theirs)]
    assert logs[0].keys() == logs[1].keys()
    for name in logs[0]:
        np.testing.assert_allclose(logs[0][name], logs[1][name], rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("name", "make"),
    [("ppo", tabular), ("ppo", short_cart_pole), ("maskable_ppo", tabular)],
)
def test_the_buffer_has_what_the_policy_says_of_the_rollout(name, make):
    model = ALGORITHMS[name]("MlpPolicy", make(), **SETTINGS)
    watch = Watch()
    model.learn(64 * model.n_envs, watch, log_interval=None)
    buffer = model.rollout_buffer
    assert buffer.full
    assert len(watch.steps) == buffer.pos == 64
    before, after = parameters(model), watch.weights[0]
    for weights, value in zip(model.policy.parameters(), after, strict=True):
        weights.data = torch.tensor(value)  # those that the rollout was played with
    flat = buffer.observations.reshape(64 * model.n_envs, -1)
    masks = {}
    if name == "maskable_ppo":
        masks = {"action_masks": buffer.action_masks.reshape(len(flat), -1)}
        assert masks["action_masks"][np.arange(len(flat)), buffer.actions.ravel()].all()
        assert not masks["action_masks"].all()
    with torch.no_grad():
        values, log_probs, _ = model.policy.evaluate_actions(
            torch.tensor(flat), torch.tensor(buffer.actions.ravel()), **masks
        )
    np.testing.assert_allclose(buffer.values.ravel(), values.flatten(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(buffer.log_probs.ravel(), log_probs, rtol=1e-4, atol=1e-5)
    assert any((one != other).any() for one, other in zip(before, after, strict=True))

    dones = np.array([step["dones"] for step in watch.steps])
    np.testing.assert_array_equal(buffer.episode_starts[1:], dones[:-1])
    np.testing.assert_array_equal(buffer.episode_starts[0], 1)
    np.testing.assert_array_equal(
        buffer.observations[1:], [step["new_obs"] for step in watch.steps[:-1]]
    )
    np.testing.assert_array_equal(
        buffer.actions[:, :, 0], [step["actions"] for step in watch.steps]
    )


def test_a_limit_of_time_is_no_end_for_the_critic():
    model = ALGORITHMS["ppo"]("MlpPolicy", short_cart_pole(), **SETTINGS)
    watch = Watch()
    model.learn(64 * 4, watch, log_interval=None)
    rewards = model.rollout_buffer.rewards
    for weights, value in zip(model.policy.parameters(), watch.weights[0], strict=True):
        weights.data = torch.tensor(value)
    kinds = set()
    for step, seen in enumerate(watch.steps):
        for env, info in enumerate(seen["infos"]):
            expected = seen["rewards"][env]
            if seen["dones"][env] and info["TimeLimit.truncated"]:
                last = torch.tensor(info["terminal_observation"])[None]
                expected += model.gamma * model.policy.predict_values(last).item()
            kinds.add((bool(seen["dones"][env]), info["TimeLimit.truncated"]))
            assert rewards[step, env] == pytest.approx(expected, abs=1e-5)
    assert kinds == {(False, False), (True, False), (True, True)}


@algorithms
def test_callbacks_find_the_model_as_it_is(name):
    """Whoever saves it between two rollouts saves what has been learnt."""
    model = ALGORITHMS[name]("MlpPolicy", tabular(4), **SETTINGS)
    watch = Watch()
    model.learn(3 * 64 * 4, watch, log_interval=None)
    assert len(watch.weights) == 4  # three rollouts and the end
    for parts in (watch.weights, watch.moments[1:]):
        for one, other in pairwise(parts):
            assert all((x != y).any() for x, y in zip(one, other, strict=True))
    for one, other in zip(watch.weights[-1], parameters(model), strict=True):
        np.testing.assert_array_equal(one, other)
    steps = {float(each["step"]) for each in model.policy.optimizer.state.values()}
    assert steps == {3 * 4 * 64 * 4 / 16}


@algorithms
def test_same_seed_gives_the_same_bits(name):
    runs = []
    for seed in (0, 0, 1):
        model = ALGORITHMS[name]("MlpPolicy", tabular(2), **{**SETTINGS, "seed": seed})
        model.learn(2 * 64 * 2, log_interval=None)
        runs.append([each.tobytes() for each in parameters(model)])
    assert runs[0] == runs[1] != runs[2]


def test_a_callback_that_says_no_ends_the_training():
    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return self.n_calls < 10

    model = ALGORITHMS["maskable_ppo"]("MlpPolicy", tabular(2), **SETTINGS)
    model.learn(1000, Stop(), log_interval=None)
    assert model.num_timesteps == 20


def test_without_masking_illegal_actions_are_taken():
    model = ALGORITHMS["maskable_ppo"]("MlpPolicy", tabular(2), **SETTINGS)
    model.learn(128, use_masking=False, log_interval=None)
    assert model.rollout_buffer.action_masks.all()


def test_environments_without_masks_are_refused():
    model = ALGORITHMS["maskable_ppo"]("MlpPolicy", short_cart_pole(), **SETTINGS)
    with pytest.raises(ValueError, match="no action masks"):
        model.learn(256)


def test_a_policy_that_is_not_finite_is_refused():
    model = ALGORITHMS["ppo"]("MlpPolicy", tabular(), **SETTINGS)
    model.policy.action_net.bias.data[0] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        model.learn(64)


class Halves(nn.Module):
    """No activation that is known here."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs / 2


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "activation": ({"policy_kwargs": {"activation_fn": Halves}}, "linear ones and tanh"),
    "optimiser": ({"policy_kwargs": {"optimizer_class": torch.optim.SGD}}, "optimiser"),
    "decay": ({"policy_kwargs": {"optimizer_kwargs": {"weight_decay": 0.1}}}, "optimiser"),
    "values": ({"clip_range_vf": 0.2}, "clipped values"),
    "advantages": ({"normalize_advantage": False}, "advantages"),
}


@algorithms
@pytest.mark.parametrize(("settings", "reason"), OTHERS.values(), ids=OTHERS)
def test_other_models_learn_in_pytorch_and_say_so(name, settings, reason, caplog):
    learnt = []
    for classes in (ALGORITHMS, PLAIN):
        with caplog.at_level(logging.INFO, "rlnas"):
            model = classes[name]("MlpPolicy", tabular(2), **SETTINGS, **settings)
        assert reason in caplog.text
        model.learn(128, log_interval=None)
        learnt.append(parameters(model))
    for found, expected in zip(*learnt, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("features", "over_arrays"),
    [("flat", True), ("relative", True), ("blind", True), ("slots", False)],
)
def test_which_features_of_a_training_learn_over_arrays(features, over_arrays, digits_env):
    model = new_model(TrainConfig(features=features), digits_env)
    assert (why_not(model) == "") == over_arrays


@pytest.fixture(scope="module")
def digits_env() -> VecEnv:
    from rlnas.envs.design_env import DesignEnv
    from rlnas.envs.sb3_vec_env import ThreadedVecEnv

    return ThreadedVecEnv([lambda: DesignEnv("digits")] * 2)


def test_products_of_many_environments_are_not_shared_among_threads(monkeypatch):
    """They would wait for each other: 25 times the processor time with 256 environments."""
    threads: list[int] = []

    def watched(network: Any, inputs: np.ndarray, *, forward: Any = learner.forward) -> Any:
        threads.extend(each["num_threads"] for each in learner._blas().info())
        return forward(network, inputs)

    monkeypatch.setattr(learner, "forward", watched)
    model = ALGORITHMS["maskable_ppo"]("MlpPolicy", tabular(128), **{**SETTINGS, "n_steps": 4})
    model.learn(4 * 128)
    assert set(threads) == {1}
