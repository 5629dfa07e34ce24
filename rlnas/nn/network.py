"""`SparseNetwork`: a feed-forward network as one CSR matrix over all its units.

Units are numbered in order: inputs, each hidden layer, outputs. Row `r` of the matrix holds the
connections into unit `n_inputs + r`; a column is any unit of an earlier layer, so that skip
connections and inputs straight to outputs need no special case.
"""

import json
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import parse_json
from rlnas.nn.structure import (
    Index,
    Structure,
    check_arrays,
    check_connections,
    check_layer_sizes,
    structure_of,
)
from rlnas.validation import whole, wholes

VALUE, FIRST_MOMENT, SECOND_MOMENT, EMA = range(4)
"""Rows of the state arrays: the last value of every weight or bias, the moments of Adam, and the
exponential moving average (EMA) of the values."""

MAX_STEPS = 2**53


@dataclass(eq=False, repr=False)
class SparseNetwork:
    """A sparse ReLU network with linear outputs, and the state of its optimiser.

    The structure never changes in place: edits return new networks (`rlnas.nn.edits`). Training
    updates the state arrays in place (`rlnas.nn.training`).

    Attributes:
        layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.
        indptr: int32 `[rows + 1]`; row `r` has the connections `indptr[r]:indptr[r + 1]`. There is
            one row for each hidden and output unit.
        indices: int32 `[connections]`, source units, ascending within a row.
        connections: float32 `[4, connections]`, state of the weights: values, first moments,
            second moments, and exponential moving averages of the values.
        units: float32 `[4, rows]`, state of the biases, in the same order.
        steps: Number of optimiser steps taken so far.
    """

    layer_sizes: tuple[int, ...]
    indptr: np.ndarray
    indices: np.ndarray
    connections: np.ndarray
    units: np.ndarray
    steps: int = 0

    def __post_init__(self) -> None:
        self.layer_sizes = wholes("layer sizes", self.layer_sizes)
        self.steps = whole("steps", self.steps, 0, MAX_STEPS)

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Where arrays come from shared memory they cannot be written to, and training must.
        for name, value in state.items():
            array = isinstance(value, np.ndarray)
            setattr(self, name, np.require(value, requirements="W") if array else value)

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self.layer_sizes))
        return f"<SparseNetwork {sizes}, {self.active_weights:,} active weights>"

    @property
    def n_inputs(self) -> int:
        """Number of input units."""
        return self.layer_sizes[0]

    @property
    def n_outputs(self) -> int:
        """Number of output units."""
        return self.layer_sizes[-1]

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.layer_sizes) - 2

    @property
    def n_hidden(self) -> int:
        """Number of hidden units."""
        return sum(self.layer_sizes[1:-1])

    @property
    def n_units(self) -> int:
        """Number of units, inputs and outputs included."""
        return sum(self.layer_sizes)

    @property
    def active_weights(self) -> int:
        """Number of connections; biases do not count."""
        return self.indices.size

    @cached_property
    def structure(self) -> Structure:
        """All that follows from which connections exist."""
        return structure_of(self.layer_sizes, self.indptr, self.indices)

    @property
    def index(self) -> Index:
        """The structure for the kernels."""
        return self.structure.csr

    @property
    def starts(self) -> np.ndarray:
        """int64 `[layers + 1]`: layer `l` has the units `starts[l]:starts[l + 1]`."""
        return self.structure.starts

    @cached_property
    def unit_layers(self) -> np.ndarray:
        """int64 `[units]`: the layer of each unit, 0 for inputs."""
        return np.repeat(np.arange(len(self.layer_sizes)), self.layer_sizes)

    @cached_property
    def targets(self) -> np.ndarray:
        """int64 `[connections]`: the receiving unit of each connection."""
        receiving = np.arange(self.n_inputs, self.n_units)
        return receiving.repeat(self.indptr[1:] - self.indptr[:-1])

    @cached_property
    def fan_in(self) -> np.ndarray:
        """int64 `[units]`: number of connections into each unit (0 for inputs)."""
        fan_in = np.zeros(self.n_units, np.int64)
        fan_in[self.n_inputs :] = self.indptr[1:] - self.indptr[:-1]
        return fan_in

    @property
    def fan_out(self) -> np.ndarray:
        """int64 `[units]`: number of connections out of each unit (0 for outputs)."""
        return self.structure.counts.fan_out

    @property
    def block_counts(self) -> np.ndarray:
        """int64 `[layers, layers]`: number of connections into layer `i` from layer `j`."""
        return self.structure.counts.block_counts

    @property
    def connections_into(self) -> tuple[int, ...]:
        """Number of connections into each layer, 0 for the inputs."""
        return tuple(self.block_counts.sum(axis=1).tolist())

    @property
    def layer_densities(self) -> tuple[float, ...]:
        """Share of active weights in each hidden layer and in the output layer.

        Active connections into a layer over the unit pairs of the layer-to-layer blocks that
        have a connection at all. Without skip connections this is the usual density.
        """
        return tuple(self.structure.counts.densities[1:].tolist())

    @property
    def density(self) -> float:
        """Share of active weights in the whole network, by the rule of `layer_densities`."""
        return float(self.structure.counts.densities[0])

    def copy(self) -> "SparseNetwork":
        """A deep copy."""
        copied = SparseNetwork(
            self.layer_sizes,
            self.indptr.copy(),
            self.indices.copy(),
            self.connections.copy(),
            self.units.copy(),
            self.steps,
        )
        copied.structure = self.structure  # which never changes
        return copied

    def check(self) -> None:
        """Check the network, as after reading it from a file.

        Raises:
            InputError: array types or shapes disagree, a unit's sources are not ascending or not
                all in earlier layers, a hidden unit has no connection in or no connection out, or
                a state value is not finite or a negative second moment.
        """
        check_layer_sizes(self.layer_sizes)
        check_arrays(self.layer_sizes, {name: getattr(self, name) for name in ARRAYS})
        check_connections(self.layer_sizes, self.indptr, self.indices)
        for state in (self.connections, self.units):
            if not np.isfinite(state).all():
                raise InputError("weights and biases must be finite")
            if (state[SECOND_MOMENT] < 0).any():
                raise InputError("second moments must not be negative")

    def save(self, path: str | Path) -> None:
        """Write the network to one safetensors file, its layer sizes as JSON in the header."""
        from safetensors.numpy import save

        # safetensors takes the memory of an array as it lies there, whatever its strides.
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in ARRAYS}
        # One entry, since safetensors writes several in no certain order.
        header = {"format": _FORMAT, "layer_sizes": self.layer_sizes, "steps": self.steps}
        replace_file(path, save(arrays, metadata={"network": json.dumps(header)}))

    @classmethod
    def load(cls, path: str | Path) -> "SparseNetwork":
        """Read a file written by `save`.

        Raises:
            InputError: the file is missing, damaged, or does not describe a network.
        """
        from safetensors import safe_open

        path = Path(path)
        if not path.is_file():
            raise InputError(f"no network file at {path}: expected a safetensors file")
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                if _FORMAT not in metadata.get("network", ""):
                    raise InputError(f"{path} is not a network file of this version of rlnas")
                header = parse_json(metadata["network"])
                sizes, steps = header["layer_sizes"], header["steps"]
                arrays = {name: file.get_tensor(name) for name in ARRAYS}
        except InputError:
            raise
        except Exception as error:  # safetensors, JSON and NumPy raise many kinds
            raise InputError(f"{path} is damaged: {error}") from error
        try:
            network = cls(sizes, **arrays, steps=steps)
            network.check()
        except InputError as error:
            raise InputError(f"{path} is damaged: {error}") from error
        return network


_FORMAT = "rlnas-network-1"
ARRAYS = ("indptr", "indices", "connections", "units")
"""Names of the arrays that, together with layer sizes and step count, make up a network."""


def from_coordinates(
    layer_sizes: tuple[int, ...],
    targets: np.ndarray,
    sources: np.ndarray,
    connections: np.ndarray,
    units: np.ndarray,
    steps: int = 0,
) -> SparseNetwork:
    """Build a network from connections in any order.

    Args:
        layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.
        targets: int `[n]`, receiving units.
        sources: int `[n]`, source units.
        connections: float32 `[4, n]`, state of the weights, in the order of the connections.
        units: float32 `[4, rows]`, state of the biases.
        steps: Number of optimiser steps taken so far.
    """
    layer_sizes = wholes("layer sizes", layer_sizes)
    order = np.argsort(targets * np.int64(sum(layer_sizes)) + sources, kind="stable")
    ordered = connections.take(order, axis=1)
    return from_sorted(layer_sizes, targets[order], sources[order], ordered, units, steps)


def from_sorted(
    layer_sizes: tuple[int, ...],
    targets: np.ndarray,
    sources: np.ndarray,
    connections: np.ndarray,
    units: np.ndarray,
    steps: int = 0,
) -> SparseNetwork:
    """As `from_coordinates`, for connections that are sorted by target, then by source."""
    layer_sizes = wholes("layer sizes", layer_sizes)
    bounds = np.arange(layer_sizes[0], sum(layer_sizes) + 1)
    return SparseNetwork(
        layer_sizes,
        np.searchsorted(targets, bounds).astype(np.int32),
        sources.astype(np.int32),
        np.ascontiguousarray(connections),
        np.ascontiguousarray(units),
        steps,
    )
