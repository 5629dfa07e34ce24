"""Problems in few dimensions: points, and the value or the class of each.

Problems of values are cut into classes, or their values are predicted; problems of classes are
given the class of each point. The streams of `RandomState`, unlike a `Generator`'s, are the same in
every version of NumPy.
"""

from math import comb
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

Values = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Points, float64 `[samples, dimensions]`, and their values, float64 `[samples]`."""

# --- values ---


def linear(rng: RandomState, n_samples: int) -> Values:
    """Gaussian points, with a linear function of their coordinates."""
    points = rng.normal(size=(n_samples, rng.randint(3, 13)))
    return points, points @ rng.normal(size=points.shape[1])


def function(rng: RandomState, n_samples: int) -> Values:
    """Points in a cube, with Friedman's function of five of their coordinates (Friedman 1991)."""
    from sklearn.datasets import make_friedman1  # here, since its import takes 1 s

    points, values = make_friedman1(n_samples, rng.randint(5, 9), random_state=rng)
    return np.sqrt(12) * (points - 0.5), values


def products(rng: RandomState, n_samples: int) -> Values:
    """Gaussian points, with a sum of products of two coordinates each."""
    points = rng.normal(size=(n_samples, 2 * rng.randint(1, 4)))
    return points, (points[:, ::2] * points[:, 1::2]).sum(axis=1)


def shells(rng: RandomState, n_samples: int) -> Values:
    """Gaussian points, with the square of their distance from the origin."""
    points = rng.normal(size=(n_samples, rng.randint(2, 4)))
    return points, np.square(points).sum(axis=1)


def teacher(rng: RandomState, n_samples: int) -> Values:
    """Gaussian points, with the angle of the two outputs of a random network."""
    points = rng.normal(size=(n_samples, rng.randint(2, 5)))
    hidden = np.tanh(points @ rng.normal(size=(points.shape[1], 32)) + rng.normal(size=32))
    outputs = hidden @ rng.normal(size=(32, 2))
    return points, np.arctan2(*outputs.T)


def waves(rng: RandomState, n_samples: int) -> Values:
    """Gaussian points, with a sum of sines along random directions."""
    points = rng.normal(size=(n_samples, rng.randint(2, 6)))
    n_waves = rng.randint(2, 6)
    directions = rng.normal(size=(points.shape[1], n_waves)) / np.sqrt(points.shape[1])
    phases = points @ (rng.uniform(1, 3, n_waves) * directions) + rng.uniform(0, 2 * np.pi, n_waves)
    return points, np.sin(phases) @ rng.uniform(0.5, 1, n_waves)


def rules(rng: RandomState, n_samples: int) -> Values:
    """Gaussian points, with the value of their leaf in a random tree of tests of one coordinate."""
    points = rng.normal(size=(n_samples, rng.randint(3, 9)))
    leaf, depth = np.zeros(n_samples, np.intp), rng.randint(3, 7)
    for level in range(depth):
        columns = rng.randint(points.shape[1], size=2**level)
        thresholds = 0.7 * rng.normal(size=2**level)
        above = points[np.arange(n_samples), columns[leaf]] > thresholds[leaf]
        leaf = 2 * leaf + above
    return points, rng.normal(size=2**depth)[leaf] + 1e-6 * points[:, 0]  # no two values are alike


# --- classes ---


def blobs(rng: RandomState, labels: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Gaussian blobs at random places, two to six per class."""
    per_class = rng.randint(2, 7)
    centres = rng.normal(size=(n_classes, per_class, rng.randint(2, 9)))
    chosen = centres[labels, rng.randint(per_class, size=labels.size)]
    points: NDArray[np.float64] = chosen + rng.uniform(0.1, 0.4) * rng.normal(size=chosen.shape)
    return points


def corners(rng: RandomState, labels: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Gaussian clusters on corners of a hypercube, one to four per class (Guyon 2003)."""
    per_class = rng.randint(1, 5)
    n_corners = n_classes * per_class
    dimensions = max(2, (n_corners - 1).bit_length()) + rng.randint(5)
    numbers = rng.choice(2**dimensions, size=(n_classes, per_class), replace=False)
    centres = 2.0 * ((numbers[..., None] >> np.arange(dimensions)) & 1) - 1
    chosen: NDArray[np.float64] = centres[labels, rng.randint(per_class, size=labels.size)]
    apart = np.exp(rng.uniform(np.log(0.8), np.log(2.5)))
    points: NDArray[np.float64] = apart * chosen + rng.normal(size=chosen.shape)
    return points


def spirals(rng: RandomState, labels: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Arms around the origin in a plane, one per class."""
    radii = np.sqrt(rng.uniform(size=labels.size)) * 2
    spread = rng.uniform(0.1, 0.25) / n_classes
    noise = rng.uniform(0.1, 0.4), rng.normal(size=labels.size) * spread
    angles = 2 * np.pi * (labels / n_classes + radii * noise[0] + noise[1])
    points: NDArray[np.float64] = radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])
    return points


def strokes(
    rng: RandomState, labels: NDArray[Any], n_classes: int, side: int
) -> NDArray[np.float64]:
    """Images of Bezier curves `[samples, side * side]`, one to three shapes per class.

    The control points of a shape differ a little from sample to sample.
    """
    n_samples = labels.size
    n_shapes, n_controls = rng.randint(1, 4), rng.randint(3, 8)
    shapes = rng.uniform(-0.9, 0.9, size=(n_classes, n_shapes, n_controls, 2))
    controls = shapes[labels, rng.randint(n_shapes, size=n_samples)]
    controls += rng.uniform(0.05, 0.3) * rng.normal(size=controls.shape)
    controls += rng.uniform(0, 0.15) * rng.normal(size=(n_samples, 1, 2))
    along = np.linspace(0, 1, 32)[:, None]
    order = np.arange(n_controls)
    ways = [comb(n_controls - 1, k) for k in order.tolist()]
    curve = ways * along**order * (1 - along) ** order[::-1]
    x, y = np.moveaxis(curve @ controls, 2, 0)
    pixels, pen = np.linspace(-1, 1, side), rng.uniform(0.08, 0.25)
    columns, rows = (np.exp(-(((pixels - z[..., None]) / pen) ** 2) / 2) for z in (x, y))
    images: NDArray[np.float64] = np.minimum(rows.transpose(0, 2, 1) @ columns, 1)
    return images.reshape(n_samples, -1)
