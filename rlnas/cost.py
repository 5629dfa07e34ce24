"""What training, evaluating, probing and editing a network cost: multiply-adds, never a clock.

Each is counted from the structure of the network, as the compiled loops carry it out, so that it is
known before anything is computed. Every multiplication and division counts as one multiply-add,
whether or not something is added to it. Additions, comparisons, roots and logarithms do not count,
nor do the few numbers that a whole batch shares and the samples that fill the last tile up.
"""

from itertools import accumulate, pairwise
from typing import NamedTuple

from rlnas.nn.architecture import Architecture
from rlnas.nn.network import SparseNetwork
from rlnas.nn.structure import BLOCK
from rlnas.scoring import REFERENCE_WIDTH

SOFTMAX = 11
"""Multiplications for an output of a sample: its exponential and the gradient of the loss. Beside
them, there is one division for the sample. The squared error of a number that is predicted takes
fewer, and is counted alike."""

ADAM = 10
"""Multiplications for a weight or a bias in a step of the optimiser."""

EDIT = 500_000
"""What an edit is charged beside the ranking of connections: its bookkeeping, in multiply-adds.

It takes a time that depends little on the network. Measured, that is about ten times as much for a
step on small data, the observation and the masks included (docs/cost.md).
"""

REFERENCE: Architecture = ((REFERENCE_WIDTH, 1.0),)
"""The network whose number of weights is `rlnas.scoring.reference_weights`."""


class Size(NamedTuple):
    """What the cost of a network depends on.

    Attributes:
        inputs: Number of inputs that are standardised where all are: whole blocks.
        read: Number of inputs that are standardised where those in no connection may be missing:
            blocks of which an input is read.
        connections: Number of connections.
        from_inputs: Number of connections that come from inputs.
        rows: Number of hidden and output units.
        outputs: Number of outputs.
        pairs: Number of possible connections: pairs of a unit and a unit of an earlier layer.
    """

    inputs: int
    read: int
    connections: int
    from_inputs: int
    rows: int
    outputs: int
    pairs: int


def size_of(network: SparseNetwork) -> Size:
    """The size of a network."""
    return Size(
        _standardised(network.n_inputs, network.index.all_blocks.size),
        _standardised(network.n_inputs, network.index.blocks.size),
        network.active_weights,
        int(network.block_counts[:, 0].sum()),
        network.n_units - network.n_inputs,
        network.n_outputs,
        _pairs(network.layer_sizes),
    )


def size_of_architecture(architecture: Architecture, n_inputs: int, n_outputs: int) -> Size:
    """The size of a random network of an architecture, as `rlnas.nn.initialization` makes it.

    A network can have a few connections more, for hidden units that would have no reader.

    Args:
        architecture: `(width, density)` of each hidden layer.
        n_inputs: Number of inputs.
        n_outputs: Number of outputs.
    """
    sizes = (n_inputs, *(width for width, _ in architecture), n_outputs)
    densities = (*(density for _, density in architecture), 1.0)
    into = [
        width * max(1, round(density * before))
        for (before, width), density in zip(pairwise(sizes), densities, strict=True)
    ]
    inputs = _standardised(n_inputs, -(-n_inputs // BLOCK))
    return Size(inputs, inputs, sum(into), into[0], sum(sizes[1:]), n_outputs, _pairs(sizes))


def training_cost(size: Size, batches: int, batch_size: int) -> int:
    """Multiply-adds of some training batches.

    For each sample, its inputs are standardised and run forward and backward; after each batch, the
    optimiser takes a step with every weight and bias.

    Args:
        size: Size of the network.
        batches: Number of batches.
        batch_size: Number of samples in each.
    """
    of_sample = size.read + _forward_and_backward(size)
    return batches * (batch_size * of_sample + ADAM * (size.connections + size.rows))


def evaluation_cost(size: Size, samples: int) -> int:
    """Multiply-adds of evaluating a network.

    Args:
        size: Size of the network.
        samples: Number of samples.
    """
    return samples * (size.read + size.connections + _softmax(size))


def probe_cost(size: Size, samples: int) -> int:
    """Multiply-adds of the gradients of all possible connections.

    Args:
        size: Size of the network.
        samples: Number of samples.
    """
    return samples * (size.inputs + _forward_and_backward(size) + size.pairs)


def edit_cost(size: Size) -> int:
    """Multiply-adds that an edit is charged: `EDIT`, and one to rank each possible connection."""
    return EDIT + size.pairs


def _forward_and_backward(size: Size) -> int:
    """Multiply-adds of a sample: activations, gradients of weights, gradients of hidden units."""
    from_hidden = size.connections - size.from_inputs
    return 2 * size.connections + from_hidden + _softmax(size)


def _softmax(size: Size) -> int:
    return SOFTMAX * size.outputs + 1


def _standardised(n_inputs: int, blocks: int) -> int:
    """Inputs in a number of blocks, of which the last may have some in common with another."""
    return min(n_inputs, BLOCK) * blocks


def _pairs(layer_sizes: tuple[int, ...]) -> int:
    starts = accumulate(layer_sizes, initial=0)
    return sum(size * start for size, start in zip(layer_sizes, starts, strict=False))
