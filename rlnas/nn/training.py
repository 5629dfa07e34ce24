"""Training a network for a number of batches, and evaluating it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Real
from reprlib import repr as brief
from typing import NamedTuple

import numpy as np

from rlnas.data.datasets import Dataset
from rlnas.errors import InputError
from rlnas.nn import kernels
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from rlnas.validation import whole


@dataclass(frozen=True)
class Hyperparameters:
    """Everything about training that is not architecture; the optimiser is AdamW.

    The defaults are used for every data set and every architecture: only the architecture is
    designed.

    Attributes:
        batch_size: Number of samples in a batch, at least 1.
        learning_rate: Step size of AdamW, from 0 to 1.
        beta1: Decay of the first moment, from 0 to 0.9999.
        beta2: Decay of the second moment, from 0 to 0.999999.
        epsilon: Number added to the root of the second moment, from 1e-12 to 1.
        weight_decay: Decoupled weight decay from 0 to 1, multiplied by the learning rate. Biases
            do not decay.
        ema_decay: Decay of the exponential moving average (EMA) of the parameters per batch, from
            0 to 1.

    Raises:
        InputError: a value is no number or out of range.
    """

    batch_size: int = 128
    learning_rate: float = 1e-2
    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8
    weight_decay: float = 0.02
    ema_decay: float = 0.99

    def __post_init__(self) -> None:
        object.__setattr__(self, "batch_size", whole("batch_size", self.batch_size, 1))
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not number or not low <= value <= high:
                raise InputError(
                    f"{name} {brief(value)} cannot be used: expected a number from {low:g} to "
                    f"{high:g}"
                )
            object.__setattr__(self, name, float(value))

    def batch_size_for(self, n_samples: int) -> int:
        """Number of samples in a batch: all if there are fewer than `batch_size`."""
        return min(self.batch_size, n_samples)


_LIMITS = {
    "learning_rate": (0, 1),
    "beta1": (0, 0.9999),
    "beta2": (0, 0.999999),
    "epsilon": (1e-12, 1),
    "weight_decay": (0, 1),
    "ema_decay": (0, 1),
}

DEFAULT_HYPERPARAMETERS = Hyperparameters()

LONG_TRAINING = replace(DEFAULT_HYPERPARAMETERS, weight_decay=0.1)
"""Hyperparameters for training over many epochs, which overfits with the default weight decay.

The default was chosen for episodes of some thousand batches, in which weight decay has little
effect. This value was chosen for all data sets alike, by validation accuracy on MNIST,
Fashion-MNIST and digits.
"""

DECAY_OF_ONE_SAMPLE = 300
"""Weight decay of the final training, times the number of samples: few samples overfit sooner."""

_PREDICTED_AT_ONCE = 1024


class Evaluation(NamedTuple):
    """Accuracy (share of correct predictions) and mean cross-entropy (nats)."""

    accuracy: float
    loss: float


class Batches:
    """An endless stream of training batches: one random permutation after another.

    Args:
        samples: int32 `[n]`, the rows of the data set to draw from.
        rng: Source of randomness.
        batch_size: Number of samples in a batch; `n` if there are fewer samples.

    Raises:
        InputError: the batch size is no whole number from 1.
    """

    def __init__(
        self,
        samples: np.ndarray,
        rng: np.random.Generator,
        batch_size: int = DEFAULT_HYPERPARAMETERS.batch_size,
    ):
        self.samples = samples.astype(np.int64)  # which NumPy permutes faster
        self.rng = rng
        self.batch_size = min(whole("batch_size", batch_size, 1), samples.size)
        self.rest = np.empty(0, np.int64)

    def take(self, batches: int) -> np.ndarray:
        """int32 `[batches, batch_size]`: the samples of the next batches.

        Args:
            batches: Number of batches.
        """
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
    hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
    learning_rates: np.ndarray | None = None,
) -> Evaluation:
    """Train a network in place, with one optimiser step for each batch.

    Args:
        network: The network; its state arrays and its step count are updated.
        dataset: The data set that the samples are rows of.
        order: int32 `[batches, batch]`, the samples of each batch (`Batches.take`).
        hyperparameters: Settings of the optimiser; the batch size is given by `order`.
        learning_rates: float64 `[batches]`, the learning rate of each step; by default the
            learning rate of the hyperparameters in all steps.

    Returns:
        Mean accuracy and loss over the batches, each measured before its own step.

    Raises:
        InputError: there is no batch, or the network does not fit the data set.
    """
    check_fit(network, dataset)
    batches = len(order)
    if batches == 0:
        raise InputError("cannot train for 0 batches: expected at least one")
    settings = hyperparameters
    if learning_rates is None:
        learning_rates = np.full(batches, settings.learning_rate)
    steps = network.steps + np.arange(batches)
    # A young network forgets its past faster: the horizon is a ninth of its age.
    ema_rates = np.maximum(1 - settings.ema_decay, 9 / (10 + steps))
    losses = np.empty(batches)
    correct = kernels.train(
        raw_samples(dataset),
        order,
        network.index,
        network.connections,
        network.units,
        network.steps,
        learning_rates,
        ema_rates,
        kernels.Adam(settings.beta1, settings.beta2, settings.epsilon, settings.weight_decay),
        scratch(network),
        losses,
    )
    network.steps += batches
    return Evaluation(correct / order.size, losses.sum().item() / batches)


def evaluate(
    network: SparseNetwork, dataset: Dataset, samples: np.ndarray, averaged: bool = True
) -> Evaluation:
    """Accuracy and mean loss on some samples.

    Args:
        network: The network.
        dataset: The data set that the samples are rows of.
        samples: int32 `[n]`, rows of the data set, such as `dataset.validation`.
        averaged: Use the exponential moving average of the parameters, not their last values.

    Raises:
        InputError: the network does not fit the data set.
    """
    check_fit(network, dataset)
    row = EMA if averaged else VALUE
    loss, correct = kernels.evaluate(
        raw_samples(dataset),
        samples,
        network.index,
        network.connections[row],
        network.units[row],
        scratch(network),
    )
    return Evaluation(correct / samples.size, loss / samples.size)


def outputs(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> np.ndarray:
    """float32 `[n, outputs]`: what the averaged parameters answer, logits for classes.

    Args:
        network: The network.
        dataset: The data set that the samples are rows of.
        samples: int32 `[n]`, rows of the data set.

    Raises:
        InputError: the network does not fit the data set.
    """
    check_fit(network, dataset)
    state = network.connections[EMA], network.units[EMA]
    chunks = []
    for some in np.array_split(samples, -(-samples.size // _PREDICTED_AT_ONCE)):
        activations = kernels.aligned(network.n_units, some.size)
        deltas = kernels.aligned(network.units.shape[1], some.size)
        memory = raw_samples(dataset), some, network.full_index, *state, scratch(network)
        kernels.forward_backward(*memory, activations, deltas)
        chunks.append(activations[-network.n_outputs :].T)
    return np.concatenate(chunks)


def predict(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> np.ndarray:
    """int64 `[n]`: the classes that the averaged parameters predict; see `outputs`."""
    classes: np.ndarray = outputs(network, dataset, samples).argmax(axis=1)
    return classes


def final_hyperparameters(n_samples: int) -> Hyperparameters:
    """Hyperparameters for training to the end on a number of samples.

    The weight decay is `DECAY_OF_ONE_SAMPLE` over the number, at least that of `LONG_TRAINING` and
    at most 1. The rule was chosen for all data sets alike, on development tables (docs/tables.md).
    """
    decay = min(max(DECAY_OF_ONE_SAMPLE / n_samples, LONG_TRAINING.weight_decay), 1.0)
    return replace(LONG_TRAINING, weight_decay=decay)


def annealed_training(
    network: SparseNetwork,
    dataset: Dataset,
    samples: np.ndarray,
    batches: int,
    rng: np.random.Generator,
    hyperparameters: Hyperparameters | None = None,
    at_once: int = 100,
) -> Iterator[Evaluation]:
    """Train a network in place with a learning rate that falls to zero.

    The learning rate starts as in the hyperparameters and falls along half a cosine (Loshchilov &
    Hutter 2017, eq. 5, without restarts).

    Args:
        network: The network; training starts at its weights.
        dataset: The data set.
        samples: Rows of the data set to train on, int32 `[n]`.
        batches: Number of batches.
        rng: Source of randomness, for the order of the samples.
        hyperparameters: Batch size, first learning rate, and settings of the optimiser; by default
            those of `final_hyperparameters`.
        at_once: Number of batches between two results.

    Yields:
        Training accuracy and loss of the last batches.
    """
    batches, at_once = whole("batches", batches), whole("at_once", at_once, 1)
    settings = hyperparameters or final_hyperparameters(samples.size)
    stream = Batches(samples, rng, settings.batch_size)
    rates = settings.learning_rate * 0.5 * (1 + np.cos(np.pi * np.arange(batches) / batches))
    for start in range(0, batches, at_once):
        some = rates[start : start + at_once]
        yield train(network, dataset, stream.take(some.size), settings, some)


def final_training(
    network: SparseNetwork,
    dataset: Dataset,
    epochs: int,
    rng: np.random.Generator,
    hyperparameters: Hyperparameters | None = None,
) -> Iterator[Evaluation]:
    """Train a network in place on the training and validation samples, see `annealed_training`.

    Args:
        network: A designed network; training starts at its weights.
        dataset: The data set; its test samples are not read.
        epochs: Number of passes over the samples.
        rng: Source of randomness, for the order of the samples.
        hyperparameters: Batch size, first learning rate, and settings of the optimiser; by default
            those of `final_hyperparameters`.

    Yields:
        Training accuracy and loss of each epoch.
    """
    epochs = whole("epochs", epochs)
    samples = np.concatenate([dataset.train, dataset.validation])
    settings = hyperparameters or final_hyperparameters(samples.size)
    per_epoch = max(1, samples.size // min(settings.batch_size, samples.size))
    yield from annealed_training(
        network, dataset, samples, epochs * per_epoch, rng, settings, per_epoch
    )


def raw_samples(dataset: Dataset) -> kernels.Samples:
    """The arrays of a data set that the kernels read."""
    return kernels.Samples(dataset.features, dataset.labels, dataset.mean, dataset.scale)


def scratch(network: SparseNetwork) -> kernels.Scratch:
    """Memory for the kernels to work in; see `rlnas.nn.kernels.scratch`."""
    return kernels.scratch(network.n_inputs, network.units.shape[1], network.active_weights)


def check_fit(network: SparseNetwork, dataset: Dataset) -> None:
    """Check that a network can be trained and evaluated on a data set.

    Raises:
        InputError: the numbers of inputs or outputs differ, or the network reads no input.
    """
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
