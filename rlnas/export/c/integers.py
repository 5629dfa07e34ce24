"""The network that integer code computes, bit by bit: features, hidden units and outputs."""

from dataclasses import dataclass

import numpy as np

from rlnas.columns.encoding import Encoding
from rlnas.export.c.quantization import LARGEST, Quantized, are_small_integers, quantize
from rlnas.export.inference import Inference
from rlnas.nn.scipy_forward import layer_matrices

OUTPUT_SHIFT = 8
"""Bits of a sum that are dropped before it is multiplied by the factor of its output."""


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """A network on integers.

    Attributes:
        quantized: Its numbers.
    """

    quantized: Quantized

    @property
    def encoding(self) -> Encoding | None:
        """See `Inference`."""
        return self.quantized.network.encoding

    @property
    def largest_feature(self) -> int:
        """Of features that are read in place: a larger one counts as this."""
        return min(int(self.quantized.network.high[0]), LARGEST >> self.quantized.fraction)

    @property
    def smallest_feature(self) -> int:
        """Of features that are read in place: a smaller one counts as this."""
        return int(self.quantized.network.low[0])

    @property
    def raw_type(self) -> type[np.uint8 | np.int16 | np.float32 | np.float64]:
        """What features are given as."""
        network = self.quantized.network
        if self.quantized.in_place:
            return np.uint8
        return np.int16 if are_small_integers(network) else network.dtype

    @property
    def step(self) -> float:
        """What an output of 1 means for a logit."""
        return self.quantized.step * 2.0 ** (OUTPUT_SHIFT - self.quantized.fraction)

    @property
    def multipliers(self) -> tuple[np.ndarray, np.ndarray]:
        """Factors and shifts that standardise integers: ``(feature - mean) * factor >> shift``."""
        mantissas, exponents = np.frexp(self.quantized.network.scale.astype(float))
        exponents = exponents + self.quantized.fraction - 8  # bfloat16 has eight digits
        factors = (mantissas * 256).astype(np.int64) << exponents.clip(0, 8)
        return np.where(exponents > 7, LARGEST, factors), (-exponents).clip(0, 31)

    def given(self, raw: np.ndarray) -> np.ndarray:
        """Raw samples as code is given them, `[samples, n_columns]`: integers are rounded."""
        kind = self.raw_type
        if kind in (np.uint8, np.int16):
            lowest, highest = (0, 255) if kind == np.uint8 else (-LARGEST - 1, LARGEST)
            raw = np.rint(np.nan_to_num(raw)).clip(lowest, highest)
        return raw.astype(kind)

    def inputs(self, raw: np.ndarray) -> np.ndarray:
        """The inputs that the units read, `[samples, inputs]`, from -32767 to 32767.

        Args:
            raw: Raw samples `[samples, n_columns]`, see `given`. A NaN counts as the mean.
        """
        quantized, network = self.quantized, self.quantized.network
        features = network.features(raw)
        inputs: np.ndarray
        if quantized.in_place:
            inputs = features.astype(np.int64).clip(self.smallest_feature, self.largest_feature)
            return inputs << quantized.fraction
        low, high = (network.bounds * 2.0**quantized.fraction).astype(np.int64)
        if self.raw_type == np.int16:
            factors, shifts = self.multipliers
            inputs = features.astype(np.int64) - network.mean.astype(np.int64)
            inputs = (inputs * factors >> shifts).clip(low, high)
            return inputs
        with np.errstate(over="ignore"):
            remaining = (features - network.offset).astype(np.float32) - network.mean
            scaled = remaining * (network.scale * np.float32(2.0**quantized.fraction))
        scaled = np.nan_to_num(scaled.clip(-LARGEST, LARGEST))
        inputs = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int64)
        return inputs.clip(low, high)

    def outputs(self, raw: np.ndarray) -> np.ndarray:
        """The integers that are compared, `[samples, outputs]`; they fit into 32 bits."""
        quantized, network = self.quantized, self.quantized.network
        sizes, first = network.layer_sizes, network.layer_sizes[0]
        units = np.zeros((sum(sizes), len(raw)), np.int64)
        units[:first] = self.inputs(raw).T
        codes = quantized.codes.astype(np.int64)
        biases = quantized.biases.astype(np.int64) << quantized.bias_shift
        scales = quantized.scales.astype(np.int64)[:, None]
        for own, matrix in layer_matrices(sizes, network.indptr, network.indices, codes):
            rows = slice(own.start - first, own.stop - first)
            sums = matrix @ units[: own.start] + biases[rows, None]
            if own.stop < len(units):
                units[own] = np.minimum(np.maximum(sums, 0) >> scales[rows], LARGEST)
            else:
                units[own] = (sums >> OUTPUT_SHIFT) * scales[rows]
        return units[-sizes[-1] :].T

    def logits(self, raw: np.ndarray) -> np.ndarray:
        """What the outputs mean, `[samples, outputs]`; NaN where a feature that is read is NaN."""
        logits = self.outputs(self.given(raw)) * self.step
        logits[np.isnan(self.quantized.network.features(raw)).any(axis=1)] = np.nan
        return logits


def to_integers(inference: Inference) -> IntegerNetwork:
    """The integer network that comes close to a network."""
    return IntegerNetwork(quantize(inference, integers=True))
