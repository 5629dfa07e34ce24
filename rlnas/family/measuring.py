"""Measuring a task of the family: every architecture is trained, and results are rounded."""

import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.data.dataset import Dataset
from rlnas.data.generated.made import Made
from rlnas.data.preparing import prepare
from rlnas.data.sources import read
from rlnas.errors import InputError
from rlnas.export.c.sizes import c_bytes
from rlnas.export.inference import for_inference
from rlnas.family.space import ARCHITECTURES, LENGTHS
from rlnas.family.table import LOSS_STEP, METRIC_STEP
from rlnas.family.tasks import Task
from rlnas.nn.initialization import new_network
from rlnas.nn.many import train_many
from rlnas.nn.training import (
    DEFAULT_HYPERPARAMETERS,
    Batches,
    Evaluation,
    constant_outputs,
    evaluate,
    evaluate_outputs,
)

JUDGED = 2000
"""Most validation samples, and most test samples, that networks are judged by."""

LEAST_LOSS = 1e-6
"""A smaller loss counts as this."""

RESULTS = ("val_metric", "test_metric", "val_loss", "test_loss", "train_loss")
"""What is kept of each training at each of `LENGTHS`, as whole numbers."""

_LARGEST = 30_000  # fits into 16 bits; infinite losses and unbounded R² end here

Results = dict[str, list[Any]]
"""Lists of whole numbers: `[architectures, lengths]` for each of `RESULTS`, and `[architectures]`
for `weights` and `flash`, the bytes of the network as `c-int8` code; and `nothing`, the validation
and test metric of a prediction that reads no feature."""


def load(task: Task, seed: int = 0, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
    """The data of a task, with at most `JUDGED` samples for validation and for the test.

    The test samples of a generated task are further ones, and always `JUDGED`.

    Args:
        task: The task.
        seed: Decides which samples are for what, unless the data have a test set.
        data_dir: See `rlnas.data.loading.load_dataset`.

    Raises:
        InputError: If the data are not there.
    """
    rows = task.rows
    if task.real:
        raw = read(task.source, data_dir)
    else:
        made = Made.of_name(task.source)
        rows, whole = made.rows, replace(made, rows=made.rows + JUDGED)
        raw = replace(read(whole.name), n_test=JUDGED)
    n_given = raw.n_samples - raw.n_test
    if rows is not None and rows > n_given:
        raise InputError(f"{task.name} needs {rows} samples, but there are {n_given}: draw less")
    chosen = np.random.RandomState([6, seed]).permutation(n_given)[:rows]
    raw = raw.chosen(np.concatenate([chosen, np.arange(n_given, raw.n_samples)]))
    if rows is not None:
        raw = replace(raw, held_out=rows // 5)
    data = prepare(raw, task.options, warn=False)  # a benchmark takes its tables as they are
    return replace(
        data, name=task.name, validation=data.validation[:JUDGED], test=data.test[:JUDGED]
    )


def measure(task: Task, seed: int, data_dir: Path | None, num_threads: int = 1) -> Results:
    """Train every architecture on a task with one seed.

    Args:
        task: The task.
        seed: Decides which samples are for what, the connections, their first weights and the order
            of the samples.
        data_dir: See `load`.
        num_threads: Number of networks that are trained at the same time.
    """
    data = load(task, seed, data_dir)
    rngs = [np.random.default_rng((seed, number)) for number in range(len(ARCHITECTURES))]
    networks = [
        new_network(architecture, data.n_features, data.n_outputs, rng)
        for architecture, rng in zip(ARCHITECTURES, rngs, strict=True)
    ]
    parts = {"val": data.validation, "test": data.test}
    constant = constant_outputs(data)
    streams = [Batches(data.train, rng) for rng in rngs]
    found = {name: np.zeros((len(networks), len(LENGTHS)), np.int64) for name in RESULTS}
    for at, (before, after) in enumerate(pairwise((0, *LENGTHS))):
        orders = [stream.take(after - before) for stream in streams]
        trained = train_many(networks, data, orders, DEFAULT_HYPERPARAMETERS, num_threads)
        for name, part in parts.items():
            judged = [evaluate(network, data, part) for network in networks]
            found[f"{name}_metric"][:, at] = _metrics(judged)
            found[f"{name}_loss"][:, at] = _losses(judged)
        found["train_loss"][:, at] = _losses(trained)
    flash = [
        c_bytes(for_inference(network, data.preprocessing), "c-int8").flash for network in networks
    ]
    return {
        **{name: values.tolist() for name, values in found.items()},
        "weights": [network.active_weights for network in networks],
        "flash": flash,
        "nothing": _metrics(
            [evaluate_outputs(constant, data, part) for part in parts.values()]
        ).tolist(),
    }


def _metrics(judged: list[Evaluation]) -> NDArray[np.int64]:
    """Metrics as multiples of `METRIC_STEP`."""
    return _whole(np.array([each.metric for each in judged]) / METRIC_STEP)


def _losses(judged: list[Evaluation]) -> NDArray[np.int64]:
    """Logarithms of losses as multiples of `LOSS_STEP`."""
    losses = np.maximum([each.loss for each in judged], LEAST_LOSS)
    return _whole(np.log(losses) / LOSS_STEP)


def _whole(values: NDArray[np.float64]) -> NDArray[np.int64]:
    finite = np.nan_to_num(values, nan=_LARGEST, posinf=_LARGEST, neginf=-_LARGEST)
    found: NDArray[np.int64] = np.rint(finite.clip(-_LARGEST, _LARGEST)).astype(np.int64)
    return found
