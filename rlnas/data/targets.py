"""`Targets`: numbers that are to be predicted, and how they are standardised."""

from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from rlnas.errors import InputError
from rlnas.read_only import ReadOnlyArrays

_COARSE = 1e-3  # standard deviations; float32 steps larger than this lose too much of a target
_HUBER = 1.345  # robust standard deviations: 95 % efficient for normal errors (Huber 1981)
_NORMAL = 1.4826  # standard deviation of a normal distribution over its median deviation


class TargetsRecord(TypedDict):
    """`Targets` as JSON values."""

    names: tuple[str, ...]
    mean: list[float]
    scale: list[float]
    bends: list[float]


@dataclass(frozen=True, eq=False)
class Targets(ReadOnlyArrays):
    """Numbers that are to be predicted: their names, and how they are standardised.

    An output of a network is `(target - mean) / scale`.

    Attributes:
        names: The name of each target.
        mean: Mean over the training samples by their weights, float64 `[targets]`.
        scale: Standard deviation over them, float64 `[targets]`, positive.
        bends: Absolute errors of the outputs beyond which a robust loss is a straight line, float32
            `[targets]`, positive; see `huber_bends`.
    """

    names: tuple[str, ...]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    bends: NDArray[np.float32]

    def standardized(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Targets as the outputs of a network, float32 `[samples, targets]`."""
        return np.ascontiguousarray((values - self.mean) / self.scale, np.float32)

    def in_units(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Outputs of a network in the units of the data, float64 `[samples, targets]`."""
        return outputs.astype(np.float64) * self.scale + self.mean

    def as_json(self) -> TargetsRecord:
        """Everything as JSON values; floats keep all of their bits."""
        return {
            "names": self.names,
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "bends": self.bends.tolist(),
        }

    @classmethod
    def from_json(cls, values: Any) -> "Targets":
        """The targets that `as_json` described.

        Raises:
            KeyError, TypeError, ValueError: If the values describe none.
        """
        names = tuple(values["names"])
        mean, scale = (np.array(values[key], np.float64) for key in ("mean", "scale"))
        bends = np.array(values["bends"], np.float32)
        fits = mean.shape == scale.shape == bends.shape == (len(names),) and len(names) > 0
        if not fits or not all(isinstance(name, str) for name in names):
            raise ValueError("its targets differ in number")
        positive = np.concatenate([scale, bends])
        if not (np.isfinite([*mean, *positive]).all() and (positive > 0).all()):
            raise ValueError("the statistics of its targets are not finite, or not positive")
        return cls(names, mean, scale, bends)


def fit_targets(
    values: NDArray[np.float64],
    train: NDArray[np.int32],
    weights: NDArray[np.float64],
    names: tuple[str, ...],
) -> Targets:
    """Measure targets in training samples.

    Args:
        values: Targets of all samples, float64 `[samples, targets]`, finite.
        train: Numbers of the training samples.
        weights: Weight of each sample, float64 `[samples]`.
        names: The name of each target.

    Raises:
        InputError: If a target is constant, or varies too little for its size.
    """
    known, weight = values[train], weights[train]
    mean = np.average(known, axis=0, weights=weight)
    scale = np.sqrt(np.average(np.square(known - mean), axis=0, weights=weight))
    for k, name in enumerate(names):
        if not scale[k] > 1e-12 * abs(mean[k]):
            raise InputError(
                f"target {name!r} is {mean[k]:g} in all training samples: there is nothing to "
                "learn, give one that varies"
            )
        if np.finfo(np.float32).eps * abs(mean[k]) > _COARSE * scale[k]:
            raise InputError(
                f"target {name!r} varies by {scale[k]:.2g} around {mean[k]:.9g}, which float32 "
                "does not resolve: subtract what all of its values have in common"
            )
    return Targets(names, mean, scale, huber_bends(((known - mean) / scale).astype(np.float32)))


def huber_bends(targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """The absolute errors beyond which a robust loss is a straight line, float32 `[targets]`.

    They are 1.345 robust standard deviations of the targets: of the median absolute deviation from
    the median, or of all if that is zero.

    Args:
        targets: Standardised targets of the training samples, float32 `[samples, targets]`.
    """
    deviations = np.abs(targets - np.median(targets, axis=0))
    spread = _NORMAL * np.median(deviations, axis=0)
    return (_HUBER * np.where(spread > 0, spread, 1.0)).astype(np.float32)
