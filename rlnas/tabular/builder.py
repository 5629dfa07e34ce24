"""Building a table: training every architecture of a grid, in parallel and resumable."""

import os
import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from joblib import effective_n_jobs

from rlnas.data import loading
from rlnas.data.dataset import Dataset
from rlnas.errors import InputError
from rlnas.files.json_schema import Schema, list_of, record
from rlnas.nn.architecture import Architecture
from rlnas.nn.initialization import new_network
from rlnas.nn.many import train_many
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Batches, evaluate
from rlnas.parallel.jobs import Call, own_folder, run_all
from rlnas.tabular.grid import GRID, Grid
from rlnas.tabular.table import Table
from rlnas.tabular.table_file import ARRAYS
from rlnas.validation import check_jobs, is_whole, plain, whole

TABLE_HYPERPARAMETERS = replace(DEFAULT_HYPERPARAMETERS, learning_rate=2e-3)
"""Hyperparameters of the networks in tables, the same in all versions so that tables compare."""

CHUNK = 128
"""Architectures that one job trains: some seconds of work, and what a kill may lose."""

MAX_SAMPLES = 2**16 - 1
"""Validation or test samples that a table can count correct predictions of."""

Chunk = dict[str, list[Any]]
"""Results of some architectures with one seed: a list over these for each name in `ARRAYS`."""

_COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_SAMPLES}
_LOSS: Schema = {"type": "number", "minimum": 0, "maximum": float(np.finfo(np.float16).max)}
_WEIGHTS: Schema = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}


def build_table(
    dataset: str,
    folder: str | PathLike[str],
    *,
    grid: Grid = GRID,
    epochs: tuple[int, ...] = (2, 4, 8, 16, 32, 64),
    n_seeds: int = 3,
    n_jobs: int = -1,
    data_dir: str | PathLike[str] | None = None,
    progress_bar: bool = True,
) -> Table:
    """Train every architecture with every seed; write `table.npz`.

    The results of every 128 architectures are a file in `folder`/runs, so that the same call again
    goes on where the last one ended, see `rlnas.parallel.jobs`. The work runs in joblib's current
    backend, see `joblib.parallel_config`; the result does not depend on it.

    Args:
        dataset: A name or the path of an ``.npz`` file that the workers can load.
        folder: Folder of the table and of all results; it is created if it does not exist.
        grid: The architectures.
        epochs: Numbers of epochs after which to measure, ascending.
        n_seeds: How often to train each architecture.
        n_jobs: Number of workers, which share the processors; -1 for one per processor.
        data_dir: See `rlnas.data.loading.load_dataset`.
        progress_bar: Whether to show a progress bar.

    Raises:
        InputError: If a value cannot be used, the folder holds anything but results for this
            table, a result is damaged, or another process is working on the folder.
    """
    counts = all(map(is_whole, epochs))
    if not (counts and epochs and epochs[0] > 0 and list(epochs) == sorted(set(epochs))):
        raise InputError(f"epochs {epochs} cannot be used: expected ascending numbers from 1")
    epochs, n_seeds = plain(tuple(epochs)), whole("seeds", n_seeds, 1)
    data = loading.load_dataset(dataset, data_dir=data_dir)
    if max(data.validation.size, data.test.size) > MAX_SAMPLES:
        raise InputError(
            f"data set '{data.name}' has more than {MAX_SAMPLES} validation or test samples, more "
            "than a table can count: give fewer"
        )
    folder = Path(folder)
    task = {
        "dataset": data.name,
        "data_sha256": data.fingerprint,
        "widths": grid.widths,
        "densities": grid.densities,
        "max_depth": grid.max_depth,
        "epochs": epochs,
    }
    own_folder(folder, task)
    place = None if data_dir is None else str(data_dir)
    threads = max(1, (os.cpu_count() or 1) // effective_n_jobs(check_jobs(n_jobs)))
    calls = []
    for seed in range(n_seeds):
        for start in range(0, grid.size, CHUNK):
            stop = min(start + CHUNK, grid.size)
            calls.append(
                Call(
                    f"seed-{seed}-from-{start:05}",
                    {**task, "seed": seed, "start": start, "stop": stop},
                    (
                        str(dataset),
                        data.fingerprint,
                        place,
                        grid,
                        epochs,
                        seed,
                        start,
                        stop,
                        threads,
                    ),
                    _chunk_schema(stop - start, len(epochs)),
                )
            )
    unit = f"chunk of {CHUNK} networks"
    chunks = run_all(_measure_chunk, folder / "runs", calls, unit, n_jobs, progress_bar)
    table = Table(
        dataset=data.name,
        grid=grid,
        epochs=epochs,
        n_inputs=data.n_features,
        n_outputs=data.n_classes,
        n_validation=data.validation.size,
        n_test=data.test.size,
        versions=_versions(),
        **_arrays(chunks, n_seeds),
    )
    table.save(folder / "table.npz")
    return table


def _measure_chunk(
    dataset: str,
    fingerprint: str,
    data_dir: str | None,
    grid: Grid,
    epochs: tuple[int, ...],
    seed: int,
    start: int,
    stop: int,
    num_threads: int,
) -> Chunk:
    """Train the architectures from number `start` to `stop` - 1 with one seed."""
    data = loading.load_unchanged(dataset, fingerprint, data_dir)
    rngs = [np.random.default_rng((seed, number)) for number in range(start, stop)]
    rows = measure(grid.architectures[start:stop], data, epochs, rngs, num_threads)
    correct, losses, weights = (np.array(column) for column in zip(*rows, strict=True))
    losses = losses.astype(np.float16)
    return {
        "val_correct": correct[..., 0].tolist(),
        "test_correct": correct[..., 1].tolist(),
        "val_loss": losses[..., 0].tolist(),
        "test_loss": losses[..., 1].tolist(),
        "train_loss": losses[..., 2].tolist(),
        "active_weights": weights.tolist(),
    }


def _chunk_schema(n_architectures: int, n_epochs: int) -> Schema:
    counts, losses = (list_of(list_of(each, n_epochs), n_architectures) for each in (_COUNT, _LOSS))
    return record(
        val_correct=counts,
        test_correct=counts,
        val_loss=losses,
        test_loss=losses,
        train_loss=losses,
        active_weights=list_of(_WEIGHTS, n_architectures),
    )


def _arrays(chunks: Sequence[Chunk], n_seeds: int) -> dict[str, np.ndarray]:
    """The arrays of a `Table` from chunks in the order of seeds, then of architectures."""
    arrays = {}
    for name, dtype in ARRAYS.items():
        joined = np.array([row for chunk in chunks for row in chunk[name]], dtype)
        arrays[name] = np.stack(np.split(joined, n_seeds), axis=1)
    return arrays


def measure(
    architectures: Sequence[Architecture],
    dataset: Dataset,
    epochs: tuple[int, ...],
    rngs: Sequence[np.random.Generator],
    num_threads: int = 1,
) -> list[tuple[list[list[int]], list[list[float]], int]]:
    """Train networks from scratch with `TABLE_HYPERPARAMETERS`.

    Args:
        architectures: `(width, density)` of each hidden layer of each network.
        dataset: The data to train and measure on.
        epochs: Numbers of epochs after which to measure, ascending.
        rngs: For each network the generator of its connections, initial weights and order of the
            samples.
        num_threads: Number of networks that are trained at the same time.

    Returns:
        For each network three values: for each epoch count the correct predictions `[validation,
        test]`; for each epoch count the losses `[validation, test, training]`; the number of
        active weights.
    """
    networks = [
        new_network(each, dataset.n_features, dataset.n_classes, rng)
        for each, rng in zip(architectures, rngs, strict=True)
    ]
    streams = [Batches(dataset.train, rng) for rng in rngs]
    per_epoch = max(1, dataset.train.size // streams[0].batch_size)
    found: list[tuple[list[list[int]], list[list[float]], int]] = [
        ([], [], network.active_weights) for network in networks
    ]
    for before, after in pairwise((0, *epochs)):
        orders = [stream.take((after - before) * per_epoch) for stream in streams]
        trained = train_many(networks, dataset, orders, TABLE_HYPERPARAMETERS, num_threads)
        for network, training, (correct, losses, _) in zip(networks, trained, found, strict=True):
            validation = evaluate(network, dataset, dataset.validation)
            test = evaluate(network, dataset, dataset.test)
            correct.append(
                [
                    round(validation.metric * dataset.validation.size),
                    round(test.metric * dataset.test.size),
                ]
            )
            losses.append([validation.loss, test.loss, training.loss])
    return found


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("rlnas", "numpy", "numba", "llvmlite")}
    return {"python": platform.python_version(), **packages}
