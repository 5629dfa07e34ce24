"""A network as C99 code: constant arrays, no allocation, no library, and a self-test."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rlnas.columns.encoding import Encoding, Rule
from rlnas.errors import InputError
from rlnas.export.c import outputs, table, templates
from rlnas.export.c.compact import compact_source, integer_words
from rlnas.export.c.constants import definitions
from rlnas.export.c.float_arrays import float_source
from rlnas.export.c.integers import IntegerNetwork
from rlnas.export.c.quantization import quantize
from rlnas.export.c.sizes import CForm, Footprint, c_bytes, check_form
from rlnas.export.inference import Inference
from rlnas.files.atomic import replace_file

SAMPLES = 10
"""Largest number of samples in a self-test."""

CLEAR = 1e-3
"""Smallest margin of a sample in a self-test: the difference of its two largest logits relative to
its largest absolute logit. It is far more than two compilers differ by."""

AVR_FLASH = 60_000
"""Bytes of constants that an AVR can address with 16 bits, besides the start-up code."""


def write_c(
    inference: Inference, folder: Path, name: str, raw: np.ndarray, form: CForm = "c"
) -> tuple[list[str], Footprint]:
    """Write `NAME.c`, `NAME.h` and, if a sample is clear enough, the self-test `NAME_test.c`.

    Args:
        inference: The network.
        folder: Folder of the files; it is created if it does not exist.
        name: Prefix of every symbol, macro and file name; see `rlnas.export.c.names.check_name`.
        raw: Raw samples `[samples, n_columns]`, of which the self-test has some.
        form: The format (docs/export.md).

    Returns:
        The names of the files, and the memory that the code needs.

    Raises:
        InputError: If the network is too large for 16-bit indices, or it predicts numbers, which
            code with integers only cannot give.
    """
    check_form(form, inference.targets)
    if form == "c":
        inference = inference.in_units()
    _check_size(inference)
    needed, precise = c_bytes(inference, form), inference.dtype == np.float64
    words = {"name": name, "NAME": name.upper()}
    words |= outputs.words_of_outputs(inference, name)
    words["memory"] = templates.MEMORY.substitute(words)
    words["demand"] = _demand(precise, needed.flash)
    words |= _on_floats(inference, words)
    computed: Inference | IntegerNetwork = inference
    if form != "c":
        quantized = quantize(inference, integers=form == "c-int")
        computed = quantized.network if form == "c-int8" else IntegerNetwork(quantized)
    if isinstance(computed, IntegerNetwork):
        words |= integer_words(computed, words)
    samples = clear_samples(computed, raw, inference.targets is not None)
    words |= outputs.code_of_outputs(inference, words)
    if inference.encoding is None:
        words |= _on_features(words, samples)
    else:
        words |= table.on_rows(inference, inference.encoding, words, samples)
    if form == "c":
        source = float_source(inference, words)
    else:
        source = compact_source(inference, quantized, form == "c-int", words)
    header = templates.HEADER.substitute(
        words,
        declaration=templates.DECLARATION.substitute(words) if len(samples) else "",
    )
    files = {f"{name}.c": source, f"{name}.h": header}
    if len(samples):
        test = outputs.self_test(computed, inference.targets is not None, samples)
        files[f"{name}_test.c"] = templates.SELF_TEST.substitute(
            words,
            samples=len(samples),
            expected=definitions(name, test.arrays),
            compare=test.compare.substitute(words),
        )
    for file, text in files.items():
        replace_file(folder / file, text.encode())
    return list(files), needed


def clear_samples(
    computed: Inference | IntegerNetwork, raw: np.ndarray, numbers: bool = False
) -> np.ndarray:
    """For each predicted class, up to `SAMPLES`, the sample with the largest margin.

    For a table further ones follow, up to `SAMPLES`, if they have gaps or categories that those
    before them have not. If numbers are predicted, the samples are spread over their range.

    Args:
        computed: The network that the code computes.
        raw: Raw samples `[samples, n_columns]`; those with features that are not finite are left
            out.
        numbers: Whether numbers are predicted.

    Returns:
        The samples `[chosen, n_columns]` as code is given them, none with a margin below `CLEAR`.
    """
    encoding = computed.encoding
    raw = computed.given(raw)
    raw = raw[np.isfinite(raw if encoding is None else encoding.features(raw)).all(axis=1)]
    if numbers:
        return outputs.spread_samples(computed, raw, SAMPLES)
    logits = computed.logits(raw)
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


def _check_size(inference: Inference) -> None:
    """Raise `InputError` if indices do not fit into 16 bits."""
    encoding, rows = inference.encoding, inference.biases.size
    n_features = inference.n_features if encoding is None else encoding.n_features
    counts = {
        "units": sum(inference.layer_sizes),
        "features": n_features,
        "features and units": n_features + rows,
    }
    for what, count in counts.items():
        if count > 2**16:
            raise InputError(
                f"{count} {what} are too many for C code with 16-bit indices: at most 65536"
            )


def _on_floats(inference: Inference, words: Mapping[str, str]) -> dict[str, str]:
    """The parts of the header that differ if features are floats."""
    precise, encoding = inference.dtype == np.float64, inference.encoding
    feature = "double" if precise else "float"
    return {
        "features": str(inference.n_features if encoding is None else encoding.n_features),
        "feature": feature,
        "raw": feature,
        "macros": "",
        "precision": templates.PRECISION if precise else "",
        "introduction": templates.FEATURES_INTRODUCTION.substitute(words),
        "rows_introduction": templates.ROWS_INTRODUCTION.substitute(words),
        "origin": " as it is in the data set",
        "header_includes": "",
        "or_none": ", or -1",
        "logit": "float",
        "checks": templates.VALID.substitute(words),
        "encode_type": "void",
        "encode_result": "",
        "load_features": templates.LOAD_FEATURES.substitute(words, feature=feature),
    }


def _on_features(words: Mapping[str, str], samples: np.ndarray) -> dict[str, str]:
    """The parts of the code that differ if raw samples are features."""
    return {
        "table": "",
        "encode": "",
        "includes": "#include <stddef.h>\n#include <stdint.h>",
        "counter": ", k",
        "load": words["load_features"],
        "samples_given": definitions(words["name"], {"samples": (words["raw"], samples.ravel())}),
    }


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
