"""What a search strategy works on: environments that charge a budget and keep every design.

A strategy is a function of a `Problem`. It makes environments, plays episodes or evaluates
architectures until the budget is spent; whatever it evaluates is in the archive.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from tqdm import tqdm

from rlnas.envs.actions import NO_OP
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.tabular_env import TabularEnv
from rlnas.integers import whole
from rlnas.nn.architecture import Architecture
from rlnas.nn.network import SparseNetwork
from rlnas.tabular.grid import Grid

LIVE_GRID = Grid((4, 8, 16, 32, 64, 128, 256), (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0), 3)
"""Architectures that strategies choose from which do not edit but train every network anew."""


class BudgetSpent(Exception):
    """A strategy asked for more training than its budget allows: its search is over."""


@dataclass
class SearchHistory:
    """Every evaluated design, and the best.

    Attributes:
        budget: training batches that may be spent; in tabular environments look-ups.
        spent: of it.
        spents, scores, accuracies, weights: a value for each evaluated design, in order: what had
            been spent by then, score, validation accuracy, active weights.
        best: the design with the highest score; a network, or an architecture of a table.
        bar: shows what has been spent.
    """

    budget: int
    spent: int = 0
    spents: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    best: SparseNetwork | Architecture | None = None
    best_score: float = -np.inf
    bar: tqdm | None = None

    def add(self, cost: int, info: dict[str, Any], env: DesignEnv | TabularEnv) -> None:
        """Charge the evaluation of an environment's present design, and keep it."""
        self.spent += cost
        if self.bar is not None:
            self.bar.update(cost)
        self.spents.append(self.spent)
        self.scores.append(info["score"])
        self.accuracies.append(info["val_accuracy"])
        self.weights.append(float(info["active_weights"]))
        if info["score"] > self.best_score:
            self.best_score = info["score"]
            self.best = env.current_design


class CountedEnv(gym.Wrapper):
    """An environment that charges an archive for every evaluation.

    A deep copy is an environment of its own that charges the same archive.

    Args:
        env: a `DesignEnv` or `TabularEnv`.
        archive: to charge.
        seed: of the first episode; the next ones go on with the same generator.
        from_best: start episodes with the best design of the archive, once there is one; a network
            is trained on, with the state of its optimiser.

    Raises:
        BudgetSpent: at a step or reset for which nothing is left.
    """

    def __init__(
        self,
        env: DesignEnv | TabularEnv,
        archive: SearchHistory,
        seed: int,
        from_best: bool = False,
    ):
        super().__init__(env)
        self.archive = archive
        self.from_best = from_best
        self.first_seed: int | None = seed

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Start an episode."""
        if seed is None:
            seed, self.first_seed = self.first_seed, None
        self._check_budget()
        best = self.archive.best
        if self.from_best and best is not None:
            kind = "network" if isinstance(best, SparseNetwork) else "architecture"
            options = {**(options or {}), kind: best}
        observation, info = self.env.reset(seed=seed, options=options)
        self._charge(info)
        return observation, info

    def step(self, action: Any) -> Any:
        """Take an action."""
        self._check_budget()
        outcome = self.env.step(action)
        self._charge(outcome[4])
        return outcome

    def action_masks(self) -> np.ndarray:
        """Bool `[actions]`: which actions are legal now."""
        return self.unwrapped.action_masks()  # type: ignore[attr-defined]

    @property
    def cost(self) -> int:
        """Of a step or reset."""
        env: Any = self.unwrapped
        return env.evaluation_cost

    def _check_budget(self) -> None:
        if self.archive.spent >= self.archive.budget:
            raise BudgetSpent

    def _charge(self, info: dict[str, Any]) -> None:
        self.archive.add(self.cost, info, self.unwrapped)  # type: ignore[arg-type]

    def __deepcopy__(self, memo: dict[int, Any]) -> "CountedEnv":
        inner: Any = deepcopy(self.env, memo)
        twin = CountedEnv(inner, self.archive, seed=0, from_best=self.from_best)
        twin.first_seed = self.first_seed
        return twin


class Problem:
    """A design task with a budget.

    Args:
        make: makes an environment; takes arguments of its class by keyword.
        budget: see `SearchHistory`.
        seed: of everything random.

    Attributes:
        archive: what has been evaluated.
        rng: the strategy's source of randomness.
        n_actions, episode_steps: of the environments.
        grid: the architectures that `evaluate` is usually asked for.
    """

    def __init__(self, make: Callable[..., DesignEnv | TabularEnv], budget: int, seed: int):
        self._make = make
        self.archive = SearchHistory(whole("budget", budget))
        self.rng = np.random.default_rng(whole("seed", seed))
        self.env = self.make()
        env: Any = self.env.unwrapped
        self.n_actions, self.episode_steps = int(env.action_space.n), int(env.episode_steps)
        self.tabular = isinstance(env, TabularEnv)
        self.grid: Grid = env.table.grid if self.tabular else LIVE_GRID

    def make(self, from_best: bool = False, **arguments: Any) -> CountedEnv:
        """Another environment of the task, which charges the same archive.

        Args:
            from_best: see `CountedEnv`.
            **arguments: of the class of the environment.
        """
        seed = int(self.rng.integers(2**31))
        return CountedEnv(self._make(**arguments), self.archive, seed, from_best)

    @property
    def evaluations(self) -> int:
        """Steps and resets that the whole budget pays for."""
        return self.archive.budget // self.env.cost

    def play(
        self, choose: Callable[[np.ndarray, np.ndarray], int], seed: int | None = None
    ) -> float:
        """Play one episode.

        Args:
            choose: gives an action for an observation and a mask, bool `[n_actions]`.
            seed: of the episode; by default the random numbers go on.

        Returns:
            The score of the last design.
        """
        return play(self.env, choose, seed)

    def play_sequence(self, actions: Sequence[int], seed: int | None = None) -> float:
        """Play one episode with given actions, then "none"; illegal ones change nothing."""
        following = iter(actions)
        return self.play(lambda observation, mask: next(following, NO_OP), seed)

    def evaluate(self, architecture: Architecture) -> float:
        """The score of an architecture.

        A random network of it is trained for as long as an episode lasts; in a table it is looked
        up.
        """
        _, info = self.env.reset(options={"architecture": architecture})
        if not self.tabular:
            for _ in range(self.episode_steps):
                info = self.env.step(NO_OP)[4]
        return info["score"]


def play(
    env: CountedEnv, choose: Callable[[np.ndarray, np.ndarray], int], seed: int | None = None
) -> float:
    """Play one episode of an environment; arguments and result as those of `Problem.play`."""
    observation, info = env.reset(seed=seed)
    over = False
    while not over:
        action = choose(observation, env.action_masks())
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
    return info["score"]


Strategy = Callable[[Problem], None]
"""Searches until `BudgetSpent`."""


def search(strategy: Strategy, problem: Problem) -> SearchHistory:
    """Let a strategy spend the budget of a problem.

    Returns:
        The archive of the problem.
    """
    try:
        strategy(problem)
    except BudgetSpent:
        return problem.archive
    raise RuntimeError(f"{strategy} ended its search before its budget was spent")
