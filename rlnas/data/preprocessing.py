"""`Preprocessing`: from raw samples to inputs of a network, from its outputs to what they mean."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.encoding import Encoding, EncodingRecord
from rlnas.data.targets import Targets, TargetsRecord
from rlnas.errors import InputError
from rlnas.objective import Task
from rlnas.read_only import ReadOnlyArrays

SMALLEST_IMAGE = 8
"""Pixels along a side: uint8 features that are a square of at least this are taken for an image."""

FARTHEST = 10.0
"""Standard deviations from its mean that a feature may be away; a value beyond counts as this."""

_SMALLEST_STD = 1e-30  # below, a feature counts as constant: 1/std would near float32's limit
_COARSE = 1e-4  # standard deviations; float32 steps larger than this lose too much of a column
_RATIO = 50  # ratio of the widths of two ranges that counts as far
_FEW = 10  # with fewer rows a range may be narrow by chance

_log = logging.getLogger("rlnas")


class PreprocessingRecord(TypedDict):
    """A `Preprocessing` as JSON values."""

    offset: list[float]
    mean: list[float]
    scale: list[float]
    low: list[float]
    high: list[float]
    pixels: bool
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...] | None
    encoding: EncodingRecord | None
    targets: TargetsRecord | None
    whole: bool


@dataclass(frozen=True, eq=False)
class Preprocessing(ReadOnlyArrays):
    """How raw samples become standardized features, and what features and classes are called.

    The raw samples of a table are codes of its columns, of which its encoding makes features; other
    raw samples are features. A feature below `low` counts as `low`, one above `high` as `high`:
    what a network makes of values that no training sample had is anyone's guess, and one value in
    another unit must not drown all others. An input of a network is then
    `(float32(feature - offset) - mean) * scale`. The offset is zero except for columns such as
    1e8 + N(0, 1), which float32 cannot resolve: it is their mean.

    Attributes:
        offset: Subtracted in double precision, float64 `[n_features]`.
        mean: Mean of `feature - offset` over the training samples, float32 `[n_features]`.
        scale: Reciprocal of the standard deviation, float32 `[n_features]`, positive and finite.
        low: Least value that a feature counts as, float64 `[n_features]`: the smallest of the
            training samples, or what is `FARTHEST` standard deviations below their mean if that is
            more. Of pixels, the smallest of all pixels of the training samples.
        high: Largest value that a feature counts as, likewise.
        pixels: Whether all features share one scale and one range.
        class_names: The name of each class; none if numbers are to be predicted.
        feature_names: The name of each feature; None if features have no names.
        encoding: How features are made of the columns of a table; None if raw samples are features.
        targets: What the outputs mean if numbers are to be predicted; None for classes.
        whole: Whether raw samples are features that are all whole numbers.
    """

    offset: NDArray[np.float64]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    pixels: bool
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...] | None = None
    encoding: Encoding | None = None
    targets: Targets | None = None
    whole: bool = False

    @property
    def task(self) -> Task:
        """What there is to learn."""
        return "classification" if self.targets is None else "regression"

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the classes, or of the targets."""
        return self.class_names if self.targets is None else self.targets.names

    @property
    def n_outputs(self) -> int:
        """Number of outputs of a network."""
        return len(self.output_names)

    @property
    def n_features(self) -> int:
        """Number of features of a sample."""
        return self.mean.size

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def n_columns(self) -> int:
        """Number of values of a raw sample."""
        return self.n_features if self.encoding is None else len(self.encoding.columns)

    def features(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Features of raw samples, uint8 or float64 `[samples, n_features]`.

        Args:
            raw: Samples, uint8 or float64 `[samples, n_columns]`.
        """
        return raw if self.encoding is None else self.encoding.features(raw)

    def stored(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Raw samples as a `Dataset` stores them: features as uint8, or float32 minus the offset.

        Args:
            raw: Samples, uint8 or float64 `[samples, n_columns]`.

        Returns:
            The features within their bounds, uint8 or float32, C-contiguous, in memory of their
            own; `(stored - mean) * scale` are the inputs.
        """
        return self.within_bounds(self.features(raw))

    def within_bounds(self, features: NDArray[Any]) -> NDArray[Any]:
        """Features, `[samples, n_features]`, as `stored` returns them."""
        low, high = (ends.astype(features.dtype) for ends in (self.low, self.high))
        return _stored(features.clip(low, high), self.offset)

    def standardized(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Inputs of a network for raw samples, float32 `[samples, n_features]`.

        Args:
            raw: Samples, uint8 or float64 `[samples, n_columns]`.
        """
        return self.inputs(self.stored(raw))

    def inputs(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Inputs of a network for stored samples, ``(stored - mean) * scale``.

        Args:
            stored: Result of `stored`, `[samples, n_features]`.

        Returns:
            The inputs, float32 `[samples, n_features]`.
        """
        found: NDArray[np.float32] = stored.astype(np.float32)
        found -= self.mean
        found *= self.scale
        return found

    @property
    def bounds(self) -> NDArray[np.float32]:
        """Least and largest inputs of a network, float32 `[2, n_features]`."""
        return self.inputs(self.within_bounds(np.stack([self.low, self.high])))

    def check_names(self, names: Sequence[str] | None) -> None:
        """Raise `InputError` if features have other names or another order.

        Args:
            names: Names of the given features; None if they have no names.
        """
        if names is None or self.feature_names is None or tuple(names) == self.feature_names:
            return
        place = next(
            (k for k, both in enumerate(zip(names, self.feature_names, strict=False))
             if both[0] != both[1]), min(len(names), self.n_features),
        )  # fmt: skip
        found = names[place] if place < len(names) else "nothing"
        wanted = self.feature_names[place] if place < self.n_features else "nothing"
        order = " in another order" if set(names) == set(self.feature_names) else ""
        raise InputError(
            f"the columns are not those that the network reads{order}: column {place} is "
            f"{found!r}, expected {wanted!r}; give the columns that it was designed for, in order"
        )

    def far_columns(self, raw: NDArray[Any]) -> list[str]:
        """Columns whose range is far from that of the training samples.

        A column is far if its median is outside the range of training, or if its own range is more
        than 50 times wider, or (of at least 10 rows) 50 times narrower, but not constant.

        Args:
            raw: Samples, `[samples, n_columns]`.

        Returns:
            One text for each such column: its name, its range, and its range in training.
        """
        raw = self.features(raw)
        low, high = raw.min(axis=0).astype(float), raw.max(axis=0).astype(float)
        median = np.median(raw, axis=0)
        width, usual = high - low, self.high - self.low
        far = (median < self.low) | (median > self.high) | (width > _RATIO * usual)
        if len(raw) >= _FEW:
            far |= (width > 0) & (width * _RATIO < usual)
        if self.pixels:  # a single pixel may be dark in all of training
            far[:] = far.mean() > 0.5
        return [
            f"{self.name(int(k))}: {low[k]:.4g} to {high[k]:.4g}, in training {self.low[k]:.4g} to "
            f"{self.high[k]:.4g}"
            for k in np.flatnonzero(far)
        ]

    def random_samples(self, count: int) -> NDArray[np.float64]:
        """Random raw samples in the ranges of training, `[count, n_columns]`, always the same."""
        rng = np.random.default_rng(0)
        if self.encoding is None:
            return rng.uniform(self.low, self.high, (count, self.n_features))
        return self.encoding.random_codes(count, self.low, self.high, rng)

    def name(self, column: int) -> str:
        """Name of a feature in messages."""
        return self.feature_names[column] if self.feature_names else f"column {column}"

    def as_json(self) -> PreprocessingRecord:
        """Everything as JSON values; floats keep all of their bits."""
        return {
            "offset": self.offset.tolist(),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "pixels": self.pixels,
            "class_names": self.class_names,
            "feature_names": self.feature_names,
            "encoding": None if self.encoding is None else self.encoding.as_json(),
            "targets": None if self.targets is None else self.targets.as_json(),
            "whole": self.whole,
        }

    @classmethod
    def from_json(cls, values: Any) -> "Preprocessing":
        """The preprocessing that `as_json` described.

        Raises:
            InputError: If the values describe no preprocessing.
        """
        try:
            types = {"offset": float, "mean": np.float32, "scale": np.float32, "low": float}
            with np.errstate(over="ignore"):  # what is not finite is refused below
                arrays: dict[str, Any] = {
                    name: np.array(_numbers(values[name]), kind)
                    for name, kind in {**types, "high": float}.items()
                }
            names, encoding, targets = (
                values[name] for name in ("feature_names", "encoding", "targets")
            )
            made = cls(
                **arrays,
                pixels=values["pixels"],
                class_names=_texts(values["class_names"]),
                feature_names=None if names is None else _texts(names),
                encoding=None if encoding is None else Encoding.from_json(encoding),
                targets=None if targets is None else Targets.from_json(targets),
                whole=values["whole"],
            )
            made._check()
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"no preprocessing of features: {error}") from error
        return made

    def _check(self) -> None:
        arrays = (self.offset, self.mean, self.scale, self.low, self.high)
        if not all(array.size == self.n_features for array in arrays):
            raise ValueError("its arrays differ in length")
        if not all(np.isfinite(array).all() for array in arrays) or not (self.scale > 0).all():
            raise ValueError("its statistics are not finite, or a scale is not positive")
        if not (self.low <= self.high).all():
            raise ValueError("a least value is larger than the largest")
        if (self.n_classes < 2) == (self.targets is None) or not isinstance(self.pixels, bool):
            raise ValueError(
                "it lacks class names or targets, or says not whether features are pixels"
            )
        if self.feature_names is not None and len(self.feature_names) != self.n_features:
            raise ValueError("there are more or fewer names than features")
        if not isinstance(self.whole, bool):
            raise ValueError("it says not whether features are whole numbers")
        if self.encoding is not None and self.encoding.feature_names != self.feature_names:
            raise ValueError("its features are not those of its encoding")


def fit(
    raw: NDArray[Any],
    train: NDArray[np.int32],
    pixels: bool | None,
    class_names: tuple[str, ...],
    feature_names: tuple[str, ...] | None,
    encoding: Encoding | None = None,
    targets: Targets | None = None,
) -> tuple[Preprocessing, NDArray[Any]]:
    """Fit a preprocessing to training samples.

    Each feature is divided by its own standard deviation; a constant feature is divided by 1 and
    becomes 0 in all samples. Pixels have one unit: all are divided by their pooled standard
    deviation about their means, so that pixels that are rarely on are not amplified.

    Args:
        raw: Features of all splits, uint8 or float64 `[samples, n_features]`.
        train: Indices of the training samples, int32 `[n]`.
        pixels: Whether features are pixels; None if uint8 features that are a square image are.
        class_names: See `Preprocessing`.
        feature_names: See `Preprocessing`.
        encoding: How the features were made of columns of a table; None if they were not.
        targets: See `Preprocessing`.

    Returns:
        The preprocessing, and all samples as `Preprocessing.stored` returns them.
    """
    if pixels is None:
        pixels = raw.dtype == np.uint8 and is_image(raw.shape[1])
    low, high = (of(raw[train], axis=0).astype(float) for of in (np.min, np.max))
    varies = low < high
    whole_bytes = raw.dtype == np.uint8
    offset = np.zeros(raw.shape[1]) if whole_bytes else _offset(raw, train, low, high)
    mean, variance = _moments(_stored(raw, offset), train)
    if pixels:
        variance = np.full_like(variance, variance.mean())
        low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    std = np.sqrt(variance)
    tiny = std < _SMALLEST_STD
    std[tiny] = 1
    if not pixels:
        near = offset + mean - FARTHEST * std, offset + mean + FARTHEST * std
        if whole_bytes:  # between bytes there is nothing that could be stored
            near = np.floor(near[0]), np.ceil(near[1])
        low, high = np.maximum(low, near[0]), np.minimum(high, near[1])
    made = Preprocessing(
        offset, mean.astype(np.float32), (1 / std).astype(np.float32), low, high, pixels,
        class_names, feature_names, encoding, targets, encoding is None and _are_whole(raw),
    )  # fmt: skip
    for column in np.flatnonzero(tiny & varies):
        _log.warning(
            "%s varies, but by too little for its size, and counts as constant: rescale it, or "
            "subtract what all of its values have in common", made.name(int(column))
        )  # fmt: skip
    return made, made.within_bounds(raw)


def _stored(features: NDArray[Any], offset: NDArray[np.float64]) -> NDArray[Any]:
    """Features as uint8, or as float32 minus the offset."""
    if features.dtype == np.uint8:
        return features
    return np.ascontiguousarray(features - offset if offset.any() else features, np.float32)


def _are_whole(features: NDArray[Any]) -> bool:
    """Whether all features are whole numbers; a few rows are in memory at a time."""
    if features.dtype == np.uint8:
        return True
    chunks = np.array_split(features, len(features) // 1024 + 1)
    return all(bool((chunk == np.rint(chunk)).all()) for chunk in chunks)


def is_image(n_features: int) -> bool:
    """Whether this number of features can be a square image with one channel."""
    side = isqrt(n_features)
    return side >= SMALLEST_IMAGE and side**2 == n_features


def _offset(
    raw: NDArray[Any], train: NDArray[np.int32], low: NDArray[Any], high: NDArray[Any]
) -> NDArray[np.float64]:
    """Mean of the columns that float32 cannot resolve, zero for the others."""
    mean, variance = _moments(raw, train)
    step = np.finfo(np.float32).eps * np.maximum(np.abs(low), np.abs(high))
    return np.where((low < high) & (step > _COARSE * np.sqrt(variance)), mean, 0.0)


def _moments(
    features: NDArray[Any], rows: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each feature's mean and variance over `rows`, in float64, a few rows in memory at a time."""
    chunks = np.array_split(rows, len(rows) // 1024 + 1)
    zeros = np.zeros(features.shape[1])
    mean = sum((features[c].sum(axis=0, dtype=np.float64) for c in chunks), zeros) / len(rows)
    squares = sum((np.square(features[c] - mean).sum(axis=0) for c in chunks), zeros)
    return mean, squares / len(rows)


def _numbers(values: Any) -> list[float]:
    if not isinstance(values, list) or not all(type(v) in (int, float) for v in values):
        raise TypeError("a list of numbers was expected")
    return values


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("a list of names was expected")
    return tuple(values)
