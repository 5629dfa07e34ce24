"""Time of training many small networks: all at once, one after the other, and in PyTorch.

Run with `make bench-many`. A thousand sparse networks of different sizes on different data sets
are trained for some batches each. PyTorch trains dense layers of the same sizes with masked
weights one after the other, on one thread; it does a part of them, and its time is scaled up.
Every contender is timed in turn in every round, and the medians are reported.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from engine import masked_dense
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from rlnas import Batches, Dataset, SparseNetwork, load_dataset, random_network, train, train_many

NETWORKS, ROUNDS = 1000, 5
IN_TORCH = 40
"""Networks that PyTorch trains."""
DATA = ("digits", "wine", "breast_cancer", "synthetic:1")
LENGTHS = (5, 25, 200)
"""Batches for each network."""


def some_networks(rng: np.random.Generator) -> list[tuple[SparseNetwork, Dataset]]:
    """Networks of one or two hidden layers with at most 2,000 weights, and their data sets."""
    datasets = [load_dataset(name) for name in DATA]
    found = []
    while len(found) < NETWORKS:
        data = datasets[len(found) % len(datasets)]
        hidden = rng.integers(4, 33, size=rng.integers(1, 3)).tolist()
        density = rng.choice([0.1, 0.2, 0.5, 1.0])
        network = random_network((data.n_features, *hidden, data.n_outputs), density, rng)
        if 0 < network.active_weights <= 2000:
            found.append((network, data))
    return found


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def compare(batches: int, rng: np.random.Generator) -> list[float]:
    """Seconds for all networks: at once, at once on one thread, one by one, in PyTorch."""
    pairs = some_networks(rng)
    networks, datasets = map(list, zip(*pairs, strict=True))
    orders = [Batches(data.train, rng).take(batches) for data in datasets]
    others = [masked_dense(*pair) for pair in pairs[:: NETWORKS // IN_TORCH]]
    share = len(others) / NETWORKS

    def one_by_one() -> None:
        for network, data, order in zip(networks, datasets, orders, strict=True):
            train(network, data, order)

    calls = (
        lambda: train_many(networks, datasets, orders),
        lambda: train_many(networks, datasets, orders, num_threads=1),
        one_by_one,
        lambda: [other.step(batches) for other in others],
    )
    for call in calls:  # compiles, warms the caches
        call()
    rounds = [[timed(call) for call in calls] for _ in range(ROUNDS)]
    *ours, theirs = np.median(rounds, axis=0).tolist()
    return [*ours, theirs / share]


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    torch.set_num_threads(1)
    table = Table(
        "batches",
        "at once",
        "one thread",
        "one by one",
        "PyTorch",
        "faster than one by one",
        "than PyTorch",
    )
    with threadpool_limits(1):
        for batches in LENGTHS:
            many, single, one, theirs = compare(batches, np.random.default_rng(0))
            cells = [f"{each:.3f} s" for each in (many, single, one, theirs)]
            table.add_row(f"{batches}", *cells, f"{one / many:.2f} x", f"{theirs / many:.0f} x")
    Console().print(table)


if __name__ == "__main__":
    main()
