"""Time of a training step of rlnas, of PyTorch, and of the machine's limit.

Run with `make bench-engine`. Everything is measured in one run, on one thread: in every round each
contender is timed in turn, and the median of the rounds is reported. Peak memory is the increase in
a forked process that sets up and trains; it is left out for torch.compile, where it would be the
memory of the compiler.
"""

import ctypes
import multiprocessing
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from rlnas import (
    Batches,
    Dataset,
    Hyperparameters,
    SparseNetwork,
    load_dataset,
    random_network,
    to_torch,
    train,
)

SHAPES = ((784, 300, 100, 10), (784, 100, 10), (64, 32, 10), (784, 1000, 1000, 10))
DENSITIES = (0.01, 0.02, 0.05, 0.2, 1.0)
BATCH = 128
ROUNDS = 7
SECONDS = 0.15  # per contender and round
LONG = 3000  # batches after which a small network knows digits by heart


@dataclass
class Contender:
    """Something to time: `step(n)` does it n times."""

    name: str
    step: Callable[[int], None]
    flops: int = 0  # of one step, two for each multiply-add


def problem(shape: tuple[int, ...]) -> Dataset:
    """A data set of random pixels that fits a shape; its contents do not influence the speed."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (20_000, shape[0]), dtype=np.uint8)
    return load_dataset((x, rng.integers(0, shape[-1], 20_000)))


def ours(network: SparseNetwork, data: Dataset) -> Contender:
    """A training step of rlnas: gathering samples, gradients, optimizer, averaged weights."""
    batches = Batches(data.train, np.random.default_rng(0))

    def step(n: int) -> None:
        train(network, data, batches.take(n))

    return Contender("rlnas", step, flops=flops(network))


def flops(network: SparseNetwork) -> int:
    """Operations of a step: one product forward, two backward, one for connections of inputs."""
    from_inputs = int((network.indices < network.n_inputs).sum())
    return 2 * BATCH * (3 * network.active_weights - from_inputs)


def masked_dense(network: SparseNetwork, data: Dataset, compiled: bool = False) -> Contender:
    """PyTorch as in studies of sparse training: dense layers, masked weights, fused AdamW."""
    modules: list[torch.nn.Module] = []
    masks = []
    for weight in _layer_weights(network):
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data.copy_(weight)
        masks.append((weight != 0).float())
        modules += [layer, torch.nn.ReLU()]
    model = torch.nn.Sequential(*modules[:-1])
    layers = modules[::2]
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=2e-3, weight_decay=Hyperparameters().weight_decay, fused=True
    )
    draw = _batches(data)

    def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(model(x), y)

    loss = torch.compile(loss) if compiled else loss

    def step(n: int) -> None:
        for _ in range(n):
            optimiser.zero_grad(set_to_none=True)
            loss(*draw()).backward()
            optimiser.step()
            with torch.no_grad():
                for layer, mask in zip(layers, masks, strict=True):
                    layer.weight.mul_(mask)

    return Contender("torch.compile" if compiled else "torch masked", step)


class _SparseMLP(torch.nn.Module):
    """Linear layers whose weights are CSR tensors; the values of the connections are trained."""

    def __init__(self, weights: list[torch.Tensor]):
        super().__init__()
        self.weights = torch.nn.ParameterList(
            torch.nn.Parameter(weight.to_sparse_csr()) for weight in weights
        )
        self.biases = torch.nn.ParameterList(
            torch.nn.Parameter(torch.zeros(weight.shape[0])) for weight in weights
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.T
        last = len(self.weights) - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.sparse.mm(weight, x) + bias[:, None]
            x = x if k == last else torch.relu(x)
        return x.T


def sparse_csr(network: SparseNetwork, data: Dataset) -> Contender:
    """CSR tensors of PyTorch, trained with SGD, since its Adam accepts no CSR gradients."""
    model = _SparseMLP(_layer_weights(network))
    draw = _batches(data)

    def step(n: int) -> None:
        for _ in range(n):
            x, y = draw()
            model.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            with torch.no_grad():
                for weight in model.weights:
                    weight.values().sub_(weight.grad.values(), alpha=2e-3)
                for bias in model.biases:
                    bias.sub_(bias.grad, alpha=2e-3)

    return Contender("torch.sparse CSR", step)


def matrix_product() -> Contender:
    """The machine's limit: a float32 matrix product, 1024 x 1024 x 1024, with the BLAS of NumPy."""
    a = np.random.default_rng(0).standard_normal((1024, 1024), dtype=np.float32)
    out = np.empty_like(a)

    def step(n: int) -> None:
        for _ in range(n):
            np.matmul(a, a, out=out)

    return Contender("matrix product", step, flops=2 * 1024**3)


def measure(contenders: list[Contender], duration: float = SECONDS) -> dict[str, float]:
    """Median seconds per step of each contender, over rounds in which each is timed in turn."""
    counts, times = {}, {c.name: [] for c in contenders}
    for c in contenders:
        c.step(3)  # compiles, allocates, warms the caches
        began = time.perf_counter()
        c.step(3)
        counts[c.name] = max(1, int(duration / ((time.perf_counter() - began) / 3)))
    for _ in range(ROUNDS):
        for c in contenders:
            began = time.perf_counter()
            c.step(counts[c.name])
            times[c.name].append((time.perf_counter() - began) / counts[c.name])
    return {name: float(np.median(values)) for name, values in times.items()}


def slowdown() -> float:
    """Time of a batch after `LONG` batches over that at the start, on data learnt by heart."""
    data = load_dataset("digits")
    networks = [random_network((64, 32, 10), 0.22, np.random.default_rng(0)) for _ in range(2)]
    train(networks[1], data, Batches(data.train, np.random.default_rng(0)).take(LONG))
    young, old = (replace(ours(network, data), name=f"{k}") for k, network in enumerate(networks))
    seconds = measure([young, old], 0.002)  # so short that the young one does not grow old
    return seconds[old.name] / seconds[young.name]


def peak_memory(setup: Callable[[], Contender]) -> float:
    """Memory in MB that setting up and three steps need, measured in a forked process."""
    ctypes.CDLL(None).malloc_trim(0)  # or the child would first use what others have freed
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        before = _status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        setup().step(3)
        sender.send(_status("VmHWM") - before)

    process = context.Process(target=child)
    process.start()
    sender.close()
    used = receiver.recv()
    process.join()
    return used


def _status(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def contenders_for(
    shape: tuple[int, ...], density: float, data: Dataset
) -> list[Callable[[], Contender]]:
    """Functions that set up the contenders of a shape; torch.compile needs a C++ compiler."""

    def network() -> SparseNetwork:
        return random_network(shape, density, np.random.default_rng(0))

    found = [
        lambda: ours(network(), data),
        lambda: masked_dense(network(), data),
        lambda: sparse_csr(network(), data),
    ]
    if shutil.which("g++"):
        found.append(lambda: masked_dense(network(), data, compiled=True))
    return found


def main() -> None:
    """Measure and print the table."""
    table = Table(title=f"One training step, batch {BATCH}, one thread", title_justify="left")
    for name in ("shape", "density", "weights", "contender"):
        table.add_column(name)
    for name in ("us/step", "time / ours", "GFLOP/s", "of limit", "peak MB"):
        table.add_column(name, justify="right")
    limit = matrix_product()
    for shape in tqdm(SHAPES):
        data = problem(shape)
        for density in DENSITIES:
            setups = contenders_for(shape, density, data)
            everyone = [setup() for setup in setups]
            seconds = measure([*everyone, limit])
            best = limit.flops / seconds[limit.name]
            weights = random_network(shape, density, np.random.default_rng(0)).active_weights
            for c, setup in zip(everyone, setups, strict=True):
                rate = everyone[0].flops / seconds[c.name]
                memory = "" if c.name == "torch.compile" else f"{peak_memory(setup):.1f}"
                table.add_row(
                    "-".join(map(str, shape)),
                    f"{density:.0%}",
                    f"{weights:,}",
                    c.name,
                    f"{seconds[c.name] * 1e6:,.0f}",
                    f"{seconds[c.name] / seconds['rlnas']:.1f}",
                    f"{rate / 1e9:.1f}",
                    f"{rate / best:.0%}",
                    memory,
                    end_section=c is everyone[-1],
                )
    Console(width=120).print(table)
    print(f"limit (matrix product): {best / 1e9:.0f} GFLOP/s")
    print("GFLOP/s counts the operations on active weights, forward and backward")
    print(f"batch after {LONG:,} batches / batch at the start: {slowdown():.2f} (digits)")


def _layer_weights(network: SparseNetwork) -> list[torch.Tensor]:
    module = to_torch(network)
    before = network.starts[:-2]
    return [
        layer.weight.detach()[:, start:].clone()
        for layer, start in zip(module.layers, before, strict=True)
    ]


def _batches(data: Dataset) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """A function that returns the next batch of the training samples, as float32 tensors."""
    x = torch.from_numpy(data.standardize(data.train))
    y = torch.from_numpy(data.labels[data.train].astype(np.int64))
    order = torch.randperm(len(x))
    place = 0

    def draw() -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal place
        place = (place + BATCH) % (len(x) - BATCH)
        chosen = order[place : place + BATCH]
        return x[chosen], y[chosen]

    return draw


if __name__ == "__main__":
    torch.set_num_threads(1)
    with threadpool_limits(1):
        main()
