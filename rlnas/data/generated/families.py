"""Synthetic classification problems, each generated from a seed; families of tasks."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.data.generated import problems
from rlnas.errors import InputError

_TRAINING, _VARIED, _IMAGES, _HELD_OUT = PREFIXES = "synthetic:", "varied:", "images:", "heldout:"
"""Beginnings of the names of problems; the seed follows."""

TRAINING_FAMILY: tuple[str, ...] = (
    "digits",
    "wine",
    "breast_cancer",
    *(f"{_TRAINING}{seed}" for seed in range(32)),
)
"""The tasks that `rlnas/Mixed-v1` draws from."""

VARIED_FAMILY: tuple[str, ...] = tuple(f"{_VARIED}{seed}" for seed in range(256))
"""Larger tasks to train on, on which a linear classifier does badly."""

IMAGE_FAMILY: tuple[str, ...] = tuple(f"{_IMAGES}{seed}" for seed in range(96))
"""Small images to train on, in which neighbouring pixels are alike and corners are empty."""

HELD_OUT_FAMILY: tuple[str, ...] = tuple(f"{_HELD_OUT}{seed}" for seed in range(16))
"""Other kinds of tasks, for evaluating a policy that was trained on `TRAINING_FAMILY`."""

FAMILIES = {
    "mixed": TRAINING_FAMILY,
    "varied": VARIED_FAMILY,
    "images": IMAGE_FAMILY,
    "mixed_held_out": HELD_OUT_FAMILY,
}
"""Families of tasks by name."""

MAX_SEED = 2**32 - 1
"""NumPy's limit."""

_Problem = tuple[NDArray[Any], NDArray[Any]]
_Kind = Callable[[np.random.RandomState, int, int], _Problem]


def generate(name: str) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Generate the problem with a given name.

    ``synthetic:SEED`` has Gaussian clusters on the corners of a hypercube, up to four per class,
    among linear combinations of their coordinates and useless features (Guyon 2003, as
    scikit-learn makes them). ``images:SEED`` has images of pen strokes with 8 x 8 to 28 x 28
    pixels, one to three shapes per class, each sample bent a little. The others are problems in few
    dimensions, which are mixed into some of the features. ``varied:SEED`` has, depending on the
    seed, several Gaussian blobs per class, or classes by the value of a function (Friedman 1991) or
    of a sum of products. ``heldout:SEED`` has nested shells around the origin, interleaved spirals,
    or classes by the outputs of a random network. The seed decides everything else: 4 to 128
    features (except for images), 2 to 10 classes of about the same size, 600 to 2,500 samples
    (1,000 to 10,000 in ``varied`` and ``images``), up to 10 % random labels (none in half of
    ``images``), and how well the classes are separated.

    The same name gives the same bits in every process; NumPy's global state is not used.

    Args:
        name: ``synthetic:SEED``, ``varied:SEED``, ``images:SEED`` or ``heldout:SEED``, SEED from 0
            to `MAX_SEED`.

    Returns:
        The features, float32 `[samples, n_features]`, and the labels, int32 `[samples]`, from 0
        without gaps.

    Raises:
        InputError: If the seed cannot be used.
    """
    seed = _seed(name)
    # the streams of RandomState, unlike a Generator's, are the same in every version of NumPy
    if name.startswith(_HELD_OUT):
        rng = np.random.RandomState([1, seed])
        features, labels = _embedded(_HELD_OUT_KINDS[seed % 3], rng, _sizes(rng, 600, 2500))
    elif name.startswith(_VARIED):
        rng = np.random.RandomState([2, seed])
        features, labels = _embedded(_VARIED_KINDS[seed % 3], rng, _sizes(rng, 1000, 10_000))
    elif name.startswith(_IMAGES):
        features, labels = _strokes(np.random.RandomState([3, seed]))
    else:
        features, labels = _hypercube(np.random.RandomState([0, seed]))
    return features.astype(np.float32), labels.astype(np.int32)


def _seed(name: str) -> int:
    """The seed in a name; it has one spelling only (not 07), since names identify results."""
    family, _, text = name.partition(":")
    if not re.fullmatch("0|[1-9][0-9]{0,9}", text) or int(text) > MAX_SEED:
        raise InputError(
            f"data set {name!r} has the seed {text!r}: expected a whole number from 0 to "
            f"{MAX_SEED}, write it like {family}:7"
        )
    return int(text)


def _hypercube(rng: np.random.RandomState) -> _Problem:
    from sklearn.datasets import make_classification  # here, since its import takes 1 s

    n_samples, n_features, n_classes = _sizes(rng, 600, 2500)
    corners = (n_classes - 1).bit_length()  # dimensions in which each class has a corner
    n_informative = _log_uniform(rng, max(2, corners), min(n_features, 16))
    features, labels = make_classification(
        n_samples=n_samples,
        n_features=n_features,
        n_informative=n_informative,
        n_redundant=rng.randint(n_features - n_informative + 1),
        n_classes=n_classes,
        n_clusters_per_class=rng.randint(1, min(4, 2**n_informative // n_classes) + 1),
        class_sep=np.exp(rng.uniform(np.log(0.8), np.log(2.5))),
        flip_y=rng.uniform(0, 0.1),
        random_state=rng,
    )
    return features, labels


def _embedded(kind: _Kind, rng: np.random.RandomState, sizes: tuple[int, int, int]) -> _Problem:
    """A problem in few dimensions, mixed into some of the features; the others are noise."""
    n_samples, n_features, n_classes = sizes
    points, labels = kind(rng, n_samples, n_classes)
    dimensions = points.shape[1]
    mixing = rng.normal(size=(dimensions, n_features)) / np.sqrt(dimensions)
    least = min(max(dimensions, n_features // 4), n_features)
    mixing[:, rng.randint(least, n_features + 1) :] = 0
    features = points @ mixing + rng.uniform(0.02, 0.15) * rng.normal(size=(n_samples, n_features))
    return features, _partly_random(rng, labels)


def _partly_random(rng: np.random.RandomState, labels: NDArray[Any]) -> NDArray[Any]:
    """The labels, up to 10 % of them replaced by random ones."""
    random = rng.uniform(size=labels.size) < rng.uniform(0, 0.1)
    return np.where(random, rng.randint(labels.max() + 1, size=labels.size), labels)


def _strokes(rng: np.random.RandomState) -> _Problem:
    """Images of one to three shapes per class, see `problems.strokes`."""
    n_samples, side, n_classes = (
        _log_uniform(rng, low, high) for low, high in ((1000, 10_000), (8, 28), (2, 10))
    )
    labels = rng.permutation(n_samples) % n_classes
    images = problems.strokes(rng, labels, n_classes, side)
    return images, _partly_random(rng, labels) if rng.randint(2) else labels


def _spirals(rng: np.random.RandomState, n_samples: int, n_classes: int) -> _Problem:
    """Arms around the origin in a plane, one per class."""
    labels = rng.permutation(n_samples) % n_classes
    return problems.spirals(rng, labels, n_classes), labels


def _cut(problem: Callable[[np.random.RandomState, int], problems.Values]) -> _Kind:
    """The problem of telling the values of another one apart, equally many points per class."""

    def classes(rng: np.random.RandomState, n_samples: int, n_classes: int) -> _Problem:
        points, values = problem(rng, n_samples)
        return points, _equal_parts(values, n_classes)

    return classes


def _equal_parts(values: NDArray[np.float64], n_classes: int) -> NDArray[np.intp]:
    """Labels by the size of the value, equally many samples per class."""
    return values.argsort().argsort() * n_classes // len(values)


def _blobs(rng: np.random.RandomState, n_samples: int, n_classes: int) -> _Problem:
    """Gaussian blobs at random places, two to six per class."""
    n_blobs = n_classes * rng.randint(2, 7)
    centres = rng.normal(size=(n_blobs, rng.randint(2, 9)))
    blobs = rng.permutation(n_samples) % n_blobs
    spread = rng.uniform(0.1, 0.4)
    return centres[blobs] + spread * rng.normal(size=(n_samples, centres.shape[1])), (
        blobs % n_classes
    )


_VARIED_KINDS = (_blobs, _cut(problems.function), _cut(problems.products))
_HELD_OUT_KINDS = (_cut(problems.shells), _spirals, _cut(problems.teacher))


def _sizes(rng: np.random.RandomState, min_samples: int, max_samples: int) -> tuple[int, int, int]:
    """Numbers of samples, features and classes."""
    n_samples = _log_uniform(rng, min_samples, max_samples)
    return n_samples, _log_uniform(rng, 4, 128), _log_uniform(rng, 2, 10)


def _log_uniform(rng: np.random.RandomState, low: int, high: int) -> int:
    """A random whole number from `low` to `high`, log-uniformly distributed."""
    return int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))
