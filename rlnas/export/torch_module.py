"""Conversion of networks to PyTorch modules and back."""

import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlnas.columns.encoding import Encoding, Rule
from rlnas.errors import EditError, InputError
from rlnas.export.column_facts import table_facts
from rlnas.export.inference import Inference
from rlnas.files.atomic import replace_file
from rlnas.nn.network import EMA, VALUE, SparseNetwork, from_coordinates
from rlnas.nn.rewiring import prune_dead_units


class DenselyConnected(torch.nn.Module):
    """ReLU layers, each reading the outputs of all earlier ones, and a linear output layer.

    Args:
        sizes: Numbers of inputs, units of each hidden layer, and outputs.
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
    """A PyTorch module with the same outputs on standardized inputs.

    Weights of connections that do not exist are zero.

    Args:
        network: The network.
        averaged: Whether to use the exponential average of the parameters, not their last values.
    """
    state = EMA if averaged else VALUE
    return _module(
        network.layer_sizes,
        network.targets,
        network.indices,
        network.connections[state],
        network.units[state],
    )


class OnFeatures(torch.nn.Module):
    """A network as a module that maps raw features to logits.

    Args:
        inference: The network.
    """

    def __init__(self, inference: Inference):
        super().__init__()
        for name in ("inputs", "offset", "mean", "scale", "bounds"):
            self.register_buffer(name, torch.from_numpy(getattr(inference, name).copy()))
        self.precise = inference.dtype == np.float64
        targets = inference.rows + inference.layer_sizes[0]
        self.network = _module(
            inference.layer_sizes, targets, inference.indices, inference.weights, inference.biases
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map `[batch, features]` in `inference.dtype` to float32 logits `[batch, outputs]`."""
        inputs = features.index_select(1, self.get_buffer("inputs"))
        if self.precise:
            inputs = (inputs - self.get_buffer("offset")).float()
        standardized = (inputs - self.get_buffer("mean")) * self.get_buffer("scale")
        low, high = self.get_buffer("bounds")
        logits: torch.Tensor = self.network(standardized.clamp(low, high))
        return logits.masked_fill(standardized.isnan().any(dim=1, keepdim=True), torch.nan)


class OnCodes(torch.nn.Module):
    """A network as a module that maps codes of the columns of a table to logits.

    Args:
        inference: The network.
        encoding: How the features that it reads are made of the codes.
    """

    def __init__(self, inference: Inference, encoding: Encoding):
        super().__init__()
        buffers = {
            "source": encoding.source.copy(),
            "operand": encoding.operand.astype(inference.dtype),
            "is_value": encoding.rule == Rule.VALUE,
            "is_missing": encoding.rule == Rule.MISSING,
        }
        for name, array in buffers.items():
            self.register_buffer(name, torch.from_numpy(array))
        every = np.arange(encoding.n_features, dtype=np.int32)
        self.network = OnFeatures(replace(inference, inputs=every, encoding=None))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Map `[batch, columns]` in `inference.dtype` to float32 logits `[batch, outputs]`."""
        read, operand = codes.index_select(1, self.get_buffer("source")), self.get_buffer("operand")
        missing = read.isnan()
        value = torch.where(missing, operand, read)
        flag = torch.where(self.get_buffer("is_missing"), missing, read == operand)
        features = torch.where(self.get_buffer("is_value"), value, flag.to(read.dtype))
        logits: torch.Tensor = self.network(features)
        return logits


def save_program(inference: Inference, path: Path) -> None:
    """Write `OnFeatures` as a `torch.export` program that takes batches of any size.

    For a table it is `OnCodes`, and an extra file `columns.json` tells what the codes mean, see
    `rlnas.export.column_facts`.
    """
    encoding, extra = inference.encoding, dict[str, str]()
    if encoding is None:
        module: torch.nn.Module = OnFeatures(inference)
    else:
        module = OnCodes(inference, encoding)
        extra["columns.json"] = json.dumps(table_facts(encoding))
    module.eval()
    example = torch.from_numpy(np.zeros((2, inference.n_columns), inference.dtype))
    batch = torch.export.Dim("batch")
    program = torch.export.export(module, (example,), dynamic_shapes=({0: batch},))
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files=extra)
    replace_file(path, buffer.getvalue())


def _module(
    sizes: tuple[int, ...],
    targets: np.ndarray,
    sources: np.ndarray,
    weights: np.ndarray,
    biases: np.ndarray,
) -> DenselyConnected:
    """The module with these connections; other weights are zero."""
    module = DenselyConnected(sizes)
    starts = np.cumsum((0, *sizes))
    dense = np.zeros((starts[-1] - sizes[0], starts[-1]), np.float32)
    dense[targets - sizes[0], sources] = weights
    parameters = {}
    for k, (start, stop) in enumerate(pairwise(starts[1:].tolist())):
        rows = slice(start - sizes[0], stop - sizes[0])
        parameters[f"layers.{k}.weight"] = torch.from_numpy(dense[rows, :start].copy())
        parameters[f"layers.{k}.bias"] = torch.from_numpy(biases[rows].copy())
    module.load_state_dict(parameters)
    return module


IGNORED = (torch.nn.Flatten, torch.nn.Dropout, torch.nn.Identity)
"""Modules that have no effect in inference."""


def from_torch(module: torch.nn.Sequential) -> SparseNetwork:
    """Convert a sequential module; its weights of zero become no connections.

    So an episode can start from a network that was pruned in PyTorch, see `DesignEnv(network=...)`,
    which standardizes the features.

    Args:
        module: `Linear` layers with a `ReLU` between each two; `Flatten`, `Dropout` and `Identity`
            may be among them.

    Returns:
        A network with the same outputs, without units that have no source or no reader.

    Raises:
        InputError: If the module has other layers, or all its outputs are constant.
    """
    layers: list[Any] = [layer for layer in module if not isinstance(layer, IGNORED)]
    linear, between = layers[::2], layers[1::2]
    alternate = len(layers) % 2 == 1 and all(isinstance(each, torch.nn.ReLU) for each in between)
    if not (alternate and all(isinstance(each, torch.nn.Linear) for each in linear)):
        names = ", ".join(type(layer).__name__ for layer in layers)
        raise InputError(
            f"cannot read a network from the modules {names}: expected Linear, ReLU, Linear, and "
            "so on, with a Linear at the end"
        )
    weights = [layer.weight.detach().cpu().numpy().astype(np.float32) for layer in linear]
    biases = [
        np.zeros(layer.out_features, np.float32)
        if layer.bias is None
        else layer.bias.detach().cpu().numpy().astype(np.float32)
        for layer in linear
    ]
    sizes: tuple[int, ...] = (linear[0].in_features, *(layer.out_features for layer in linear))
    for weight, width in zip(weights, sizes, strict=False):
        if weight.shape[1] != width:
            raise InputError(f"a layer reads {weight.shape[1]} units, the one before has {width}")
    starts = np.cumsum((0, *sizes))
    targets, sources = zip(*(np.nonzero(weight) for weight in weights), strict=True)
    values = np.concatenate([weight[weight != 0] for weight in weights])
    connections = np.zeros((4, values.size), np.float32)
    units = np.zeros((4, starts[-1] - sizes[0]), np.float32)
    connections[[VALUE, EMA]], units[[VALUE, EMA]] = values, np.concatenate(biases)
    network = from_coordinates(
        sizes,
        np.concatenate([rows + start for rows, start in zip(targets, starts[1:], strict=False)]),
        np.concatenate([columns + start for columns, start in zip(sources, starts, strict=False)]),
        connections,
        units,
    )
    try:
        network = prune_dead_units(network)
    except EditError as error:
        raise InputError(f"the module's outputs are constant: {error}") from error
    network.check()
    return network
