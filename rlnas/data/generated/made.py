"""`Made`: a generated problem whose name says its kind, its size and how hard it is.

For example ``made:blobs:rows=2000:features=32:classes=4:noise=0.05:useless=0.5:seed=7``.
"""

import re
from dataclasses import dataclass, fields
from math import isqrt
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from rlnas.data.generated import problems
from rlnas.data.generated.families import MAX_SEED
from rlnas.errors import InputError

MADE = "made:"
"""Beginning of the names."""

OF_VALUES = {
    "linear": problems.linear,
    "function": problems.function,
    "products": problems.products,
    "shells": problems.shells,
    "teacher": problems.teacher,
    "waves": problems.waves,
    "rules": problems.rules,
}
"""Kinds whose values are predicted, or cut into classes."""

OF_CLASSES = {"blobs": problems.blobs, "corners": problems.corners, "spirals": problems.spirals}
"""Kinds that have classes only."""

KINDS = (*OF_VALUES, *OF_CLASSES, "strokes")
"""All kinds; "strokes" are images."""

_RANGES: dict[str, tuple[float, float]] = {
    "rows": (50, 1_000_000),
    "features": (1, 10_000),
    "classes": (0, 100),
    "noise": (0, 0.9),
    "useless": (0, 0.99),
    "rough": (0, 1),
    "imbalance": (1, 1000),
    "seed": (0, MAX_SEED),
}
_JITTER = 0.05  # standard deviations of what is added to every feature
_FEWEST = 10  # rows of a class
_LEVELS = 2, 9  # fewest and most values of a feature that is rounded


@dataclass(frozen=True)
class Made:
    """A generated problem.

    Points in few dimensions are mixed into the useful features; the useless ones are independent of
    everything. The seed decides all that the other values leave open.

    Attributes:
        kind: One of `KINDS`.
        rows: Number of samples.
        features: Number of features; of images a square of at least 64.
        classes: Number of classes; 0 if a number is to be predicted.
        noise: Share of labels that are random; of a number, the share of its variance that is.
        useless: Share of features that say nothing.
        rough: Share of features that are not as they were mixed: a half of these are rounded to 2
            to 9 values, the others have a long tail.
        imbalance: How many times as frequent the most frequent class is as the rarest one.
        seed: Seed of everything else.

    Raises:
        InputError: If a value is out of range, or values do not go together.
    """

    kind: str
    rows: int
    features: int
    classes: int
    noise: float = 0.0
    useless: float = 0.0
    rough: float = 0.0
    imbalance: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"unknown kind {self.kind!r}: expected one of {', '.join(KINDS)}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name}={value:g}: expected {low:g} to {high:g}")
        if self.classes == 1 or (self.classes == 0 and self.kind not in OF_VALUES):
            fewest = "0 or at least 2" if self.kind in OF_VALUES else "at least 2"
            raise InputError(f"classes={self.classes}: expected {fewest} for {self.kind}")
        if self.classes == 0 and self.imbalance != 1:
            raise InputError("there is no imbalance without classes: leave it out")
        if self.kind == "strokes" and (
            isqrt(self.features) ** 2 != self.features or self.features < 64 or self.useless
        ):
            raise InputError("strokes are images: expected a square of features, none useless")
        if self.classes and min(self._counts()) < _FEWEST:
            raise InputError(
                f"the rarest of {self.classes} classes would have less than {_FEWEST} of "
                f"{self.rows} rows: give more rows, or fewer or more equal classes"
            )

    @property
    def name(self) -> str:
        """The name; what has its default is left out."""
        said = [
            f"{field.name}={getattr(self, field.name):.15g}"
            for field in fields(self)[1:]
            if getattr(self, field.name) != field.default
        ]
        return MADE + ":".join([self.kind, *said])

    @classmethod
    def of_name(cls, name: str) -> "Made":
        """The problem with a name.

        Raises:
            InputError: If it is not the name of one; each problem has one name.
        """
        kind, *said = name.removeprefix(MADE).split(":")
        values: dict[str, Any] = {}
        for each in said:
            key, _, text = each.partition("=")
            if key not in _RANGES or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
                raise InputError(
                    f"data set {name!r} says {each!r}: expected numbers for "
                    f"{', '.join(_RANGES)}, such as rows=2000"
                )
            values[key] = float(text) if "." in text else int(text)
        if absent := [key for key in ("rows", "features", "classes") if key not in values]:
            raise InputError(f"data set {name!r} does not say {absent[0]}: add {absent[0]}=NUMBER")
        try:
            made = cls(kind, **values)
        except InputError as error:
            raise InputError(f"data set {name!r}: {error}") from None
        if made.name != name:
            raise InputError(f"data set {name!r} is called {made.name!r}: write it like this")
        return made

    def generate(self) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Generate the samples, the same bits in every process.

        Returns:
            The features, float32 `[rows, features]`; and the labels, int32 `[rows]`, from 0, or
            the numbers to predict, float64 `[rows]`.
        """
        rng = RandomState([4, self.seed])
        if self.kind in OF_VALUES:
            points, values = OF_VALUES[self.kind](rng, self.rows)
            labels = self._cut(rng, values) if self.classes else values
        else:
            labels = rng.permutation(np.repeat(np.arange(self.classes), self._counts()))
            if self.kind == "strokes":
                points = problems.strokes(rng, labels, self.classes, isqrt(self.features))
            else:
                points = OF_CLASSES[self.kind](rng, labels, self.classes)
        features = points if self.kind == "strokes" else self._mixed(rng, points)
        if not self.classes:
            spread = self.noise / (1 - self.noise)
            noise = np.sqrt(spread) * labels.std() * rng.normal(size=self.rows)
            return features.astype(np.float32), labels + noise
        # a random label is that of another sample, so that classes stay as frequent as they were
        random = rng.uniform(size=self.rows) < self.noise
        labels[random] = rng.permutation(labels[random])
        return features.astype(np.float32), labels.astype(np.int32)

    def _counts(self) -> list[int]:
        """Number of samples of each class; the first is the most frequent."""
        shares = self.imbalance ** -(np.arange(self.classes) / (self.classes - 1))
        ends = np.rint(self.rows * np.cumsum(shares / shares.sum())).astype(int)
        counts: list[int] = np.diff(ends, prepend=0).tolist()
        return counts

    def _cut(self, rng: RandomState, values: NDArray[np.float64]) -> NDArray[np.intp]:
        """Classes by the size of the value; which of them are frequent is random."""
        counts = rng.permutation(self._counts())
        labels = np.zeros(self.rows, np.intp)
        labels[values.argsort(kind="stable")] = np.repeat(np.arange(self.classes), counts)
        return labels

    def _mixed(self, rng: RandomState, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Features `[rows, features]`, in random order."""
        useful = max(1, round(self.features * (1 - self.useless)))
        mixing = rng.normal(size=(points.shape[1], useful)) / np.sqrt(points.shape[1])
        found = rng.normal(size=(self.rows, self.features))
        found[:, :useful] = points @ mixing + _JITTER * found[:, :useful]
        found = found[:, rng.permutation(self.features)]
        for column in rng.permutation(self.features)[: round(self.features * self.rough)]:
            each = (found[:, column] - found[:, column].mean()) / found[:, column].std()
            if rng.randint(2):
                each = np.exp(rng.uniform(0.5, 1.5) * each)
            else:
                n_levels = rng.randint(_LEVELS[0], _LEVELS[1] + 1)
                ends = np.quantile(each, np.sort(rng.uniform(0.05, 0.95, n_levels - 1)))
                each = np.searchsorted(ends, each).astype(float)
            found[:, column] = each
        return found
