"""Independent truth: plain dense NumPy and PyTorch in float64, and cases to compare on."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from rlnas.data.dataset import Dataset
from rlnas.data.preprocessing import Preprocessing
from rlnas.data.targets import fit_targets
from rlnas.nn.network import EMA, SECOND_MOMENT, VALUE, SparseNetwork
from rlnas.objective import Objective

STATES = {False: VALUE, True: EMA}
"""Which row of the state arrays `averaged` selects."""


def within_training(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Features `[samples, n]` of which none is beyond those of the samples in `train`."""
    return features.clip(features[train].min(axis=0), features[train].max(axis=0))


def random_dataset(
    rng: np.random.Generator,
    features: int = 6,
    classes: int = 3,
    samples: int = 300,
    dtype: type = np.float32,
) -> Dataset:
    """Noise with labels that depend on it; a fifth of the samples each for validation and test."""
    if dtype == np.uint8:
        raw = rng.integers(0, 256, (samples, features)).astype(np.uint8)
    else:
        raw = rng.normal(3, 2, (samples, features)).astype(np.float32)
    mean, scale = raw.mean(axis=0), 1 / raw.std(axis=0)
    standardised = (raw - mean) * scale
    labels = np.argmax(standardised @ rng.normal(size=(features, classes)), axis=1)
    rows = rng.permutation(samples).astype(np.int32)
    train, validation, test = np.split(rows, [samples * 3 // 5, samples * 4 // 5])
    return Dataset(
        "noise",
        {"arrays": [samples, features]},
        raw,
        labels.astype(np.int32),
        train,
        validation,
        test,
        preprocessing_of(raw, mean, scale, classes),
        samples_sha256="",
    )


def regression_dataset(
    rng: np.random.Generator, features: int = 6, targets: int = 2, **facts: Any
) -> Dataset:
    """As `random_dataset`, with targets that depend on the samples, in strange units."""
    data = random_dataset(rng, features)
    x = data.standardize(np.arange(300))
    noise = rng.standard_t(3, size=(300, targets))
    values = np.maximum(x @ rng.normal(size=(features, targets)), 0) + 0.3 * noise
    values = 50.0 + 1e3 * values
    known = fit_targets(values, data.train, np.ones(300), tuple(f"t{k}" for k in range(targets)))
    return replace(
        data,
        labels=np.zeros(0, np.int32),
        preprocessing=replace(data.preprocessing, class_names=(), targets=known),
        targets=known.standardized(values),
        objective=Objective.of("regression", loss=facts.pop("loss", None)),
        **facts,
    )


def preprocessing_of(
    raw: np.ndarray, mean: np.ndarray, scale: np.ndarray, classes: int
) -> Preprocessing:
    """Statistics as given, classes numbered."""
    low, high = raw.min(axis=0).astype(float), raw.max(axis=0).astype(float)
    measured = np.zeros(len(mean)), mean.astype(np.float32), scale.astype(np.float32), low, high
    return Preprocessing(*measured, pixels=False, class_names=tuple(map(str, range(classes))))


def allowed(sizes: tuple[int, ...]) -> np.ndarray:
    """Boolean `[rows, units]`: the connections that layers of these sizes may have."""
    layers = np.repeat(np.arange(len(sizes)), sizes)
    return layers[None, :] < layers[sizes[0] :, None]


def network_of(sizes: tuple[int, ...], mask: np.ndarray, rng: np.random.Generator) -> SparseNetwork:
    """A network with the connections of a mask, and something different in every state array."""
    fan_in = mask.sum(axis=1)
    rows, columns = np.nonzero(mask)
    connections = rng.normal(size=(4, rows.size)) * np.sqrt(2 / fan_in[rows])
    units = rng.normal(size=(4, mask.shape[0])) * 0.3
    connections[SECOND_MOMENT] **= 2
    units[SECOND_MOMENT] **= 2
    return SparseNetwork(
        sizes,
        np.concatenate([[0], np.cumsum(fan_in)]).astype(np.int32),
        columns.astype(np.int32),
        connections.astype(np.float32),
        units.astype(np.float32),
        steps=int(rng.integers(1, 1000)),
    )


def skip_network(
    sizes: tuple[int, ...], rng: np.random.Generator, density: float = 0.4
) -> SparseNetwork:
    """A valid network whose connections skip layers at random."""
    possible = allowed(sizes)
    mask = possible & (rng.random(possible.shape) < density)
    n_inputs, n_hidden = sizes[0], sum(sizes[1:-1])
    for row in range(n_hidden):
        if not mask[row].any():
            mask[row, rng.choice(np.flatnonzero(possible[row]))] = True
        unit = n_inputs + row
        if not mask[:, unit].any():
            mask[rng.choice(np.flatnonzero(possible[:, unit])), unit] = True
    if not mask.any():
        mask[-1, 0] = True
    return network_of(sizes, mask, rng)


def mask_of(network: SparseNetwork) -> np.ndarray:
    """Boolean `[rows, units]`: the connections of a network."""
    mask = np.zeros((sum(network.layer_sizes[1:]), sum(network.layer_sizes)), bool)
    for row in range(mask.shape[0]):
        mask[row, network.indices[network.indptr[row] : network.indptr[row + 1]]] = True
    return mask


def dense(network: SparseNetwork, state: int = VALUE) -> tuple[np.ndarray, np.ndarray]:
    """float64 weights `[rows, units]`, zero where there is no connection, and biases `[rows]`."""
    mask = mask_of(network)
    weights = np.zeros(mask.shape)
    weights[mask] = network.connections[state]  # both are row by row, sources ascending
    return weights, network.units[state].astype(np.float64)


def dense_logits(
    sizes: tuple[int, ...], weights: np.ndarray, biases: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """Outputs `[samples, classes]` of a dense network for `x` `[samples, inputs]`."""
    hidden_rows = sum(sizes[1:-1])
    units = np.zeros((x.shape[0], sum(sizes)))
    units[:, : sizes[0]] = x
    for row in range(weights.shape[0]):
        before = units @ weights[row] + biases[row]
        units[:, sizes[0] + row] = np.maximum(before, 0) if row < hidden_rows else before
    return units[:, -sizes[-1] :]


def logits(network: SparseNetwork, x: np.ndarray, averaged: bool = False) -> np.ndarray:
    """Outputs of a network for standardised `x`, in float64."""
    weights, biases = dense(network, STATES[averaged])
    return dense_logits(network.layer_sizes, weights, biases, x.astype(np.float64))


def mean_loss(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy of logits `[samples, classes]`."""
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(labels.size), labels]
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - chosen))


class MaskedDense(torch.nn.Module):
    """A network as sparse-training code in PyTorch has it: dense weights times a mask."""

    def __init__(self, network: SparseNetwork, state: int = VALUE):
        super().__init__()
        self.sizes = network.layer_sizes
        weights, biases = dense(network, state)
        self.mask = torch.tensor(mask_of(network))
        self.weights = torch.nn.Parameter(torch.tensor(weights))
        self.biases = torch.nn.Parameter(torch.tensor(biases))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits `[samples, classes]` for standardised `x` `[samples, inputs]`."""
        weights = self.weights * self.mask
        row = 0
        for layer, size in enumerate(self.sizes[1:], start=1):
            rows = slice(row, row + size)
            before = x @ weights[rows, : x.shape[1]].T + self.biases[rows]
            row += size
            if layer == len(self.sizes) - 1:
                return before
            x = torch.cat([x, torch.relu(before)], dim=1)
        raise AssertionError("a network has an output layer")

    def active(self, values: torch.Tensor) -> np.ndarray:
        """Those values `[rows, units]` that belong to a connection, in the network's order."""
        return values.detach().numpy()[self.mask.numpy()]


def torch_loss(module: MaskedDense, data: Dataset, samples: np.ndarray) -> torch.Tensor:
    """Mean cross-entropy of a module on some samples."""
    x = torch.tensor(data.standardize(samples).astype(np.float64))
    weights = torch.tensor(data.weights[samples].astype(np.float64))
    if data.task == "classification":
        labels = torch.tensor(data.labels[samples].astype(np.int64))
        losses = torch.nn.functional.cross_entropy(module(x), labels, reduction="none")
    else:
        targets, outputs = torch.tensor(data.targets[samples].astype(np.float64)), module(x)
        losses = (outputs - targets) ** 2
        if data.objective.loss == "huber":
            parts = [
                2
                * torch.nn.functional.huber_loss(
                    outputs[:, k], targets[:, k], reduction="none", delta=bend
                )
                for k, bend in enumerate(data.bends.tolist())
            ]
            losses = torch.stack(parts, dim=1)
        losses = losses.mean(dim=1)
    return (losses * weights).mean()


def bits(network: SparseNetwork) -> tuple[object, ...]:
    """Everything a network holds, for exact comparison."""
    arrays = (network.indptr, network.indices, network.connections, network.units)
    return (network.layer_sizes, network.steps, *(array.tobytes() for array in arrays))


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
    """Norm of the difference over the norm of the truth."""
    return float(np.linalg.norm(found - truth) / max(np.linalg.norm(truth), 1e-30))
