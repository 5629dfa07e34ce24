"""Numbers that are written as texts, in the notations of several languages."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMBER_STYLES: dict[str, Callable[[str], str]] = {
    "": lambda text: text,
    "1,234.5": lambda text: text.replace(",", ""),
    "1.234,5": lambda text: text.replace(".", "").replace(",", "."),
}
"""How the numbers of a column are written, all alike, and Python's notation of each."""

_SIGNS = "$€£¥% \u00a0"  # of currencies and percent, around a number

Texts = NDArray[Any]
"""Texts, str or None for what is missing, object `[rows]`."""


def parse_number(text: str) -> float | None:
    """The number that a text is in any of `NUMBER_STYLES`, perhaps infinite; None if it is none."""
    found = (_parse_number(text, style) for style in NUMBER_STYLES)
    return next((number for number in found if number is not None), None)


def parse_numbers(texts: Texts, style: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The numbers that the texts of a column are.

    Args:
        texts: The texts, `[rows]`.
        style: How they are written, one of `NUMBER_STYLES`.

    Returns:
        The numbers, float64 `[rows]`, NaN where there is none; and where a text is no number, bool
        `[rows]`.
    """
    cells = texts.tolist()
    if not style and (found := _plain_numbers(cells)) is not None:
        return found, np.zeros(len(cells), np.bool_)
    table: dict[str | None, float | None] = {None: nan}
    table |= {text: _parse_number(text, style) for text in set(cells) - {None}}
    wrong = np.array([table[text] is None for text in cells], np.bool_)
    numbers = np.array([table[text] for text in cells], object)
    numbers[wrong] = nan
    return numbers.astype(np.float64), wrong


def in_order(texts: Iterable[str]) -> list[str]:
    """Texts in the order of their numbers if all are numbers, otherwise in alphabetical order."""
    texts = list(texts)
    numbers = {}
    for text in texts:
        number = parse_number(text)
        if number is None or not isfinite(number):
            return sorted(texts)
        numbers[text] = number
    return sorted(texts, key=lambda text: (numbers[text], text))


def plain_number(text: str) -> float | None:
    """The finite number that a text is as Python writes it; None if it is none."""
    number = _parse_number(text, "") if text[:1] not in _SIGNS and text[-1:] not in _SIGNS else None
    return number if number is not None and isfinite(number) else None


def one_spelling(texts: Iterable[str]) -> dict[str, str]:
    """The text that each of some different texts stands for, if all are numbers.

    Where several are the same number, as 1 and 01 are, it is the number as Python writes it.
    Otherwise, and if some are no numbers, each text stands for itself.
    """
    texts = list(texts)
    numbers = {text: plain_number(text) for text in texts}
    counts = Counter(numbers.values())
    if None in counts:
        return {text: text for text in texts}
    return {text: text if counts[n] == 1 else f"{n:.17g}" for text, n in numbers.items()}


def places_of(names: Sequence[str]) -> Callable[[str | None], int | None]:
    """A function that finds a name among some, if all are numbers however it is written.

    Args:
        names: Different names.

    Returns:
        A function of a name that returns its place, or None if it is not there.
    """
    exact: dict[str | None, int] = {name: place for place, name in enumerate(names)}
    numbers = {plain_number(name): place for place, name in enumerate(names)}
    if None in numbers or len(numbers) < len(names):
        return exact.get

    def place(name: str | None) -> int | None:
        found = exact.get(name)
        if found is None and name is not None and (number := plain_number(name)) is not None:
            return numbers.get(number)
        return found

    return place


def number_style(texts: Iterable[str]) -> str:
    """The style in which most of the texts with a comma are numbers.

    The plain one if there are none; that with points for fractions if in doubt, as 1,234 leaves it.
    """
    known = [text for text in texts if "," in text]
    return max(NUMBER_STYLES, key=lambda style: _count(known, style)) if known else ""


def in_doubt(texts: Iterable[str]) -> str | None:
    """A text with a comma that may be for thousands or for a fraction if all such texts may."""
    known = [text for text in texts if "," in text]
    counts = {_count(known, style) for style in NUMBER_STYLES if style}
    return known[0] if known and counts == {len(known)} else None


def _plain_numbers(cells: list[str | None]) -> NDArray[np.float64] | None:
    """The numbers of texts, NaN for None; None if a text is no number as Python writes it."""
    joined = "".join(filter(None, cells))
    if "_" in joined or not joined.isascii():  # which Python accepts
        return None
    present = [nan if cell is None else cell for cell in cells] if None in cells else cells
    try:
        return np.fromiter(map(float, present), np.float64, len(cells))  # type: ignore[arg-type]
    except ValueError:
        return None


def _count(texts: list[str], style: str) -> int:
    return sum(_parse_number(text, style) is not None for text in texts)


def _parse_number(text: str, style: str) -> float | None:
    """The number that a text is in a style; None if it is none, or its marks are misplaced."""
    text = text.strip(_SIGNS)
    if "_" in text or not text.isascii():  # which Python accepts
        return None
    digits = text.lstrip("+-")
    mark = "," if style == "1,234.5" else "."
    if style and mark in digits:  # groups of three, the first not zero
        first, *groups = digits.split("." if style == "1,234.5" else ",")[0].split(mark)
        threes = all(len(group) == 3 and group.isdigit() for group in groups)
        if first.startswith("0") or not groups or not threes:
            return None
    try:
        return float(NUMBER_STYLES[style](text))
    except ValueError:
        return None
