"""One of the environments of a training, with the seeds of its group; it imports no PyTorch."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from rlnas.agents.config import TrainConfig
from rlnas.agents.policies.environments import make_env
from rlnas.data.dataset import Dataset
from rlnas.envs.replay import ReplayableEnv, Replayed, restored_generator
from rlnas.files.typed import fields


def new_env(config: TrainConfig, data: Sequence[Dataset], index: int) -> gym.Env:
    """An environment of a training that can come back to a moment.

    Args:
        config: settings of the training.
        data: the data sets that they name.
        index: number of the environment; those of a group are side by side.
    """
    env, size = ReplayableEnv(make_env(config, data)), config.episode_group_size
    return env if size == 1 else SeededEpisodes(env, config.seed + index // size)


class SeededEpisodes(gym.Wrapper):
    """Every episode has a seed from one sequence; a seed given to `reset` is not used.

    Args:
        env: a `ReplayableEnv`.
        seed: of the sequence.
    """

    def __init__(self, env: gym.Env, seed: int):
        super().__init__(env)
        self.seeds = np.random.default_rng(seed)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Start the next episode."""
        return self.env.reset(seed=int(self.seeds.integers(2**31)), options=options)

    def state(self) -> dict[str, Any]:
        """JSON values that `restore` takes."""
        return {**self.env.get_wrapper_attr("state")(), "seeds": self.seeds.bit_generator.state}

    def restore(self, state: Any) -> Replayed:
        """Come back to the moment of a state.

        Raises:
            Damaged: no episode of this environment can have had the state.
        """
        generator, actions, seeds = fields(state, "generator", "actions", "seeds")
        self.seeds = np.random.Generator(restored_generator(seeds))
        own = {"generator": generator, "actions": actions}
        replayed: Replayed = self.env.get_wrapper_attr("restore")(own)
        return replayed
