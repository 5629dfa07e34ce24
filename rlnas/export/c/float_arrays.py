"""C code with float32 weights: its constants, and its source."""

from collections.abc import Mapping

import numpy as np

from rlnas.columns.encoding import Rule
from rlnas.export.c import templates
from rlnas.export.c.constants import Arrays, definitions
from rlnas.export.inference import Inference


def float_arrays(inference: Inference) -> Arrays:
    """The constants of the code."""
    arrays: dict[str, tuple[str, np.ndarray]] = {}
    encoding = inference.encoding
    if encoding is None:
        arrays["inputs"] = ("uint16_t", inference.inputs)
    elif (tests := encoding.rule == Rule.IS).any():
        arrays["codes"] = ("uint16_t", encoding.operand[tests])
    if inference.dtype == np.float64:
        arrays["offsets"] = ("double", inference.offset)
    return arrays | {
        "means": ("float", inference.mean),
        "scales": ("float", inference.scale),
        "bounds": ("float", inference.bounds.T.ravel()),
        "fan_in": ("uint16_t", np.diff(inference.indptr)),
        "sources": ("uint16_t", inference.indices),
        "weights": ("float", inference.weights),
        "biases": ("float", inference.biases),
    }


def float_source(inference: Inference, words: Mapping[str, str]) -> str:
    """The text of `NAME.c`.

    Args:
        inference: The network.
        words: Words of the templates.
    """
    name, macro = words["name"], words["NAME"]
    precise = inference.dtype == np.float64
    offset = f"{macro}_READ_double(&{name}_offsets[row])"
    plain = inference.encoding is None
    return templates.SOURCE.substitute(
        words,
        inputs=inference.layer_sizes[0],
        rows=inference.biases.size,
        hidden=inference.biases.size - inference.layer_sizes[-1],
        constants=definitions(name, float_arrays(inference)),
        place=f"{macro}_READ_uint16_t(&{name}_inputs[row])" if plain else "row",
        remaining=f"(float)(feature - {offset})" if precise else "feature",
        largest="DBL_MAX" if precise else "FLT_MAX",
    )
