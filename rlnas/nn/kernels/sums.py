"""Sums in the order in which NumPy adds, so that compiled loops give its bits."""

import numpy as np

from rlnas.jit import compile_loops

_BLOCK = 128  # values that are added in eight partial sums
_PARTS = 8
_LANES = 4  # partial sums of a product of two arrays


@compile_loops()
def sum_of(values: np.ndarray) -> float:
    """The sum, in pairs of halves (Higham 1993), as `numpy.sum` adds; of the type of the values."""
    n = values.size
    total = values.dtype.type(0)
    if n > _BLOCK:
        half = n // 2 - n // 2 % _PARTS
        return sum_of(values[:half]) + sum_of(values[half:])
    done = n - n % _PARTS
    if done > 0:
        parts = values[:_PARTS].copy()
        for i in range(_PARTS, done):
            parts[i % _PARTS] += values[i]
        left = (parts[0] + parts[1]) + (parts[2] + parts[3])
        total = left + ((parts[4] + parts[5]) + (parts[6] + parts[7]))
    for i in range(done, n):
        total += values[i]
    found: float = total
    return found


@compile_loops(inline=True)
def mean_and_spread(values: np.ndarray) -> tuple[float, float]:
    """The mean and the standard deviation, as `numpy.mean` and `numpy.std`."""
    mean = values.dtype.type(sum_of(values) / values.size)
    squares = np.empty_like(values)
    for i in range(values.size):
        squares[i] = (values[i] - mean) * (values[i] - mean)
    return mean, np.sqrt(values.dtype.type(sum_of(squares) / values.size))


@compile_loops(inline=True)
def product_of(one: np.ndarray, other: np.ndarray) -> np.float32:
    """The sum of the products of two float32 arrays, as `numpy.einsum` adds them on x86.

    There are four partial sums. Of sixteen values, the last four come first.
    """
    parts = np.zeros(_LANES, np.float32)
    done = one.size - one.size % 16
    for start in range(0, done, 16):
        for four in range(start + 12, start - 1, -4):
            for lane in range(_LANES):
                parts[lane] += one[four + lane] * other[four + lane]
    for k in range(done, one.size):
        parts[k % _LANES] += one[k] * other[k]
    total: np.float32 = (parts[0] + parts[1]) + (parts[2] + parts[3])
    return total
