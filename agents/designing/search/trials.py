"""Trials of a search within limits: each plays one recipe on every fold of the data.

What a trial does follows from its number, the seed and the results of earlier trials, never from a
clock or the number of workers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from rlnas.agents.designing.finish import brief_training, linear_network
from rlnas.agents.designing.search.limits import Limits
from rlnas.agents.policies.environments import MIN_BATCHES, env_like, thorough_env
from rlnas.agents.policies.episode import rank_of, steps_of_episode
from rlnas.agents.policies.layouts import BUDGET, STEPS
from rlnas.agents.policies.policy import layout_of_policy, load_policy
from rlnas.data.dataset import Dataset
from rlnas.envs.live_env import LiveEnv
from rlnas.errors import EditError
from rlnas.nn.edits import remove_connections
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import (
    DEFAULT_HYPERPARAMETERS,
    Batches,
    Evaluation,
    evaluate_outputs,
    outputs,
    train,
)
from rlnas.scoring import REFERENCE_WIDTH, reference_weights

LINEAR, USUAL, WIDE, THOROUGHLY, WITH_COST = "linear", "usual", "wide", "thorough", "with cost"

PRICES = (0.003, 0.5)
"""Lowest and highest price of the reference number of weights in a trial without limits."""

EXTREME_PRICES = (1e-4, 10.0)
"""Lowest and highest price in a trial with limits."""

BELOW, ABOVE = 4.0, 16.0
"""How far the prices of trials spread around the price at which designs just keep the limits."""

COST = 2.0
"""Training cost of an episode of the policy for budgets, in units."""

RELATIVE = {LINEAR: 1.0, USUAL: 4.0, WITH_COST: 10.0, WIDE: 10.0, THOROUGHLY: 40.0}
"""About how long trials take compared with one another, at most, while that is not measured."""

_GOLDEN = (5**0.5 - 1) / 2
_WIDE: dict[str, Any] = {"width": REFERENCE_WIDTH, "density": 1.0, "min_batches_per_step": 50}
_CYCLES = {STEPS: (USUAL, WIDE, USUAL), BUDGET: (WITH_COST,)}
"""How episodes begin in turn, by the kind of episodes that the policy was trained in."""

_ON_LARGE_DATA = (USUAL, WIDE, USUAL, USUAL, WIDE, THOROUGHLY)
"""The same where thorough episodes train longer than `MIN_BATCHES` after each edit; on smaller data
they are no better than others, and take three times as long."""

SMALLER, LARGER = 4.0, 2.0
"""How far the sizes of trials spread around that at which designs just reach a least accuracy."""

_PRUNED, _AFTER_PRUNING = 0.2, 25
"""Share of the connections that is removed at once, and training batches after it."""


class Recipe(NamedTuple):
    """How the episodes of a trial are played.

    Attributes:
        start: What they begin with.
        price: Price of the reference number of weights, in units of the metric.
        most: Most active weights of their designs; None for as many as the limits allow.
    """

    start: str
    price: float
    most: int | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """What a search is about.

    Attributes:
        folds: The data set, then others with the same samples; see `rlnas.data.folds`.
        limits: What designs may need at most.
        policy: Run folder of the policy.
        seed: Seed of everything random.
    """

    folds: Sequence[Dataset]
    limits: Limits
    policy: Path
    seed: int

    @property
    def data(self) -> Dataset:
        """The data set."""
        return self.folds[0]

    @property
    def reference(self) -> int:
        """See `rlnas.scoring.reference_weights`."""
        return reference_weights(self.data.n_features, self.data.n_outputs)

    @cached_property
    def judged(self) -> np.ndarray:
        """Rows of the validation samples of each fold, int32 `[judged samples]`."""
        return np.concatenate([each.validation for each in self.folds])

    def fit(self, network: SparseNetwork) -> bool:
        """Whether a network is within the limits."""
        return self.limits.fit(network, self.data.preprocessing)

    def judge(self, answers: np.ndarray) -> Evaluation:
        """Metric and loss of outputs for the judged samples, `[judged samples, outputs]`."""
        return evaluate_outputs(answers, self.data, self.judged)


class Trial(NamedTuple):
    """What a trial found.

    Attributes:
        number: Its number.
        recipe: How its episodes were played.
        network: The network of the fold `number % folds`, after its brief training.
        answers: Outputs for the validation samples of each fold, by the network that did not learn
            from them, float32 `[judged samples, outputs]`; None if there was no network that fits.
        fits: Whether the best designs of the episodes fit as they were.
        seconds: Duration.
        brief_seconds: Duration of the longest brief training.
    """

    number: int
    recipe: Recipe
    network: SparseNetwork
    answers: np.ndarray | None
    fits: bool
    seconds: float
    brief_seconds: float


class _Played(NamedTuple):
    """The design of an episode that fits, or the smallest, and whether the best one fitted."""

    network: SparseNetwork
    fits: bool


def recipe_of(number: int, task: Task, wishes: Sequence[tuple[float, bool]]) -> Recipe:
    """The recipe of a trial.

    Args:
        number: Its number.
        task: What the search is about.
        wishes: Price of each earlier trial that may count, and whether a higher price is wanted
            since its designs were too large; with a least accuracy, one over its active weights
            instead, and whether it was reached.
    """
    if number == 0:
        return Recipe(LINEAR, 0.0)
    cycle = _cycle(task)
    low, high = PRICES
    if task.limits.given and task.limits.min_accuracy is None and wishes:
        middle = boundary(wishes)
        low, high = (
            float(np.clip(each, *EXTREME_PRICES)) for each in (middle / BELOW, middle * ABOVE)
        )
    share, most = number * _GOLDEN % 1, None
    if task.limits.min_accuracy is not None and wishes:
        largest = LARGER / boundary(wishes)
        most = max(1, round(largest * (SMALLER * LARGER) ** -share))
    price = float(low * (high / low) ** share)
    return Recipe(cycle[(number - 1) % len(cycle)], price, most)


def _cycle(task: Task) -> tuple[str, ...]:
    """How the episodes of a task begin in turn."""
    layout, data = layout_of_policy(task.policy), task.data
    batches = data.train.size / DEFAULT_HYPERPARAMETERS.batch_size_for(data.train.size)
    return _ON_LARGE_DATA if layout == STEPS and batches > MIN_BATCHES else _CYCLES[layout]


def boundary(wishes: Sequence[tuple[float, bool]]) -> float:
    """The price above which trials keep the limits, best in line with what was seen.

    Or one over the number of weights above which trials do not reach the least accuracy.

    Args:
        wishes: See `recipe_of`; at least one.
    """
    prices = sorted(price for price, _ in wishes)
    ends = [prices[0] / ABOVE, *prices, prices[-1] * ABOVE]
    middles = [float(np.sqrt(a * b)) for a, b in pairwise(ends)]
    return min(middles, key=lambda at: sum((price < at) != higher for price, higher in wishes))


def play(
    number: int, recipe: Recipe, task: Task, on_step: Callable[[float], None] | None = None
) -> Trial:
    """Play a trial.

    Args:
        number: Its number.
        recipe: Its recipe.
        task: What the search is about.
        on_step: Called with the share of the trial that is done; it may raise.
    """
    began, brief = perf_counter(), 0.0
    kept = number % len(task.folds)
    answers: list[np.ndarray] | None = []
    played: list[_Played] = []
    for k, data in enumerate(task.folds):

        def told(share: float, before: int = k) -> None:
            if on_step is not None:
                on_step((before + share) / len(task.folds))

        seed = _seed(task.seed, number, k)
        played.append(_played(recipe, data, task, seed, told))
        network = played[-1].network
        if not task.fit(network):
            answers = None
            break
        before = perf_counter()
        brief_training(network, data, recipe.price, np.random.default_rng(seed))
        brief = max(brief, perf_counter() - before)
        assert answers is not None
        answers.append(outputs(network, data, data.validation))
    return Trial(
        number,
        recipe,
        (played[-1] if answers is None else played[kept]).network,
        None if answers is None else np.concatenate(answers),
        all(each.fits for each in played),
        perf_counter() - began,
        brief,
    )


def warm_up(task: Task) -> None:
    """Compile what trials need, or load it, so that no trial is slower for that.

    Compiling takes about a minute, once after an installation.
    """
    data = task.data
    env = _environment(Recipe(_cycle(task)[0], 0.1), data, task, episode_steps=3)
    for _ in steps_of_episode(env, load_policy(task.policy), 0):
        pass
    outputs(env.current_design, data, data.validation)


def _played(
    recipe: Recipe, data: Dataset, task: Task, seed: int, on_step: Callable[[float], None]
) -> _Played:
    """Play an episode on a fold: the best design that fits, or the best one, pruned until it does.

    A network that does not fit even then is the smallest that pruning leaves.
    """

    def fit(network: SparseNetwork) -> bool:
        small = recipe.most is None or network.active_weights <= recipe.most
        return small and task.fit(network)

    if recipe.start == LINEAR:
        best = linear_network(data, seed)
        fitting = best if fit(best) else None
    else:
        best, fitting = _episode(recipe, data, task, seed, fit, on_step)
    if fitting is None:
        return _Played(_pruned(best.copy(), data, seed, fit), False)
    return _Played(fitting.copy(), fitting is best)


def _episode(
    recipe: Recipe,
    data: Dataset,
    task: Task,
    seed: int,
    fit: Callable[[SparseNetwork], bool],
    on_step: Callable[[float], None],
) -> tuple[SparseNetwork, SparseNetwork | None]:
    """The best network of an episode by its score, and the best one that fits."""
    env = _environment(recipe, data, task)
    best = fitting = None
    best_rank = fitting_rank = (False, -np.inf)
    for taken, step in enumerate(steps_of_episode(env, load_policy(task.policy), seed)):
        network, rank = env.current_design, rank_of(step.info)
        if best is None or rank > best_rank:
            best, best_rank = network, rank
        if network.active_weights and rank > fitting_rank and fit(network):
            fitting, fitting_rank = network, rank
        on_step((taken + 1) / (env.episode_steps + 1))
    assert best is not None  # an episode begins with a design
    return best, fitting


def _environment(recipe: Recipe, data: Dataset, task: Task, **arguments: Any) -> LiveEnv:
    """The environment of an episode, with other arguments if asked."""
    run = task.policy
    if recipe.start == WITH_COST:
        return env_like(run, data, recipe.price, middle=True, budget=COST, **arguments)
    if recipe.start == THOROUGHLY:
        return thorough_env(run, data, recipe.price)
    start = _WIDE if recipe.start == WIDE else {}
    return env_like(run, data, recipe.price, middle=True, **start, **arguments)


def _pruned(
    network: SparseNetwork, data: Dataset, seed: int, fit: Callable[[SparseNetwork], bool]
) -> SparseNetwork:
    """Remove the least salient connections, with a little training in between, until it fits."""
    batches = Batches(data.train, np.random.default_rng(seed))
    while not fit(network):
        count = max(1, round(_PRUNED * network.active_weights))
        try:
            network = remove_connections(network, count)
        except EditError:  # one connection is left
            return network
        if network.index.blocks.size == 0:
            return network
        train(network, data, batches.take(_AFTER_PRUNING))
    return network


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
