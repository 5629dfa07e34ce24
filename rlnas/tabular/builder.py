"""Building a table: train every architecture of a grid, in parallel, and go on after a kill."""

import io
import platform
from collections.abc import Iterator
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np

from rlnas.data import datasets
from rlnas.data.datasets import Dataset
from rlnas.data.npz import read_arrays
from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.folders import holds_nothing, locked
from rlnas.files.json_files import read_json, write_json
from rlnas.files.reading import open_regular
from rlnas.nn.architecture import Architecture
from rlnas.nn.initialization import new_network
from rlnas.nn.training import Batches, evaluate, train
from rlnas.progress import progress
from rlnas.tabular.grid import GRID, Grid
from rlnas.tabular.table import ARRAYS, Table
from rlnas.validation import is_whole, plain, whole

CHUNK = 128
"""Architectures that one task trains: some seconds of work, and what a kill may lose."""


MAX_SAMPLES = 2**16 - 1
"""Validation or test samples that a table can count correct predictions of."""


class Task(NamedTuple):
    """One chunk of the work, small enough to send to another machine."""

    dataset: str
    fingerprint: str
    data_dir: str | None
    grid: Grid
    epochs: tuple[int, ...]
    seed: int
    start: int
    stop: int


def build_table(
    dataset: str,
    folder: str | PathLike[str],
    *,
    grid: Grid = GRID,
    epochs: tuple[int, ...] = (1, 2, 3),
    n_seeds: int = 3,
    n_jobs: int = -1,
    data_dir: str | PathLike[str] | None = None,
    progress_bar: bool = True,
) -> Table:
    """Train every architecture with every seed; write `table.npz`.

    Each finished chunk is a file, so that the same call again goes on where the last one ended.
    The work runs in joblib's current backend, see `joblib.parallel_config`; the result does not
    depend on it.

    Args:
        dataset: a name or an ``.npz`` path that the workers can load.
        folder: for the chunks and the table.
        grid: the architectures.
        epochs: after how many to measure, ascending.
        n_seeds: trainings of each architecture.
        n_jobs: workers; -1 for as many as there are processors.
        data_dir: see `rlnas.data.datasets.load_dataset`.
        progress_bar: show one.

    Raises:
        InputError: a value cannot be used, the folder holds chunks of another table, or another
            process is working on it.
    """
    counts = all(map(is_whole, epochs))
    if not (counts and epochs and epochs[0] > 0 and list(epochs) == sorted(set(epochs))):
        raise InputError(f"epochs {epochs} cannot be used: expected ascending numbers from 1")
    epochs, n_seeds = plain(tuple(epochs)), whole("seeds", n_seeds, 1)
    data = datasets.load_dataset(dataset, data_dir=data_dir)
    if max(data.validation.size, data.test.size) > MAX_SAMPLES:
        raise InputError(
            f"data set '{data.name}' has more than {MAX_SAMPLES} validation or test samples, more "
            "than a table can count: give fewer"
        )
    folder = Path(folder)
    _claim(folder, data, grid, epochs)
    place = None if data_dir is None else str(data_dir)
    n = len(grid.architectures)
    tasks = [
        Task(
            str(dataset),
            data.fingerprint,
            place,
            grid,
            tuple(epochs),
            seed,
            start,
            min(start + CHUNK, n),
        )
        for seed in range(n_seeds)
        for start in range(0, n, CHUNK)
    ]
    with locked(folder):
        missing = [task for task in tasks if _read_chunk(folder, task) is None]
        with progress(
            progress_bar,
            total=n * n_seeds,
            initial=n * n_seeds - sum(task.stop - task.start for task in missing),
            desc=f"training on {data.name}",
            unit="net",
            smoothing=0.02,
        ) as bar:
            for task, results in _run(missing, n_jobs):
                stream = io.BytesIO()
                np.savez(stream, **results)  # type: ignore[arg-type]
                replace_file(_file(folder, task), stream.getvalue())
                bar.update(task.stop - task.start)
        table = _collect(folder, tasks, data, grid, epochs, n_seeds)
        table.save(folder / "table.npz")
        return table


def _run(tasks: list[Task], n_jobs: int) -> Iterator[tuple[Task, dict[str, np.ndarray]]]:
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    return parallel(joblib.delayed(_measure_chunk)(task) for task in tasks)


def _measure_chunk(task: Task) -> tuple[Task, dict[str, np.ndarray]]:
    """The task, and arrays `[architectures of the chunk, ...]` as `Table` has them."""
    data = datasets.load_unchanged(task.dataset, task.fingerprint, task.data_dir)
    rows = [
        measure(architecture, data, task.epochs, np.random.default_rng((task.seed, number)))
        for number, architecture in enumerate(
            task.grid.architectures[task.start : task.stop], start=task.start
        )
    ]
    correct, losses, weights = (np.array(column) for column in zip(*rows, strict=True))
    return task, {
        "val_correct": correct[..., 0].astype(np.uint16),
        "test_correct": correct[..., 1].astype(np.uint16),
        "val_loss": losses[..., 0].astype(np.float16),
        "test_loss": losses[..., 1].astype(np.float16),
        "train_loss": losses[..., 2].astype(np.float16),
        "active_weights": weights.astype(np.int32),
    }


def measure(
    architecture: Architecture,
    dataset: Dataset,
    epochs: tuple[int, ...],
    rng: np.random.Generator,
) -> tuple[list[list[int]], list[list[float]], int]:
    """Train one network from scratch with the hyperparameters that all of rlnas uses.

    Returns:
        For each epoch count: correct predictions of the validation and of the test samples;
        validation, test and training loss. And the number of active weights.
    """
    network = new_network(architecture, dataset.n_features, dataset.n_classes, rng)
    batches = Batches(dataset.train, rng)
    per_epoch = max(1, dataset.train.size // batches.batch_size)
    correct, losses, done = [], [], 0
    for count in epochs:
        training = train(network, dataset, batches.take((count - done) * per_epoch))
        done = count
        validation = evaluate(network, dataset, dataset.validation)
        test = evaluate(network, dataset, dataset.test)
        correct.append(
            [
                round(validation.accuracy * dataset.validation.size),
                round(test.accuracy * dataset.test.size),
            ]
        )
        losses.append([validation.loss, test.loss, training.loss])
    return correct, losses, network.active_weights


def _claim(folder: Path, data: Dataset, grid: Grid, epochs: tuple[int, ...]) -> None:
    """Write what is built here, or check that it is what was built before."""
    settings = {
        "dataset": data.name,
        "fingerprint": data.fingerprint,
        "widths": list(grid.widths),
        "densities": list(grid.densities),
        "max_depth": grid.max_depth,
        "epochs": list(epochs),
    }
    path = folder / "build.json"
    if not path.exists():
        if folder.exists() and (not folder.is_dir() or not holds_nothing(folder)):
            raise InputError(f"{folder} is not empty and holds no table: choose another folder")
        with locked(folder):
            if not path.exists():  # no other process was faster
                write_json(path, settings)
    if read_json(path) != settings:
        raise InputError(f"{folder} holds chunks of another table: choose another folder")


def _file(folder: Path, task: Task) -> Path:
    return folder / f"seed-{task.seed}-from-{task.start:05}.npz"


def _read_chunk(folder: Path, task: Task) -> dict[str, np.ndarray] | None:
    """The results of a task, or None if they are not there, cut off, or of another size."""
    try:
        with open_regular(_file(folder, task)) as stream:
            chunk = read_arrays(stream, ARRAYS)
    except ValueError:
        return None
    lengths = [array.shape[:1] for array in chunk.values()]
    return chunk if lengths == [(task.stop - task.start,)] * len(ARRAYS) else None


def _collect(
    folder: Path,
    tasks: list[Task],
    data: Dataset,
    grid: Grid,
    epochs: tuple[int, ...],
    n_seeds: int,
) -> Table:
    chunks = [_read_chunk(folder, task) for task in tasks]
    arrays = {}
    for name in ARRAYS:
        joined = np.concatenate([chunk[name] for chunk in chunks if chunk])  # seed by seed
        arrays[name] = np.stack(np.split(joined, n_seeds), axis=1)
    return Table(
        dataset=data.name,
        grid=grid,
        epochs=epochs,
        n_inputs=data.n_features,
        n_outputs=data.n_classes,
        n_validation=data.validation.size,
        n_test=data.test.size,
        versions=_versions(),
        **arrays,
    )


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("rlnas", "numpy", "numba", "llvmlite")}
    return {"python": platform.python_version(), **packages}
