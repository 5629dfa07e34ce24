"""The architectures that were trained on every task of the family, numbered."""

from itertools import combinations_with_replacement

from rlnas.nn.architecture import Architecture

WIDTHS = (4, 10, 24, 56, 128)
"""Neurons of a hidden layer."""

DENSITIES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Shares of active weights, the same for all hidden layers of a network."""

MAX_DEPTH = 3
"""Most hidden layers, none of which is wider than the one before."""

LENGTHS = (6, 24, 96, 384)
"""Training batches after which a network was measured."""

ARCHITECTURES: tuple[Architecture, ...] = (
    (),
    *(
        tuple((width, density) for width in reversed(widths))
        for depth in range(1, MAX_DEPTH + 1)
        for widths in combinations_with_replacement(WIDTHS, depth)
        for density in DENSITIES
    ),
)
"""All architectures: the linear one, then those with one, two and three hidden layers."""

NUMBERS = {architecture: number for number, architecture in enumerate(ARCHITECTURES)}
"""The number of each architecture."""
