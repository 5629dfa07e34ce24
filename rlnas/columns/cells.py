"""Cells: which texts stand for a missing value, which values are numbers, how errors show them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MISSING = frozenset(
    (
        *(
            "",
            "?",
            "NULL",
            "null",
            "None",
            "NA",
            "N/A",
            "n/a",
            "<NA>",
            "#NA",
            "#N/A",
            "#N/A N/A",
            "<null>",
        ),
        *("NaN", "nan", "-NaN", "-nan", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN"),
    )
)
"""Texts that stand for a missing value: those of `pandas.read_csv`, ``?``, usual at UCI, and
``<null>``, usual at KEEL.

A lone ``-`` or ``.`` is none of them: both occur as categories, such as the class ``-``.
"""

EXACT = 2**53
"""Whole numbers up to here are exact in float64."""

_SAMPLE = 1000


def texts(cells: Sequence[str]) -> NDArray[Any]:
    """The texts without blanks around them, None where one stands for a missing value.

    Returns:
        The texts, object `[cells]` of `str` and None.
    """
    few = len(set(cells[:_SAMPLE])) <= _SAMPLE // 4
    if few:  # as categories are: equal texts share one object, which saves most of the memory
        kept = {cell: None if (text := cell.strip()) in MISSING else text for cell in set(cells)}
        return np.fromiter(map(kept.__getitem__, cells), object, len(cells))
    stripped: list[str | None] = list(map(str.strip, cells))
    if not MISSING.isdisjoint(stripped):
        stripped = [None if text in MISSING else text for text in stripped]
    return np.fromiter(stripped, object, len(cells))
