"""Where our training step goes, and how its time grows with the number of weights.

Run with `make bench-engine`, after the table of `engine.py`. One thread; every part takes its turn
in every round together with the matrix product that stands for the machine's limit.
"""

import numba
import numpy as np
from engine import BATCH, Contender, flops, matrix_product, measure, ours, problem
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from rlnas.data.datasets import Dataset
from rlnas.nn import kernels, training
from rlnas.nn.initialization import random_network
from rlnas.nn.kernels import TILE
from rlnas.nn.network import SparseNetwork

SHAPE = (784, 300, 100, 10)
DENSITIES = (0.01, 0.02, 0.05, 0.2, 1.0)
WEIGHTS = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)


@numba.njit
def _gather(n, samples, order, index, scratch):
    for i in range(n):
        chosen = order[i % (order.size // TILE) * TILE :][:TILE]
        kernels.gather(samples, chosen, index.blocks, scratch.lanes, scratch.activations)


@numba.njit
def _forward(n, index, weights, biases, scratch):
    for _ in range(n):
        kernels.forward(index, weights, biases, scratch.activations)


@numba.njit
def _loss(n, index, scratch):
    outputs = index.n_inputs + index.n_hidden
    for _ in range(n):
        kernels.cross_entropy(
            scratch.activations[outputs:],
            scratch.labels,
            TILE,
            1 / BATCH,
            scratch.deltas[index.n_hidden :],
            scratch.highest,
            scratch.total,
        )


@numba.njit
def _backward(n, index, weights, scratch):
    gradients = scratch.gradient, scratch.bias_gradient
    for _ in range(n):
        kernels.backward(index, weights, scratch.activations, scratch.deltas, *gradients)


@numba.njit
def _adamw(n, state, gradient, adam):
    for i in range(n):
        kernels.adamw(state, gradient, i + 1, 0.0, adam, 0.01)


def parts(network: SparseNetwork, data: Dataset) -> list[Contender]:
    """The parts of a step, each for a whole batch."""
    tiles = BATCH // TILE
    index, samples = network.index, training.raw_samples(data)
    scratch = training.scratch(network)
    scratch.labels[:] = scratch.gradient[:] = scratch.bias_gradient[:] = 0
    weights, biases = network.connections[0], network.units[0]
    adam = kernels.Adam(0.9, 0.99, 1e-8, 0.02)
    return [
        Contender("gather", lambda n: _gather(tiles * n, samples, data.train, index, scratch)),
        Contender("forward", lambda n: _forward(tiles * n, index, weights, biases, scratch)),
        Contender("loss", lambda n: _loss(tiles * n, index, scratch)),
        Contender("backward", lambda n: _backward(tiles * n, index, weights, scratch)),
        Contender("Adam", lambda n: _adamw(n, network.connections, scratch.gradient, adam)),
    ]


def print_parts(data: Dataset, console: Console) -> None:
    """Microseconds of each part, and shares of the limit by the operations done."""
    table = Table(title="Our step of " + "-".join(map(str, SHAPE)), title_justify="left")
    names = ("gather", "forward", "loss", "backward", "Adam", "whole step")
    shares = ("forward + backward of limit", "the same, 6 flops a weight", "whole step, the same")
    for name in ("density", *names, *shares):
        table.add_column(name, justify="right")
    limit = matrix_product()
    for density in DENSITIES:
        network = random_network(SHAPE, density, np.random.default_rng(0))
        whole = ours(network.copy(), data)
        seconds = measure([*parts(network, data), whole, limit])
        best = limit.flops / seconds[limit.name]
        both = seconds["forward"] + seconds["backward"]
        usual = 6 * BATCH * network.active_weights
        times = [seconds[name] for name in (*names[:-1], whole.name)]
        table.add_row(
            f"{density:.0%}",
            *(f"{value * 1e6:.0f}" for value in times),
            f"{flops(network) / both / best:.0%}",
            f"{usual / both / best:.0%}",
            f"{usual / times[-1] / best:.0%}",
        )
    console.print(table)


def print_growth(data: Dataset, console: Console) -> None:
    """Time of a step against active weights, and the slope of the line through the logarithms."""
    table = Table(title="Microseconds of a step by active weights", title_justify="left")
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
        print_parts(pixels, Console(width=120))
        print_growth(pixels, Console(width=120))
