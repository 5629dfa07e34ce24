"""Training a network for a number of batches, and evaluating it; the one set of hyperparameters."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rlnas.data.datasets import Dataset
from rlnas.errors import InputError
from rlnas.nn import kernels
from rlnas.nn.network import AVERAGE, VALUE, SparseNetwork
from rlnas.validation import whole


@dataclass(frozen=True)
class Hyperparameters:
    """Everything about training that is not architecture."""

    batch_size: int = 128
    learning_rate: float = 2e-3
    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8
    weight_decay: float = 0.02
    average_decay: float = 0.99
    """Weight of the past in the exponential average of the parameters, per batch."""


HYPERPARAMETERS = Hyperparameters()
"""Used for every data set and every architecture: only architecture is designed here."""

LONG_DECAY = 0.1
"""Weight decay in trainings of many epochs, which would overfit with that of `HYPERPARAMETERS`: it
was chosen for episodes of some thousand batches, in which it does next to nothing. One value for
all data sets, by validation accuracy on MNIST, Fashion-MNIST and digits."""

_PREDICTED_AT_ONCE = 1024


class Evaluation(NamedTuple):
    """Accuracy (share of correct predictions) and mean cross-entropy (nats)."""

    accuracy: float
    loss: float


class Batches:
    """An endless stream of training batches: one random permutation after another.

    Args:
        samples: int32 `[n]`, the rows of the data set to draw from.
        rng: source of randomness.
    """

    def __init__(self, samples: np.ndarray, rng: np.random.Generator):
        self.samples = samples.astype(np.int64)  # which NumPy permutes faster
        self.rng = rng
        self.batch_size = min(HYPERPARAMETERS.batch_size, samples.size)
        self.rest = np.empty(0, np.int64)

    def take(self, batches: int) -> np.ndarray:
        """int32 `[batches, batch_size]`: the next samples."""
        batches = whole("batches", batches)
        wanted = batches * self.batch_size
        parts, have = [self.rest], self.rest.size
        while have < wanted:
            parts.append(self.rng.permutation(self.samples))
            have += self.samples.size
        stream = np.concatenate(parts)
        self.rest = stream[wanted:]
        return stream[:wanted].astype(np.int32).reshape(batches, self.batch_size)


def train(
    network: SparseNetwork,
    dataset: Dataset,
    order: np.ndarray,
    learning_rates: np.ndarray | None = None,
    weight_decay: float = HYPERPARAMETERS.weight_decay,
) -> Evaluation:
    """Train in place, one optimiser step a batch.

    Args:
        network: its state arrays and step count are updated.
        dataset: where the samples are.
        order: int32 `[batches, batch]`, the samples of each batch (`Batches.take`).
        learning_rates: float64 `[batches]`; the constant rate of `HYPERPARAMETERS` if None.
        weight_decay: see `LONG_DECAY`.

    Returns:
        Mean accuracy and loss over the batches, each measured before its own step.

    Raises:
        InputError: the network does not fit the data set.
    """
    check_fit(network, dataset)
    batches = len(order)
    if batches == 0:
        raise InputError("cannot train for 0 batches: expected at least one")
    h = HYPERPARAMETERS
    if learning_rates is None:
        learning_rates = np.full(batches, h.learning_rate)
    steps = network.steps + np.arange(batches)
    # A young network forgets its past faster: the horizon is a ninth of its age.
    average_rates = np.maximum(1 - h.average_decay, 9 / (10 + steps))
    losses = np.empty(batches)
    correct = kernels.train(
        raw_samples(dataset),
        order,
        network.index,
        network.connections,
        network.units,
        network.steps,
        learning_rates,
        average_rates,
        kernels.Adam(h.beta1, h.beta2, h.epsilon, weight_decay),
        scratch(network),
        losses,
    )
    network.steps += batches
    return Evaluation(correct / order.size, losses.sum().item() / batches)


def evaluate(
    network: SparseNetwork, dataset: Dataset, samples: np.ndarray, averaged: bool = True
) -> Evaluation:
    """Accuracy and loss on some samples.

    Args:
        network: the network.
        dataset: where the samples are.
        samples: int32 `[n]`, rows of the data set, such as `dataset.validation`.
        averaged: use the exponential average of the parameters, not their last values.

    Raises:
        InputError: the network does not fit the data set.
    """
    check_fit(network, dataset)
    row = AVERAGE if averaged else VALUE
    loss, correct = kernels.evaluate(
        raw_samples(dataset),
        samples,
        network.index,
        network.connections[row],
        network.units[row],
        scratch(network),
    )
    return Evaluation(correct / samples.size, loss / samples.size)


def predict(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> np.ndarray:
    """int64 `[n]`: the classes that the averaged parameters predict.

    Args:
        network: the network.
        dataset: where the samples are.
        samples: int32 `[n]`, rows of the data set.

    Raises:
        InputError: the network does not fit the data set.
    """
    check_fit(network, dataset)
    state = network.connections[AVERAGE], network.units[AVERAGE]
    chunks = []
    for some in np.array_split(samples, -(-samples.size // _PREDICTED_AT_ONCE)):
        activations = kernels.aligned(network.n_units, some.size)
        deltas = kernels.aligned(network.units.shape[1], some.size)
        memory = raw_samples(dataset), some, network.full_index, *state, scratch(network)
        kernels.probe(*memory, activations, deltas)
        chunks.append(activations[-network.n_outputs :].argmax(axis=0))
    return np.concatenate(chunks)


def final_training(
    network: SparseNetwork, dataset: Dataset, epochs: int, rng: np.random.Generator
) -> Iterator[Evaluation]:
    """Train on the training and validation samples, the learning rate falling to zero.

    The rate follows half a cosine from that of `HYPERPARAMETERS` (Loshchilov & Hutter 2017,
    eq. 5, without restarts), the weight decay is `LONG_DECAY`. The network is trained in place.

    Args:
        network: a designed network; its weights are where training starts.
        dataset: its test samples are not read.
        epochs: passes over the samples.
        rng: order of the samples.

    Yields:
        Training accuracy and loss of each epoch.
    """
    epochs = whole("epochs", epochs)
    samples = np.concatenate([dataset.train, dataset.validation])
    batches = Batches(samples, rng)
    per_epoch = max(1, samples.size // batches.batch_size)
    phase = np.arange(epochs * per_epoch) / (epochs * per_epoch)
    rates = HYPERPARAMETERS.learning_rate * 0.5 * (1 + np.cos(np.pi * phase))
    for epoch in range(epochs):
        chosen = rates[epoch * per_epoch : (epoch + 1) * per_epoch]
        yield train(network, dataset, batches.take(per_epoch), chosen, LONG_DECAY)


def raw_samples(dataset: Dataset) -> kernels.Samples:
    """What the kernels read of a data set."""
    return kernels.Samples(dataset.features, dataset.labels, dataset.mean, dataset.scale)


def scratch(network: SparseNetwork) -> kernels.Scratch:
    """Memory for the kernels to work in on a network."""
    return kernels.scratch(network.n_inputs, network.units.shape[1], network.active_weights)


def check_fit(network: SparseNetwork, dataset: Dataset) -> None:
    """Raise `InputError` unless the network has the data set's inputs and outputs, and reads it."""
    if (network.n_inputs, network.n_outputs) != (dataset.n_features, dataset.n_classes):
        raise InputError(
            f"the network has {network.n_inputs} inputs and {network.n_outputs} outputs, data set "
            f"'{dataset.name}' has {dataset.n_features} features and {dataset.n_classes} classes: "
            "use the data set the network was designed for"
        )
    if network.index.blocks.size == 0:
        raise InputError(
            "no connection of the network comes from an input, so that its outputs are constant: "
            "expected at least one"
        )
