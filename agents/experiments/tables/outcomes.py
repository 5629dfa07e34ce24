"""What each method of the study offers at a penalty, and how methods differ over tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rlnas.agents.designing.finish import merit
from rlnas.agents.experiments.statistics import Interval, trimmed_mean_interval
from rlnas.agents.experiments.tables.networks import DESIGN, RANDOM, REMOVE_ALL, SHARES, Fitted
from rlnas.agents.experiments.tables.study import DENSE, PRUNINGS
from rlnas.scoring import score

ONE_PRUNING, SEVEN_PRUNINGS, DENSE_WIDTHS = "one_pruning", "seven_prunings", "dense_widths"
PRUNINGS_OR_LINEAR, WIDTHS_OR_LINEAR = "prunings_or_linear", "widths_or_linear"
EPISODE = "episode"
"""The best design of the episode, where the design may be a linear network instead."""

RIVALS = (
    ONE_PRUNING,
    SEVEN_PRUNINGS,
    PRUNINGS_OR_LINEAR,
    DENSE_WIDTHS,
    WIDTHS_OR_LINEAR,
    "logistic_regression",
    EPISODE,
    REMOVE_ALL,
    RANDOM,
)
"""Rivals of the design in test score: at every penalty, each has a model and its weights."""

ACCURATE = ("mlp", "gradient_boosting", "random_forest")
"""Rivals of the design in test accuracy alone."""

BEST_OF_THREE = "best_of_three"
"""On each table the most accurate of `ACCURATE`, in hindsight."""

BEST_SHARES = {0.03: 0.15, 0.1: 0.08, 0.3: 0.04}
"""For each penalty, the share of `SHARES` that is best on the development tables.

The report of `rlnas study tables --split development` prints them."""

TIE = 0.1
"""Points by which two methods may differ on an origin and still tie."""


class Outcome(NamedTuple):
    """A method on one split of a table, at one penalty.

    Attributes:
        table: The table.
        origin: What the table was made from.
        split: Number of the split.
        penalty: Price of the reference number of weights, in accuracy.
        method: `DESIGN`, one of `RIVALS` or of `ACCURATE`, or `BEST_OF_THREE`.
        accuracy: Test accuracy.
        weights: Number of weights; 0 for trees.
        score: Test accuracy less the price of the weights; that of trees is nothing to compare.
    """

    table: str
    origin: str
    split: int
    penalty: float
    method: str
    accuracy: float
    weights: int
    score: float


Rows = Sequence[Outcome]


def share_at(penalty: float) -> float:
    """The share of `BEST_SHARES` at the penalty that is nearest on a logarithmic scale."""
    return BEST_SHARES[min(BEST_SHARES, key=lambda known: abs(np.log(known / max(penalty, 1e-12))))]


def outcomes(study: Mapping[str, Any]) -> list[Outcome]:
    """What each method offers at every penalty, and the most accurate models at the price.

    Args:
        study: Result of `rlnas.agents.experiments.tables.study.study_tables`.
    """
    found = []
    for each in study["results"]:
        known = each["penalty"] is not None
        penalties = (each["penalty"],) if known else (*study["penalties"],)
        if each["method"] in ACCURATE:
            penalties = (study["price"],)
        for penalty in penalties:
            offers = _offers(each, penalty)
            found += [_outcome(each, penalty, name, offers[name]) for name in offers]
    return found + best_in_hindsight(found)


def _outcome(result: Mapping[str, Any], penalty: float, method: str, fitted: Fitted) -> Outcome:
    accuracy, weights = fitted["test_accuracy"], fitted["active_weights"] or 0
    place = result["table"], result["origin"], result["split"], penalty
    value = score(accuracy, weights, penalty, result["reference"])
    return Outcome(*place, method, accuracy, weights, value)


def _offers(result: Mapping[str, Any], penalty: float) -> dict[str, Fitted]:
    """The models that a result offers at a penalty, by the method that chooses them."""
    fitted: list[Fitted] = result["fitted"]

    def best(some: Sequence[Fitted]) -> Fitted:
        """The model that is best in validation, as a design is chosen."""
        place = penalty, result["reference"]
        return max(
            some,
            key=lambda one: merit(
                score(one["val_accuracy"], one["active_weights"] or 0, *place), one["val_loss"]
            ),
        )

    if result["method"] == PRUNINGS:
        *pruned, _linear = fitted
        one = pruned[SHARES.index(share_at(penalty))]
        return {ONE_PRUNING: one, SEVEN_PRUNINGS: best(pruned), PRUNINGS_OR_LINEAR: best(fitted)}
    if result["method"] == DENSE:
        *dense, _linear = fitted
        return {DENSE_WIDTHS: best(dense), WIDTHS_OR_LINEAR: best(fitted)}
    if result["method"] == DESIGN:
        return {DESIGN: best(fitted), EPISODE: fitted[0]}
    return {result["method"]: best(fitted)}


def best_in_hindsight(rows: Rows) -> list[Outcome]:
    """On each table, that method of `ACCURATE` with the highest mean test accuracy."""
    tables: dict[str, dict[str, list[Outcome]]] = {}
    for row in rows:
        if row.method in ACCURATE:
            tables.setdefault(row.table, {}).setdefault(row.method, []).append(row)
    found: list[Outcome] = []
    for methods in tables.values():
        found += max(methods.values(), key=lambda some: np.mean([row.accuracy for row in some]))
    return [row._replace(method=BEST_OF_THREE) for row in found]


# --- means over tables ---


def by_origin(rows: Iterable[Outcome], value: Callable[[Outcome], float]) -> dict[str, float]:
    """Mean of a value over the splits and penalties of each table, then over tables of an origin.

    Args:
        rows: Outcomes of one method.
        value: What to take the mean of.
    """
    tables: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        tables.setdefault((row.origin, row.table), []).append(value(row))
    origins: dict[str, list[float]] = {}
    for (origin, _), values in tables.items():
        origins.setdefault(origin, []).append(float(np.mean(values)))
    return {origin: float(np.mean(values)) for origin, values in sorted(origins.items())}


def mean_over(origins: Mapping[str, float], trim: float = 0) -> Interval:
    """Mean over origins with its 95 % bootstrap interval.

    Args:
        origins: One value for each origin.
        trim: Share of the origins that is left out at either end.
    """
    return trimmed_mean_interval(list(origins.values()), trim=trim)


def of_method(rows: Rows, method: str, penalty: float | None = None) -> list[Outcome]:
    """The outcomes of a method, at one penalty or at all."""
    return [row for row in rows if row.method == method and penalty in (None, row.penalty)]


def difference(
    rows: Rows, rival: str, penalty: float | None = None, key: str = "score"
) -> dict[str, float]:
    """By how many points the design is better than a rival, for each origin.

    Every split of a table at a penalty is a pair.

    Args:
        rows: All outcomes.
        rival: The other method.
        penalty: One penalty; by default all at which the rival has outcomes.
        key: `score` or `accuracy`.
    """
    theirs = {row[:4]: getattr(row, key) for row in of_method(rows, rival, penalty)}
    ours = [row for row in of_method(rows, DESIGN, penalty) if row[:4] in theirs]
    return by_origin(ours, lambda row: 100 * (getattr(row, key) - theirs[row[:4]]))


def mean_weights(rows: Rows) -> float:
    """Geometric mean of the weights, averaged as `by_origin` does."""
    return float(np.exp(mean_over(by_origin(rows, lambda row: float(np.log(row.weights)))).value))


def ratio_of_weights(rows: Rows, rival: str, penalty: float | None = None) -> float:
    """Geometric mean over origins of the design's weights over a rival's."""
    theirs = {row[:4]: row.weights for row in of_method(rows, rival, penalty)}
    ours = [row for row in of_method(rows, DESIGN, penalty) if row[:4] in theirs]
    logs = by_origin(ours, lambda row: float(np.log(row.weights / theirs[row[:4]])))
    return float(np.exp(mean_over(logs).value))


def counts(differences: Mapping[str, float]) -> tuple[int, int, int]:
    """Numbers of origins on which the design is better, ties (within `TIE`), and is worse."""
    values = np.array(list(differences.values()))
    wins, losses = int((values > TIE).sum()), int((values < -TIE).sum())
    return wins, values.size - wins - losses, losses


def at_size(study: Mapping[str, Any], method: str, place: int, penalty: float = 0) -> Rows:
    """Outcomes of the pruning to one of `SHARES`, or of the dense network of one of `WIDTHS`.

    Args:
        study: Result of `rlnas.agents.experiments.tables.study.study_tables`.
        method: `PRUNINGS` or `DENSE`.
        place: Index of the size.
        penalty: Price of the reference number of weights, in accuracy.
    """
    return [
        _outcome(each, penalty, method, each["fitted"][place])
        for each in study["results"]
        if each["method"] == method
    ]
