"""A network as C99 code: constant arrays, no allocation, no library, and a self-test."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rlnas.columns.encoding import Encoding, Rule
from rlnas.errors import InputError
from rlnas.export import c_outputs, c_table, c_templates
from rlnas.export.c_names import number_literal
from rlnas.export.inference import Inference
from rlnas.files.atomic import replace_file

LEVELS = 127
"""Largest absolute value of an int8 weight."""

SAMPLES = 10
"""Largest number of samples in a self-test."""

CLEAR = 1e-3
"""Smallest margin of a sample in a self-test: the difference of its two largest logits relative to
its largest absolute logit. It is far more than two compilers differ by."""

AVR_FLASH = 60_000
"""Bytes of constants that an AVR can address with 16 bits, besides the start-up code."""


@dataclass(frozen=True)
class Footprint:
    """Memory that the code needs on a device.

    Attributes:
        flash: Bytes of constants, without class names, which take memory only if they are used.
        ram: Bytes of the array on the stack that a call works in.
    """

    flash: int
    ram: int


def write_c(
    inference: Inference,
    folder: Path,
    name: str,
    raw: np.ndarray,
    quantized: bool = False,
) -> tuple[list[str], Footprint]:
    """Write `NAME.c`, `NAME.h` and, if a sample is clear enough, the self-test `NAME_test.c`.

    Args:
        inference: The network.
        folder: Folder of the files; it is created if it does not exist.
        name: Prefix of every symbol, macro and file name; see `rlnas.export.c_names.check_name`.
        raw: Raw samples `[samples, n_columns]`, of which the self-test has some.
        quantized: Whether to store weights as int8 with one float32 step per unit; activations
            stay float32.

    Returns:
        The names of the files, and the memory that the code needs.

    Raises:
        InputError: If the network is too large for 16-bit indices.
    """
    units, encoding = sum(inference.layer_sizes), inference.encoding
    n_features = inference.n_features if encoding is None else encoding.n_features
    for count, what in ((units, "units"), (n_features, "features")):
        if count > 2**16:
            raise InputError(
                f"{count} {what} are too many for C code with 16-bit indices: at most 65536"
            )
    arrays, needed = _arrays(inference, quantized), footprint(inference, quantized)
    if quantized:
        inference = dequantize(inference)
    precise, macro = "offsets" in arrays, name.upper()
    samples = clear_samples(inference, raw)
    words = {"name": name, "NAME": macro, "feature": "double" if precise else "float"}
    words |= c_outputs.words_of_outputs(inference, name)
    words["memory"] = c_templates.MEMORY.substitute(words)
    if encoding is None:
        words |= _on_features(words, samples)
    else:
        words |= c_table.on_rows(inference, encoding, words, samples)
    words |= c_outputs.code_of_outputs(inference, words)
    header = c_templates.HEADER.substitute(
        words,
        features=n_features,
        precision=c_templates.PRECISION if precise else "",
        declaration=c_templates.DECLARATION.substitute(words) if len(samples) else "",
    )
    offset = f"{macro}_READ_double(&{name}_offsets[row])"
    source = c_templates.SOURCE.substitute(
        words,
        demand=_demand(precise, needed.flash),
        inputs=inference.layer_sizes[0],
        rows=inference.biases.size,
        hidden=inference.biases.size - inference.layer_sizes[-1],
        limit=number_literal("float", inference.limit),
        constants=_constants(name, arrays),
        remaining=f"(float)(feature - {offset})" if precise else "feature",
        weight=arrays["weights"][0],
        scaled=f" * {macro}_READ_float(&{name}_steps[row])" if quantized else "",
        largest="DBL_MAX" if precise else "FLT_MAX",
    )
    files = {f"{name}.c": source, f"{name}.h": header}
    if len(samples):
        test = c_outputs.self_test(inference, samples)
        files[f"{name}_test.c"] = c_templates.SELF_TEST.substitute(
            words,
            samples=len(samples),
            expected=_constants(name, test.arrays),
            compare=test.compare.substitute(words),
        )
    for file, text in files.items():
        replace_file(folder / file, text.encode())
    return list(files), needed


def footprint(inference: Inference, quantized: bool = False) -> Footprint:
    """Memory that the code of a network needs."""
    arrays = _arrays(inference, quantized).values()
    return Footprint(
        sum(_BYTES[kind] * array.size for kind, array in arrays), 4 * sum(inference.layer_sizes)
    )


def quantize(inference: Inference) -> tuple[np.ndarray, np.ndarray]:
    """Quantize weights symmetrically, with one step per unit.

    Returns:
        Codes from -127 to 127, int8 `[connections]`, and steps, float32 `[rows]`; a weight is about
        its code times the step of its target unit.
    """
    rows = inference.rows
    largest = np.zeros(inference.biases.size, np.float32)
    np.maximum.at(largest, rows, np.abs(inference.weights))
    steps = np.where(largest > 0, largest / LEVELS, 1).astype(np.float32)
    codes = np.rint(inference.weights / steps[rows]).clip(-LEVELS, LEVELS)
    return codes.astype(np.int8), steps


def dequantize(inference: Inference) -> Inference:
    """The network with the weights of its int8 code."""
    codes, steps = quantize(inference)
    return replace(inference, weights=codes * steps[inference.rows])


def clear_samples(inference: Inference, raw: np.ndarray) -> np.ndarray:
    """For each predicted class, up to `SAMPLES`, the sample with the largest margin.

    For a table further ones follow, up to `SAMPLES`, if they have gaps or categories that those
    before them have not. If numbers are predicted, the samples are spread over their range.

    Args:
        inference: The network.
        raw: Raw samples `[samples, n_columns]`; those with features that are not finite are left
            out.

    Returns:
        The samples `[chosen, n_columns]` in `inference.dtype`, none with a margin below `CLEAR`.
    """
    encoding = inference.encoding
    raw = raw.astype(inference.dtype)
    raw = raw[np.isfinite(raw if encoding is None else encoding.features(raw)).all(axis=1)]
    if inference.target_names:
        return c_outputs.spread_samples(inference, raw, SAMPLES)
    logits = inference.logits(raw)
    second, first = np.partition(logits, -2, axis=1)[:, -2:].T
    margins = first - second
    margins[margins <= CLEAR * np.abs(logits).max(axis=1)] = 0
    classes = logits.argmax(axis=1)
    best = [np.argmax(np.where(classes == k, margins, -1)) for k in np.unique(classes)]
    chosen = [row for row in best if margins[row] > 0][:SAMPLES]
    return raw[chosen if encoding is None else _with_more(chosen, encoding, raw, margins > 0)]


def _with_more(
    chosen: list[np.intp], encoding: Encoding, raw: np.ndarray, clear: np.ndarray
) -> list[np.intp]:
    """Rows, and further clear ones with the most gaps and categories that are new."""
    flags = encoding.features(raw)[:, encoding.rule == Rule.IS] == 1
    shown = np.hstack([flags, np.isnan(raw[:, np.unique(encoding.source)])]) & clear[:, None]
    while chosen and len(chosen) < SAMPLES:
        new = (shown & ~shown[chosen].any(axis=0)).sum(axis=1)
        if not new.any():
            break
        chosen = [*chosen, new.argmax()]
    return chosen


def _on_features(words: dict[str, str], samples: np.ndarray) -> dict[str, str]:
    """The parts of the code that differ if raw samples are features."""
    name, macro = words["name"], words["NAME"]
    return {
        "intro": c_templates.FEATURES_INTRODUCTION.substitute(words),
        "origin": " as it is in the data set",
        "table": "",
        "place": f"{macro}_READ_uint16_t(&{name}_inputs[row])",
        "encode": "",
        "includes": "#include <stddef.h>\n#include <stdint.h>",
        "counter": ", k",
        "load": c_templates.LOAD_FEATURES.substitute(words),
        "samples_given": _constants(name, {"samples": (words["feature"], samples.ravel())}),
    }


def _arrays(inference: Inference, quantized: bool) -> dict[str, tuple[str, np.ndarray]]:
    """The constants of the code by name, each with its C type, which is a key of `_BYTES`."""
    arrays: dict[str, tuple[str, np.ndarray]] = {}
    encoding = inference.encoding
    if encoding is None:
        arrays["inputs"] = ("uint16_t", inference.inputs)
    elif (tests := encoding.rule == Rule.IS).any():
        arrays["codes"] = ("uint16_t", encoding.operand[tests])
    if inference.dtype == np.float64:
        arrays["offsets"] = ("double", inference.offset)
    arrays |= {
        "means": ("float", inference.mean),
        "scales": ("float", inference.scale),
        "fan_in": ("uint16_t", np.diff(inference.indptr)),
        "sources": ("uint16_t", inference.indices),
    }
    if quantized:
        codes, steps = quantize(inference)
        arrays |= {"weights": ("int8_t", codes), "steps": ("float", steps)}
    else:
        arrays["weights"] = ("float", inference.weights)
    return arrays | {"biases": ("float", inference.biases)}


def _demand(precise: bool, flash: int) -> str:
    """Preprocessor errors for devices on which the code would compile but give wrong answers."""
    refused = {
        "defined(__AVR__) || DBL_MANT_DIG < 53": (
            precise
            and "features of this network need a double of 64 bits: "
            "float does not tell their values apart"
        ),
        "defined(__AVR__)": (
            flash > AVR_FLASH and f"{flash} bytes of constants are beyond 16-bit addresses"
        ),
    }
    return "".join(
        f'\n#if {condition}\n#error "{message}"\n#endif\n'
        for condition, message in refused.items()
        if message
    )


_BYTES = {"uint16_t": 2, "int8_t": 1, "float": 4, "double": 8}
_PER_LINE = 12


def _constants(name: str, arrays: dict[str, tuple[str, np.ndarray]]) -> str:
    """The definitions of constant arrays."""
    definitions = []
    for suffix, (kind, values) in arrays.items():
        shown = [number_literal(kind, value) for value in values]
        lines = [", ".join(shown[k : k + _PER_LINE]) for k in range(0, len(shown), _PER_LINE)]
        begin = f"static const {kind} {name}_{suffix}[{values.size}] {name.upper()}_FLASH"
        definitions.append(begin + " = {\n    " + ",\n    ".join(lines) + "\n};")
    return "\n\n".join(definitions)
