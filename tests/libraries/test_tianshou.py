"""Tianshou: its collector keeps every info, and its PPO learns."""

import gymnasium as gym
import numpy as np
import pytest
import torch

pytest.importorskip("tianshou", reason="Tianshou is not installed: `make test-libraries`")

from tianshou.algorithm import PPO
from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.trainer import OnPolicyTrainerParams
from tianshou.utils.net.common import Net
from tianshou.utils.net.discrete import DiscreteActor, DiscreteCritic
from torch.distributions import Categorical

from tests.compat.helpers import make, what_pays

NAMES = ["rlnas/TabularDigits-v0", "rlnas/Digits-v1", "rlnas/FamilyTrain-v0"]

N = 4
STEPS = 160


def ppo(env: gym.Env) -> PPO:
    """A small learner."""
    net = Net(state_shape=env.observation_space.shape, hidden_sizes=[16])
    actor = DiscreteActor(preprocess_net=net, action_shape=env.action_space.n, softmax_output=False)
    policy = ProbabilisticActorPolicy(
        actor=actor,
        dist_fn=lambda logits: Categorical(logits=logits),
        action_space=env.action_space,
        action_scaling=False,
    )
    critic = DiscreteCritic(preprocess_net=net)
    return PPO(policy=policy, critic=critic, optim=AdamOptimizerFactory(lr=1e-3), gamma=1.0)


@pytest.mark.parametrize("name", NAMES)
def test_ppo_learns_and_its_buffer_has_the_infos_of_every_step(name):
    torch.manual_seed(0)
    algorithm = ppo(make(name))
    before = [parameter.detach().clone() for parameter in algorithm.parameters()]
    buffer = VectorReplayBuffer(STEPS, N)
    collector = Collector(algorithm, DummyVectorEnv([lambda: make(name)] * N), buffer)
    training = OnPolicyTrainerParams(
        training_collector=collector,
        test_collector=Collector(algorithm, DummyVectorEnv([lambda: make(name)] * 2)),
        max_epochs=1,
        epoch_num_steps=2 * STEPS,
        collection_step_num_env_steps=STEPS,
        update_step_num_repetitions=1,
        batch_size=40,
        test_step_num_episodes=2,
        verbose=False,
        show_progress=False,
    )
    result = algorithm.run_training(training)
    assert result.train_step == 2 * STEPS
    after = list(algorithm.parameters())
    assert all(parameter.isfinite().all() for parameter in after)
    assert any((one != other).any() for one, other in zip(before, after, strict=True))

    collector.reset()  # it empties the buffer too
    collector.collect(n_step=STEPS)
    infos = buffer.info
    assert np.isin(buffer.act, np.arange(make(name).action_space.n)).all()
    within = ~np.roll(buffer.done, 1) & (np.arange(STEPS) % (STEPS // N) > 0)
    gains = np.diff(infos[what_pays(name)], prepend=0)
    np.testing.assert_allclose(buffer.rew[within], gains[within], atol=1e-12)
    assert infos.action_mask.shape == (STEPS, make(name).action_space.n)
    if name == "rlnas/Digits-v1":
        assert infos.layer_sizes.shape == (STEPS, 5)
        assert len(np.unique(np.count_nonzero(infos.layer_sizes, axis=1))) > 1, "depths differ"
