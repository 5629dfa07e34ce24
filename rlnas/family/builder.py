"""Building the family: every task is measured with every seed, in parallel and resumable."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from joblib import effective_n_jobs

from rlnas.data.sources import read
from rlnas.errors import InputError
from rlnas.family.family_file import Family, write_family
from rlnas.family.measuring import RESULTS, Results, load, measure
from rlnas.family.space import ARCHITECTURES, LENGTHS
from rlnas.family.table import LOSS_STEP, METRIC_STEP, TaskTable
from rlnas.family.tasks import SPLITS, Task, task_named, tasks
from rlnas.files.json_schema import Schema, list_of, record
from rlnas.parallel.jobs import Call, own_folder, run_all
from rlnas.validation import check_jobs, whole

N_SEEDS = 5
"""How often every architecture is trained on a task."""

_WHOLE: Schema = {"type": "integer", "minimum": -(2**15), "maximum": 2**15}
_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
_SCHEMA = record(
    **dict.fromkeys(RESULTS, list_of(list_of(_WHOLE, len(LENGTHS)), len(ARCHITECTURES))),
    weights=list_of(_COUNT, len(ARCHITECTURES)),
    flash=list_of(_COUNT, len(ARCHITECTURES)),
    nothing=list_of(_WHOLE, 2),
)


def measure_all(
    folder: str | PathLike[str],
    chosen: Sequence[Task] | None = None,
    *,
    n_seeds: int = N_SEEDS,
    n_jobs: int = -1,
    data_dir: str | PathLike[str] | None = None,
    progress_bar: bool = True,
) -> dict[str, list[Results]]:
    """Train every architecture on every task with every seed.

    Each result is a file in `folder`/runs, so that the same call again goes on where the last one
    ended, see `rlnas.parallel.jobs`. The work runs in joblib's current backend, see
    `joblib.parallel_config`; the results do not depend on it.

    Args:
        folder: Folder of the results; it is created if it does not exist.
        chosen: The tasks; by default all.
        n_seeds: How often to train each architecture.
        n_jobs: Number of workers, which share the processors; -1 for one per processor.
        data_dir: See `rlnas.data.loading.load_dataset`.
        progress_bar: Whether to show a progress bar.

    Returns:
        For each task, by name, its results with each seed.

    Raises:
        InputError: If data are not there, the folder holds anything but such results, a result is
            damaged, or another process is working on the folder.
    """
    n_seeds = whole("seeds", n_seeds, 1)
    if chosen is None:
        chosen = [task for split in SPLITS for task in tasks(split)]
    place = None if data_dir is None else Path(data_dir)
    check_there(chosen, place)
    folder = Path(folder)
    own_folder(folder, {"family": "results of tasks"})
    threads = max(1, (os.cpu_count() or 1) // effective_n_jobs(check_jobs(n_jobs)))
    calls = [
        Call(f"{task.name}-{seed}", _key(task, seed), (task, seed, place, threads), _SCHEMA)
        for task in chosen
        for seed in range(n_seeds)
    ]
    made = run_all(measure, folder / "runs", calls, "task and seed", n_jobs, progress_bar)
    return {task.name: made[n_seeds * k : n_seeds * (k + 1)] for k, task in enumerate(chosen)}


def check_there(chosen: Sequence[Task], data_dir: Path | None) -> None:
    """Raise `InputError` that names the first data that are not on this computer."""
    for source in dict.fromkeys(task.source for task in chosen if task.real):
        try:
            read(source, data_dir)
        except InputError as error:
            raise InputError(f"the family needs {source}: {error}") from None


def _key(task: Task, seed: int) -> dict[str, Any]:
    """What the results of a task with a seed depend on, but for the samples.

    The samples are published ones, whose checksums are known, or generated from the name.
    """
    return {
        "task": asdict(task),
        "seed": seed,
        "architectures": len(ARCHITECTURES),
        "lengths": LENGTHS,
    }


def tables_of(
    measured: Mapping[str, Sequence[Results]], data_dir: str | os.PathLike[str] | None = None
) -> Iterator[TaskTable]:
    """The tables of tasks whose results `measure_all` returned.

    Args:
        measured: For each task, by name, its results with each seed.
        data_dir: See `rlnas.data.loading.load_dataset`.
    """
    for name, results in measured.items():
        task = task_named(name)
        data = load(task, 0, data_dir)
        arrays = {key: np.array([each[key] for each in results]) for key in results[0]}
        metrics = {
            key: (arrays[key] * METRIC_STEP).astype(np.float32)
            for key in ("val_metric", "test_metric")
        }
        yield TaskTable(
            task,
            data.fingerprint,
            data.n_features,
            data.n_outputs,
            data.train.size,
            data.validation.size,
            data.test.size,
            nothing=arrays["nothing"].mean(axis=0) * METRIC_STEP,
            **metrics,
            val_loss=np.exp(arrays["val_loss"] * LOSS_STEP),
            train_loss=np.exp(arrays["train_loss"] * LOSS_STEP),
            test_loss=np.exp(arrays["test_loss"].mean(axis=0) * LOSS_STEP),
            weights=np.rint(arrays["weights"].mean(axis=0)).astype(np.int32),
            flash=np.rint(arrays["flash"].mean(axis=0)).astype(np.int32),
        )


def build_family(
    folder: str | PathLike[str],
    chosen: Sequence[Task] | None = None,
    *,
    n_seeds: int = N_SEEDS,
    n_jobs: int = -1,
    data_dir: str | PathLike[str] | None = None,
    progress_bar: bool = True,
) -> Family:
    """Measure all tasks, and write `folder`/family.npz; see `measure_all`."""
    measured = measure_all(
        folder,
        chosen,
        n_seeds=n_seeds,
        n_jobs=n_jobs,
        data_dir=data_dir,
        progress_bar=progress_bar,
    )
    path = Path(folder) / "family.npz"
    packages = ("rlnas", "numpy", "numba", "llvmlite")
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    write_family(path, tables_of(measured, data_dir), versions)
    return Family(path)
