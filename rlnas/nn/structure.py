"""The structure of a network: which connections exist, as the kernels read it, counted, checked."""

from itertools import accumulate
from reprlib import repr as brief
from typing import NamedTuple

import numpy as np

from rlnas.errors import InputError
from rlnas.frames.frame import MAX_FEATURES
from rlnas.jit import compile_loops

BLOCK = 8  # inputs that are gathered together
MAX_UNITS = 2**31 - 1  # units are int32
MAX_LAYERS = 256  # layers are counted in pairs; designs have 5 at most


class Index(NamedTuple):
    """The structure of a network as `rlnas.nn.kernels` reads it."""

    blocks: np.ndarray  # int32 [blocks], first inputs of the blocks of eight that are read
    all_blocks: np.ndarray  # int32 [blocks], of all blocks; the last is shifted back
    indptr: np.ndarray  # int32 [rows + 1], as in `SparseNetwork`
    columns: np.ndarray  # int32 [connections], source units
    hidden_start: np.ndarray  # int32 [rows], first connection of each row not from an input
    stops: np.ndarray  # int32 [rows], number of units in the layers before the layer of each row
    n_inputs: int
    n_hidden: int  # number of rows that are hidden units


class Counts(NamedTuple):
    """Numbers of connections."""

    fan_out: np.ndarray  # int64 [units]
    block_counts: np.ndarray  # int64 [layers, layers], connections into layer i from layer j
    densities: np.ndarray  # float64 [layers], see `SparseNetwork.layer_densities`; the whole at 0


class Structure(NamedTuple):
    """All that follows from which connections exist, found in one pass."""

    csr: Index
    counts: Counts
    starts: np.ndarray  # int64 [layers + 1], first unit of each layer, and the number of units


def structure_of(
    layer_sizes: tuple[int, ...], indptr: np.ndarray, indices: np.ndarray
) -> Structure:
    """Look at the connections of a network.

    Args:
        layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.
        indptr: int32 `[rows + 1]`, first connection of each row, and the number of connections.
        indices: int32 `[connections]`, source units.
    """
    layers, rows, inputs = len(layer_sizes), indptr.size - 1, layer_sizes[0]
    starts = np.array([*accumulate(layer_sizes, initial=0)])
    blocks, hidden_start, stops = (
        np.empty(size, np.int32) for size in (2 * -(-inputs // BLOCK), rows, rows)
    )
    fan_out, block_counts = np.empty(inputs + rows, np.int64), np.empty((layers, layers), np.int64)
    densities = np.empty(layers)
    read = _look(
        *(starts, indptr, indices),
        *(blocks, hidden_start, stops, fan_out, block_counts, densities),
    )
    half = blocks.size // 2
    return Structure(
        Index(
            blocks[half : half + read],
            blocks[:half],
            indptr,
            indices,
            hidden_start,
            stops,
            inputs,
            rows - layer_sizes[-1],
        ),
        Counts(fan_out, block_counts, densities),
        starts,
    )


@compile_loops(brief=True)
def _look(
    starts: np.ndarray,
    indptr: np.ndarray,
    indices: np.ndarray,
    blocks: np.ndarray,
    hidden_start: np.ndarray,
    stops: np.ndarray,
    fan_out: np.ndarray,
    block_counts: np.ndarray,
    densities: np.ndarray,
) -> int:
    """Fill the arrays of a `Structure`; the number of blocks with an input that is read.

    Args:
        starts: see `Structure`.
        indptr: see `structure_of`.
        indices: see `structure_of`.
        blocks: int32 `[2 * blocks]`, receives all blocks, then those that are read.
        hidden_start: see `Index`.
        stops: see `Index`.
        fan_out: see `Counts`.
        block_counts: see `Counts`.
        densities: see `Counts`.
    """
    fan_out[:] = 0
    block_counts[:] = 0
    layer = 1
    for row in range(indptr.size - 1):
        while starts[1] + row >= starts[layer + 1]:
            layer += 1
        stops[row] = starts[layer]
        hidden_start[row] = indptr[row + 1]
        source_layer = 0
        for k in range(indptr[row], indptr[row + 1]):
            source = indices[k]
            if source_layer == 0 and source >= starts[1]:
                hidden_start[row] = k
            while source >= starts[source_layer + 1]:
                source_layer += 1
            fan_out[source] += 1
            block_counts[layer, source_layer] += 1
    all_pairs = 0
    for layer in range(1, densities.size):
        before = connections = 0
        for source_layer in range(layer):
            if block_counts[layer, source_layer] > 0:
                before += starts[source_layer + 1] - starts[source_layer]
            connections += block_counts[layer, source_layer]
        pairs = before * (starts[layer + 1] - starts[layer])
        densities[layer] = connections / pairs if pairs > 0 else 0.0
        all_pairs += pairs
    densities[0] = indices.size / all_pairs if all_pairs > 0 else 0.0
    half, read = blocks.size // 2, 0
    for block in range(half):
        first = min(block * BLOCK, max(starts[1] - BLOCK, 0))  # the last is shifted back
        blocks[block] = first
        used = 0
        for unit in range(block * BLOCK, min(block * BLOCK + BLOCK, starts[1])):
            used += fan_out[unit]
        if used > 0:
            blocks[half + read] = first
            read += 1
    return read


def check_layer_sizes(layer_sizes: tuple[int, ...]) -> None:
    """Check that a network can have these layers.

    Args:
        layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.

    Raises:
        InputError: there are too few or too many layers or units, or a layer is empty.
    """
    problem = f"layer sizes {brief(layer_sizes)} cannot be used"
    if len(layer_sizes) < 2 or min(layer_sizes) < 1:
        raise InputError(
            f"{problem}: expected at least inputs and outputs, each a positive integer"
        )
    if len(layer_sizes) > MAX_LAYERS:
        raise InputError(f"{problem}: expected at most {MAX_LAYERS} layers")
    # Inputs alone take no place in a file, which can therefore claim any number of them.
    if layer_sizes[0] > MAX_FEATURES:
        raise InputError(f"{problem}: expected at most {MAX_FEATURES:,} inputs")
    if sum(layer_sizes) > MAX_UNITS:
        raise InputError(f"{problem}: at most {MAX_UNITS} units fit")


def check_arrays(layer_sizes: tuple[int, ...], arrays: dict[str, np.ndarray]) -> None:
    """Check the types and shapes of the arrays of a network.

    Args:
        layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.
        arrays: `indptr`, `indices`, `connections` and `units` of a `SparseNetwork`.

    Raises:
        InputError: an array has another type or shape, or is not C-contiguous.
    """
    rows, n_connections = sum(layer_sizes[1:]), arrays["indices"].size
    expected = {
        "indptr": (np.int32, (rows + 1,)),
        "indices": (np.int32, (n_connections,)),
        "connections": (np.float32, (4, n_connections)),
        "units": (np.float32, (4, rows)),
    }
    for name, (dtype, shape) in expected.items():
        array = arrays[name]
        if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
            raise InputError(
                f"array '{name}' is {array.dtype} {array.shape}: expected {dtype.__name__} "
                f"{shape}, C-contiguous, for layers {brief(layer_sizes)}"
            )


def check_connections(
    layer_sizes: tuple[int, ...], indptr: np.ndarray, indices: np.ndarray
) -> None:
    """Check which connections exist, given layer sizes and arrays that passed the other checks.

    Args:
        layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.
        indptr: int32 `[rows + 1]`, first connection of each row, and the number of connections.
        indices: int32 `[connections]`, source units.

    Raises:
        InputError: `indptr` does not rise from 0 to the number of connections, a row's sources
            are not ascending or not all of earlier layers, or a hidden unit has no connection in
            or no connection out.
    """
    falls = bool((indptr[1:] < indptr[:-1]).any())  # np.diff may overflow
    if indptr[0] != 0 or indptr[-1] != indices.size or falls:
        raise InputError("array 'indptr' must rise from 0 to the number of connections")
    n_inputs, fan_in = layer_sizes[0], np.diff(indptr)
    rows = np.repeat(np.arange(fan_in.size), fan_in)
    layer_starts = np.repeat(np.cumsum(layer_sizes[:-1]), layer_sizes[1:])
    if ((indices < 0) | (indices >= layer_starts[rows])).any():
        raise InputError("a connection must come from a unit of an earlier layer")
    same_row = np.diff(rows) == 0
    if (same_row & (np.diff(indices) <= 0)).any():
        raise InputError("the sources of a unit must be ascending, without duplicates")
    has_reader = np.zeros(fan_in.size, bool)
    has_reader[indices[indices >= n_inputs] - n_inputs] = True
    n_hidden = sum(layer_sizes[1:-1])
    if not ((fan_in > 0) & has_reader)[:n_hidden].all():
        raise InputError("every hidden unit must have a connection in and a connection out")
