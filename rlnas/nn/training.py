"""Training a network for a number of batches, and evaluating it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from numbers import Real
from reprlib import repr as brief
from typing import NamedTuple

import numpy as np

from rlnas.data.dataset import Dataset
from rlnas.errors import InputError
from rlnas.nn.gradients import GradientSample
from rlnas.nn.kernels.draws import Drawing, draw, drawing_of
from rlnas.nn.kernels.passes import Adam
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from rlnas.nn.running import Outcome, Training, check_fit, check_rows, run_network
from rlnas.objective import clipped, value_of
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
_LEAST_SHARE = 1e-3  # of a class in a constant prediction, so that its loss is finite
_BEST = 1 + 1e-6  # of a metric, with rounding errors


class Evaluation(NamedTuple):
    """How good a network is on some samples, by the objective of the data set.

    Attributes:
        metric: Value of the metric, from 0 to 1, larger for better: by default the accuracy, or R².
        loss: Mean loss: the cross-entropy in nats, or the squared error of standardised targets.
    """

    metric: float
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
        self.samples = samples.astype(np.int32)
        self.rng = rng
        self.batch_size = min(whole("batch_size", batch_size, 1), samples.size)
        self.rest = self.samples[:0]

    def take(self, batches: int) -> np.ndarray:
        """int32 `[batches, batch_size]`: the samples of the next batches.

        Args:
            batches: Number of batches.
        """
        return self.draw(whole("batches", batches), 0)[0]

    def draw(self, batches: int, others: int) -> tuple[np.ndarray, np.ndarray]:
        """The samples of the next batches, and then some samples drawn with replacement.

        Args:
            batches: Number of batches.
            others: Number of other samples.

        Returns:
            int32 `[batches, batch_size]` and int32 `[others]`.
        """
        order, chosen = self.places(batches), np.empty(others, np.int32)
        drawing = self.drawing()
        self.note(drawing, order, draw(drawing, order.reshape(-1), chosen))
        return order, chosen

    def places(self, batches: int) -> np.ndarray:
        """int32 `[batches, batch_size]`, where the samples of batches may be drawn to."""
        return np.empty((batches, self.batch_size), np.int32)

    def drawing(self) -> Drawing:
        """What the compiled loops draw the next samples from; `note` must follow."""
        return drawing_of(self.rng, self.samples, self.rest)

    def note(self, drawing: Drawing, order: np.ndarray, used: int) -> None:
        """Go on behind the samples that the compiled loops have drawn.

        Args:
            drawing: What they were drawn from.
            order: The samples.
            used: What `rlnas.nn.kernels.draws.draw` returned.
        """
        self.rest = self.rest[order.size :] if used < 0 else drawing.shuffled[used:]


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
        Metric and mean loss over the batches, each measured before its own step; a metric that is
        a function is computed after the last step, on the last 1,024 samples.

    Raises:
        InputError: there is no batch, or the network or a row does not fit the data set.
    """
    check_fit(network, dataset)
    check_rows(dataset, order, 2)
    return train_checked(network, dataset, order, hyperparameters, learning_rates)


def train_checked(
    network: SparseNetwork,
    dataset: Dataset,
    order: np.ndarray,
    hyperparameters: Hyperparameters,
    learning_rates: np.ndarray | None = None,
) -> Evaluation:
    """As `train`, for a network and an order that are known to fit the data set."""
    outcome = run_network(network, dataset, _steps(order, hyperparameters, learning_rates))
    return _in_training(network, dataset, order, outcome)


def _steps(
    order: np.ndarray, settings: Hyperparameters, learning_rates: np.ndarray | None = None
) -> Training:
    """The optimiser steps of a training; see `train`."""
    if len(order) == 0:
        raise InputError("cannot train for 0 batches: expected at least one")
    if learning_rates is None:
        learning_rates = _constant(len(order), settings.learning_rate)
    adam = Adam(settings.beta1, settings.beta2, settings.epsilon, settings.weight_decay)
    return Training(order, learning_rates, settings.ema_decay, adam)


@lru_cache
def _constant(batches: int, rate: float) -> np.ndarray:
    """The same learning rate for a number of batches."""
    return np.full(batches, rate)


def _in_training(
    network: SparseNetwork, dataset: Dataset, order: np.ndarray, outcome: Outcome
) -> Evaluation:
    """The evaluation over the batches of a training."""
    samples, loss = order.reshape(-1), outcome.training_loss * order.shape[1]
    found = _evaluation(dataset, samples, outcome.trained, loss)
    if callable(dataset.objective.metric):
        some = samples[-_PREDICTED_AT_ONCE:]
        last = outputs(network, dataset, some, averaged=False)
        return found._replace(metric=_own_metric(last, dataset, some))
    return found


def evaluate(
    network: SparseNetwork, dataset: Dataset, samples: np.ndarray, averaged: bool = True
) -> Evaluation:
    """Metric and mean loss on some samples, by their weights.

    Args:
        network: The network.
        dataset: The data set that the samples are rows of.
        samples: int32 `[n]`, rows of the data set, such as `dataset.validation`.
        averaged: Use the exponential moving average of the parameters, not their last values.

    Raises:
        InputError: the network or a row does not fit the data set.
    """
    check_fit(network, dataset)
    check_rows(dataset, samples, 1)
    state = EMA if averaged else VALUE
    outcome = run_network(network, dataset, judged=samples, judged_at=state)
    return _judged(network, dataset, samples, averaged, outcome)


def _judged(
    network: SparseNetwork, dataset: Dataset, samples: np.ndarray, averaged: bool, outcome: Outcome
) -> Evaluation:
    """The evaluation on the samples that were judged."""
    found = _evaluation(dataset, samples, outcome.judged, outcome.judged_loss)
    if callable(dataset.objective.metric):
        own = outputs(network, dataset, samples, averaged)
        return found._replace(metric=_own_metric(own, dataset, samples))
    return found


class Trial(NamedTuple):
    """What `try_network` found.

    Attributes:
        training: Metric and loss over the training batches, see `train`.
        validation: Metric and loss on the validation samples, see `evaluate`.
        probe: Activations and gradients, see `rlnas.nn.running.sample_gradients`.
    """

    training: Evaluation
    validation: Evaluation
    probe: GradientSample


def try_network(
    network: SparseNetwork,
    dataset: Dataset,
    stream: Batches,
    batches: int,
    probed: int,
    hyperparameters: Hyperparameters = DEFAULT_HYPERPARAMETERS,
) -> Trial:
    """Train a network in place, evaluate it on the validation samples, and probe it, in one call.

    Args:
        network: The network, which fits the data set; it is updated as by `train`.
        dataset: The data set.
        stream: The training batches, of which the next ones are taken.
        batches: Number of batches to train on.
        probed: Number of samples to probe on, which are drawn from those of the batches.
        hyperparameters: Settings of the optimiser; the batch size is that of the batches.
    """
    order, drawing, judged = stream.places(batches), stream.drawing(), dataset.validation
    steps, chosen = _steps(order, hyperparameters), np.empty(probed, np.int32)
    outcome = run_network(network, dataset, steps, judged, EMA, chosen, drawing=drawing)
    stream.note(drawing, order, outcome.drawn)
    return Trial(
        _in_training(network, dataset, order, outcome),
        _judged(network, dataset, judged, True, outcome),
        outcome.probe,
    )


def _evaluation(
    dataset: Dataset, samples: np.ndarray, tally: np.ndarray, loss: float
) -> Evaluation:
    """The evaluation that a tally and a summed loss say; a metric that is a function is 0."""
    total = float(samples.size)
    if dataset.weighted:
        total = float(dataset.weights[samples].sum(dtype=np.float64)) or 1.0
    metric, mean_loss = dataset.objective.metric, float(loss) / total
    if callable(metric):
        return Evaluation(0.0, mean_loss)
    parts = partial(_parts, dataset, samples)
    return Evaluation(value_of(metric, tally, total, mean_loss, parts), mean_loss)


def _parts(dataset: Dataset, samples: np.ndarray) -> np.ndarray:
    """Weight of each class, or squared deviation of each target, float64 `[outputs]`."""
    weights = dataset.weights[samples].astype(np.float64)
    if dataset.task == "classification":
        counts: np.ndarray = np.bincount(dataset.labels[samples], weights, dataset.n_outputs)
        return counts
    targets = dataset.targets[samples].astype(np.float64)
    mean = weights @ targets / (weights.sum() or 1.0)
    deviations: np.ndarray = weights @ np.square(targets - mean)
    return deviations


def constant_outputs(dataset: Dataset) -> np.ndarray:
    """The best outputs for samples whose features are unknown, float32 `[outputs]`.

    They give every class its share of the weights of the training samples, or the mean target.
    """
    found = np.zeros(dataset.n_outputs, np.float32)
    if dataset.task == "classification":
        known = dataset.labels[dataset.train], dataset.weights[dataset.train]
        counts = np.bincount(*known, minlength=dataset.n_outputs)
        shares = np.maximum(counts / dataset.train.size, _LEAST_SHARE)
        found[:] = np.log(shares / shares.sum())
    return found


def evaluate_outputs(found: np.ndarray, dataset: Dataset, samples: np.ndarray) -> Evaluation:
    """Metric and mean loss of outputs, wherever they come from.

    Args:
        found: float `[n, outputs]`, logits or standardised targets; or `[outputs]`, the same for
            all samples.
        dataset: The data set that the samples are rows of.
        samples: int32 `[n]`, rows of the data set.
    """
    exact = np.broadcast_to(found.astype(np.float64), (samples.size, dataset.n_outputs))
    weights = dataset.weights[samples].astype(np.float64)
    if dataset.task == "classification":
        labels = dataset.labels[samples]
        exact = exact - exact.max(axis=1, keepdims=True)
        losses = np.log(np.exp(exact).sum(axis=1)) - exact[np.arange(labels.size), labels]
        right = exact.argmax(axis=1) == labels
        tally: np.ndarray = np.bincount(labels, weights * right, dataset.n_outputs)
    else:
        errors = np.abs(dataset.targets[samples] - exact)
        bends = np.minimum(errors, dataset.bends)
        losses = (bends * (2 * errors - bends)).mean(axis=1)
        tally = weights @ np.square(errors)
    judged = _evaluation(dataset, samples, tally, float(losses @ weights))
    if callable(dataset.objective.metric):
        return judged._replace(metric=_own_metric(exact, dataset, samples))
    return judged


def _own_metric(found: np.ndarray, dataset: Dataset, samples: np.ndarray) -> float:
    """The value of a metric that is a function, from 0 to 1, for outputs `[n, outputs]`."""
    targets = dataset.preprocessing.targets
    if targets is None:
        truth, found = dataset.labels[samples], softmax(found)
    else:
        truth = targets.in_units(dataset.targets[samples])
        found = targets.in_units(found)
    metric = dataset.objective.metric
    assert callable(metric)
    if not np.isfinite(found).all():  # the network diverged
        return 0.0
    value = metric(truth, found)
    number = np.isscalar(value) and isinstance(value, Real | np.number)
    if not number or not value <= _BEST:
        raise InputError(
            f"the metric returned {brief(value)} for {samples.size:,} samples: expected a number, "
            "at best 1, for any samples"
        )
    return clipped(float(value))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities `[n, classes]` of logits `[n, classes]`; rows add up to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return found


def predict(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> np.ndarray:
    """What the averaged parameters predict.

    Args:
        network: The network.
        dataset: The data set that the samples are rows of.
        samples: int32 `[n]`, rows of the data set.

    Returns:
        The classes, int64 `[n]`; or the numbers in their units, float64 `[n, targets]`.

    Raises:
        InputError: the network does not fit the data set.
    """
    found, targets = outputs(network, dataset, samples), dataset.preprocessing.targets
    return found.argmax(axis=1) if targets is None else targets.in_units(found)


def outputs(
    network: SparseNetwork, dataset: Dataset, samples: np.ndarray, averaged: bool = True
) -> np.ndarray:
    """float32 `[n, outputs]`: logits, or standardised targets as they are predicted.

    Args:
        network: The network.
        dataset: The data set that the samples are rows of.
        samples: int32 `[n]`, rows of the data set.
        averaged: Use the exponential moving average of the parameters, not their last values.

    Raises:
        InputError: the network or a row does not fit the data set.
    """
    check_fit(network, dataset)
    check_rows(dataset, samples, 1)
    found = np.empty((samples.size, network.n_outputs), np.float32)
    start, state = 0, EMA if averaged else VALUE
    for some in np.array_split(samples, -(-samples.size // _PREDICTED_AT_ONCE)):
        outcome = run_network(network, dataset, probed=some, probed_at=state, gradients=False)
        found[start : start + some.size] = outcome.probe.activations[-network.n_outputs :].T
        start += some.size
    return found


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
        Metric and loss of the last batches in training.
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
        Metric and loss of each epoch in training.
    """
    epochs = whole("epochs", epochs)
    samples = np.concatenate([dataset.train, dataset.validation])
    settings = hyperparameters or final_hyperparameters(samples.size)
    per_epoch = max(1, samples.size // min(settings.batch_size, samples.size))
    yield from annealed_training(
        network, dataset, samples, epochs * per_epoch, rng, settings, per_epoch
    )
