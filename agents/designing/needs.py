"""What a design needs where it runs: bytes as C code, multiply-adds and time per sample."""

from time import perf_counter

import numpy as np

from rlnas.designs.prediction import numbers, probabilities
from rlnas.designs.saved import SavedDesign
from rlnas.export.c.sizes import FORMS, c_bytes, multiply_adds
from rlnas.export.inference import for_inference

SAMPLES = 1000
"""Number of random samples whose answers are timed at once."""

SECONDS = 0.05
"""Least duration of the measurement of a time."""


def needs_of(design: SavedDesign) -> dict[str, str]:
    """What a design needs, in words, by name.

    Args:
        design: The design.
    """
    inference = for_inference(design.network, design.preprocessing)
    facts = {}
    forms = [form for form in FORMS if form != "c-int" or inference.targets is None]
    for form in forms:
        found = c_bytes(inference, form)
        facts[f"as {form}"] = f"{found.flash:,} bytes of flash, {found.ram:,} of RAM"
    facts["multiply-adds per sample"] = f"{multiply_adds(inference):,}"
    facts["time per sample, here in Python"] = f"{1e6 * seconds_per_sample(design):.2g} µs"
    return facts


def seconds_per_sample(design: SavedDesign) -> float:
    """The time that a sample takes on this machine, `SAMPLES` at once, preprocessing included.

    Args:
        design: The design.
    """
    raw = np.resize(
        design.preprocessing.random_samples(SAMPLES), (SAMPLES, design.preprocessing.n_columns)
    )
    network, rules = design.network, design.preprocessing
    answer = probabilities if rules.targets is None else numbers
    answer(network, rules, raw)  # the first call may compile
    began, calls = perf_counter(), 0
    while (passed := perf_counter() - began) < SECONDS or calls == 0:
        answer(network, rules, raw)
        calls += 1
    return passed / (calls * SAMPLES)
