"""Proximal policy optimization in a single file, in the style of CleanRL.

    python examples/ppo_single_file.py

Trains on the tabular environment for half a minute. `train` works on every Gymnasium vector
environment with a flat observation and discrete actions that resets in the same step, which is what
the scripts of CleanRL expect. Illegal actions are not masked.
"""

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from torch import nn
from torch.distributions import Categorical

import rlnas  # noqa: F401  (registers the environments)

GAMMA, LAMBDA, CLIP, ENTROPY, EPOCHS, MINIBATCHES = 1.0, 0.95, 0.2, 0.01, 4, 4


class History(NamedTuple):
    """What a training reports.

    Attributes:
        logged: Return of each episode, as logged by `RecordEpisodeStatistics`.
        summed: Return of each episode, summed from the rewards of the steps.
        losses: Loss of each minibatch.
    """

    logged: list[float]
    summed: list[float]
    losses: list[float]


class Agent(nn.Module):
    """A policy network and a value network without shared layers."""

    def __init__(self, inputs: int, actions: int):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, actions))
        self.critic = nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, 1))

    def policy(self, observations: torch.Tensor) -> Categorical:
        """Distribution of the actions."""
        return Categorical(logits=self.actor(observations))

    def value(self, observations: torch.Tensor) -> torch.Tensor:
        """Expected returns."""
        return self.critic(observations).squeeze(-1)


def train(envs: gym.vector.VectorEnv, updates: int, steps: int, seed: int = 0) -> History:
    """Train an agent.

    Args:
        envs: Environments in autoreset mode SAME_STEP, wrapped in `RecordEpisodeStatistics`.
        updates: Number of rollouts, each followed by an update.
        steps: Steps of each environment in a rollout.
        seed: Seed of PyTorch and of the environments.
    """
    torch.manual_seed(seed)
    agent = Agent(envs.single_observation_space.shape[0], envs.single_action_space.n)  # type: ignore
    optimiser = torch.optim.Adam(agent.parameters(), lr=2e-3, eps=1e-5)
    history, paid = History([], [], []), np.zeros(envs.num_envs)
    observation = torch.as_tensor(envs.reset(seed=seed)[0])
    over = torch.zeros(envs.num_envs)
    for _ in range(updates):
        rollout: dict[str, list[torch.Tensor]] = {key: [] for key in ("o", "a", "p", "r", "v", "d")}
        for _ in range(steps):
            with torch.no_grad():
                policy, value = agent.policy(observation), agent.value(observation)
            action = policy.sample()
            row = {"o": observation, "a": action, "p": policy.log_prob(action), "v": value}
            found, reward, terminated, truncated, info = envs.step(action.numpy())
            observation, over = torch.as_tensor(found), torch.as_tensor(terminated | truncated)
            row |= {"r": torch.as_tensor(reward, dtype=torch.float32), "d": over.float()}
            for key, tensor in row.items():
                rollout[key].append(tensor)
            paid += reward
            log(history, info, paid, over.numpy())
        batch = {key: torch.stack(tensors) for key, tensors in rollout.items()}
        with torch.no_grad():
            gains = advantages(batch, agent.value(observation))
        batch |= {"gain": gains, "target": gains + batch["v"]}
        flat = {key: tensor.flatten(0, 1) for key, tensor in batch.items()}
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(flat["r"])).chunk(MINIBATCHES):
                loss = loss_of(agent, {key: tensor[rows] for key, tensor in flat.items()})
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimiser.step()
                history.losses.append(loss.item())
    return history


def log(history: History, info: dict[str, Any], paid: np.ndarray, over: np.ndarray) -> None:
    """Append the returns of the episodes that ended in this step."""
    if "final_info" in info:
        history.logged.extend(info["episode"]["r"][info["_episode"]].tolist())
        history.summed.extend(paid[over].tolist())
        paid[over] = 0


def advantages(batch: dict[str, torch.Tensor], last_value: torch.Tensor) -> torch.Tensor:
    """Generalized advantage estimates; row t of `d` is 1 where step t ended an episode."""
    gains = torch.zeros_like(batch["r"])
    gain, value = torch.zeros_like(last_value), last_value
    for t in reversed(range(len(gains))):
        goes_on = 1 - batch["d"][t]
        error = batch["r"][t] + GAMMA * goes_on * value - batch["v"][t]
        gain = gains[t] = error + GAMMA * LAMBDA * goes_on * gain
        value = batch["v"][t]
    return gains


def loss_of(agent: Agent, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Clipped policy loss plus value loss minus entropy bonus."""
    policy = agent.policy(batch["o"])
    ratio = (policy.log_prob(batch["a"]) - batch["p"]).exp()
    gain = (batch["gain"] - batch["gain"].mean()) / (batch["gain"].std() + 1e-8)
    policy_loss = -torch.min(ratio * gain, ratio.clamp(1 - CLIP, 1 + CLIP) * gain).mean()
    value_loss = (agent.value(batch["o"]) - batch["target"]).square().mean()
    return policy_loss + 0.5 * value_loss - ENTROPY * policy.entropy().mean()


if __name__ == "__main__":
    vector = gym.make_vec("rlnas/TabularDigits-v0", num_envs=32, autoreset_mode="SameStep")
    history = train(RecordEpisodeStatistics(vector), updates=100, steps=20)
    first, last = np.mean(history.logged[:100]), np.mean(history.logged[-100:])
    print(f"mean return of the first 100 episodes {first:.3f}, of the last 100 {last:.3f}")
