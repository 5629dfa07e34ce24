"""Records: moments of episodes in arrays that compiled steps read and write."""

from functools import cache
from typing import Any

import numpy as np


@cache
def record(fields: Any) -> np.dtype:
    """The record with the fields of a named tuple; always the same object, which Numba knows."""
    kinds = {int: np.int64, float: np.float64, bool: np.bool_}
    return np.dtype(
        [(name, kinds[kind]) for name, kind in fields.__annotations__.items()], align=True
    )
