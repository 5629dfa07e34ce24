"""Episodes on the family that pay a reward vector: the metric, weights and bytes apart."""

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from rlnas.envs.family.actions import STARTS
from rlnas.envs.family.bank import Bank
from rlnas.envs.family.family_env import FamilyEnv, Start
from rlnas.envs.family.vector_env import FamilyVectorEnv
from rlnas.errors import InputError
from rlnas.family.space import ARCHITECTURES

OBJECTIVES = 3


class MOFamilyEnv(FamilyEnv):
    """`FamilyEnv` with the reward vector (metric, -weights, -bytes), for MO-Gymnasium.

    ## Rewards
    float32 `[3]`: the change of the mean test metric of the seeds that decisions are not based on;
    minus the change of the active weights over `reference`; and minus the change of the bytes of
    the network as `c-int8` code over `reference`. They are those of the present network, not of the
    best one, and before the first training those of a prediction without features, which has no
    weights and no bytes. So they add up to what the last network is better.

    `pareto_front` gives the best returns there are.

    Everything else is that of `FamilyEnv`, where `penalty` still decides the score in the
    observation and in the info.

    ## Version History
    * v0: first version.
    """

    def __init__(self, **arguments: Any):
        super().__init__(**arguments)
        self.reward_dim = OBJECTIVES
        self.reward_space = _reward_space()
        self.bytes = _bytes(self)
        self._objectives = np.zeros((1, OBJECTIVES))
        self._paid = np.zeros((1, OBJECTIVES), np.float32)

    def step(self, action: Any) -> tuple[np.ndarray, Any, bool, bool, dict[str, Any]]:
        """As `FamilyEnv`, but the reward is float32 `[3]`."""
        observation, _, terminated, truncated, info = super().step(action)
        return observation, self._paid[0], terminated, truncated, info

    def _start(self, how: Start) -> None:
        super()._start(how)
        self._objectives = _objectives(self.bank, self.bytes, self._states)

    def _move(self) -> None:
        super()._move()
        after = _objectives(self.bank, self.bytes, self._states)
        self._paid = (after - self._objectives).astype(np.float32)
        self._objectives = after

    def pareto_front(self, gamma: float) -> list[NDArray[np.float64]]:
        """The returns of the present task that no other policy beats in all three objectives.

        These policies train what leads to a network of the front at the least cost, each network on
        the way for as short as possible, and stop. They know the test metrics.

        Args:
            gamma: Must be 1: with a discount the front depends on the way.

        Returns:
            One float64 `[3]` for each network.

        Raises:
            InputError: `gamma` is not 1, or no episode has begun.
        """
        if gamma != 1:
            raise InputError(f"the Pareto front is not known for gamma {gamma}: expected 1")
        state = self.state
        task, seed = state.task, state.seed
        paid = _least_cost(self.bank, task) <= state.budget
        returns = np.empty((*paid.shape, OBJECTIVES))
        returns[..., 0] = self.bank.judged[task, seed] - self.bank.nothing[task, 1]
        returns[..., 1] = -self.bank.weights[task, :, None]
        returns[..., 2] = -self.bytes[task, :, None]
        return list(_not_beaten(returns[paid]))


class MOFamilyVectorEnv(FamilyVectorEnv):
    """Many `MOFamilyEnv`: as `FamilyVectorEnv`, with rewards float32 `[num_envs, 3]`.

    Made by `gymnasium.make_vec(id, num_envs, vectorization_mode="vector_entry_point", ...)`. In a
    step that only resets an environment (mode "NextStep") its reward is `(0, 0, 0)`.

    Args:
        num_envs: Number of environments.
        arguments: Arguments of `FamilyVectorEnv`.

    Raises:
        InputError: A value cannot be used.
    """

    def __init__(self, num_envs: int = 1, **arguments: Any):
        super().__init__(num_envs, **arguments)
        self.reward_space = _reward_space()
        self.bytes = _bytes(self.single)
        self._objectives = np.zeros((num_envs, OBJECTIVES))
        self._paid = np.zeros((num_envs, OBJECTIVES), np.float32)

    def step(
        self, actions: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """As `FamilyVectorEnv`, but the rewards are float32 `[num_envs, 3]`."""
        observations, _, terminated, truncated, infos = super().step(actions)
        return observations, self._paid, terminated, truncated, infos

    def _start(self, which: np.ndarray, how: Start) -> None:
        super()._start(which, how)
        began = _objectives(self.bank, self.bytes, self._states)
        self._objectives = np.where(which[:, None], began, self._objectives)

    def _move(self, actions: np.ndarray, moving: np.ndarray) -> None:
        super()._move(actions, moving)
        after = _objectives(self.bank, self.bytes, self._states)
        self._paid = np.where(moving[:, None], after - self._objectives, 0).astype(np.float32)
        self._objectives = after


def _reward_space() -> gym.spaces.Box:
    return gym.spaces.Box(-np.inf, np.inf, (OBJECTIVES,), np.float32)


def _bytes(env: FamilyEnv) -> NDArray[np.float64]:
    """Bytes of code over reference, `[tasks, architectures]`."""
    return np.stack([table.flash / table.reference for table in env.tables])


def _objectives(bank: Bank, code: NDArray[np.float64], states: NDArray[Any]) -> NDArray[np.float64]:
    """What the present networks reach, float64 `[n, 3]`."""
    task, number = states["task"], states["architecture"]
    there = number >= 0
    metric = bank.judged[task, states["seed"], number, states["length"]]
    return np.stack(
        [
            np.where(there, metric, bank.nothing[task, 1]),
            -np.where(there, bank.weights[task, number], 0),
            -np.where(there, code[task, number], 0),
        ],
        axis=1,
    )


def _least_cost(bank: Bank, task: int) -> NDArray[np.float64]:
    """The least that must be spent to have a network, float64 `[architectures, lengths]`.

    A way leads from one of the starts over neighbours, each of which is trained for the shortest
    length, to the network, which is trained for its own. A node more than there are architectures
    stands for no network.
    """
    n, starts = len(ARCHITECTURES), len(STARTS)
    price = bank.cost[task] + bank.edit[task]
    begin = bank.successors[0, :starts]
    source, edit = np.nonzero(bank.successors[:, starts:] >= 0)
    goal = bank.successors[:, starts:][source, edit]
    edges = np.zeros((n + 1, n + 1))  # zero: there is none
    edges[source, goal], edges[n, begin] = price[goal, 0], price[begin, 0]
    shortest = dijkstra(csr_array(edges), indices=n)[:n]
    found: NDArray[np.float64] = (shortest - price[:, 0])[:, None] + price
    return found


def _not_beaten(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points that no other one is at least as good as in all objectives, and not equal to."""
    points = np.unique(points, axis=0)
    at_least = (points[:, None] >= points[None]).all(axis=-1)
    best: NDArray[np.float64] = points[at_least.sum(axis=0) == 1]
    return best
