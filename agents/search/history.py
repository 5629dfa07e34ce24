"""What a search has evaluated: one record for each evaluation, and the best design."""

from dataclasses import dataclass, field

from rlnas.nn.architecture import Architecture
from rlnas.nn.network import SparseNetwork


@dataclass(frozen=True)
class Evaluation:
    """The result of evaluating one design.

    Attributes:
        cumulative_cost: what the search has spent up to and including this evaluation; training
            batches, or look-ups in a table.
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
    """Every evaluation of a search in order, and the best design.

    Attributes:
        evaluations: in the order in which they were made.
        best: the first design that reached `best_score`: a network, or an architecture of a table.
            None before the first evaluation.
        best_score: the highest score so far.
    """

    evaluations: list[Evaluation] = field(default_factory=list)
    best: SparseNetwork | Architecture | None = None
    best_score: float = -float("inf")

    @property
    def spent(self) -> int:
        """The cost of all evaluations together."""
        return self.evaluations[-1].cumulative_cost if self.evaluations else 0

    @property
    def scores(self) -> list[float]:
        """The score of every evaluation."""
        return [evaluation.score for evaluation in self.evaluations]

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
        self.evaluations.append(Evaluation(self.spent + cost, score, accuracy, weights))
        if score > self.best_score:
            self.best, self.best_score = design, score
