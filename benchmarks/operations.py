"""Time of the operations on a network: by density, and by the number of active weights.

Run with `make bench-engine`, after `engine.py`. One thread; in every round each operation is timed
in turn, together with the matrix product that stands for the machine's limit.
"""

import numpy as np
from engine import BATCH, Contender, flops, matrix_product, measure, ours, problem
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from rlnas import Dataset, SparseNetwork, evaluate, random_network, sample_gradients

SHAPE = (784, 300, 100, 10)
DENSITIES = (0.01, 0.02, 0.05, 0.2, 1.0)
WEIGHTS = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)


def without_training(network: SparseNetwork, data: Dataset) -> list[Contender]:
    """The operations that leave the weights as they are, each on one batch of samples."""
    samples = data.train[:BATCH]

    def evaluation(n: int) -> None:
        for _ in range(n):
            evaluate(network, data, samples)

    def gradients(n: int) -> None:
        for _ in range(n):
            _ = sample_gradients(network, data, samples).gradients

    return [Contender("evaluate", evaluation), Contender("gradients", gradients)]


def print_operations(data: Dataset, console: Console) -> None:
    """Microseconds of each operation, and the training step's share of the limit."""
    table = Table(title="-".join(map(str, SHAPE)) + f", microseconds, batch {BATCH}")
    shares = ("training of limit", "the same, 6 flops a weight")
    for name in ("density", "train", "evaluate", "gradients of all connections", *shares):
        table.add_column(name, justify="right")
    limit = matrix_product()
    for density in DENSITIES:
        network = random_network(SHAPE, density, np.random.default_rng(0))
        training = ours(network.copy(), data)
        seconds = measure([training, *without_training(network, data), limit])
        best = limit.flops / seconds[limit.name]
        usual = 6 * BATCH * network.active_weights
        times = [seconds[name] for name in (training.name, "evaluate", "gradients")]
        table.add_row(
            f"{density:.0%}",
            *(f"{value * 1e6:,.0f}" for value in times),
            f"{flops(network) / times[0] / best:.0%}",
            f"{usual / times[0] / best:.0%}",
        )
    console.print(table)


def print_growth(data: Dataset, console: Console) -> None:
    """Time of a training step against active weights, and the slope of both logarithms."""
    table = Table(title="Training step, microseconds by active weights")
    for name in ("networks", *(f"{weights:,}" for weights in WEIGHTS), "slope"):
        table.add_column(name, justify="right")
    families = {
        "784-w-10, 5 % dense": lambda n: ((784, max(1, round(n / 40)), 10), 0.05),
        "784-w-10, 20 % dense": lambda n: ((784, max(1, round(n / 159)), 10), 0.2),
        "784-300-100-10": lambda n: (SHAPE, n / 266_200),
    }
    for name, family in families.items():
        networks = [random_network(*family(n), np.random.default_rng(0)) for n in WEIGHTS]
        contenders = [ours(network, data) for network in networks]
        for n, contender in zip(WEIGHTS, contenders, strict=True):
            contender.name = str(n)
        seconds = np.array([*measure(contenders).values()])
        actual = [network.active_weights for network in networks]
        slope = np.polyfit(np.log(actual), np.log(seconds), 1)[0]
        table.add_row(name, *(f"{value * 1e6:,.0f}" for value in seconds), f"{slope:.2f}")
    console.print(table)


if __name__ == "__main__":
    with threadpool_limits(1):
        pixels = problem(SHAPE)
        print_operations(pixels, Console(width=120))
        print_growth(pixels, Console(width=120))
