"""Memory that exported C code needs, counted from a network's structure."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from rlnas.data.targets import Targets
from rlnas.errors import InputError
from rlnas.export.c.compact import compact_size
from rlnas.export.c.constants import size_of
from rlnas.export.c.float_arrays import float_arrays
from rlnas.export.c.quantization import are_small_integers, reads_in_place
from rlnas.export.inference import Inference

CForm = Literal["c", "c-int8", "c-int"]
"""Formats of C code."""

FORMS: tuple[CForm, ...] = get_args(CForm)


@dataclass(frozen=True)
class Footprint:
    """Memory that C code needs on a device, beside that of the code itself.

    Attributes:
        flash: Bytes of constants, without class names, which take memory only if they are used.
        stack: Bytes of the arrays on the stack that a call works in.
        features: Bytes of the arrays in which the caller gives features, without rows of a table.
    """

    flash: int
    stack: int
    features: int

    @property
    def ram(self) -> int:
        """Bytes of all arrays that are written to."""
        return self.stack + self.features


def check_form(form: CForm, targets: Targets | None) -> None:
    """Raise `InputError` if a format has no code for a network that predicts numbers.

    Args:
        form: The format.
        targets: The numbers that the network predicts; None for classes.
    """
    if form == "c-int" and targets is not None:
        raise InputError(
            "code with integers only tells classes apart, but numbers are to be predicted: "
            "expected the format c-int8 or c"
        )


def c_bytes(inference: Inference, form: CForm) -> Footprint:
    """Memory that the code of a network needs.

    Args:
        inference: The network, see `rlnas.export.inference.for_inference`.
        form: The format.

    Raises:
        InputError: If there is no such code, see `check_form`.
    """
    check_form(form, inference.targets)
    inputs, outputs = inference.layer_sizes[0], inference.layer_sizes[-1]
    hidden = inference.biases.size - outputs
    number = inference.dtype(0).itemsize
    given = inference.n_features if inference.encoding is None else inputs
    if form == "c":
        flash = size_of(float_arrays(inference))
        return Footprint(flash, 4 * (inputs + hidden + outputs), number * given)
    flash, in_place = (
        compact_size(inference, form == "c-int"),
        reads_in_place(inference, form == "c-int"),
    )
    if form == "c-int8":
        stack = 4 * (outputs + (max(hidden, 1) if in_place else inputs + hidden))
        return Footprint(flash, stack, number * given)
    stack = 4 * outputs + 2 * max(hidden, 1)
    if in_place:
        return Footprint(flash, stack, given)
    if inference.encoding is not None:  # NAME_encode has an array of its own, at another time
        return Footprint(flash, max(stack, number * inputs), 2 * inputs)
    raw = np.int16(0).itemsize if are_small_integers(inference) else number
    return Footprint(flash, stack, 2 * inputs + raw * given)


def multiply_adds(inference: Inference) -> int:
    """Multiply-adds for a sample: one for each weight, and one to standardise each input."""
    return inference.weights.size + inference.layer_sizes[0]
