"""Rice codes: what is written is read back, in the fewest bytes."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from rlnas.export.c.rice import rice_bytes, rice_width


def decoded(code: bytes, width: int, count: int) -> list[int]:
    """The first numbers of a code, read bit by bit."""
    bits = iter(byte >> place & 1 for byte in code for place in range(8))
    numbers = []
    for _ in range(count):
        quotient = 0
        while next(bits):
            quotient += 1
        remainder = sum(next(bits) << place for place in range(width))
        numbers.append((quotient << width) + remainder)
    return numbers


NUMBERS = st.lists(st.integers(0, 600) | st.integers(0, 65535), max_size=30)


@given(NUMBERS)
def test_numbers_are_read_back_from_their_shortest_code(numbers):
    given_numbers = np.array(numbers, np.int64)
    width = rice_width(given_numbers)
    code = rice_bytes(given_numbers, width)
    assert decoded(code, width, len(numbers)) == numbers
    others = [w for w in range(9) if sum(numbers) >> w < 10_000]
    assert all(len(code) <= len(rice_bytes(given_numbers, w)) for w in others)


@pytest.mark.parametrize(
    ("numbers", "width", "code"),
    [
        ([], 0, ""),
        ([0, 1, 2], 0, "010110"),
        ([5, 2], 1, "1101" + "100"),
        ([65535], 8, "1" * 255 + "0" + "1" * 8),
    ],
)
def test_code_is_a_unary_quotient_and_a_binary_remainder(numbers, width, code):
    bits = np.frombuffer(rice_bytes(np.array(numbers, np.int64), width), np.uint8)
    shown = "".join(map(str, np.unpackbits(bits, bitorder="little")))
    assert shown[: len(code)] == code
    assert "1" not in shown[len(code) :]
    assert len(shown) - len(code) < 8
