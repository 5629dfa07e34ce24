"""The end of a design: the best design of an episode or a linear network, trained to the end."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rlnas.agents.designing.calibration import divide_logits, temperature_of
from rlnas.agents.designing.evaluation import evaluation_metrics
from rlnas.data.dataset import Dataset
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import (
    DEFAULT_HYPERPARAMETERS,
    Evaluation,
    annealed_training,
    evaluate,
    outputs,
)
from rlnas.progress import progress
from rlnas.scoring import reference_weights, score
from rlnas.validation import whole

BRIEF_BATCHES = 500
"""Number of batches of the training before networks are compared."""

FINAL_BATCHES, FINAL_EPOCHS = 1000, 20
"""The final training has as many batches, or as many epochs if these are more."""

LOSS_WEIGHT = 0.1
"""Share of the validation loss in the comparison, which tells networks of equal accuracy apart."""

LINEAR_WAS_BETTER = (
    "a linear network (without hidden layers): on the validation samples it was better than the "
    "best network of the episode"
)
"""What is told about a design if the linear network was chosen."""


class Candidate(NamedTuple):
    """A network after its brief training.

    Attributes:
        network: The network.
        validation: Its metric and loss on the validation samples.
        score: See `rlnas.scoring.score`.
    """

    network: SparseNetwork
    validation: Evaluation
    score: float


def candidates(network: SparseNetwork, data: Dataset, penalty: float, seed: int) -> list[Candidate]:
    """Train the best design of an episode and a dense linear network briefly.

    Args:
        network: The design; it is not changed. One without connections is no candidate.
        data: The data set; its test samples are not read.
        penalty: Price of the reference number of weights, in units of the metric.
        seed: Seed of the linear network and of the order of the samples.

    Returns:
        The design, then the linear network.
    """
    designed = [network.copy()] if network.active_weights else []
    return [
        brief_training(each, data, penalty, np.random.default_rng(whole("seed", seed)))
        for each in (*designed, linear_network(data, seed))
    ]


def linear_network(data: Dataset, seed: int) -> SparseNetwork:
    """A dense network without hidden layers, not yet trained.

    Args:
        data: The data set.
        seed: Seed of its weights.
    """
    rng = np.random.default_rng(whole("seed", seed))
    return random_network((data.n_features, data.n_outputs), 1.0, rng)


def brief_training(
    network: SparseNetwork, data: Dataset, penalty: float, rng: np.random.Generator
) -> Candidate:
    """Train a network in place on the training samples, and evaluate it on those for validation."""
    for _ in annealed_training(network, data, data.train, BRIEF_BATCHES, rng):
        pass
    found = evaluate(network, data, data.validation)
    reference = reference_weights(data.n_features, data.n_outputs)
    return Candidate(
        network, found, score(found.metric, network.active_weights, penalty, reference)
    )


def best_of(found: Sequence[Candidate]) -> Candidate:
    """The candidate with the largest `merit`, the first of equals."""
    return max(found, key=lambda each: merit(each.score, each.validation.loss))


def merit(score: float, loss: float) -> float:
    """What networks are compared by after their brief training.

    Args:
        score: Score on the validation samples.
        loss: Loss on them.
    """
    return score - LOSS_WEIGHT * loss


def finish(
    network: SparseNetwork, data: Dataset, seed: int, progress_bar: bool = False
) -> float | None:
    """Train a network in place to the end, on training and validation samples.

    If validation samples showed before that it is too sure of its answers, its logits are divided
    by a temperature at the end, see `rlnas.agents.designing.calibration`.

    Args:
        network: A network after its brief training.
        data: The data set; its test samples are not read.
        seed: Seed of the order of the samples.
        progress_bar: Show progress.

    Returns:
        The temperature; None if there was no need for one.
    """
    rows = data.validation
    temperature = temperature_of(outputs(network, data, rows), data, rows)
    train_on_all(network, data, seed, progress_bar)
    if temperature is not None:
        divide_logits(network, temperature)
    return temperature


def train_on_all(
    network: SparseNetwork, data: Dataset, seed: int, progress_bar: bool = False
) -> None:
    """Train a network in place to the end, on training and validation samples; see `finish`."""
    rng = np.random.default_rng(whole("seed", seed))
    samples, batches = np.concatenate([data.train, data.validation]), final_batches(data)
    with progress(progress_bar, total=batches, unit="batch", desc="final training") as bar:
        before = network.steps
        for result in annealed_training(network, data, samples, batches, rng):
            bar.set_postfix_str(f"loss {result.loss:.4f}", refresh=False)
            bar.update(network.steps - before)
            before = network.steps


def final_batches(data: Dataset) -> int:
    """Number of batches of the final training."""
    n_samples = data.train.size + data.validation.size
    per_epoch = max(1, n_samples // DEFAULT_HYPERPARAMETERS.batch_size)
    return max(FINAL_BATCHES, FINAL_EPOCHS * per_epoch)


def train_and_test(network: SparseNetwork, data: Dataset, seed: int) -> dict[str, Any]:
    """Train a network in place as long as a design is after its episode, then test it once.

    Returns:
        The metrics of `rlnas.agents.designing.evaluation.evaluation_metrics` on the test samples.
    """
    brief_training(network, data, 0.0, np.random.default_rng(whole("seed", seed)))
    finish(network, data, seed)
    return evaluation_metrics(network, data, data.test)
