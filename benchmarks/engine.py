"""Time of a training step, ours against PyTorch and against what the machine can do.

Run with `make bench-engine`. Everything is measured in the same run, on one thread, interleaved:
each contender takes its turn in every round, and the median round counts. Peak memory is what a
forked process needs beyond what it started with, to set up and train; not for torch.compile, where
compiling would be measured.
"""

import ctypes
import multiprocessing
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from rlnas.data.datasets import Dataset, load_dataset
from rlnas.export.torch_module import to_torch
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Batches, train

SHAPES = ((784, 300, 100, 10), (784, 100, 10), (64, 32, 10), (784, 1000, 1000, 10))
DENSITIES = (0.01, 0.02, 0.05, 0.2, 1.0)
BATCH = 128
ROUNDS = 7
SECONDS = 0.15  # of each contender in each round


@dataclass
class Contender:
    """Something that trains: `step(n)` takes n training steps."""

    name: str
    step: Callable[[int], None]
    flops: int = 0  # of one step, two for each multiply-add that is done


def problem(shape: tuple[int, ...]) -> Dataset:
    """Random pixels of a shape's input size, in ten classes; only speed is measured."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (20_000, shape[0]), dtype=np.uint8)
    return load_dataset((x, rng.integers(0, shape[-1], 20_000)))


def ours(network: SparseNetwork, data: Dataset) -> Contender:
    """The whole training step of this project: gathering, gradients, optimiser, average."""
    batches = Batches(data.train, np.random.default_rng(0))

    def step(n: int) -> None:
        train(network, data, batches.take(n))

    return Contender("rlnas", step, flops=flops(network))


def flops(network: SparseNetwork) -> int:
    """Operations of a step, forward and two backward; inputs need no gradient of their own."""
    from_inputs = int((network.indices < network.n_inputs).sum())
    return 2 * BATCH * (3 * network.active_weights - from_inputs)


def masked_dense(network: SparseNetwork, data: Dataset, compiled: bool = False) -> Contender:
    """PyTorch as sparse-training studies use it: dense layers, weights masked, fused Adam."""
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
        model.parameters(), lr=2e-3, weight_decay=DEFAULT_HYPERPARAMETERS.weight_decay, fused=True
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
    """Linear layers whose weights are CSR tensors; only values of connections are trained."""

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
    """PyTorch's own CSR tensors; plain SGD, since its Adam takes no CSR gradient."""
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
    """The machine's limit: a float32 matrix product, 1024 x 1024 x 1024, by NumPy's BLAS."""
    a = np.random.default_rng(0).standard_normal((1024, 1024), dtype=np.float32)
    out = np.empty_like(a)

    def step(n: int) -> None:
        for _ in range(n):
            np.matmul(a, a, out=out)

    return Contender("matrix product", step, flops=2 * 1024**3)


def measure(contenders: list[Contender]) -> dict[str, float]:
    """Median seconds a step of each contender, taken in turn."""
    counts, times = {}, {c.name: [] for c in contenders}
    for c in contenders:
        c.step(3)  # compiles, allocates, warms the caches
        began = time.perf_counter()
        c.step(3)
        counts[c.name] = max(1, int(SECONDS / ((time.perf_counter() - began) / 3)))
    for _ in range(ROUNDS):
        for c in contenders:
            began = time.perf_counter()
            c.step(counts[c.name])
            times[c.name].append((time.perf_counter() - began) / counts[c.name])
    return {name: float(np.median(values)) for name, values in times.items()}


def peak_memory(setup: Callable[[], Contender]) -> float:
    """MB that setting up and a few steps need, in a forked process."""
    ctypes.CDLL(None).malloc_trim(0)  # else what others freed would be used first
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
    """Everyone that can train this shape here."""

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
    """Print the table."""
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
    print("GFLOP/s: products of active weights with a batch, those with gradients included")


def _layer_weights(network: SparseNetwork) -> list[torch.Tensor]:
    module = to_torch(network)
    before = network.starts[:-2]
    return [
        layer.weight.detach()[:, start:].clone()
        for layer, start in zip(module.layers, before, strict=True)
    ]


def _batches(data: Dataset) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """A function that draws the next batch from standardised float32 data in memory."""
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
