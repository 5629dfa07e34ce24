"""Networks in forms that run elsewhere."""

from itertools import pairwise

import numpy as np
import torch

from rlnas.network import AVERAGE, VALUE, SparseNetwork


class DenselyConnected(torch.nn.Module):
    """ReLU layers, each reading the outputs of all earlier ones, and a linear output layer.

    Args:
        sizes: number of inputs, of units in each hidden layer, and of outputs.
    """

    def __init__(self, sizes: tuple[int, ...]):
        super().__init__()
        before = [int(n) for n in np.cumsum(sizes)]
        self.layers = torch.nn.ModuleList(
            torch.nn.Linear(n, size) for n, size in zip(before, sizes[1:], strict=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map float32 `[batch, inputs]` to logits `[batch, outputs]`."""
        *hidden, output = self.layers
        for layer in hidden:
            x = torch.cat([x, torch.relu(layer(x))], dim=1)
        logits: torch.Tensor = output(x)
        return logits


def to_torch(network: SparseNetwork, averaged: bool = True) -> DenselyConnected:
    """A PyTorch module with the same outputs on standardised inputs.

    Weights of connections that do not exist are zero.

    Args:
        network: the network.
        averaged: take the exponential average of the parameters, not their last values.
    """
    state = AVERAGE if averaged else VALUE
    module = DenselyConnected(network.layer_sizes)
    dense = np.zeros((network.n_units - network.n_inputs, network.n_units), np.float32)
    dense[network.targets - network.n_inputs, network.indices] = network.connections[state]
    parameters = {}
    for k, (start, stop) in enumerate(pairwise(network.starts[1:])):
        rows = slice(start - network.n_inputs, stop - network.n_inputs)
        parameters[f"layers.{k}.weight"] = torch.from_numpy(dense[rows, :start].copy())
        parameters[f"layers.{k}.bias"] = torch.from_numpy(network.units[state, rows].copy())
    module.load_state_dict(parameters)
    return module
