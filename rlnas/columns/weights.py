"""The column of the weights of rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.codes import BadValue, is_empty
from rlnas.columns.target import Place, plain_codes
from rlnas.errors import InputError
from rlnas.objective import LARGEST_WEIGHT

_EXPECTED = f"expected a weight, a number from 0 to {LARGEST_WEIGHT:g}"


def weights_of(values: NDArray[Any], what: str, place: Place) -> NDArray[np.float64]:
    """The weights in a column, float64 `[rows]`.

    Args:
        values: The values of the column, `[rows]`, as in `rlnas.frames.frame.Frame.columns`.
        what: What the column is called in messages.
        place: Where the value of a row is, for messages.

    Raises:
        InputError: If a value is missing, no number, negative or too large, or all are zero.
    """
    if is_empty(values):
        raise InputError(f"{what} has no values: {_EXPECTED} in each row")
    if values.dtype == bool:
        raise InputError(f"{what} holds booleans: {_EXPECTED} in each row")
    try:
        found = plain_codes(values)
    except BadValue as bad:
        raise InputError(f"{place(bad.row)} has the value {bad.value!r}, {_EXPECTED}") from None
    for row in np.flatnonzero(np.isnan(found))[:1]:
        raise InputError(f"{place(row)} has no weight: fill it in, or leave out such rows")
    for row in np.flatnonzero((found < 0) | (found > LARGEST_WEIGHT))[:1]:
        raise InputError(f"{place(row)} has the value {found[row]:g}, {_EXPECTED}")
    if not found.any():
        raise InputError(f"{what} has only zeros: give some rows a weight above 0")
    return found
