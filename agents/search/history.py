"""What a search has spent and evaluated: one record for each evaluation, and the best design."""

from dataclasses import dataclass, field

from rlnas.nn.architecture import Architecture
from rlnas.nn.network import SparseNetwork


@dataclass(frozen=True)
class Evaluation:
    """The result of evaluating one design.

    Attributes:
        cumulative_cost: what the search has spent up to and including this evaluation; training
            batches, look-ups in a table, or multiply-adds in episodes with a budget.
        score: the quantity that is maximised.
        accuracy: on validation samples.
        weights: active weights; a mean over seeds in a table, hence not always whole.
    """

    cumulative_cost: int
    score: float
    accuracy: float
    weights: float


@dataclass
class SearchHistory:
    """What a search has spent, every evaluation in order, and the best design.

    Attributes:
        evaluations: in the order in which they were made.
        best: the first design that reached `best_score`: a network, or an architecture of a table.
            None before the first evaluation.
        best_score: the highest score so far.
        spent: the cost of all evaluations, and of what led to none.
    """

    evaluations: list[Evaluation] = field(default_factory=list)
    best: SparseNetwork | Architecture | None = None
    best_score: float = -float("inf")
    spent: int = 0

    @property
    def scores(self) -> list[float]:
        """The score of every evaluation."""
        return [evaluation.score for evaluation in self.evaluations]

    def charge(self, cost: int) -> None:
        """Count what was spent without evaluating anything."""
        self.spent += cost

    def add(
        self,
        cost: int,
        score: float,
        accuracy: float,
        weights: float,
        design: SparseNetwork | Architecture,
    ) -> None:
        """Append an evaluation, and keep its design if no earlier one has as high a score.

        Args:
            cost: of this evaluation alone.
            score: see `Evaluation`.
            accuracy: see `Evaluation`.
            weights: see `Evaluation`.
            design: what was evaluated; it must not be changed afterwards.
        """
        self.charge(cost)
        self.evaluations.append(Evaluation(self.spent, score, accuracy, weights))
        if score > self.best_score:
            self.best, self.best_score = design, score
