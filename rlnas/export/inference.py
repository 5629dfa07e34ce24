"""`Inference`: a trained network that maps raw samples to outputs, from which exports are made.

Inputs without a connection are left out, as are weights of zero and units that nothing reads. All
exports follow one rule (docs/export.md): features are made of the columns of a table by the rules
of an `Encoding`, or are given; an input is
`clip((float32(feature - offset) - mean) * scale, *bounds)`, and if a feature that is read is NaN,
all outputs are NaN. Outputs are logits, or numbers in the units of the data.
"""

from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from rlnas.columns.encoding import Encoding
from rlnas.data.preprocessing import Preprocessing
from rlnas.data.targets import Targets
from rlnas.errors import EditError, InputError
from rlnas.nn.network import EMA, SparseNetwork
from rlnas.nn.rewiring import prune_dead_units, with_only
from rlnas.nn.scipy_forward import forward

_LARGEST_UNIT = 1e30  # leaves room in float32 for sums of 65,536 units times 127, an int8 weight


@dataclass(frozen=True, eq=False)
class Inference:
    """A sparse ReLU network on raw samples.

    Units are numbered in order: inputs that are read, each hidden layer, outputs. Row `r` is
    the unit `layer_sizes[0] + r`; its sources are units of any earlier layer.

    Attributes:
        n_features: Number of features of a sample, read or not.
        inputs: Numbers of the features that are read, ascending, int32 `[inputs]`.
        offset: Subtracted from a feature in double precision, float64 `[inputs]`; it is zero unless
            float32 cannot resolve the values of the feature.
        mean: Subtracted from the difference in single precision, float32 `[inputs]`.
        scale: Factor of the result, float32 `[inputs]`.
        bounds: Least and largest input; what is beyond counts as this, float32 `[2, inputs]`.
        layer_sizes: Numbers of inputs that are read, units of each hidden layer, and outputs.
        indptr: Row `r` owns the connections `indptr[r]:indptr[r + 1]`, int32 `[rows + 1]`.
        indices: Source units, ascending within a row, int32 `[connections]`.
        weights: Weights of the connections, float32 `[connections]`.
        biases: Biases of the units, float32 `[rows]`.
        class_names: Names of the outputs if they are logits of classes, otherwise none.
        low: Least value that each feature counts as, float64 `[inputs]`.
        high: Largest value that each feature counts as, float64 `[inputs]`.
        whole: Whether raw samples are features that are all whole numbers.
        encoding: How the features that are read, in the order of the inputs, are made of the codes
            of columns; None if raw samples are features.
        targets: What the outputs mean if they are numbers that are predicted, otherwise None.
    """

    n_features: int
    inputs: np.ndarray
    offset: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    bounds: np.ndarray
    layer_sizes: tuple[int, ...]
    indptr: np.ndarray
    indices: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    class_names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    whole: bool
    encoding: Encoding | None = None
    targets: Targets | None = None

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the numbers that are predicted; none for classes."""
        return () if self.targets is None else self.targets.names

    @property
    def n_columns(self) -> int:
        """Number of values of a raw sample: its features, or the columns of a table."""
        return self.n_features if self.encoding is None else len(self.encoding.columns)

    @property
    def dtype(self) -> type[np.float32] | type[np.float64]:
        """Type of raw samples: float64 if a feature that is read has an offset, else float32."""
        return np.float64 if self.offset.any() else np.float32

    @property
    def reach(self) -> float:
        """A bound of the magnitudes of all units, for any features."""
        farthest = np.abs(self.bounds, dtype=np.float64).max(axis=0)
        weights, biases = (np.abs(each, dtype=np.float64) for each in (self.weights, self.biases))
        return float(self._units(farthest[:, None], weights, biases).max())

    @property
    def starts(self) -> tuple[int, ...]:
        """Bounds of the layers: layer `l` owns the units `starts[l]:starts[l + 1]`."""
        return tuple(accumulate(self.layer_sizes, initial=0))

    @property
    def rows(self) -> np.ndarray:
        """The row that each connection belongs to, int64 `[connections]`."""
        return np.repeat(np.arange(self.biases.size), np.diff(self.indptr))

    def given(self, raw: np.ndarray) -> np.ndarray:
        """Raw samples as they are given to an export, in `dtype`."""
        return raw.astype(self.dtype)

    def features(self, raw: np.ndarray) -> np.ndarray:
        """The features that are read, `[samples, inputs]`.

        Args:
            raw: Raw samples `[samples, n_columns]`.
        """
        return raw[:, self.inputs] if self.encoding is None else self.encoding.features(raw)

    def logits(self, raw: np.ndarray) -> np.ndarray:
        """The outputs, computed with NumPy and SciPy: logits of classes, or predicted numbers.

        Args:
            raw: Raw samples `[samples, n_columns]`: features, or codes of columns.

        Returns:
            The outputs, float32 `[samples, outputs]`; all NaN for a sample in which a feature that
            is read is NaN, otherwise finite.
        """
        with np.errstate(over="ignore"):  # what is infinite in float32 is cut off
            remaining = (self.features(raw) - self.offset).astype(np.float32)
            standardized = (remaining - self.mean) * self.scale
        units = self._units(standardized.clip(*self.bounds).T, self.weights, self.biases)
        outputs = units[-self.layer_sizes[-1] :].T
        if self.targets is not None:
            outputs = self.targets.in_units(outputs)
        logits: np.ndarray = outputs.astype(np.float32)
        logits[np.isnan(standardized).any(axis=1)] = np.nan
        return logits

    def in_units(self) -> "Inference":
        """The network whose outputs are in the units of the data without anything done to them.

        How targets were standardised is in the weights and biases of its outputs.
        """
        targets, outputs = self.targets, self.layer_sizes[-1]
        if targets is None:
            return self
        factors, shifts = np.ones(self.biases.size), np.zeros(self.biases.size)
        factors[-outputs:], shifts[-outputs:] = targets.scale, targets.mean
        return replace(
            self,
            weights=(self.weights * factors[self.rows]).astype(np.float32),
            biases=(self.biases * factors + shifts).astype(np.float32),
            targets=replace(targets, mean=np.zeros(outputs), scale=np.ones(outputs)),
        )

    def _units(self, inputs: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
        """All units `[units, samples]` for standardised inputs `[inputs, samples]`."""
        return forward(self.layer_sizes, self.indptr, self.indices, weights, biases, inputs)

    def arrays(self) -> dict[str, np.ndarray]:
        """All numbers as arrays, by name (docs/export.md); single numbers have shape `[1]`."""
        if self.encoding is None:
            first = {"n_features": np.array([self.n_features], np.int32), "inputs": self.inputs}
        else:
            first = {
                "n_columns": np.array([self.n_columns], np.int32),
                "source": self.encoding.source,
                "rule": self.encoding.rule,
                "operand": self.encoding.operand,
            }
        return {
            **first,
            "offset": self.offset,
            "mean": self.mean,
            "scale": self.scale,
            "bounds": self.bounds,
            "layer_sizes": np.array(self.layer_sizes, np.int32),
            "indptr": self.indptr,
            "indices": self.indices,
            "weights": self.weights,
            "biases": self.biases,
        }


def for_inference(network: SparseNetwork, preprocessing: Preprocessing) -> Inference:
    """Prepare a network for raw samples, with its averaged weights.

    Args:
        network: The network.
        preprocessing: Preprocessing of the data that the network was trained on.

    Raises:
        InputError: If the two do not fit, the network's outputs are constant, or its weights are so
            large that units could overflow.
    """
    if (network.n_inputs, network.n_outputs) != (preprocessing.n_features, preprocessing.n_outputs):
        what = "classes" if preprocessing.targets is None else "targets"
        raise InputError(
            f"the network has {network.n_inputs} inputs and {network.n_outputs} outputs, its "
            f"preprocessing {preprocessing.n_features} features and {preprocessing.n_outputs} "
            f"{what}: give those of the data that it was trained on"
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
    encoding = preprocessing.encoding
    if encoding is not None:
        rules = {name: getattr(encoding, name)[inputs] for name in ("source", "rule", "operand")}
        encoding = replace(encoding, **rules)
    inference = Inference(
        n_features=network.n_inputs,
        inputs=inputs,
        offset=preprocessing.offset[inputs],
        mean=preprocessing.mean[inputs],
        scale=preprocessing.scale[inputs],
        bounds=preprocessing.bounds[:, inputs],
        layer_sizes=(inputs.size, *network.layer_sizes[1:]),
        indptr=network.indptr,
        indices=place[network.indices].astype(np.int32),
        weights=network.connections[EMA],
        biases=network.units[EMA],
        class_names=preprocessing.class_names,
        low=preprocessing.low[inputs],
        high=preprocessing.high[inputs],
        whole=preprocessing.whole,
        encoding=encoding,
        targets=preprocessing.targets,
    )
    if not inference.in_units().reach <= _LARGEST_UNIT:  # also when it is NaN
        raise InputError("nothing to export: weights so large that outputs are not finite numbers")
    return inference
