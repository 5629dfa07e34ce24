"""Record designs of the family of tasks as a Minari data set, and learn a policy from it offline.

    pip install '.[libraries]'
    python examples/learn_offline.py

Takes a minute or two. Random legal actions are recorded on the training tasks, with all infos; the
policy is learned from the data set alone, by advantage-weighted regression (Peng et al. 2019), and
is evaluated on the validation tasks, which it has never seen.
"""

from typing import NamedTuple

import gymnasium as gym
import minari
import numpy as np
import torch
from torch.distributions import Categorical

from rlnas import load_family
from rlnas.agents.benchmark import About, Protocol, Submission, View, evaluate

NAME = "rlnas/family-train/random-v0"
EPISODES, EPOCHS, BATCH = 3000, 15, 512
SHARPNESS = 0.05  # a gain of this makes an action e times as important


class Steps(NamedTuple):
    """All steps of a data set, one after the other.

    Attributes:
        observations: float32 `[n, 78]`.
        masks: Legal actions, bool `[n, 91]`.
        actions: int64 `[n]`.
        returns: Sums of the rewards from the step to the end of its episode, float32 `[n]`.
    """

    observations: torch.Tensor
    masks: torch.Tensor
    actions: torch.Tensor
    returns: torch.Tensor


class Learner(torch.nn.Module):
    """Logits of the actions, and the return that is expected."""

    def __init__(self, inputs: int, actions: int):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(inputs, 64), torch.nn.Tanh())
        self.actor, self.critic = torch.nn.Linear(64, actions), torch.nn.Linear(64, 1)

    def forward(
        self, observations: torch.Tensor, masks: torch.Tensor
    ) -> tuple[Categorical, torch.Tensor]:
        """The distribution of the legal actions, and the expected returns."""
        seen = self.body(observations)
        logits = self.actor(seen).masked_fill(~masks, -1e9)
        return Categorical(logits=logits), self.critic(seen).squeeze(-1)

    # A player of the benchmark:

    def begin(self, n: int) -> None:
        """Nothing is remembered."""

    def act(self, view: View) -> np.ndarray:
        """The most probable action of each episode."""
        with torch.no_grad():
            policy, _ = self(torch.as_tensor(view.observations), torch.as_tensor(view.masks))
        return policy.probs.argmax(dim=-1).numpy()


def record(name: str, episodes: int, seed: int = 0) -> minari.MinariDataset:
    """A data set of random legal actions, with all infos."""
    env = minari.DataCollector(gym.make("rlnas/FamilyTrain-v0"), record_infos=True)
    env.action_space.seed(seed)
    for number in range(episodes):
        _, info = env.reset(seed=seed + number)
        over = False
        while not over:
            action = env.action_space.sample(info["action_mask"])
            *_, terminated, truncated, info = env.step(action)
            over = terminated or truncated
    dataset = env.create_dataset(
        name,
        eval_env="rlnas/FamilyVal-v0",
        algorithm_name="random legal actions",
        author="rlnas",
        author_email="none",
        code_permalink="none",
        description="Designs on the training tasks of the family: random legal actions",
    )
    env.close()
    return dataset


def steps_of(dataset: minari.MinariDataset) -> Steps:
    """The steps of a data set."""
    rows: list[tuple[np.ndarray, ...]] = []
    for episode in dataset.iterate_episodes():
        returns = np.cumsum(episode.rewards[::-1])[::-1].astype(np.float32)
        masks = episode.infos["action_mask"][:-1].astype(bool)  # the last one is after the end
        rows.append((episode.observations[:-1], masks, episode.actions, returns))
    return Steps(*(torch.as_tensor(np.concatenate(column)) for column in zip(*rows, strict=True)))


def learn(steps: Steps, epochs: int, seed: int = 0) -> Learner:
    """A policy that prefers the actions whose returns were better than expected."""
    torch.manual_seed(seed)
    learner = Learner(steps.observations.shape[1], steps.masks.shape[1])
    optimiser = torch.optim.Adam(learner.parameters(), lr=2e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(steps.actions)).split(BATCH):
            policy, value = learner(steps.observations[rows], steps.masks[rows])
            gain = steps.returns[rows] - value
            importance = (gain.detach() / SHARPNESS).clamp(max=3).exp()
            cloning = -(importance * policy.log_prob(steps.actions[rows])).mean()
            loss = cloning + 10 * gain.square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return learner


def main(name: str = NAME, episodes: int = EPISODES, epochs: int = EPOCHS) -> Submission:
    """Record, unless that was done before, learn, evaluate, and print the score.

    Args:
        name: Name of the data set, in Minari's folder.
        episodes: Number of episodes to record.
        epochs: How often to go through their steps.
    """
    there = name in minari.list_local_datasets()
    dataset = minari.load_dataset(name) if there else record(name, episodes)
    print(f"{dataset.total_episodes:,} episodes, {dataset.total_steps:,} steps in {name}")
    learner = learn(steps_of(dataset), epochs)
    about = About("advantage-weighted regression", note=f"{dataset.total_episodes} random episodes")
    result = evaluate(learner, load_family(), about, Protocol("validation"), progress_bar=False)
    print(f"score on the validation tasks {result.anytime.mean():.3f}: 0 no features, 1 the oracle")
    return result


if __name__ == "__main__":
    main()
