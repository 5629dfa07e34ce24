"""Decorators of loops in which the order of sums is free."""

from rlnas.jit import compile_loops

FASTMATH = ("contract", "reassoc", "nsz", "arcp")
"""NaN and infinity keep their meaning, so that a diverged network can be detected."""

compiled = compile_loops(FASTMATH)
"""Decorator of functions over arrays."""

compiled_in_place = compile_loops(FASTMATH, makes_arrays=False)
"""The same for functions that make no arrays."""

part = compile_loops(FASTMATH, inline=True)
"""The same for parts of such functions."""
