"""The simplest rivals: no network at all, and random legal actions."""

import numpy as np
from numpy.typing import NDArray

from rlnas.agents.benchmark.playing import View
from rlnas.envs.family.actions import STOP


class NothingPlayer:
    """Never trains a network: it stops, which is refused as long as there is none."""

    def begin(self, n: int) -> None:
        """Nothing is remembered."""

    def act(self, view: View) -> NDArray[np.int64]:
        """To stop, everywhere."""
        return np.full(view.running.size, STOP)


class RandomPlayer:
    """Takes random legal actions, all of them equally often, but never stops.

    Args:
        seed: Seed of the generator.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def begin(self, n: int) -> None:
        """The same draws again."""
        self._rng = np.random.default_rng(self.seed)

    def act(self, view: View) -> NDArray[np.int64]:
        """A random legal action but stop in each episode."""
        draws = self._rng.random(view.masks.shape) * view.masks
        draws[:, STOP] = 0
        found: NDArray[np.int64] = draws.argmax(axis=1)
        return found
