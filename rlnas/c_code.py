"""A network as one C99 file and its header: constant arrays, no allocation, no dependency."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlnas.errors import InputError
from rlnas.files import replace_file
from rlnas.inference import Inference

LEVELS = 127
"""Of an int8 weight on either side of zero."""


@dataclass(frozen=True)
class Footprint:
    """What the code needs on a device.

    Attributes:
        flash: bytes of constants.
        ram: bytes of the one array that a call works in, on the stack.
    """

    flash: int
    ram: int


def write_c(inference: Inference, folder: Path, quantised: bool = False) -> Footprint:
    """Write `network.c` and `network.h`.

    `network_logits(features, logits)` computes the outputs, `network_classify(features)` the class.

    Args:
        inference: the network.
        folder: made if it does not exist.
        quantised: weights as int8, one float32 step for each unit; activations stay float32.

    Returns:
        How much memory the code takes.

    Raises:
        InputError: the network is too large for 16-bit indices.
    """
    units = sum(inference.layer_sizes)
    for count, what in ((units, "units"), (inference.n_features, "features")):
        if count > 2**16:
            raise InputError(
                f"{count} {what} are too many for C code with 16-bit indices: at most 65536"
            )
    arrays: dict[str, tuple[str, np.ndarray]] = {
        "inputs": ("uint16_t", inference.inputs),
        "means": ("float", inference.mean),
        "scales": ("float", inference.scale),
        "fan_in": ("uint16_t", np.diff(inference.indptr)),
        "sources": ("uint16_t", inference.indices),
    }
    if quantised:
        codes, steps = quantise(inference)
        arrays |= {"weights": ("int8_t", codes), "steps": ("float", steps)}
    else:
        arrays["weights"] = ("float", inference.weights)
    arrays["biases"] = ("float", inference.biases)
    values = {
        "constants": "\n\n".join(_array(name, *array) for name, array in arrays.items()),
        "inputs": inference.layer_sizes[0],
        "rows": inference.biases.size,
        "hidden": inference.biases.size - inference.layer_sizes[-1],
        "features": inference.n_features,
        "outputs": inference.layer_sizes[-1],
        "scaled": " * steps[row]" if quantised else "",
    }
    replace_file(folder / "network.h", (_HEADER % values).encode())
    replace_file(folder / "network.c", (_SOURCE % values).encode())
    flash = sum(_BYTES[kind] * array.size for kind, array in arrays.values())
    return Footprint(flash, 4 * units)


def quantise(inference: Inference) -> tuple[np.ndarray, np.ndarray]:
    """Weights as whole numbers from -127 to 127 times a step, symmetric, for each unit.

    Returns:
        int8 `[connections]` and float32 `[rows]`; a weight is about its number times the step of
        the unit that it leads to.
    """
    rows = inference.rows
    largest = np.zeros(inference.biases.size, np.float32)
    np.maximum.at(largest, rows, np.abs(inference.weights))
    steps = np.where(largest > 0, largest / LEVELS, 1).astype(np.float32)
    codes = np.rint(inference.weights / steps[rows]).clip(-LEVELS, LEVELS)
    return codes.astype(np.int8), steps


_BYTES = {"uint16_t": 2, "int8_t": 1, "float": 4}
_PER_LINE = 12


def _array(name: str, kind: str, values: np.ndarray) -> str:
    """The definition of a constant array; floats as hexadecimals, which lose nothing."""
    # C99 has hexadecimal floats, so that the compiler reads the very same bits
    shown = [float(v).hex() + "f" if kind == "float" else str(int(v)) for v in values]
    lines = [", ".join(shown[k : k + _PER_LINE]) for k in range(0, len(shown), _PER_LINE)]
    body = ",\n    ".join(lines)
    return f"static const {kind} {name}[{values.size}] = {{\n    {body}\n}};"


_HEADER = """\
/* A sparse feed-forward network, made by rlnas. */
#ifndef RLNAS_NETWORK_H
#define RLNAS_NETWORK_H

#define NETWORK_FEATURES %(features)d
#define NETWORK_OUTPUTS %(outputs)d

#ifdef __cplusplus
extern "C" {
#endif

/* Logits of one sample; its features as they are in the data set, not standardised. */
void network_logits(const float features[NETWORK_FEATURES], float logits[NETWORK_OUTPUTS]);

/* The class with the largest logit. */
int network_classify(const float features[NETWORK_FEATURES]);

#ifdef __cplusplus
}
#endif

#endif
"""

_SOURCE = """\
/* A sparse feed-forward network, made by rlnas. C99, no allocation, no dependency.
 *
 * Units are numbered: the inputs that are read, hidden units, outputs. Row r is the unit
 * INPUTS + r; its fan_in[r] connections follow those of the row before. */
#include "network.h"

#include <stdint.h>

enum { INPUTS = %(inputs)d, ROWS = %(rows)d, HIDDEN = %(hidden)d };

%(constants)s

void network_logits(const float features[NETWORK_FEATURES], float logits[NETWORK_OUTPUTS]) {
    float units[INPUTS + ROWS];
    uint32_t k = 0;
    int row;
    for (row = 0; row < INPUTS; row++) {
        units[row] = (features[inputs[row]] - means[row]) * scales[row];
    }
    for (row = 0; row < ROWS; row++) {
        const uint32_t end = k + fan_in[row];
        float sum = 0.0f;
        for (; k < end; k++) {
            sum += (float)weights[k] * units[sources[k]];
        }
        sum = biases[row] + sum%(scaled)s;
        units[INPUTS + row] = row < HIDDEN && sum < 0.0f ? 0.0f : sum;
    }
    for (row = 0; row < NETWORK_OUTPUTS; row++) {
        logits[row] = units[INPUTS + HIDDEN + row];
    }
}

int network_classify(const float features[NETWORK_FEATURES]) {
    float logits[NETWORK_OUTPUTS];
    int best = 0, k;
    network_logits(features, logits);
    for (k = 1; k < NETWORK_OUTPUTS; k++) {
        if (logits[k] > logits[best]) {
            best = k;
        }
    }
    return best;
}
"""
