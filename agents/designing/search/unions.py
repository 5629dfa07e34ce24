"""`Pool`: which networks of a search make the best design, alone or side by side.

Every trial has answers for samples that its networks did not learn from. The mean of the answers of
several trials is what their networks answer side by side in one network, so that each union of
trials can be judged without training anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rlnas.agents.designing.search.trials import Task, Trial
from rlnas.designs.record import FrontRecord
from rlnas.nn.network import SparseNetwork
from rlnas.nn.rewiring import side_by_side
from rlnas.nn.training import Evaluation
from rlnas.scoring import non_dominated, score

MOST = 8
"""Most networks in a union."""

LOSS_WEIGHT = 1.0
"""Share of the validation loss in the merit of a design, which tells equal accuracies apart."""

LADDER = (0.001, 0.004, 0.016, 0.064, 0.25, 1.0)
"""Prices of the reference number of weights for each of which a good union is looked for."""

SMALLEST = 1e-6
"""Price where the smallest design of a certain accuracy is wanted: it only tells equals apart."""


@dataclass(frozen=True, eq=False)
class Union:
    """Networks of some trials as one design.

    Attributes:
        trials: The trials, in the order of their numbers.
        judged: Metric and loss of their mean answer.
        weights: Active weights of the one network that they make.
    """

    trials: tuple[Trial, ...]
    judged: Evaluation
    weights: int

    @property
    def answers(self) -> np.ndarray:
        """Its outputs for the judged samples, float32 `[judged samples, outputs]`."""
        return _mean_answers(self.trials)

    def network(self) -> SparseNetwork:
        """The networks of the trials side by side."""
        return side_by_side([trial.network for trial in self.trials])


class Pool:
    """The unions that were found good for one price or another, and the best of them.

    Which unions are looked at does not depend on the penalty, which only chooses among them: from
    the same trials, a higher penalty never takes a larger design.

    Attributes:
        best: The union with the most merit of those that fit; None as long as there is none.
        found: The unions that fit, each the best for a price when it was found.

    Args:
        task: What the search is about.
        penalty: Price of the reference number of weights, in units of the metric.
    """

    def __init__(self, task: Task, penalty: float):
        self.best: Union | None = None
        self.found: list[Union] = []
        self._task, self._penalty = task, penalty
        self._known: dict[tuple[int, ...], Union] = {}
        self._leaders: dict[float | None, Union] = {}
        self._prices = LADDER if task.limits.min_accuracy is None else (*LADDER, None)

    def add(self, trial: Trial) -> None:
        """Look at unions with a new trial; one without answers makes none."""
        if trial.answers is None:
            return
        for price in self._prices:
            for trials in _with(trial, self._leaders.get(price)):
                self._offer(trials, price)
            for trials in _without_one(self._leaders.get(price)):
                self._offer(trials, price)

    def merit(self, union: Union) -> float:
        """What the best union has most of.

        It is the metric less a share of the loss and the price of the weights; or if there is a
        least metric, the metric up to that, of equals that of the smallest.
        """
        if (least := self._task.limits.min_accuracy) is not None:
            relative = union.weights / self._task.reference
            return min(union.judged.metric, least) - SMALLEST * relative
        return self._merit_at(self._penalty, union)

    def front(self) -> list[FrontRecord]:
        """The designs that no other one beats in metric and size, by ascending weights."""
        metrics = np.array([union.judged.metric for union in self.found])
        weights = np.array([union.weights for union in self.found])
        return [
            {"active_weights": union.weights, "val_metric": union.judged.metric}
            for union in (self.found[k] for k in non_dominated(metrics, weights))
        ]

    def _merit_at(self, price: float | None, union: Union) -> float:
        """The merit at a price of the ladder; without one, that at which the best is chosen."""
        if price is None:
            return self.merit(union)
        value = score(union.judged.metric, union.weights, price, self._task.reference)
        return value - LOSS_WEIGHT * union.judged.loss

    def _offer(self, trials: tuple[Trial, ...], price: float | None) -> None:
        """Let a union be the leader at a price if it is better there, and fits."""
        union = self._union(trials)
        leader = self._leaders.get(price)
        if leader is not None and self._merit_at(price, union) <= self._merit_at(price, leader):
            return
        if len(trials) > 1 and not self._task.fit(union.network()):
            return
        self._leaders[price] = union
        if union not in self.found:
            self.found.append(union)
            if self.best is None or self._rank(union) > self._rank(self.best):
                self.best = union

    def _rank(self, union: Union) -> tuple[float, int]:
        return self.merit(union), -union.weights

    def _union(self, trials: tuple[Trial, ...]) -> Union:
        """The union of some trials, which is judged once."""
        key = tuple(trial.number for trial in trials)
        if key not in self._known:
            networks = [trial.network for trial in trials]
            weights = side_by_side(networks).active_weights
            judged = self._task.judge(_mean_answers(trials))
            self._known[key] = Union(trials, judged, weights)
        return self._known[key]


def _mean_answers(trials: tuple[Trial, ...]) -> np.ndarray:
    """What networks of trials that have answers answer side by side."""
    known = [trial.answers for trial in trials if trial.answers is not None]  # all of them
    mean: np.ndarray = np.mean(known, axis=0)
    return mean


def _with(trial: Trial, leader: Union | None) -> Iterator[tuple[Trial, ...]]:
    """A trial alone, then added to a union, then in place of each of its members."""
    yield (trial,)
    if leader is None:
        return
    members = leader.trials
    if len(members) < MOST:
        yield (*members, trial)
    for k in range(len(members)):
        yield (*members[:k], *members[k + 1 :], trial)


def _without_one(leader: Union | None) -> Iterator[tuple[Trial, ...]]:
    """A union without each of its members."""
    if leader is not None and len(leader.trials) > 1:
        for k in range(len(leader.trials)):
            yield (*leader.trials[:k], *leader.trials[k + 1 :])
