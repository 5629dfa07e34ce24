"""C code with int8 weights, with units in floating point or as integers: constants and source."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.encoding import Rule
from rlnas.export.c import compact_templates as templates
from rlnas.export.c.constants import TYPES, Arrays, definitions, size_of
from rlnas.export.c.integers import OUTPUT_SHIFT, IntegerNetwork
from rlnas.export.c.names import number_literal
from rlnas.export.c.outputs import arrays_of_outputs, in_units
from rlnas.export.c.quantization import PER_STD, Quantized, are_small_integers, reads_in_place
from rlnas.export.c.rice import rice_bytes, rice_width
from rlnas.export.c.templates import LOAD_FEATURES
from rlnas.export.inference import Inference


class Structure(NamedTuple):
    """What the bits of the code say.

    Attributes:
        inputs: Of each input that is read, the features between it and the one before; empty if
            code reads them in place, or the rows of a table.
        rows: Of each unit the number of its connections and, of each, the units between its source
            and the one before.
        width: Bits of remainders in Rice code.
    """

    inputs: NDArray[np.int64]
    rows: NDArray[np.int64]
    width: int


def structure_of(inference: Inference, in_place: bool) -> Structure:
    """The structure of a network.

    Args:
        inference: The network.
        in_place: Whether sources are numbered after all features, not after those that are read;
            of rows of a table, code makes no others.
    """
    places = np.arange(sum(inference.layer_sizes))
    if in_place and inference.encoding is None:
        places += inference.n_features - inference.inputs.size
        places[: inference.inputs.size] = inference.inputs
    sources, starts = places[inference.indices], inference.indptr[:-1]
    before = np.concatenate([[-1], sources[:-1]])
    fan_in = np.diff(inference.indptr)
    before[starts[fan_in > 0]] = -1
    rows = np.insert(sources - before - 1, starts, fan_in)
    inputs = np.zeros(0, np.int64)
    if not in_place and inference.encoding is None:
        inputs = np.diff(inference.inputs, prepend=-1).astype(np.int64) - 1
    return Structure(inputs, rows, rice_width(np.concatenate([inputs, rows])))


def compact_arrays(inference: Inference, quantized: Quantized | None, integers: bool) -> Arrays:
    """The constants of the code.

    Args:
        inference: The network.
        quantized: The same in few bytes; None for constants of the right size that are all zero.
        integers: Whether units are integers.
    """
    in_place = reads_in_place(inference, integers)
    structure = structure_of(inference, in_place)
    arrays = _of_inputs(inference, quantized, integers, in_place)
    bits = {"inputs": structure.inputs, "structure": structure.rows}
    for name, numbers in bits.items():
        if numbers.size:
            stream = np.frombuffer(rice_bytes(numbers, structure.width), np.uint8)
            arrays[name] = ("uint8_t", stream)
    n_rows = inference.biases.size
    values = np.zeros(inference.weights.size + 3 * n_rows, np.uint8)
    if quantized is not None:
        biases = quantized.biases.view(np.uint16)
        heads = np.stack([quantized.scales, biases & 255, biases >> 8], axis=1).astype(np.uint8)
        starts = np.repeat(inference.indptr[:-1], heads.shape[1])
        values = np.insert(quantized.codes.view(np.uint8), starts, heads.ravel())
    return arrays | {"values": ("uint8_t", values), **arrays_of_outputs(inference)}


def compact_size(inference: Inference, integers: bool) -> int:
    """Bytes of the constants, from the structure alone."""
    return size_of(compact_arrays(inference, None, integers))


def compact_source(
    inference: Inference, quantized: Quantized, integers: bool, words: Mapping[str, str]
) -> str:
    """The text of `NAME.c`.

    Args:
        inference: The network.
        quantized: The same in few bytes.
        integers: Whether units are integers.
        words: Words of the templates.
    """
    precise = inference.dtype == np.float64
    name, macro = words["name"], words["NAME"]
    structure = structure_of(inference, quantized.in_place)
    each = templates.EACH_INPUT_READ if structure.inputs.size else templates.EACH_INPUT
    offset = f"{macro}_READ_double(&{name}_offsets[row])"
    words = {
        **words,
        "largest": "DBL_MAX" if precise else "FLT_MAX",
        "remaining": f"(float)(feature - {offset})" if precise else "feature",
        "each": each.substitute(words),
    }
    words["standardised"] = templates.STANDARDISED.substitute(words)
    n_hidden = inference.biases.size - inference.layer_sizes[-1]
    parts = (_integer_parts if integers else _float_parts)(quantized, words)
    classify = "" if inference.target_names else templates.CLASSIFY.substitute(words, **parts)
    return templates.SOURCE.substitute(
        words,
        inputs=inference.layer_sizes[0],
        rows=inference.biases.size,
        hidden=n_hidden,
        width=structure.width,
        classify=classify,
        constants=definitions(name, compact_arrays(inference, quantized, integers)),
        **parts,
    )


def integer_words(network: IntegerNetwork, words: Mapping[str, str]) -> dict[str, str]:
    """The parts of the header and the self-test that differ if features are integers.

    Args:
        network: The network that the code computes.
        words: Words of the templates.
    """
    inference, in_place = network.quantized.network, network.quantized.in_place
    raw = TYPES[network.raw_type]
    step = templates.LOGIT_STEP.substitute(words, step=number_literal("float", network.step))
    table = inference.encoding is not None
    found = {
        "header_includes": "#include <stdint.h>\n\n",
        "features": str(inference.n_features if in_place else inference.layer_sizes[0]),
        "feature": "uint8_t" if in_place else "int16_t",
        "raw": raw,
        "macros": step,
        "precision": "",
        "introduction": templates.BYTES_INTRODUCTION,
        "rows_introduction": templates.ROWS_INTRODUCTION.substitute(words),
        "or_none": "",
        "logit": "int32_t",
        "checks": "",
        "encode_type": "int",
        "encode_result": templates.ENCODE_RESULT,
    }
    if in_place:
        return found | {"load_features": LOAD_FEATURES.substitute(words, feature=raw)}
    whole = network.raw_type == np.int16
    declaration = templates.DECLARE_QUANTIZE_INTEGERS if whole else templates.DECLARE_QUANTIZE
    raw_macro = f"#define {words['NAME']}_RAW {inference.n_features}\n"
    return found | {
        "macros": step if table else raw_macro + step,
        "introduction": templates.QUANTIZED_INTRODUCTION.substitute(
            words, else_="" if whole else " else"
        ),
        "origin": f", which {words['name']}_quantize makes",
        "checks": "" if table else declaration.substitute(words, raw=raw),
        "load_features": templates.LOAD_QUANTIZED.substitute(words, raw=raw),
    }


def _of_inputs(
    inference: Inference, quantized: Quantized | None, integers: bool, in_place: bool
) -> dict[str, tuple[str, np.ndarray]]:
    """Constants of features and inputs."""
    arrays: dict[str, tuple[str, np.ndarray]] = {}
    encoding, n_inputs = inference.encoding, inference.layer_sizes[0]
    if encoding is not None and (tests := encoding.rule == Rule.IS).any():
        arrays["codes"] = ("uint16_t", encoding.operand[tests])
    if inference.dtype == np.float64:
        arrays["offsets"] = ("double", inference.offset)
    if in_place:
        return arrays
    mean, scale, factors, shifts = np.zeros((4, n_inputs), np.float32)
    bounds = np.zeros(2 * n_inputs)
    if quantized is not None:
        mean, scale = quantized.network.mean, quantized.network.scale
        bounds = quantized.network.bounds.T.ravel() * PER_STD
        if integers:
            scale = scale * np.float32(2.0**quantized.fraction)
            factors, shifts = IntegerNetwork(quantized).multipliers
    arrays["bounds"] = ("int8_t", bounds)
    if integers and are_small_integers(inference):
        arrays["means"] = ("int16_t", mean)
        return arrays | {"factors": ("int16_t", factors), "shifts": ("uint8_t", shifts)}
    for suffix, array in (("means", mean), ("scales", scale)):
        arrays[suffix] = ("uint16_t", array.view(np.uint32) >> 16)
    return arrays


def _float_parts(quantized: Quantized, words: Mapping[str, str]) -> dict[str, str]:
    """What differs where units are floats."""
    name, macro, network = words["name"], words["NAME"], quantized.network
    functions = templates.CLIPPED.substitute(words)
    if quantized.in_place:
        low, high = (number_literal("float", end) for end in network.bounds[:, 0])
        source = (
            f"source < {macro}_FEATURES ? {name}_clipped(features[source], {low}, {high})\n"
            f"                : units[source - {macro}_FEATURES]"
        )
        units = f"{macro}_HIDDEN ? {macro}_HIDDEN : 1"
        unit, valid = "row", templates.VALID_IN_PLACE
    else:
        load = templates.LOAD.substitute(words, per_std=PER_STD)
        functions = templates.FLOAT.substitute(words) + functions + load
        source, units = "units[source]", f"{macro}_INPUTS + {macro}_HIDDEN"
        unit, valid = f"{macro}_INPUTS + row", templates.VALID_INPUTS
    return {
        "includes": "#include <float.h>\n#include <math.h>\n#include <stdint.h>",
        "bias": number_literal("float", 2.0 ** (quantized.bias_shift - quantized.fraction)),
        "functions": functions + words["encode"],
        "sum": "float",
        "unit": "float",
        "units": units,
        "load": "" if quantized.in_place else f"    {name}_load(features, units);\n",
        "source": source,
        "hidden_unit": f"units[{unit}] = sum < 0.0f ? 0.0f : sum / (float)((uint32_t)1 << scale);",
        "output": f"sum * ((float)scale * {number_literal('float', quantized.step)})",
        "spread": templates.ALL_NAN.substitute(words) + in_units(network, words),
        "unknown": templates.NO_CLASS,
        "valid": valid.substitute(words),
    }


def _integer_parts(quantized: Quantized, words: Mapping[str, str]) -> dict[str, str]:
    """What differs where units are integers."""
    name, macro, network = words["name"], words["NAME"], IntegerNetwork(quantized)
    source, functions, includes = "features[source]", "", "#include <stdint.h>"
    bound = 2**quantized.fraction // PER_STD
    clipped = templates.CLIPPED_INTEGER.substitute(words, bound=bound)
    if quantized.in_place:
        smallest, largest = network.smallest_feature, network.largest_feature
        feature = "feature" if largest == 255 else f"(feature > {largest} ? {largest} : feature)"
        if smallest:
            feature = f"(feature < {smallest} ? {smallest} : {feature})"
        source = f"{name}_input(features[source])"
        functions = templates.INPUT.substitute(words, feature=feature, fraction=quantized.fraction)
    elif network.raw_type == np.int16:
        functions = clipped + templates.QUANTIZE_INTEGERS.substitute(words)
    else:
        rows = quantized.network.encoding is not None
        functions = (
            templates.FLOAT.substitute(words)
            + clipped
            + templates.QUANTIZE.substitute(
                words,
                linkage="static " if rows else "",
                raw=TYPES[network.raw_type],
                n_raw=f"{macro}_{'FEATURES' if rows else 'RAW'}",
            )
        )
        includes = "#include <float.h>\n#include <math.h>\n" + includes
    return {
        "includes": includes,
        "bias": f"((int32_t){2**quantized.bias_shift})",
        "functions": functions + words["encode"],
        "sum": "int32_t",
        "unit": "int16_t",
        "units": f"{macro}_HIDDEN ? {macro}_HIDDEN : 1",
        "load": "",
        "source": f"source < {macro}_FEATURES ? {source}\n"
        f"                : units[source - {macro}_FEATURES]",
        "hidden_unit": templates.INTEGER_UNIT,
        "output": f"(sum >> {OUTPUT_SHIFT}) * (int32_t)scale",
        "spread": "",
        "unknown": "",
        "valid": "",
    }
