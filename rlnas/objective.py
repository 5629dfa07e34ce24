"""`Objective`: what networks for some data are trained for, and what they are judged by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log
from typing import Annotated, Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.numbers import places_of
from rlnas.errors import InputError
from rlnas.files.json_schema import TEXT

Task = Literal["classification", "regression"]
"""To tell classes apart, or to predict numbers."""

TASKS: tuple[Task, ...] = ("classification", "regression")

METRICS: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "balanced_accuracy", "log_loss"),
    "regression": ("r2",),
}
"""The metrics of each task, the default first; `value_of` defines them."""

LOSSES: dict[Task, tuple[str, ...]] = {
    "classification": ("cross_entropy",),
    "regression": ("squared", "huber"),
}
"""What can be minimised in the training of each task, the default first."""

BALANCED = "balanced"
"""Class weights with which all classes have the same weight in the training samples."""

MetricFunction = Callable[[NDArray[Any], NDArray[Any]], float]
"""A metric of one's own, a function of the truth and of the predictions.

It is called with the class numbers `[n]` and the probabilities `[n, classes]`, or with the targets
`[n, outputs]` and the predictions `[n, outputs]`, both in the units of the data. It returns a
number that is larger for better, at best 1; below 0 it counts as 0.
"""

GIVEN = "it was given"
"""Why the task is what it is if nobody had to guess."""

SHOWN = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss score",
    "r2": "R²",
}
"""What metrics are called in texts."""


class ObjectiveRecord(TypedDict):
    """An `Objective` as JSON values."""

    task: Annotated[str, TEXT]
    metric: Annotated[str, TEXT]
    loss: Annotated[str, TEXT]


@dataclass(frozen=True)
class Objective:
    """What networks for some data are trained for, and what they are judged by.

    Attributes:
        task: The task.
        metric: One of `METRICS`, or a function.
        loss: One of `LOSSES`.
    """

    task: Task = "classification"
    metric: str | MetricFunction = "accuracy"
    loss: str = "cross_entropy"

    @classmethod
    def of(
        cls, task: Task, metric: str | MetricFunction | None = None, loss: str | None = None
    ) -> "Objective":
        """The objective with the defaults of a task for what is not given.

        Raises:
            InputError: If the metric or the loss does not fit the task.
        """
        for what, value, known in (("metric", metric, METRICS), ("loss", loss, LOSSES)):
            if isinstance(value, str) and value not in known[task]:
                other = next((each for each in TASKS if value in known[each]), None)
                why = f"is for {other}, but this is {task}" if other else "is unknown"
                expected = " or ".join(known[task])
                raise InputError(f"{what} {value!r} {why}: expected {expected}")
            if (
                value is not None
                and not isinstance(value, str)
                and not (what == "metric" and callable(value))
            ):
                raise InputError(f"{what} {value!r} cannot be used: expected the name of one")
        return cls(task, metric or METRICS[task][0], loss or LOSSES[task][0])

    @property
    def metric_name(self) -> str:
        """Name of the metric; of a function, its own."""
        if isinstance(self.metric, str):
            return self.metric
        return getattr(self.metric, "__name__", type(self.metric).__name__)

    @property
    def shown(self) -> str:
        """Name of the metric in texts."""
        return shown_metric(self.metric_name)

    def as_json(self) -> ObjectiveRecord:
        """The objective as JSON values."""
        return {"task": self.task, "metric": self.metric_name, "loss": self.loss}


def shown_metric(name: str) -> str:
    """What a metric is called in texts."""
    return SHOWN.get(name, name)


def shown_value(name: str, value: float) -> str:
    """The value of a metric in texts: shares of samples in percent."""
    return f"{value:.2%}" if name.endswith("accuracy") else f"{value:.4f}"


def by_weights(result: Mapping[str, Any]) -> tuple[str, str]:
    """What is added to the names of numbers that weights apply to, and to those of the others.

    Args:
        result: Results on some samples; under `weighted`, whether these have weights. Without
            weights nothing is added.
    """
    return (", by weights", ", without weights") if result.get("weighted") else ("", "")


def value_of(
    metric: str,
    tally: NDArray[Any],
    total: float,
    loss: float,
    parts: Callable[[], NDArray[Any]],
) -> float:
    """The value of a metric, from 0 to 1.

    Args:
        metric: One of `METRICS`: `accuracy`, the share of the weight that is predicted correctly;
            `balanced_accuracy`, the mean of that share over the classes that have weight;
            `log_loss`, 1 - loss / log(classes), which is 1 for certainty and 0 for a guess; or
            `r2`, 1 - squared error / variance, the mean over the targets. Below 0 it is 0.
        tally: Weight of each class that is predicted correctly, or squared error of each target,
            float64 `[outputs]`.
        total: Weight of all samples.
        loss: Mean loss of the samples.
        parts: Computes the weight of each class, or the squared deviation of each target from its
            mean, float64 `[outputs]`; called if the metric depends on them.
    """
    if metric == "accuracy":
        return clipped(float(tally.sum()) / total)
    if metric == "log_loss":
        return clipped(1 - loss / log(len(tally)))
    whole = parts()
    there = whole > 0
    found = float((tally[there] / whole[there]).mean()) if there.any() else 0.0
    return clipped(1 - found if metric == "r2" else found)


def clipped(value: float) -> float:
    """The value of a metric between 0 and 1; 0 for NaN, which a network that diverged has."""
    return min(value, 1.0) if value > 0 else 0.0


def class_weights(
    wanted: str | Mapping[str, float], names: tuple[str, ...], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The weight of each class, float64 `[classes]`.

    Args:
        wanted: `BALANCED`, or weights by the names of classes, numbers however they are written;
            others have weight 1.
        names: Names of the classes.
        weight: Weight of the training samples of each class.

    Raises:
        InputError: If a class is unknown or named twice, or the weights have another form.
    """
    if wanted == BALANCED:
        there = weight > 0
        found = np.ones(len(names))
        found[there] = weight.sum() / (there.sum() * weight[there])
        return found
    if not isinstance(wanted, Mapping):
        raise InputError(
            f"class weights {wanted!r} cannot be used: expected '{BALANCED}' or a weight for each "
            "class"
        )
    place_of, given = places_of(names), dict[int, float]()
    for name, value in wanted.items():
        place = place_of(str(name))
        if place is None:
            raise InputError(
                f"class weights name the class {name!r}, expected one of {', '.join(names)}"
            )
        if place in given:
            raise InputError(f"class {names[place]!r} has two class weights: give one")
        given[place] = value
    return np.array([given.get(place, 1.0) for place in range(len(names))], np.float64)


LARGEST_WEIGHT = 1e30
"""Largest weight of a sample; sums of more would not be finite in float32."""


def checked_weights(weights: Any, n_samples: int) -> NDArray[np.float64]:
    """Weights of samples as float64 `[samples]`.

    Raises:
        InputError: If there are more or fewer than samples, one is no number, negative or not
            finite, or all are zero.
    """
    try:
        found = np.asarray(weights, np.float64)
    except (TypeError, ValueError):
        raise InputError("weights are no numbers: give one number from 0 for each sample") from None
    if found.shape != (n_samples,):
        raise InputError(
            f"weights have shape {found.shape}, expected [{n_samples}]: give one for each sample"
        )
    wrong = ~((found >= 0) & (found <= LARGEST_WEIGHT))
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"weights have {found[row]:g} in row {row}, expected finite numbers from 0"
        )
    if not found.any():
        raise InputError("weights are all zero: give some samples a weight above 0")
    return found
