"""`Pool`: which networks of a search make the best design, alone or side by side.

Every trial has answers for samples that its networks did not learn from. The mean of the answers of
several trials is what their networks answer side by side in one network, so that each union of
trials can be judged without training anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rlnas.agents.designing.limits import Limits
from rlnas.agents.designing.trials import Trial
from rlnas.data.preprocessing import Preprocessing
from rlnas.designs.record import FrontRecord
from rlnas.nn.network import SparseNetwork
from rlnas.nn.rewiring import side_by_side
from rlnas.scoring import non_dominated, score

MOST = 8
"""Most networks in a union."""

LOSS_WEIGHT = 1.0
"""Share of the validation loss in the merit of a design, which tells equal accuracies apart."""

LADDER = (0.001, 0.004, 0.016, 0.064, 0.25, 1.0)
"""Prices of the reference number of weights for each of which a good union is looked for."""

SMALLEST = 1e-6
"""Price where the smallest design of a certain accuracy is wanted: it only tells equals apart."""


class Judged(NamedTuple):
    """Accuracy (share of correct answers) and mean cross-entropy (nats) in validation."""

    accuracy: float
    loss: float


def judge(answers: np.ndarray, labels: np.ndarray) -> Judged:
    """The validation score of some answers; the one place that knows what a good answer is.

    Args:
        answers: Outputs of a design, float `[samples, outputs]`.
        labels: What is right, `[samples]`.
    """
    exact = answers.astype(np.float64)
    exact -= exact.max(axis=1, keepdims=True)
    losses = np.log(np.exp(exact).sum(axis=1)) - exact[np.arange(labels.size), labels]
    return Judged(float(np.mean(answers.argmax(axis=1) == labels)), float(losses.mean()))


@dataclass(frozen=True, eq=False)
class Union:
    """Networks of some trials as one design.

    Attributes:
        trials: The trials, in the order of their numbers.
        judged: How good their mean answer is.
        weights: Active weights of the one network that they make.
    """

    trials: tuple[Trial, ...]
    judged: Judged
    weights: int

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
        labels: What is right for the validation samples of all folds, `[judged samples]`.
        reference: See `rlnas.scoring.reference_weights`.
        limits: What a design may need at most, or must reach.
        rules: Preprocessing of the data.
        penalty: Price of the reference number of weights, in accuracy.
    """

    def __init__(
        self,
        labels: np.ndarray,
        reference: int,
        limits: Limits,
        rules: Preprocessing,
        penalty: float,
    ):
        self.best: Union | None = None
        self.found: list[Union] = []
        self._labels, self._reference = labels, reference
        self._limits, self._rules, self._penalty = limits, rules, penalty
        self._known: dict[tuple[int, ...], Union] = {}
        self._leaders: dict[float, Union] = {}

    def add(self, trial: Trial) -> None:
        """Look at unions with a new trial; one without answers makes none."""
        if trial.answers is None:
            return
        for price in LADDER:
            for trials in _with(trial, self._leaders.get(price)):
                self._offer(trials, price)
            for trials in _without_one(self._leaders.get(price)):
                self._offer(trials, price)

    def merit(self, union: Union) -> float:
        """What the best union has most of.

        It is the accuracy and a share of the loss less the price of the weights; or if there is a
        least accuracy, the accuracy up to that, of equals that of the smallest.
        """
        if (least := self._limits.min_accuracy) is not None:
            relative = union.weights / self._reference
            return min(union.judged.accuracy, least) - SMALLEST * relative
        return self._merit_at(self._penalty, union)

    def front(self) -> list[FrontRecord]:
        """The designs that no other one beats in accuracy and size, by ascending weights."""
        accuracies = np.array([union.judged.accuracy for union in self.found])
        weights = np.array([union.weights for union in self.found])
        return [
            {"active_weights": union.weights, "val_accuracy": union.judged.accuracy}
            for union in (self.found[k] for k in non_dominated(accuracies, weights))
        ]

    def _merit_at(self, price: float, union: Union) -> float:
        value = score(union.judged.accuracy, union.weights, price, self._reference)
        return value - LOSS_WEIGHT * union.judged.loss

    def _offer(self, trials: tuple[Trial, ...], price: float) -> None:
        """Let a union be the leader at a price if it is better there, and fits."""
        union = self._union(trials)
        leader = self._leaders.get(price)
        if leader is not None and self._merit_at(price, union) <= self._merit_at(price, leader):
            return
        if len(trials) > 1 and not self._limits.fit(union.network(), self._rules):
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
            known = [each.answers for each in trials if each.answers is not None]  # all of them
            networks = [trial.network for trial in trials]
            weights = side_by_side(networks).active_weights
            judged = judge(np.mean(known, axis=0), self._labels)
            self._known[key] = Union(trials, judged, weights)
        return self._known[key]


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
