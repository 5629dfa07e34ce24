"""Sorting magnitudes in compiled loops."""

import numpy as np

from rlnas.jit import compile_loops

_DIGIT = 256  # values of a digit of eight bits


@compile_loops(inline=True)
def sorted_magnitudes(values: np.ndarray) -> np.ndarray:
    """The bits of the absolute values, ascending.

    A radix sort from the lowest digit (Knuth 1998, section 5.2.5): the bits of numbers that are not
    negative are in the order of the numbers.

    Args:
        values: float32 `[n]`.

    Returns:
        uint32 `[n]`, the bits of float32 numbers.
    """
    keys, others = np.empty(values.size, np.uint32), np.empty(values.size, np.uint32)
    places = np.empty((4, _DIGIT), np.int64)
    places[:] = 0  # `np.zeros` takes 0.1 s to compile
    for i in range(values.size):
        key = np.float32(values[i]).view(np.uint32) & np.uint32(0x7FFFFFFF)
        keys[i] = key
        for digit in range(4):
            places[digit, (key >> np.uint32(8 * digit)) & np.uint32(0xFF)] += 1
    for digit in range(4):
        shift, start = np.uint32(8 * digit), 0
        for value in range(_DIGIT):
            start, places[digit, value] = start + places[digit, value], start
        for i in range(keys.size):
            value = (keys[i] >> shift) & np.uint32(0xFF)
            others[places[digit, value]] = keys[i]
            places[digit, value] += 1
        keys, others = others, keys
    return keys
