"""Numbers that compiled steps draw, and how an observation shows them."""

from math import exp, log

from rlnas.jit import compile_loops

# Without fast math: rewards and observations are to the bit those that NumPy gives. Steps make no
# arrays: without that promise, counting the holders of their views took three quarters of a step.
compiled = compile_loops(makes_arrays=False)
"""Decorator of compiled steps."""

inlined = compile_loops(inline=True, makes_arrays=False)
"""The same for parts of them."""


@inlined
def between(low: float, high: float, share: float) -> float:
    """A number between two bounds, log-uniformly distributed if the lower one is positive.

    Args:
        low: Lower bound, from 0.
        high: Upper bound.
        share: Uniform random number in [0, 1).
    """
    if high <= low:
        return low
    if low <= 0:
        return low + share * (high - low)
    return exp(log(low) + share * (log(high) - log(low)))


@inlined
def clip(value: float) -> float:
    """The nearest number that an observation may have, from -1 to 1."""
    return min(max(value, -1.0), 1.0)
