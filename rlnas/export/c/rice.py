"""Rice codes: small whole numbers in few bits, which a short loop reads.

A number is its quotient by a power of two, as so many ones and a zero, followed by the remainder,
its lowest bit first. Bits fill each byte from the lowest one.
"""

import numpy as np

_WIDEST = 8  # bits of a remainder; the loop has at most 15 bits at hand


def rice_width(numbers: np.ndarray) -> int:
    """The number of bits of remainders that makes the code of some numbers shortest.

    Args:
        numbers: Whole numbers from 0 to 65535, `[n]`.
    """
    return min(range(_WIDEST + 1), key=lambda width: _bits(numbers, width))


def rice_size(numbers: np.ndarray) -> int:
    """Bytes of the shortest code of some numbers."""
    return -(-_bits(numbers, rice_width(numbers)) // 8)


def rice_bytes(numbers: np.ndarray, width: int) -> bytes:
    """The code of some numbers.

    Args:
        numbers: Whole numbers from 0 to 65535, `[n]`.
        width: Bits of each remainder.
    """
    quotients = numbers >> width
    lengths = quotients + 1 + width
    starts = np.cumsum(lengths) - lengths
    bits = np.zeros(int(lengths.sum()), np.uint8)
    before = np.cumsum(quotients) - quotients
    ones = np.arange(int(quotients.sum())) + np.repeat(starts - before, quotients)
    bits[ones] = 1
    for place in range(width):
        bits[starts + quotients + 1 + place] = numbers >> place & 1
    return np.packbits(bits, bitorder="little").tobytes()


def _bits(numbers: np.ndarray, width: int) -> int:
    return int((numbers >> width).sum()) + numbers.size * (1 + width)
