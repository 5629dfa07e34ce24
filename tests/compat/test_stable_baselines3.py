"""Stable-Baselines3 and sb3-contrib: every algorithm for discrete actions learns, saves, loads."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from sb3_contrib import QRDQN, MaskablePPO, RecurrentPPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy as evaluate_masked
from sb3_contrib.common.maskable.utils import get_action_masks
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv, VecMonitor

from rlnas.envs.sb3_vec_env import FamilyVecEnv, TabularVecEnv
from tests.compat.helpers import is_family, is_tabular, make, short

NAMES = ["rlnas/TabularDigits-v0", "rlnas/Digits-v1", "rlnas/FamilyTrain-v0"]
STEPS = 200

ON_POLICY: dict[str, Any] = {"n_steps": 16}
OFF_POLICY: dict[str, Any] = {"learning_starts": 50, "buffer_size": 500, "batch_size": 16}
ALGORITHMS: list[tuple[type[BaseAlgorithm], str, dict[str, Any]]] = [
    (PPO, "MlpPolicy", ON_POLICY | {"batch_size": 32, "n_epochs": 2}),
    (A2C, "MlpPolicy", ON_POLICY),
    (DQN, "MlpPolicy", OFF_POLICY),
    (QRDQN, "MlpPolicy", OFF_POLICY),
    (RecurrentPPO, "MlpLstmPolicy", ON_POLICY | {"batch_size": 32, "n_epochs": 1}),
    (MaskablePPO, "MlpPolicy", ON_POLICY | {"batch_size": 32, "n_epochs": 2}),
]

each_algorithm = pytest.mark.parametrize(
    ("algorithm", "policy", "settings"), ALGORITHMS, ids=[one[0].__name__ for one in ALGORITHMS]
)
each_name = pytest.mark.parametrize("name", NAMES)


def vector(name: str) -> VecEnv:
    return make_vec_env(name, n_envs=2, seed=0, env_kwargs=short(name))


def predict(model: BaseAlgorithm, env: VecEnv, observations: np.ndarray) -> np.ndarray:
    masks = {"action_masks": get_action_masks(env)} if isinstance(model, MaskablePPO) else {}
    return model.predict(observations, deterministic=True, **masks)[0]


def test_the_checker_finds_no_fault(scalar):
    check_env(make(scalar))


@each_name
@each_algorithm
def test_an_algorithm_learns_and_its_copy_on_disk_decides_alike(
    algorithm, policy, settings, name, tmp_path
):
    env = vector(name)
    model = algorithm(policy, env, seed=0, device="cpu", **settings)
    before = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(STEPS)
    after = list(model.policy.parameters())
    assert any((one != other).any() for one, other in zip(before, after, strict=True))
    assert all(parameter.isfinite().all() for parameter in after)
    lengths = {episode["l"] for episode in model.ep_info_buffer}
    assert max(lengths) == 4
    assert lengths == {4} or is_family(name), "which may stop before"

    model.save(tmp_path / "model")
    again = algorithm.load(tmp_path / "model", env=env, device="cpu")
    observations = env.reset()
    chosen = predict(model, env, observations)
    np.testing.assert_array_equal(predict(again, env, observations), chosen)
    env.step(chosen)
    judge = evaluate_masked if algorithm is MaskablePPO else evaluate_policy
    mean, _ = judge(again, env, n_eval_episodes=2)
    assert np.isfinite(mean)
    env.close()


def test_a_prefix_imports_rlnas_in_a_new_process():
    name = "rlnas/TabularDigits-v0"
    env = make_vec_env(f"rlnas:{name}", n_envs=1, seed=0, vec_env_cls=SubprocVecEnv)
    np.testing.assert_array_equal(env.reset(), make_vec_env(name, n_envs=1, seed=0).reset())
    env.close()


# --- masks ---


class Refusals(BaseCallback):
    """Counts the actions that the environments refused."""

    count = 0

    def _on_step(self) -> bool:
        self.count += sum(not info["applied"] for info in self.locals["infos"])
        return True


def refusals(algorithm: Any, env: VecEnv) -> int:
    """How many actions of a learning policy are refused."""
    counter = Refusals()
    algorithm("MlpPolicy", env, n_steps=64, batch_size=64, n_epochs=1, seed=0, device="cpu").learn(
        256, callback=counter
    )
    env.close()
    return counter.count


def kinds(name: str) -> Iterable[VecEnv]:
    """The id by Stable-Baselines3's own vector, and the vector of rlnas."""
    yield vector(name)
    if is_tabular(name) or is_family(name):
        yield VecMonitor((TabularVecEnv if is_tabular(name) else FamilyVecEnv)(2, **short(name)))


@each_name
def test_a_masked_policy_never_takes_an_illegal_action(name):
    for env in kinds(name):
        assert refusals(MaskablePPO, env) == 0


@each_name
def test_without_masks_illegal_actions_are_taken_and_refused(name):
    for env in kinds(name):
        assert refusals(PPO, env) > 20


@each_name
def test_predictions_of_an_untrained_masked_policy_are_legal(name):
    env = vector(name)
    model = MaskablePPO("MlpPolicy", env, seed=0, device="cpu")
    observations = env.reset()
    for _ in range(40):
        actions, _ = model.predict(observations, action_masks=get_action_masks(env))
        observations, _, _, infos = env.step(actions)
        assert all(info["applied"] for info in infos)
    env.close()


# --- many tabular environments ---


def test_a_thousand_tabular_environments_learn():
    env = VecMonitor(TabularVecEnv(1000, episode_steps=4))
    model = PPO("MlpPolicy", env, n_steps=4, batch_size=1000, n_epochs=1, seed=0, device="cpu")
    model.learn(8000)
    assert {episode["l"] for episode in model.ep_info_buffer} == {4}
    env.close()
