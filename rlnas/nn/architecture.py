"""An architecture: the width and density of each hidden layer."""

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, TypedDict

from rlnas.errors import InputError
from rlnas.validation import is_whole

Architecture = tuple[tuple[int, float], ...]
"""`(width, density)` of each hidden layer, from the input side; `()` is a linear classifier.

The density of a hidden layer is the share of active weights between it and the layer before; the
output layer is dense.
"""


def check_architecture(
    architecture: Iterable[Iterable[float]], max_depth: int, max_width: int
) -> Architecture:
    """Check an architecture and return it as tuples of plain numbers.

    Args:
        architecture: `(width, density)` of each hidden layer, as tuples or lists.
        max_depth: Largest number of hidden layers.
        max_width: Largest number of neurons in a hidden layer.

    Raises:
        InputError: there are too many layers, or a width or density is out of range.
    """
    try:
        layers = tuple((width, density) for width, density in architecture)
        usable = len(layers) <= max_depth and all(
            is_whole(width)
            and 1 <= width <= max_width
            and isinstance(density, Real)
            and 0 < density <= 1
            for width, density in layers
        )
    except (TypeError, ValueError):
        usable = False
    if not usable:
        raise InputError(
            f"architecture {architecture} cannot be used: expected (width, density) of each of up "
            f"to {max_depth} hidden layers, widths from 1 to {max_width}, densities above 0 and "
            "at most 1"
        )
    return tuple((int(width), float(density)) for width, density in layers)


CONSTANT = "constant prediction"
"""What a network without connections computes, which episodes with a budget begin with."""


def in_words(layer_sizes: Iterable[int], active_weights: int) -> str:
    """The layers of a network as text, such as "64-20-10".

    Args:
        layer_sizes: Sizes of all layers.
        active_weights: Number of connections; without any, the text is `CONSTANT`.
    """
    return "-".join(map(str, layer_sizes)) if active_weights else CONSTANT


class Layers(TypedDict):
    """The layers that a network has."""

    layer_sizes: list[int]  # with the inputs and the outputs
    layer_densities: list[float]  # of the layers behind the inputs


def layers_of(info: Mapping[str, Any]) -> Layers:
    """`layer_sizes` and `layer_densities` of a network, from the info of a step.

    The info has one entry for every layer that a network can have; layers that the network does not
    have are 0 there, and are left out here.

    Args:
        info: Info of a step, with the entries `layer_sizes` and `layer_densities`.
    """
    sizes, densities = info["layer_sizes"], info["layer_densities"]
    return {
        "layer_sizes": [int(size) for size in sizes if size],
        "layer_densities": [
            float(density) for size, density in zip(sizes[1:], densities, strict=True) if size
        ],
    }
