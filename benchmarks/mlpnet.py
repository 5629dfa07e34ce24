"""One-shot pruning of MLPNet, the contest of papers on which connections to remove.

    python benchmarks/mlpnet.py mnist_25_epoch_93.97.ckpt

MLPNet is 784-40-20-10 without biases, 32,360 weights, and has 93.97 % test accuracy on MNIST as it
was published. Connections are removed without any training, by estimates on some training samples.
The checkpoint is in the repositories IST-DASLab/WoodFisher and mazumder-lab/CHITA, 390 KB. It is
read by `torch.load(weights_only=True)`, which makes tensors and plain containers only; its two
other objects, an optimiser and a schedule, become `Ignored`.

"In steps" means that a step removes a quarter of what is left or less, down to each sparsity in
turn, and that everything is estimated anew before each, on the same samples.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from rlnas import (
    Dataset,
    SparseNetwork,
    evaluate,
    from_torch,
    load_dataset,
    markdown_table,
    remove_connections,
    sample_gradients,
)

PUBLISHED = "56083559fe28b22bf9fac71134322d7c4fe55ea5f7d6eba30b4c300783900f12"
"""SHA-256 of the checkpoint."""

SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
VALUE, SECOND_MOMENT, EMA = 0, 2, 3  # rows of `SparseNetwork.connections`

LARGEST_STEP = 0.25
"""Share of the connections that one of several steps removes at most."""

Prune = Callable[[SparseNetwork, int], SparseNetwork]
"""Removes a number of connections."""

Pruner = Callable[[Dataset, np.ndarray, SparseNetwork, int], SparseNetwork]
"""Removes a number of connections by what it sees of a network on some samples."""


class Ignored:
    """What the other objects in the checkpoint become, none of whose code is run."""


def read_checkpoint(path: Path) -> SparseNetwork:
    """The published network, whose checkpoint must be the published one."""
    if sha256(path.read_bytes()).hexdigest() != PUBLISHED:
        raise SystemExit(f"{path} is not mnist_25_epoch_93.97.ckpt: its SHA-256 differs")
    others = "torch.optim.sgd.SGD", "torch.optim.lr_scheduler.ExponentialLR"
    with torch.serialization.safe_globals([(Ignored, name) for name in others]):
        weights = torch.load(path, map_location="cpu", weights_only=True)["model_state_dict"]
    module = torch.nn.Sequential()
    for layer in ("fc1", "fc2", "fc3"):
        weight = weights[f"module.{layer}._layer.weight"]
        linear = torch.nn.Linear(*weight.T.shape, bias=False)
        linear.load_state_dict({"weight": weight})
        module.extend([torch.nn.ReLU(), linear] if len(module) else [linear])
    return from_torch(module)


def mnist_as_published() -> Dataset:
    """MNIST with the inputs that the network was trained on, (x / 255 - 0.1307) / 0.3081."""
    data = load_dataset("mnist")
    n = data.n_features
    mean = np.full(n, 255 * 0.1307, np.float32)
    scale = np.full(n, 1 / (255 * 0.3081), np.float32)
    return replace(data, preprocessing=replace(data.preprocessing, mean=mean, scale=scale))


def gradients_of_samples(network: SparseNetwork, data: Dataset, samples: np.ndarray) -> np.ndarray:
    """The gradient of each sample's loss, float64 `[samples, connections]`."""
    probe = sample_gradients(network, data, samples)
    deltas = probe.deltas[network.targets - network.n_inputs].astype(np.float64)
    return (deltas * probe.activations[network.indices] * samples.size).T


def brain_surgeon(
    weights: np.ndarray, gradients: np.ndarray, count: int, damping: float
) -> tuple[np.ndarray, np.ndarray]:
    """Which weights to remove, and what the others become to make up for it.

    The optimal brain surgeon (Hassibi and Stork 1993, eq. 5: `w² / 2 [H⁻¹]` of a weight is the
    growth of the loss) with the empirical Fisher matrix of samples in place of the Hessian, as in
    WoodFisher (Singh and Alistarh 2020, section 3), `H = damping I + G'G / n`, G the gradients.
    The Woodbury identity gives the diagonal of its inverse without the matrix. The weights that
    are removed together are made up for together: the others minimise the quadratic model of the
    loss with those at zero (CHITA, Benbaki et al. 2023, eq. 4), which is a ridge regression with
    as many unknowns as there are samples.

    Args:
        weights: float `[weights]`.
        gradients: Gradient of the loss of each sample, float `[samples, weights]`.
        count: Number of weights to remove.
        damping: Added to the diagonal of the Fisher matrix, positive.

    Returns:
        Which weights are kept, bool `[weights]`; the weights, 0 where they are not.
    """
    n = len(gradients)
    ridge = n * damping * np.eye(n)
    factor = np.linalg.cholesky(gradients @ gradients.T + ridge)
    explained = np.square(solve_triangular(factor, gradients, lower=True)).sum(axis=0)
    growth = weights**2 * damping / (1 - explained)
    kept = np.ones(weights.size, bool)
    kept[np.argpartition(growth, count)[:count]] = False
    left = gradients[:, kept]
    change = -gradients[:, ~kept] @ weights[~kept]
    made_up = left.T @ cho_solve(cho_factor(left @ left.T + ridge), change)
    new = np.zeros_like(weights)
    new[kept] = weights[kept] - made_up
    return kept, new


def by_magnitude(
    data: Dataset, samples: np.ndarray, network: SparseNetwork, count: int
) -> SparseNetwork:
    """Remove the smallest weights."""
    return remove_connections(network, count, saliency=lambda n: np.abs(n.connections[VALUE]))


def by_saliency(
    data: Dataset, samples: np.ndarray, network: SparseNetwork, count: int
) -> SparseNetwork:
    """Remove what rlnas does, with mean squared gradients of samples for Adam's second moments."""
    network = network.copy()
    squares = np.square(gradients_of_samples(network, data, samples))
    network.connections[SECOND_MOMENT] = squares.mean(axis=0)
    return remove_connections(network, count)


def by_surgeon(
    data: Dataset,
    samples: np.ndarray,
    network: SparseNetwork,
    count: int,
    *,
    damping: float,
) -> SparseNetwork:
    """Remove by `brain_surgeon`."""
    gradients = gradients_of_samples(network, data, samples)
    weights = network.connections[VALUE].astype(np.float64)
    kept, weights = brain_surgeon(weights, gradients, count, damping)
    network = network.copy()
    network.connections[[VALUE, EMA]] = weights
    return remove_connections(network, count, saliency=lambda _: kept.astype(float))


def down_to(network: SparseNetwork, left: int, prune: Prune) -> SparseNetwork:
    """Remove connections in steps until so many are left, or fewer where units die."""
    before = network.active_weights
    steps = math.ceil(math.log(left / before) / math.log(1 - LARGEST_STEP))
    for target in np.geomspace(before, left, steps + 1)[1:].round().astype(int).tolist():
        if network.active_weights > target:
            network = prune(network, network.active_weights - target)
    return network


def accuracies(
    network: SparseNetwork, prune: Prune, in_steps: bool, data: Dataset, judged: np.ndarray
) -> list[float]:
    """Accuracy at each of `SPARSITIES`."""
    found, current = [], network
    for sparsity in SPARSITIES:
        left = round(network.active_weights * (1 - sparsity))
        if in_steps:
            current = down_to(current, left, prune)
        else:
            current = prune(network, network.active_weights - left)
        found.append(evaluate(current, data, judged).metric)
    return found


def main(
    checkpoint: Annotated[Path, tyro.conf.Positional],
    samples: int = 256,
    damping: float = 1e-4,
    seeds: int = 3,
    on_validation: bool = False,
) -> None:
    """Prune the network in all ways, and print test accuracies.

    Args:
        checkpoint: The published file.
        samples: Training samples that everything is estimated on.
        damping: See `brain_surgeon`.
        seeds: Draws of the samples; accuracies are means.
        on_validation: Judge by other training samples instead, to choose the damping.
    """
    data, network = mnist_as_published(), read_checkpoint(checkpoint)
    dense = evaluate(network, data, data.test).metric
    if (network.active_weights, round(dense, 4)) != (32360, 0.9397):
        raise SystemExit(f"{network} has {dense:.2%} test accuracy, expected 93.97 %")
    surgeon = partial(by_surgeon, damping=damping)
    rows: dict[str, tuple[Pruner, bool]] = {
        "magnitude": (by_magnitude, False),
        "saliency of rlnas": (by_saliency, False),
        "surgeon": (surgeon, False),
        "saliency of rlnas, in steps": (by_saliency, True),
        "surgeon, in steps": (surgeon, True),
    }
    judged = data.validation if on_validation else data.test
    table = []
    for name, (pruner, in_steps) in rows.items():
        found = []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            drawn = rng.choice(data.train, samples, replace=False)
            prune = partial(pruner, data, drawn)
            found.append(accuracies(network, prune, in_steps, data, judged))
        table.append([name, *(f"{100 * mean:.2f}" for mean in np.mean(found, axis=0))])
    print(markdown_table(["sparsity in %", *(f"{100 * s:g}" for s in SPARSITIES)], table))


if __name__ == "__main__":
    tyro.cli(main)
