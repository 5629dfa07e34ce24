"""What the first lines of a text table tell: which character separates fields, whether names."""

import csv
import re
from collections.abc import Iterable, Sequence
from itertools import islice

_SEPARATORS = "\t;|,"  # where several fit equally well, the one that is rarest in text
_SAMPLE_LINES, _SAMPLE_CHARACTERS = 100, 2**18  # in which the separator is looked for
_SAMPLE_ROWS = 1000  # in which the fields of the first row are looked for

_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*", re.ASCII)


def find_separator(lines: Iterable[str]) -> str:
    """The character between fields; a comma if no row has more than one field.

    It is the one that gives most of the first lines as many fields as the very first; among
    several, the one that makes most of the fields numbers, so that decimal commas separate nothing.

    Args:
        lines: Lines of the text.
    """
    sample = []
    size = 0
    for line in islice(lines, _SAMPLE_LINES):
        sample.append(line)
        size += len(line)
        if size > _SAMPLE_CHARACTERS:
            break
    fits = {separator: _fit(sample, separator) for separator in _SEPARATORS}
    best = max(fits, key=lambda separator: fits[separator])
    return best if fits[best][0] else ","


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row has the names of the columns.

    It has values if one of its fields is a number, unless half of them or more are numbers that
    count up from 0 or 1, as pandas names columns that have no name. It also has values if most of
    its fields occur again in their columns.

    Args:
        rows: The first rows, with equally many fields.
    """
    first = [field.strip() for field in rows[0]]
    numbers = [field for field in first if _NUMBER.fullmatch(field)]
    if numbers and not (_count_up(numbers) and 2 * len(numbers) >= sum(map(bool, first))):
        return False
    columns = zip(*rows[1:_SAMPLE_ROWS], strict=True)
    below = ({field.strip() for field in column} for column in columns)
    again = [name in fields for name, fields in zip(first, below, strict=False) if name]
    return 2 * sum(again) <= len(again)


def _count_up(numbers: list[str]) -> bool:
    """Whether the numbers are 0, 1, 2 and so on, or 1, 2, 3 and so on."""
    count = len(numbers)
    return numbers in ([*map(str, range(count))], [*map(str, range(1, count + 1))])


def _fit(sample: list[str], separator: str) -> tuple[float, float]:
    """How well a separator fits the first lines.

    Returns:
        The share of rows as long as the first, 0 if that has one field; and the share of numbers.
    """
    if not any(separator in line for line in sample):
        return 0, 0
    rows = [row for row in csv.reader(sample, delimiter=separator, skipinitialspace=True) if row]
    if len(rows) > 2:
        rows.pop()  # the sample may end within it
    if not rows or len(rows[0]) == 1:
        return 0, 0
    alike = sum(len(row) == len(rows[0]) for row in rows)
    fields = [field for row in rows for field in row]
    numbers = sum(_NUMBER.fullmatch(field) is not None for field in fields)
    return alike / len(rows), numbers / len(fields)
