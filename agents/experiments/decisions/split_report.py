"""Tables of what methods reach in the episodes of a split, and by how much one is above another."""

from collections.abc import Sequence

import numpy as np

from rlnas.agents.experiments.decisions.report import by_source, difference, parts_of
from rlnas.agents.experiments.decisions.splits import Row
from rlnas.markdown import markdown_table

KEY = "test_anytime"
"""What methods are judged by: the anytime score on samples that none of them sees."""


def levels(rows: Sequence[Row], key: str = KEY) -> str:
    """The mean of every method in every part, in points: of tasks first, then over tasks.

    Args:
        rows: Result of `rlnas.agents.experiments.decisions.splits.play`.
        key: An entry of what methods reached.
    """
    parts = parts_of(rows)
    table = [
        [method, *(f"{_mean(some, method, key):.2f}" for some in parts.values())]
        for method in rows[0]["methods"]
    ]
    return markdown_table(["method", *parts], table)


def differences(rows: Sequence[Row], against: str, key: str = KEY) -> str:
    """By how many points every method is above one of them, with 95 % intervals over tasks.

    Args:
        rows: As for `levels`.
        against: The name of the one.
        key: As for `levels`.
    """
    parts = parts_of(rows)
    table = [
        [method, *(f"{difference(some, method, against, key):+.2f}" for some in parts.values())]
        for method in rows[0]["methods"]
        if method != against
    ]
    return markdown_table([f"above {against}", *parts], table)


def _mean(rows: Sequence[Row], method: str, key: str) -> float:
    return float(np.mean(by_source(rows, lambda row: row["methods"][method][key])))
