"""Running networks: one call of the compiled loops trains, evaluates and probes."""

from reprlib import repr as brief
from typing import NamedTuple

import numpy as np

from rlnas.data.dataset import Dataset
from rlnas.errors import InputError
from rlnas.nn.gradients import GradientSample
from rlnas.nn.kernels import memory
from rlnas.nn.kernels.draws import NO_DRAWING, Drawing
from rlnas.nn.kernels.passes import Adam, Samples
from rlnas.nn.kernels.run import run
from rlnas.nn.network import EMA, VALUE, SparseNetwork


class Training(NamedTuple):
    """A number of optimiser steps."""

    order: np.ndarray  # int32 [batches, batch], the samples of each batch
    rates: np.ndarray  # float64 [batches], learning rates
    ema_decay: float  # see `rlnas.nn.training.Hyperparameters`
    adam: Adam


class Outcome(NamedTuple):
    """What a run of a network gave.

    Attributes:
        training_loss: Sum of the mean losses of the training batches, each before its step.
        trained: float64 `[outputs]`, tally of the training batches, see `rlnas.nn.kernels.run.run`.
        judged_loss: Sum of the losses of the samples that were judged, times their weights.
        judged: float64 `[outputs]`, tally of these samples.
        probe: Activations and gradients on the samples that were probed.
        drawn: What `rlnas.nn.kernels.draws.draw` returned.
    """

    training_loss: float
    trained: np.ndarray
    judged_loss: float
    judged: np.ndarray
    probe: GradientSample
    drawn: int


NO_SAMPLES = np.empty(0, np.int32)
NO_TRAINING = Training(np.empty((0, 1), np.int32), np.empty(0), 0.0, Adam(0.0, 0.0, 1.0, 0.0))


def run_network(
    network: SparseNetwork,
    dataset: Dataset,
    training: Training = NO_TRAINING,
    judged: np.ndarray = NO_SAMPLES,
    judged_at: int = EMA,
    probed: np.ndarray = NO_SAMPLES,
    probed_at: int = VALUE,
    gradients: bool = True,
    drawing: Drawing = NO_DRAWING,
) -> Outcome:
    """Train a network in place, evaluate it, and probe it.

    Args:
        network: The network; its state arrays and its step count are updated.
        dataset: The data set that the samples are rows of.
        training: The optimiser steps.
        judged: int32 `[n]`, the samples to evaluate on.
        judged_at: Row of the state arrays to evaluate at, VALUE or EMA.
        probed: int32 `[n]`, the samples to probe on.
        probed_at: Row of the state arrays to probe at, VALUE or EMA.
        gradients: Whether the probe is to have gradients of connections, not units alone.
        drawing: What the samples to train and to probe on are drawn from, if they are not given;
            the arrays of samples are written then.
    """
    rows = network.units.shape[1]
    columns = network.n_units if probed.size > 0 and gradients else 0
    shapes = (network.n_units, probed.size), (rows, probed.size), (rows, columns)
    probe = GradientSample(*memory.side_by_side(shapes))
    scratch = memory.scratch(network.n_inputs, rows, network.active_weights)
    losses = np.empty(len(training.order) + 2)
    drawn = run(
        raw_samples(dataset),
        network.index,
        network.connections,
        network.units,
        network.steps,
        _writable(training.order),
        training.rates,
        training.ema_decay,
        training.adam,
        _read_only(judged),
        judged_at,
        _writable(probed),
        probed_at,
        drawing,
        probe.activations,
        probe.deltas,
        probe.gradients,
        losses,
        scratch,
    )
    network.steps += len(training.order)
    trained, tally, _ = scratch.tallies[:, : network.n_outputs].copy()
    return Outcome(float(losses[:-2].sum()), trained, float(losses[-2]), tally, probe, drawn)


# Numba would compile the loops anew for read-only samples in the place of others.


def _read_only(samples: np.ndarray) -> np.ndarray:
    if samples.flags.writeable or not samples.flags.c_contiguous:
        samples = np.ascontiguousarray(samples).view()
        samples.flags.writeable = False
    return samples


def _writable(samples: np.ndarray) -> np.ndarray:
    return samples if samples.flags.writeable and samples.flags.c_contiguous else samples.copy()


def sample_gradients(
    network: SparseNetwork, dataset: Dataset, samples: np.ndarray
) -> GradientSample:
    """Run the network forward and backward on some samples, without training it.

    Args:
        network: The network.
        dataset: The data set that the samples are rows of.
        samples: int32 `[n]`, rows of the data set.

    Raises:
        InputError: a row is not in the data set.
    """
    check_rows(dataset, samples, 1)
    return run_network(network, dataset, probed=samples).probe


def raw_samples(dataset: Dataset) -> Samples:
    """The arrays of a data set that the loops read."""
    return Samples(
        dataset.features,
        dataset.labels,
        dataset.mean,
        dataset.scale,
        dataset.targets,
        dataset.bends,
        dataset.weights,
    )


def check_rows(dataset: Dataset, rows: np.ndarray, axes: int) -> None:
    """Check rows of a data set: the loops read them without looking.

    Args:
        dataset: The data set.
        rows: Integers.
        axes: Number of axes that the array is to have.

    Raises:
        InputError: it is no such array, or a row is not in the data set.
    """
    fits = isinstance(rows, np.ndarray) and rows.ndim == axes and rows.dtype.kind in "iu"
    if not fits:
        found = f"{rows.dtype} {list(rows.shape)}" if isinstance(rows, np.ndarray) else brief(rows)
        shape = "[batches, batch], see `Batches.take`" if axes == 2 else "[n]"
        raise InputError(f"rows {found} cannot be read: expected an array of int32 {shape}")
    count = len(dataset.features)
    lowest, highest = rows.min(initial=0), rows.max(initial=0)
    if lowest < 0 or highest >= count:
        row = lowest if lowest < 0 else highest
        raise InputError(
            f"data set '{dataset.name}' has no row {row}: expected from 0 to {count - 1}"
        )


def check_fit(network: SparseNetwork, dataset: Dataset) -> None:
    """Check that a network can be trained and evaluated on a data set.

    Raises:
        InputError: the numbers of inputs or outputs differ, or the network reads no input.
    """
    if (network.n_inputs, network.n_outputs) != (dataset.n_features, dataset.n_outputs):
        what = "classes" if dataset.task == "classification" else "targets"
        raise InputError(
            f"the network has {network.n_inputs} inputs and {network.n_outputs} outputs, data set "
            f"'{dataset.name}' has {dataset.n_features} features and {dataset.n_outputs} {what}: "
            "use the data set the network was designed for"
        )
    if network.index.blocks.size == 0:
        raise InputError(
            "no connection of the network comes from an input, so that its outputs are constant: "
            "expected at least one"
        )
