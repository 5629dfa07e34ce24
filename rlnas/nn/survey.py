"""One pass over the connections of a network, for all counts that depend on them."""

from typing import NamedTuple

import numpy as np

from rlnas.nn.kernels import compiled


class Survey(NamedTuple):
    """What `survey` counts."""

    fan_out: np.ndarray  # int64 [units]
    block_counts: np.ndarray  # int64 [layers, layers], connections into layer i from layer j
    hidden_start: np.ndarray  # int32 [rows], first connection of each row not from an input


def survey(starts: np.ndarray, indptr: np.ndarray, indices: np.ndarray) -> Survey:
    """Count the connections of a network.

    Args:
        starts: int64 `[layers + 1]`: layer `l` owns the units `starts[l]:starts[l + 1]`.
        indptr: int32 `[rows + 1]`, see `rlnas.nn.network.SparseNetwork`.
        indices: int32 `[connections]`, ascending within a row, units of earlier layers.
    """
    layers = starts.size - 1
    counts = Survey(
        np.zeros(starts[-1], np.int64), np.zeros((layers, layers), np.int64), indptr[1:].copy()
    )
    _count(starts, indptr, indices, counts)
    return counts


@compiled
def _count(starts, indptr, indices, counts):
    layer = 1
    for row in range(indptr.size - 1):
        while starts[1] + row >= starts[layer + 1]:
            layer += 1
        source_layer = 0
        for k in range(indptr[row], indptr[row + 1]):
            source = indices[k]
            if source_layer == 0 and source >= starts[1]:
                counts.hidden_start[row] = k
            while source >= starts[source_layer + 1]:
                source_layer += 1
            counts.fan_out[source] += 1
            counts.block_counts[layer, source_layer] += 1
