"""`Inference`: a trained network as others run it: raw features in, logits out, nothing else.

Inputs without a connection are left out, and so are weights of zero and units that nothing reads.
This is what every export starts from. All follow one rule (docs/export.md): an input is worth
`clip((float32(feature - offset) - mean) * scale, -limit, limit)`, and where a feature that is read
is NaN, all logits are.
"""

import io
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from rlnas.data.preprocessing import Preprocessing
from rlnas.errors import EditError, InputError
from rlnas.files.atomic import replace_file
from rlnas.nn.network import EMA, SparseNetwork
from rlnas.nn.rewiring import prune_dead_units, with_only
from rlnas.nn.scipy_forward import forward

FARTHEST = 1e16
"""Where standardised inputs are cut off: ten times as far as a value of a data set may be."""

_LARGEST_UNIT = 1e30  # leaves room in float32 for sums of 65,536 units times 127, an int8 weight
_NEAREST = 1e4  # a limit below this could cut off samples


@dataclass(frozen=True, eq=False)
class Inference:
    """A sparse ReLU network on raw features.

    Units are numbered in order: the inputs that are read, each hidden layer, outputs. Row `r` is
    the unit `layer_sizes[0] + r`; its sources are units of any earlier layer.

    Attributes:
        n_features: features of a sample.
        inputs: int32 `[inputs]`, which features are read, ascending.
        offset: float64 `[inputs]`, not zero where float32 does not tell a feature's values apart.
        mean, scale: float32 `[inputs]`; what remains of a feature is standardised by them.
        layer_sizes: number of inputs that are read, of units in each hidden layer, of outputs.
        indptr: int32 `[rows + 1]`, row `r` owns the connections `indptr[r]:indptr[r + 1]`.
        indices: int32 `[connections]`, source units, ascending within a row.
        weights: float32 `[connections]`.
        biases: float32 `[rows]`.
        class_names: of the outputs.
    """

    n_features: int
    inputs: np.ndarray
    offset: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    layer_sizes: tuple[int, ...]
    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    class_names: tuple[str, ...]

    @property
    def dtype(self) -> type[np.float32] | type[np.float64]:
        """Of features: float64 if one that is read has an offset, else float32."""
        return np.float64 if self.offset.any() else np.float32

    @property
    def limit(self) -> float:
        """Where standardised inputs are cut off, on either side of zero; float32 has this number.

        It is `FARTHEST`, or less where the weights are so large that units could overflow. So all
        units are finite whatever the features, and a weight of zero, which dense formats multiply
        by, counts for nothing.
        """
        ones = np.ones((self.layer_sizes[0], 1))
        weights, biases = (np.abs(each, dtype=np.float64) for each in (self.weights, self.biases))
        # A unit is at most this many times the largest input, if that is at least 1.
        growth = self._units(ones, weights, biases).max()
        return float(np.float32(min(FARTHEST, _LARGEST_UNIT / growth)))

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
            float32 `[samples, outputs]`; all NaN for a sample in which a feature that is read is
            NaN, otherwise finite.
        """
        with np.errstate(over="ignore"):  # what is infinite in float32 is cut off
            remaining = (features[:, self.inputs] - self.offset).astype(np.float32)
            standardised = (remaining - self.mean) * self.scale
        limit = self.limit
        units = self._units(standardised.clip(-limit, limit).T, self.weights, self.biases)
        logits = units[-self.layer_sizes[-1] :].T.astype(np.float32)
        logits[np.isnan(standardised).any(axis=1)] = np.nan
        return logits

    def _units(self, inputs: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
        """All units `[units, samples]` for standardised inputs `[inputs, samples]`."""
        return forward(self.layer_sizes, self.indptr, self.indices, weights, biases, inputs)

    def arrays(self) -> dict[str, np.ndarray]:
        """All numbers as arrays, by the names of the attributes; single ones have shape `[1]`."""
        return {
            "n_features": np.array([self.n_features], np.int32),
            "inputs": self.inputs,
            "offset": self.offset,
            "mean": self.mean,
            "scale": self.scale,
            "limit": np.array([self.limit], np.float32),
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
        InputError: the two do not fit, the network's outputs are constant, or its weights are so
            large that they could overflow.
    """
    if (network.n_inputs, network.n_outputs) != (preprocessing.n_features, preprocessing.n_classes):
        raise InputError(
            f"the network has {network.n_inputs} inputs and {network.n_outputs} outputs, its "
            f"preprocessing {preprocessing.n_features} features and {preprocessing.n_classes} "
            "classes: give those of the data that it was trained on"
        )
    try:
        network = prune_dead_units(with_only(network, network.connections[EMA] != 0))
    except EditError as error:
        raise InputError(f"nothing to export: {error}, its outputs are constant") from error
    inputs = np.flatnonzero(network.fan_out[: network.n_inputs]).astype(np.int32)
    if inputs.size == 0:
        raise InputError("nothing to export: no connection comes from an input")
    place = np.arange(network.n_units) - (network.n_inputs - inputs.size)
    place[inputs] = np.arange(inputs.size)
    inference = Inference(
        n_features=network.n_inputs,
        inputs=inputs,
        offset=preprocessing.offset[inputs],
        mean=preprocessing.mean[inputs],
        scale=preprocessing.scale[inputs],
        layer_sizes=(inputs.size, *network.layer_sizes[1:]),
        indptr=network.indptr,
        indices=place[network.indices].astype(np.int32),
        weights=network.connections[EMA],
        biases=network.units[EMA],
        class_names=preprocessing.class_names,
    )
    if not inference.limit >= _NEAREST:  # also when it is NaN
        raise InputError("nothing to export: weights so large that outputs are not finite numbers")
    return inference


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
