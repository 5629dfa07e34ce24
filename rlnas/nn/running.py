"""Running networks: one call of the compiled loops trains, evaluates and probes."""

from typing import NamedTuple

import numpy as np

from rlnas.data.datasets import Dataset
from rlnas.errors import InputError
from rlnas.nn.gradients import GradientSample
from rlnas.nn.kernels import memory
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
        losses: float64 `[batches]`, mean loss of each training batch before its step.
        trained: float64 `[outputs]`, tally of the training batches, see `rlnas.nn.kernels.run.run`.
        loss: Sum of the losses of the samples that were judged, times their weights.
        judged: float64 `[outputs]`, tally of these samples.
        probe: Activations and gradients on the samples that were probed.
    """

    losses: np.ndarray
    trained: np.ndarray
    loss: float
    judged: np.ndarray
    probe: GradientSample


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
    """
    rows, batches = network.units.shape[1], len(training.order)
    losses = np.empty(batches)
    columns = network.n_units if probed.size > 0 and gradients else 0
    shapes = (network.n_units, probed.size), (rows, probed.size), (rows, columns)
    probe = GradientSample(*memory.side_by_side(shapes))
    scratch = memory.scratch(network.n_inputs, rows, network.active_weights)
    loss = run(
        raw_samples(dataset),
        network.index,
        network.connections,
        network.units,
        network.steps,
        _read_only(training.order),
        training.rates,
        training.ema_decay,
        training.adam,
        losses,
        _read_only(judged),
        judged_at,
        _read_only(probed),
        probed_at,
        probe.activations,
        probe.deltas,
        probe.gradients,
        scratch,
    )
    network.steps += batches
    trained, tally, _ = scratch.tallies[:, : network.n_outputs].copy()
    return Outcome(losses, trained, loss, tally, probe)


def _read_only(samples: np.ndarray) -> np.ndarray:
    """The samples as compiled loops take them: all read-only, so that they compile once."""
    view = np.ascontiguousarray(samples).view()
    view.flags.writeable = False
    return view


def sample_gradients(
    network: SparseNetwork, dataset: Dataset, samples: np.ndarray
) -> GradientSample:
    """Run the network forward and backward on some samples, without training it.

    Args:
        network: The network.
        dataset: The data set that the samples are rows of.
        samples: int32 `[n]`, rows of the data set.
    """
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
