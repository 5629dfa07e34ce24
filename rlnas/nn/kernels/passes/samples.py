"""Samples of a data set: which are in a tile, and their features as activations of the inputs."""

from typing import NamedTuple

import numpy as np

from rlnas.nn.kernels.fast_math import part
from rlnas.nn.kernels.simd.gathering import gather_blocks
from rlnas.nn.kernels.simd.registers import TILE, WIDE
from rlnas.nn.structure import BLOCK


class Samples(NamedTuple):
    """Raw samples and how to standardise them: an input is `(feature - mean) * scale`.

    Classes are to be told apart if there are no targets, otherwise numbers to be predicted.
    """

    features: np.ndarray  # uint8 or float32 [samples, features]
    labels: np.ndarray  # int32 [samples], read if there are no targets
    mean: np.ndarray  # float32 [features]
    scale: np.ndarray  # float32 [features]
    targets: np.ndarray  # float32 [samples, outputs], standardised; or [0, 0]
    bends: np.ndarray  # float32 [outputs], see `squared_error`; or [0]
    weights: np.ndarray  # float32 [samples]


@part
def choose(chosen: np.ndarray, start: int, lanes: np.ndarray) -> int:
    """Choose the samples of a tile; the last one is repeated to fill it.

    Args:
        chosen: int32 `[n]`, rows of the data set.
        start: Where the samples of the tile begin in `chosen`, less than n.
        lanes: int32 `[TILE]`, receives the row of each sample of the tile.

    Returns:
        Number of samples in the tile, from 1 to `TILE`.
    """
    n: int = min(TILE, chosen.size - start)
    for b in range(TILE):
        lanes[b] = chosen[start + min(b, n - 1)]
    return n


@part
def gather(
    samples: Samples, lanes: np.ndarray, blocks: np.ndarray, activations: np.ndarray
) -> None:
    """Copy the features of a tile, standardised and transposed, into `activations[:features]`.

    Args:
        samples: The data set, a `Samples`.
        lanes: int32 `[TILE]`, the row of each sample of the tile in `samples.features`.
        blocks: int32 `[blocks]`, first columns of the blocks of eight features to copy; if there
            are fewer than eight features, all are copied.
        activations: float32 `[units, TILE]`; the rows of the features copied are written.
    """
    features, mean, scale = samples.features, samples.mean, samples.scale
    if mean.size < BLOCK:
        for b in range(TILE):
            for u in range(mean.size):
                activations[u, b] = (np.float32(features[lanes[b], u]) - mean[u]) * scale[u]
        return
    for b in range(0, TILE, WIDE):
        gather_blocks(features, lanes, b, blocks, mean, scale, activations)
