"""`Inference`: a trained network as others run it: raw features in, logits out, nothing else.

Inputs without a connection are left out, and so are weights of zero and units that nothing reads.
This is what every export starts from.
"""

import io
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from rlnas.errors import InputError
from rlnas.files import replace_file
from rlnas.network import AVERAGE, SparseNetwork
from rlnas.preprocessing import Preprocessing
from rlnas.surgery import EditError, sweep_dead_units, with_only


@dataclass(frozen=True, eq=False)
class Inference:
    """A sparse ReLU network on raw features.

    Units are numbered in order: the inputs that are read, each hidden layer, outputs. Row `r` is
    the unit `layer_sizes[0] + r`; its sources are units of any earlier layer.

    Attributes:
        n_features: features of a sample.
        inputs: int32 `[inputs]`, which features are read, ascending.
        mean, scale: float32 `[inputs]`; an input is worth `(feature - mean) * scale`.
        layer_sizes: number of inputs that are read, of units in each hidden layer, of outputs.
        indptr: int32 `[rows + 1]`, row `r` owns the connections `indptr[r]:indptr[r + 1]`.
        indices: int32 `[connections]`, source units, ascending within a row.
        weights: float32 `[connections]`.
        biases: float32 `[rows]`.
    """

    n_features: int
    inputs: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    layer_sizes: tuple[int, ...]
    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    biases: np.ndarray

    @property
    def starts(self) -> tuple[int, ...]:
        """Layer `l` owns the units `starts[l]:starts[l + 1]`."""
        return tuple(accumulate(self.layer_sizes, initial=0))

    @property
    def rows(self) -> np.ndarray:
        """int64 `[connections]`: the row that each connection belongs to."""
        return np.repeat(np.arange(self.biases.size), np.diff(self.indptr))

    def logits(self, features: np.ndarray) -> np.ndarray:
        """The outputs, in NumPy and SciPy.

        Args:
            features: `[samples, n_features]`, as the data set has them, not standardised.

        Returns:
            float32 `[samples, outputs]`.
        """
        from scipy.sparse import csr_array

        units = ((features[:, self.inputs].astype(np.float32) - self.mean) * self.scale).T
        first = self.layer_sizes[0]
        for start, stop in pairwise(self.starts[1:]):
            rows = slice(start - first, stop - first)
            bounds = self.indptr[start - first : stop - first + 1]
            own = slice(bounds[0], bounds[-1])
            shape = (stop - start, start)
            layer = csr_array((self.weights[own], self.indices[own], bounds - bounds[0]), shape)
            sums = layer @ units + self.biases[rows, None]
            last = stop == self.starts[-1]
            units = np.vstack([units, sums if last else np.maximum(sums, 0)])
        return units[-self.layer_sizes[-1] :].T.astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays, by the names of the attributes; `n_features` has shape `[1]`."""
        return {
            "n_features": np.array([self.n_features], np.int32),
            "inputs": self.inputs,
            "mean": self.mean,
            "scale": self.scale,
            "layer_sizes": np.array(self.layer_sizes, np.int32),
            "indptr": self.indptr,
            "indices": self.indices,
            "weights": self.weights,
            "biases": self.biases,
        }


def for_inference(network: SparseNetwork, preprocessing: Preprocessing) -> Inference:
    """The network, at its averaged weights, on raw features.

    Args:
        network: the network.
        preprocessing: of the data that it was trained on.

    Raises:
        InputError: the two do not fit, or the network's outputs are constant.
    """
    if (network.n_inputs, network.n_outputs) != (preprocessing.n_features, preprocessing.n_classes):
        raise InputError(
            f"the network has {network.n_inputs} inputs and {network.n_outputs} outputs, its "
            f"preprocessing {preprocessing.n_features} features and {preprocessing.n_classes} "
            "classes: give those of the data that it was trained on"
        )
    try:
        network = sweep_dead_units(with_only(network, network.connections[AVERAGE] != 0))
    except EditError as error:
        raise InputError(f"nothing to export: {error}, its outputs are constant") from error
    inputs = np.flatnonzero(network.fan_out[: network.n_inputs]).astype(np.int32)
    if inputs.size == 0:
        raise InputError("nothing to export: no connection comes from an input")
    place = np.arange(network.n_units) - (network.n_inputs - inputs.size)
    place[inputs] = np.arange(inputs.size)
    return Inference(
        network.n_inputs,
        inputs,
        preprocessing.mean[inputs],
        preprocessing.scale[inputs],
        (inputs.size, *network.layer_sizes[1:]),
        network.indptr,
        place[network.indices].astype(np.int32),
        network.connections[AVERAGE],
        network.units[AVERAGE],
    )


def save_npz(inference: Inference, path: Path) -> None:
    """Write `arrays()` as a compressed NumPy file, without pickle."""
    buffer = io.BytesIO()
    # For all that types tell, an array might be named as the flag `allow_pickle` is.
    np.savez_compressed(buffer, **inference.arrays())  # type: ignore[arg-type]
    replace_file(path, buffer.getvalue())


def save_safetensors(inference: Inference, path: Path) -> None:
    """Write `arrays()` as a safetensors file."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(array) for name, array in inference.arrays().items()}
    replace_file(path, save(arrays, metadata={"format": "rlnas-inference-1"}))
